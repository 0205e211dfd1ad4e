#include "framework/scenes/tracer.h"

#include <cmath>

#include <gtest/gtest.h>

#include "framework/scenes/viewpoint.h"

namespace affinis::scenes {
namespace {

constexpr float kWidth = 4, kDepth = 5, kHeight = 3;

/// An empty closed box with white walls.
class BoxRoom : public testing::Test {
 protected:
  BoxRoom() {
    room_.size = {kWidth, kDepth, kHeight};
    room_.ambient = {1, 1, 1};
    room_.floor_colour = {0.5f, 0.5f, 0.5f};
    add_wall({{{0, 0, 0}, {kWidth, 0, 0}, {kWidth, kDepth, 0}, {0, kDepth, 0}}}, Semantic::kFloor);
    add_wall({{{0, kDepth, kHeight}, {kWidth, kDepth, kHeight}, {kWidth, 0, kHeight}, {0, 0, kHeight}}}, Semantic::kCeiling);
    add_wall({{{kWidth, 0, 0}, {0, 0, 0}, {0, 0, kHeight}, {kWidth, 0, kHeight}}}, Semantic::kWall);
    add_wall({{{kWidth, kDepth, 0}, {kWidth, 0, 0}, {kWidth, 0, kHeight}, {kWidth, kDepth, kHeight}}}, Semantic::kWall);
    add_wall({{{0, kDepth, 0}, {kWidth, kDepth, 0}, {kWidth, kDepth, kHeight}, {0, kDepth, kHeight}}}, Semantic::kWall);
    add_wall({{{0, 0, 0}, {0, kDepth, 0}, {0, kDepth, kHeight}, {0, 0, kHeight}}}, Semantic::kWall);
  }

  void add_wall(const std::array<Vec3, 4>& corners, Semantic semantic) {
    Mesh mesh;
    const std::uint16_t material = mesh.add_material({});
    mesh.add_quad(corners[0], corners[1], corners[2], corners[3], material);
    add(std::move(mesh), semantic);
  }
  void add(Mesh mesh, Semantic semantic, std::uint16_t instance = 0) {
    Object object;
    object.model = std::make_shared<const Model>(device_, std::move(mesh));
    object.semantic = semantic;
    object.instance = instance;
    room_.objects.push_back(std::move(object));
  }
  Frame render(const Camera& camera, std::int64_t side = 32) const {
    SceneOptions options;
    options.image_side = side;
    options.samples_per_pixel = 1;
    const RoomTracer tracer(device_, room_);
    return tracer.render(camera, options, RandomStream(1, "test"));
  }

