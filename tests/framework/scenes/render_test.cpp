#include "framework/scenes/render.h"

#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/hash.h"
#include "framework/scenes/furniture.h"

namespace affinis::scenes {
namespace {

SceneOptions small_options() {
  SceneOptions options;
  options.image_side = 24;
  options.views_per_room = 2;
  options.furniture = "parametric";
  options.samples_per_pixel = 1;
  options.ambient_occlusion_samples = 1;
  options.seed = 11;
  return options;
}

template <typename T>
std::uint64_t hash_of(const std::vector<T>& values) {
  return hash64(std::as_bytes(std::span(values)));
}

/// One number for all that a frame holds.
std::uint64_t hash_of(const Frame& frame) {
  const std::vector<std::uint64_t> parts = {hash_of(frame.rgb),      hash_of(frame.depth_zbuffer), hash_of(frame.depth_euclidean),
                                            hash_of(frame.normal),   hash_of(frame.reshading),     hash_of(frame.semantic),
                                            hash_of(frame.instance), hash_of(frame.object), hash_of(frame.principal_curvature), hash_of(frame.points), static_cast<std::uint64_t>(frame.fixation), hash64(std::as_bytes(std::span(frame.camera.location))),
                                            hash64(std::as_bytes(std::span(frame.camera.rotation))), hash64(std::as_bytes(std::span(frame.room_box)))};
  return hash_of(parts);
}

std::vector<std::uint64_t> hashes_with_threads(std::size_t threads) {
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
  Logger logger;
  const SceneRenderer renderer(small_options(), logger);
  std::vector<std::vector<std::uint64_t>> rooms(10);
  tbb::parallel_for(std::size_t{0}, rooms.size(), [&](std::size_t i) {
    for (const Frame& frame : renderer.render_room(static_cast<std::int64_t>(i / 5), static_cast<std::int64_t>(i % 5))) rooms[i].push_back(hash_of(frame));
  });
  std::vector<std::uint64_t> all;
  for (const auto& room : rooms) all.insert(all.end(), room.begin(), room.end());
  return all;
}

/// All frames of one building, rendered once for every test that looks at them.
const std::vector<Frame>& building() {
  static const std::vector<Frame> frames = [] {
    Logger logger;
    const SceneRenderer renderer(small_options(), logger);
    std::vector<Frame> all;
    for (std::int64_t room = 0; room < 5; ++room) {
      for (Frame& frame : renderer.render_room(3, room)) all.push_back(std::move(frame));
    }
    return all;
  }();
  return frames;
}

TEST(SceneRenderer, SameBytesForAnyThreadCount) {
  const auto one = hashes_with_threads(1);
  EXPECT_EQ(std::set<std::uint64_t>(one.begin(), one.end()).size(), one.size()) << "two views are the same picture";
  EXPECT_EQ(hashes_with_threads(2), one);
  EXPECT_EQ(hashes_with_threads(4), one);
}

TEST(SceneRenderer, AnotherSeedGivesOtherRooms) {
  SceneOptions options = small_options();
  options.views_per_room = 1;
  Logger logger;
  const std::uint64_t first = hash_of(SceneRenderer(options, logger).render_room(0, 0).at(0));
  options.seed += 1;
  EXPECT_NE(hash_of(SceneRenderer(options, logger).render_room(0, 0).at(0)), first);
}

TEST(SceneRenderer, FiveRoomsAreOneOfEachClass) {
  std::set<std::int64_t> classes;
  for (const Frame& frame : building()) {
    ASSERT_LT(frame.room_class, static_cast<std::int64_t>(scene_vocabulary().size()));
    classes.insert(frame.room_class);
  }
  EXPECT_EQ(classes.size(), scene_vocabulary().size());
}

TEST(Frame, EuclideanDepthFollowsFromZDepthAndFieldOfView) {
  for (const Frame& frame : building()) {
    const double focal = frame.camera.focal_length(static_cast<double>(frame.side));
    std::int64_t valid = 0;
    for (std::int64_t y = 0; y < frame.side; ++y) {
      for (std::int64_t x = 0; x < frame.side; ++x) {
        const auto i = static_cast<std::size_t>(y * frame.side + x);
        ASSERT_EQ(frame.depth_zbuffer[i] == Frame::kInvalidDepth, frame.depth_euclidean[i] == Frame::kInvalidDepth);
        if (frame.depth_zbuffer[i] == Frame::kInvalidDepth) continue;
        ++valid;
        const double u = static_cast<double>(x) + 0.5 - static_cast<double>(frame.side) / 2, v = static_cast<double>(y) + 0.5 - static_cast<double>(frame.side) / 2;
        const double factor = std::sqrt(1 + (u * u + v * v) / (focal * focal));
        // Both are rounded to whole steps.
        ASSERT_NEAR(frame.depth_euclidean[i], frame.depth_zbuffer[i] * factor, 0.5 + 0.5 * factor + 0.01);
      }
    }
    EXPECT_GT(valid, frame.side * frame.side / 2);
  }
}

TEST(Frame, NormalsHaveUnitLengthAndFaceTheCamera) {
  for (const Frame& frame : building()) {
    const double focal = frame.camera.focal_length(static_cast<double>(frame.side));
    for (std::int64_t y = 0; y < frame.side; ++y) {
      for (std::int64_t x = 0; x < frame.side; ++x) {
        const auto i = static_cast<std::size_t>(y * frame.side + x);
        if (frame.depth_zbuffer[i] == Frame::kInvalidDepth) {
          ASSERT_EQ(frame.normal[3 * i], Frame::kInvalidNormal);
          ASSERT_EQ(frame.normal[3 * i + 1], Frame::kInvalidNormal);
          ASSERT_EQ(frame.normal[3 * i + 2], Frame::kInvalidNormal);
          continue;
        }
        double n[3];
        for (std::size_t c = 0; c < 3; ++c) n[c] = frame.normal[3 * i + c] / 255.0 * 2 - 1;
        ASSERT_NEAR(std::sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]), 1, 0.012);
        const double u = (static_cast<double>(x) + 0.5 - static_cast<double>(frame.side) / 2) / focal, v = (static_cast<double>(y) + 0.5 - static_cast<double>(frame.side) / 2) / focal;
        ASSERT_LT(n[0] * u + n[1] * v + n[2], 0.012) << "turned away from the viewer";
      }
    }
  }
}

