#include "framework/scenes/curvature.h"

#include <cmath>

#include <gtest/gtest.h>

#include "framework/core/random.h"

namespace affinis::scenes {
namespace {

constexpr double kStep = 1 / (127 * Frame::kLeastRadius);

/// One mesh in a room of its own.
class OneThing {
 public:
  explicit OneThing(Mesh mesh) {
    Object object;
    object.model = std::make_shared<const Model>(device_, std::move(mesh));
    room_.objects.push_back(std::move(object));
    tracer_.emplace(device_, room_);
  }
  /// Curvatures of what a ray meets.
  std::array<double, 2> at(Vec3 origin, Vec3 direction) const {
    const Hit hit = tracer_->trace(origin, direction);
    EXPECT_TRUE(hit.met);
    if (!hit.met) return {};
    const auto found = principal_curvatures(*tracer_, origin + direction * hit.distance, hit.surface.normal);
    EXPECT_TRUE(found.has_value());
    return found.value_or(std::array<double, 2>{});
  }

 private:
  Device device_;
  Room room_;
  std::optional<RoomTracer> tracer_;
};

Vec3 random_direction(RandomStream& stream) {
  const double x = stream.normal(), y = stream.normal(), z = stream.normal();
  return normalized({static_cast<float>(x), static_cast<float>(y), static_cast<float>(z)});
}

/// Within 3 percent of the true curvature, or one step of the stored byte.
void expect_curvature(double found, double truth, double greatest) { EXPECT_NEAR(found, truth, std::max(kStep, 0.03 * greatest)); }

class CurvatureOfRound : public testing::TestWithParam<float> {};

TEST_P(CurvatureOfRound, SphereFromOutsideAndInside) {
  const float radius = GetParam();
  Mesh mesh;
  mesh.add_ellipsoid({0, 0, 0}, {radius, radius, radius}, mesh.add_material({}), 400);
  const OneThing ball(std::move(mesh));
  RandomStream stream(3, "sphere");
  for (int i = 0; i < 40; ++i) {
    const Vec3 way = random_direction(stream);
    // Not straight at the middle: the normal, not the ray, decides.
    const Vec3 aside = random_direction(stream) * (0.5f * radius);
    for (const double k : ball.at(way * (3 * radius) + aside, -way)) expect_curvature(k, 1 / radius, 1 / radius);
    if (radius < 0.08f) continue;  // the fan starts 4 cm from the wall
    for (const double k : ball.at({0, 0, 0}, way)) expect_curvature(k, -1 / radius, 1 / radius);
  }
}

TEST_P(CurvatureOfRound, CylinderFromOutsideAndInside) {
  const float radius = GetParam();
  Mesh mesh;
  mesh.add_cylinder({0, 0, -2}, 4, radius, radius, mesh.add_material({}), 400);
  const OneThing pipe(std::move(mesh));
  RandomStream stream(4, "cylinder");
  for (int i = 0; i < 40; ++i) {
    const double angle = stream.uniform(0, 6.28), rise = stream.uniform(-0.8, 0.8);
    const Vec3 way = normalized({static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle)), static_cast<float>(rise)});
    const auto outside = pipe.at(way * (1 + radius), -way);
    expect_curvature(outside[0], 1 / radius, 1 / radius);
    expect_curvature(outside[1], 0, 1 / radius);
    if (radius < 0.08f) continue;
    const auto inside = pipe.at({0, 0, 0}, way);
    expect_curvature(inside[0], 0, 1 / radius);
    expect_curvature(inside[1], -1 / radius, 1 / radius);
  }
}

INSTANTIATE_TEST_SUITE_P(Radii, CurvatureOfRound, testing::Values(0.05f, 0.08f, 0.12f, 0.3f, 1.0f));

TEST(Curvature, FlatIsExactlyFlat) {
  Mesh mesh;
  mesh.add_quad({-2, -2, 0}, {2, -2, 0}, {2, 2, 0}, {-2, 2, 0}, mesh.add_material({}));
  const OneThing floor(std::move(mesh));
  RandomStream stream(5, "floor");
  for (int i = 0; i < 50; ++i) {
    const double x = stream.uniform(-0.9, 0.9), y = stream.uniform(-0.9, 0.9);
    for (const double k : floor.at({0, 0, 1}, {static_cast<float>(x), static_cast<float>(y), -1})) EXPECT_EQ(quantized_curvature(k), 127);
  }
}

TEST(Curvature, EdgesOfABoxBulgeWithinBounds) {
  Mesh mesh;
  mesh.add_box({-0.5f, -0.5f, 0}, {0.5f, 0.5f, 0.6f}, mesh.add_material({}));
  const OneThing box(std::move(mesh));
  for (const float from_edge : {0.001f, 0.01f, 0.02f}) {
    const auto k = box.at({0.5f - from_edge, 0.1f, 2}, {0, 0, -1});
    EXPECT_GT(k[0], 5) << from_edge;
    EXPECT_LE(k[0], 1 / Frame::kLeastRadius);
    EXPECT_GT(k[0], 2 * std::abs(k[1])) << "along the edge it is straight";
  }
  EXPECT_EQ(quantized_curvature(box.at({0.44f, 0.1f, 2}, {0, 0, -1})[0]), 127) << "far from the edge it is flat";
}

TEST(Curvature, CornersOfARoomAreHollow) {
  Mesh mesh;
  const std::uint16_t material = mesh.add_material({});
  mesh.add_quad({0, -2, 0}, {2, -2, 0}, {2, 2, 0}, {0, 2, 0}, material);
  mesh.add_quad({0, -2, 0}, {0, 2, 0}, {0, 2, 2}, {0, -2, 2}, material);
  const OneThing corner(std::move(mesh));
  for (const float away : {0.001f, 0.01f, 0.02f}) {
    for (const auto& k : {corner.at({away, 0.1f, 1}, {0, 0, -1}), corner.at({1, 0.1f, away}, {-1, 0, 0})}) {
      EXPECT_LT(k[1], -5) << away;
      EXPECT_GE(k[1], -1 / Frame::kLeastRadius);
      EXPECT_GT(-k[1], 2 * std::abs(k[0])) << "along the corner it is straight";
    }
  }
}

TEST(Curvature, NothingAroundIsNothing) {
  Mesh mesh;
  mesh.add_quad({-0.005f, -0.005f, 0}, {0.005f, -0.005f, 0}, {0.005f, 0.005f, 0}, {-0.005f, 0.005f, 0}, mesh.add_material({}));
  Device device;
  Room room;
  Object object;
  object.model = std::make_shared<const Model>(device, std::move(mesh));
  room.objects.push_back(std::move(object));
  EXPECT_FALSE(principal_curvatures(RoomTracer(device, room), {0, 0, 0}, {0, 0, 1}).has_value());
}

TEST(Curvature, BytesAreClippedAndRounded) {
  EXPECT_EQ(quantized_curvature(0), 127);
  EXPECT_EQ(quantized_curvature(1 / Frame::kLeastRadius), 254);
  EXPECT_EQ(quantized_curvature(-1e6), 0);
  EXPECT_EQ(quantized_curvature(1e6), 254);
  EXPECT_EQ(quantized_curvature(10), 127 + 38);
}

}  // namespace
}  // namespace affinis::scenes