  Device device_;
  Room room_;
};

/// Distance along the ray from inside a box to its surface, for a direction with unit length along the optical axis: the z-depth.
double depth_in_box(Vec3 origin, Vec3 d) {
  double nearest = 1e9;
  const float o[3] = {origin.x, origin.y, origin.z}, v[3] = {d.x, d.y, d.z}, size[3] = {kWidth, kDepth, kHeight};
  for (int i = 0; i < 3; ++i) {
    if (v[i] > 0) nearest = std::min(nearest, static_cast<double>((size[i] - o[i]) / v[i]));
    if (v[i] < 0) nearest = std::min(nearest, static_cast<double>(-o[i] / v[i]));
  }
  return nearest;
}

TEST_F(BoxRoom, DepthIsThatOfTheBox) {
  const Vec3 from{1.1f, 0.7f, 1.5f};
  const Camera camera = look_at(from, {3.0f, 4.2f, 1.1f}, 1.2);
  const Frame frame = render(camera);
  const PixelRays rays(camera, frame.side);
  for (std::int64_t y = 0; y < frame.side; ++y) {
    for (std::int64_t x = 0; x < frame.side; ++x) {
      const double expected = depth_in_box(from, rays.direction(static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5));
      ASSERT_NEAR(frame.depth_zbuffer[static_cast<std::size_t>(y * frame.side + x)], expected * 512, 0.6) << x << ", " << y;
    }
  }
}

TEST_F(BoxRoom, NormalsAreInTheCameraFrameTowardsTheViewer) {
  // Level, straight at the wall y = depth: right is +x, down is -z.
  const Frame frame = render(look_at({2, 1, 1.5f}, {2, 5, 1.5f}, 1.3));
  const auto normal = [&](std::int64_t x, std::int64_t y) { return &frame.normal[3 * static_cast<std::size_t>(y * frame.side + x)]; };
  const std::int64_t middle = frame.side / 2, last = frame.side - 1;
  // Facing wall, floor, ceiling, wall to the right, wall to the left.
  EXPECT_EQ(std::vector<int>(normal(middle, middle), normal(middle, middle) + 3), (std::vector<int>{128, 128, 0}));
  EXPECT_EQ(std::vector<int>(normal(middle, last), normal(middle, last) + 3), (std::vector<int>{128, 0, 128}));
  EXPECT_EQ(std::vector<int>(normal(middle, 0), normal(middle, 0) + 3), (std::vector<int>{128, 255, 128}));
  EXPECT_EQ(std::vector<int>(normal(last, middle), normal(last, middle) + 3), (std::vector<int>{0, 128, 128}));
  EXPECT_EQ(std::vector<int>(normal(0, middle), normal(0, middle) + 3), (std::vector<int>{255, 128, 128}));
  EXPECT_EQ(frame.semantic[static_cast<std::size_t>(last * frame.side + middle)], static_cast<int>(Semantic::kFloor));
  EXPECT_EQ(frame.semantic[static_cast<std::size_t>(middle)], static_cast<int>(Semantic::kCeiling));
}

TEST_F(BoxRoom, ReshadingFallsOffWithTheSquaredDistance) {
  const auto centre = [&](float distance) {
    const Frame frame = render(look_at({2, kDepth - distance, 1.5f}, {2, kDepth, 1.5f}, 0.5), 33);
    return frame.reshading[16 * 33 + 16] / 255.0;
  };
  // v = l / (1 + l) with l = 4 / d^2: half at two metres.
  EXPECT_NEAR(centre(2), 0.5, 0.003);
  for (const float d : {1.0f, 3.0f, 4.0f}) {
    const double v = centre(d);
    EXPECT_NEAR(v / (1 - v) * d * d, 4, 0.08) << d;
  }
}

TEST_F(BoxRoom, ReshadingDoesNotDependOnTexture) {
  const Camera camera = look_at({1, 1, 1.5f}, {3, 5, 1.2f}, 1.1);
  const Frame white = render(camera);
  Material black;
  black.tint = {0.01f, 0.01f, 0.01f};
  for (Object& object : room_.objects) {
    Mesh mesh = object.model->mesh();
    mesh.materials[0] = black;
    object.model = std::make_shared<const Model>(device_, std::move(mesh));
  }
  EXPECT_EQ(render(camera).reshading, white.reshading);
}

TEST_F(BoxRoom, ThingsStandWhereTheyArePut) {
  Mesh mesh;
  const std::uint16_t material = mesh.add_material({});
  mesh.add_box({-0.5f, -0.25f, 0}, {0.5f, 0.25f, 1}, material);
  add(std::move(mesh), Semantic::kTable, 7);
  room_.objects.back().placement = Placement::at({2, 3, 0}, kPi / 2);
  // Turned by a quarter: 0.5 m wide along x, 1 m along y, so its near side is at y = 2.5.
  const RoomTracer tracer(device_, room_);
  const Hit hit = tracer.trace({2, 1, 0.5f}, {0, 1, 0});
  ASSERT_TRUE(hit.met);
  EXPECT_EQ(hit.object->instance, 7);
  EXPECT_NEAR(hit.distance, 1.5, 1e-5);
  EXPECT_NEAR(hit.surface.normal.y, -1, 1e-5);
  EXPECT_TRUE(tracer.trace({2.24f, 1, 0.5f}, {0, 1, 0}).object->instance == 7);
  EXPECT_FALSE(tracer.trace({2.26f, 1, 0.5f}, {0, 1, 0}).object->instance == 7);
}

TEST_F(BoxRoom, GeometrySeesThroughGlass) {
  Mesh mesh;
  Material glass;
  glass.opacity = 0.2f;
  const std::uint16_t material = mesh.add_material(glass);
  mesh.add_quad({1, 3, 0}, {3, 3, 0}, {3, 3, 2}, {1, 3, 2}, material);
  add(std::move(mesh), Semantic::kObject, 9);
  const RoomTracer tracer(device_, room_);
  const Hit hit = tracer.trace({2, 1, 1}, {0, 1, 0});
  EXPECT_NEAR(hit.distance, 4, 1e-5);
}

TEST_F(BoxRoom, WhatLiesOutsideIsInvalid) {
  room_.objects.erase(room_.objects.begin() + 4);  // the wall y = depth
  room_.sky = {1, 1, 1};
  Opening window;
  window.wall = 2;
  window.instance = 5;
  room_.windows.push_back(window);
  const Frame frame = render(look_at({2, 4, 1.5f}, {2, 5, 1.5f}, 0.6));
  const std::size_t centre = static_cast<std::size_t>(frame.side * frame.side / 2 + frame.side / 2);
  EXPECT_EQ(frame.depth_zbuffer[centre], Frame::kInvalidDepth);
  EXPECT_EQ(frame.depth_euclidean[centre], Frame::kInvalidDepth);
  EXPECT_EQ(frame.normal[3 * centre], Frame::kInvalidNormal);
  EXPECT_EQ(frame.semantic[centre], static_cast<int>(Semantic::kWindow));
  EXPECT_EQ(frame.instance[centre], 5);
}

TEST(Footprint, OverlapIsThatOfTurnedBoxes) {
  const Footprint square{{0, 0}, {1, 1}, 0, 0, 1};
  EXPECT_TRUE(square.overlaps({{1.9f, 0}, {1, 1}, 0, 0, 1}));
  EXPECT_FALSE(square.overlaps({{2.1f, 0}, {1, 1}, 0, 0, 1}));
  // Turned by 45 degrees its corner reaches 1.414.
  EXPECT_TRUE(square.overlaps({{2.3f, 0}, {1, 1}, kPi / 4, 0, 1}));
  EXPECT_FALSE(square.overlaps({{2.5f, 0}, {1, 1}, kPi / 4, 0, 1}));
  EXPECT_FALSE(square.overlaps({{2.3f, 2.3f}, {1, 1}, kPi / 4, 0, 1}));
  EXPECT_FALSE(square.overlaps({{0, 0}, {1, 1}, 0, 1, 2})) << "one stands on the other";
}

}  // namespace
}  // namespace affinis::scenes