TEST(Frame, FloorsLookUpAndCeilingsDown) {
  std::int64_t floors = 0, ceilings = 0;
  for (const Frame& frame : building()) {
    for (std::size_t i = 0; i < frame.semantic.size(); ++i) {
      const std::string& name = semantic_vocabulary().at(frame.semantic[i]);
      // Cameras look down by up to 35 degrees: cos 35 is 0.819.
      if (name == "floor") {
        ++floors;
        ASSERT_LT(frame.normal[3 * i + 1], 255 * (1 - 0.81) / 2);
      } else if (name == "ceiling") {
        ++ceilings;
        ASSERT_GT(frame.normal[3 * i + 1], 255 * (1 + 0.81) / 2);
      }
    }
  }
  EXPECT_GT(floors, 200);
  EXPECT_GT(ceilings, 0);
}

TEST(Frame, CameraIsInTheRoomAndItsRotationIsOne) {
  for (const Frame& frame : building()) {
    const auto& r = frame.camera.rotation;
    for (std::size_t a = 0; a < 3; ++a) {
      EXPECT_GT(frame.camera.location[a], frame.room_box[a]);
      EXPECT_LT(frame.camera.location[a], frame.room_box[3 + a]);
      for (std::size_t b = 0; b < 3; ++b) EXPECT_NEAR(r[3 * a] * r[3 * b] + r[3 * a + 1] * r[3 * b + 1] + r[3 * a + 2] * r[3 * b + 2], a == b, 1e-6);
    }
    const double determinant = r[0] * (r[4] * r[8] - r[5] * r[7]) - r[1] * (r[3] * r[8] - r[5] * r[6]) + r[2] * (r[3] * r[7] - r[4] * r[6]);
    EXPECT_NEAR(determinant, 1, 1e-6);
    EXPECT_NEAR(r[2], 0, 1e-6) << "the camera rolls";
    EXPECT_LT(r[5], 0) << "the camera's down is not down";
    EXPECT_GE(frame.camera.location[2], 1.1);
    EXPECT_LE(frame.camera.location[2], 1.86);
  }
}

TEST(Frame, PicturesAreNeitherBlackNorBurntOut) {
  for (const Frame& frame : building()) {
    double sum = 0;
    std::size_t white = 0;
    for (const std::uint8_t v : frame.rgb) {
      sum += v;
      white += v >= 253;
    }
    const double mean = sum / static_cast<double>(frame.rgb.size());
    EXPECT_GT(mean, 60);
    EXPECT_LT(mean, 200);
    EXPECT_LT(static_cast<double>(white), 0.25 * static_cast<double>(frame.rgb.size()));
  }
}

TEST(Frame, ObjectsAreTheFurnitureAmongTheInstances) {
  std::set<std::uint8_t> kinds;
  for (const Frame& frame : building()) {
    std::map<std::uint16_t, std::uint8_t> kind_of;
    for (std::size_t i = 0; i < frame.object.size(); ++i) {
      const auto [it, fresh] = kind_of.emplace(frame.instance[i], frame.object[i]);
      ASSERT_EQ(it->second, frame.object[i]) << "instance " << frame.instance[i] << " is two kinds of object";
      if (frame.instance[i] == 0) {
        ASSERT_EQ(frame.object[i], Frame::kNoObject);
      }
      const std::string& part = semantic_vocabulary().at(frame.semantic[i]);
      if (part == "window" || part == "door" || part == "wall" || part == "floor") {
        ASSERT_EQ(frame.object[i], Frame::kNoObject) << part;
      }
      if (frame.object[i] == Frame::kNoObject) continue;
      ASSERT_LT(frame.object[i], object_vocabulary().size());
      ASSERT_EQ(static_cast<int>(frame.semantic[i]), static_cast<int>(role_semantic(static_cast<Role>(frame.object[i])))) << object_vocabulary()[frame.object[i]];
      kinds.insert(frame.object[i]);
    }
  }
  EXPECT_GE(kinds.size(), 8u);
}

TEST(ObjectVocabulary, NamesEveryRoleOnce) {
  const std::vector<std::string>& names = object_vocabulary();
  ASSERT_EQ(names.size(), static_cast<std::size_t>(kRoles));
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  EXPECT_EQ(names[static_cast<std::size_t>(Role::kOfficeChair)], "office chair");
  EXPECT_EQ(names[static_cast<std::size_t>(Role::kBathMat)], "bath mat");
  EXPECT_EQ(names[static_cast<std::size_t>(Role::kStool)], "stool");
  EXPECT_EQ(names[static_cast<std::size_t>(Role::kWallClock)], "wall clock");
}

double distance_to(const Frame& frame, const float* point) {
  double square = 0;
  for (std::size_t i = 0; i < 3; ++i) square += (point[i] - frame.camera.location[i]) * (point[i] - frame.camera.location[i]);
  return std::sqrt(square);
}

TEST(Frame, LooksAtItsPoint) {
  for (const Frame& frame : building()) {
    ASSERT_EQ(frame.points.size(), static_cast<std::size_t>(Frame::kPointRows * Frame::kPointColumns));
    const float* point = &frame.points[static_cast<std::size_t>(frame.fixation * Frame::kPointColumns)];
    EXPECT_NEAR(point[3], static_cast<double>(frame.side) / 2, 1e-3);
    EXPECT_NEAR(point[4], static_cast<double>(frame.side) / 2, 1e-3);
    EXPECT_EQ(point[5], 1);
    // Four pixels meet in the middle; the point lies between their depths.
    double least = 1e9, greatest = 0;
    for (const std::int64_t y : {frame.side / 2 - 1, frame.side / 2}) {
      for (const std::int64_t x : {frame.side / 2 - 1, frame.side / 2}) {
        const double depth = frame.depth_euclidean[static_cast<std::size_t>(y * frame.side + x)] / 512.0;
        least = std::min(least, depth);
        greatest = std::max(greatest, depth);
      }
    }
    EXPECT_GT(distance_to(frame, point), least - 0.03);
    EXPECT_LT(distance_to(frame, point), greatest + 0.03);
  }
}

TEST(Frame, PointsThatAreSeenAgreeWithTheDepth) {
  std::int64_t seen = 0, agree = 0, lonely = 0;
  for (std::size_t f = 0; f < building().size(); ++f) {
    const Frame& frame = building()[f];
    const double focal = frame.camera.focal_length(static_cast<double>(frame.side)), middle = static_cast<double>(frame.side) / 2;
    for (std::int64_t row = 0; row < Frame::kPointRows; ++row) {
      const float* point = &frame.points[static_cast<std::size_t>(row * Frame::kPointColumns)];
      // The other view of the room has the same rows.
      const float* again = &building()[f ^ 1].points[static_cast<std::size_t>(row * Frame::kPointColumns)];
      for (int i = 0; i < 3; ++i) ASSERT_EQ(point[i], again[i]);
      ASSERT_TRUE(point[5] == 1 || point[5] == 0);
      if (point[5] == 0) {
        ASSERT_EQ(point[3], 0);
        ASSERT_EQ(point[4], 0);
        lonely += again[5] == 0;
        continue;
      }
      ++seen;
      double p[3] = {0, 0, 0};
      for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < 3; ++j) p[i] += frame.camera.rotation[3 * i + j] * (point[j] - frame.camera.location[j]);
      }
      ASSERT_NEAR(point[3], middle + focal * p[0] / p[2], 1e-3);
      ASSERT_NEAR(point[4], middle + focal * p[1] / p[2], 1e-3);
      const auto x = static_cast<std::int64_t>(point[3]), y = static_cast<std::int64_t>(point[4]);
      ASSERT_TRUE(x >= 0 && y >= 0 && x < frame.side && y < frame.side);
      // The pixel's depth is that of its middle, the point lies up to half a pixel beside it: in the surface's plane.
      const auto i = static_cast<std::size_t>(y * frame.side + x);
      const double u = (static_cast<double>(x) + 0.5 - middle) / focal, v = (static_cast<double>(y) + 0.5 - middle) / focal;
      const double scale = frame.depth_euclidean[i] / 512.0 / std::sqrt(1 + u * u + v * v);
      const double way[3] = {p[0] - u * scale, p[1] - v * scale, p[2] - scale};
      double off = 0;
      for (std::size_t c = 0; c < 3; ++c) off += (frame.normal[3 * i + c] / 255.0 * 2 - 1) * way[c];
      agree += std::abs(off) < 0.02;
    }
  }
  EXPECT_GT(seen, Frame::kPointRows * static_cast<std::int64_t>(building().size()) / 2) << "two views of one point have little in common";
  EXPECT_GT(static_cast<double>(agree), 0.9 * static_cast<double>(seen));
  EXPECT_EQ(lonely, 0) << "a point that no view sees";
}

TEST(SceneRenderer, ViewsComeInGroupsThatLookAtOnePoint) {
  SceneOptions options = small_options();
  options.image_side = 8;
  options.views_per_room = 8;
  Logger logger;
  const SceneRenderer renderer(options, logger);
  double lowest = 0, highest = 0;
  for (std::int64_t room = 0; room < 5; ++room) {
    const std::vector<Frame> frames = renderer.render_room(1, room);
    ASSERT_EQ(frames.size(), 8u);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      EXPECT_EQ(frames[i].fixation, i < 4 ? 0 : 1);
      lowest = std::min(lowest, std::asin(frames[i].camera.rotation[8]));
      highest = std::max(highest, std::asin(frames[i].camera.rotation[8]));
      for (std::size_t j = i / 4 * 4; j < i; ++j) {
        double apart = 0;
        for (std::size_t k = 0; k < 3; ++k) apart += std::pow(frames[i].camera.location[k] - frames[j].camera.location[k], 2);
        EXPECT_GT(std::sqrt(apart), 0.15) << "room " << room << ", views " << j << " and " << i;
      }
    }
  }
  EXPECT_LT(lowest, -20 * 3.14159 / 180);
  EXPECT_GT(highest, 0);
  options.views_per_room = 5;
  options.views_per_point = 9;
  for (const Frame& frame : SceneRenderer(options, logger).render_room(1, 0)) EXPECT_EQ(frame.fixation, 0);
  options.views_per_point = 1;
  EXPECT_EQ(SceneRenderer(options, logger).render_room(1, 0).back().fixation, 4);
}

TEST(Frame, CurvatureIsWhereThereIsSurface) {
  std::size_t met = 0, flat = 0, missing = 0;
  for (const Frame& frame : building()) {
    for (std::size_t i = 0; i < frame.depth_zbuffer.size(); ++i) {
      const int greater = frame.principal_curvature[2 * i], lesser = frame.principal_curvature[2 * i + 1];
      if (frame.depth_zbuffer[i] == Frame::kInvalidDepth) {
        ASSERT_EQ(greater, Frame::kInvalidCurvature);
        ASSERT_EQ(lesser, Frame::kInvalidCurvature);
        continue;
      }
      ++met;
      missing += greater == Frame::kInvalidCurvature;
      flat += greater == 127 && lesser == 127;
      ASSERT_GE(greater, lesser);
    }
  }
  EXPECT_GT(flat, met / 2);
  EXPECT_LT(flat, met);
  EXPECT_LT(missing, met / 50);
}

TEST(Frame, InstancesHaveOneClassEach) {
  for (const Frame& frame : building()) {
    std::map<std::uint16_t, std::uint8_t> classes;
    for (std::size_t i = 0; i < frame.instance.size(); ++i) {
      ASSERT_LT(frame.semantic[i], semantic_vocabulary().size());
      if (frame.instance[i] == 0) continue;
      const auto [it, fresh] = classes.emplace(frame.instance[i], frame.semantic[i]);
      ASSERT_EQ(it->second, frame.semantic[i]);
    }
    EXPECT_GE(classes.size(), 2u) << "there is nothing to see";
  }
}

TEST(SceneRenderer, RefusesOptionsOutOfBounds) {
  SceneOptions options = small_options();
  options.image_side = 0;
  Logger logger;
  EXPECT_THROW(SceneRenderer(options, logger), Error);
}

TEST(SceneRenderer, NamesTheFolderThatHoldsNoCatalogue) {
  const TemporaryFolder folder;
  SceneOptions options = small_options();
  options.furniture = "catalogue";
  options.catalogue = folder.path().string();
  Logger logger;
  try {
    SceneRenderer renderer(options, logger);
    FAIL() << "an empty folder is no catalogue";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_THAT(error.what(), testing::HasSubstr(folder.path().string()));
  }
}

}  // namespace
}  // namespace affinis::scenes
