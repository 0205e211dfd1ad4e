#include "tasks/camera_geometry.h"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "framework/core/random.h"
#include "tests/tasks/samples.h"

namespace affinis::tasks {
namespace {

/// View 5 of point 202 of Taskonomy's sample building, from the point_info file that is published with it.
const cv::Vec3d kRealAngles(1.5115954875946045, -0.004465199075639248, -1.702255129814148);
const cv::Vec3d kRealLocation(-6.191483974456787, 4.649560928344727, 1.414849042892456);

CameraPose real_camera() { return {kRealLocation, rotation_from_euler(kRealAngles)}; }

/// The file exchanges x and y of the box.
WorldBox real_box() {
  return {{-6.191483974456787, -0.416909422720634, -0.03157793154430988}, {1.5025687484376702, 6.691318439720847, 2.986764926138477}};
}

cv::Matx33d random_rotation(RandomStream& stream) {
  return rotation_from_euler({stream.uniform(-3, 3), stream.uniform(-1.5, 1.5), stream.uniform(-3, 3)});
}

TEST(CameraGeometry, VanishingDirectionsOfARealView) {
  const ViewNumbers wanted = {0.991362, 0.003337, -0.131113, -0.131079, 0.05924, -0.9896, 0.004465, 0.998238, 0.059166};
  const ViewNumbers numbers = vanishing_directions(real_camera());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(numbers[i], wanted[i], 1e-4) << i;
}

TEST(CameraGeometry, VanishingDirectionsAgreeWithTheStoredOnes) {
  // The stored ones are the world's axes before the turn; here it was half a turn less the exchange: (y, -x, z).
  const ViewNumbers wanted = {0.9913618450591504,   0.0033366408789566784, -0.13111277202684024, -0.13107919091388934, 0.05924003526327522,
                              -0.989600355664531, 0.004465184237795439, 0.9982381905385361,    0.0591656748467535};
  const ViewNumbers numbers = vanishing_directions(real_camera());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(numbers[i], wanted[i], 1e-6) << i;
}

TEST(CameraGeometry, RoomLayoutOfARealView) {
  const ViewNumbers wanted = {0.995308, 0.295578, -4.001596, 1.511595, -0.004465, -1.702255, 7.694053, 7.108228, 3.018343};
  const ViewNumbers numbers = room_layout_numbers(real_camera(), real_box());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(numbers[i], wanted[i], 1e-4) << i;
}

TEST(CameraGeometry, TheFixatedPointIsStraightAhead) {
  const CameraPose camera = real_camera();
  const cv::Vec3d seen = camera.rotation.t() * (cv::Vec3d(1.3095685243606567, 3.6557424068450928, 0.9663798213005066) - camera.location);
  EXPECT_NEAR(seen[0], 0, 1e-5);
  EXPECT_NEAR(seen[1], 0, 1e-5);
  EXPECT_NEAR(seen[2], -7.579880283037506, 1e-5);
}

TEST(CameraGeometry, StoredCamerasBecomeBlenders) {
  data::Sample sample = testing::make_sample(16, 0);
  const CameraPose real = real_camera();
  auto& value = sample.fields.insert_or_assign("camera", data::make_field_value(data::field_spec("camera"), 16)).first->second;
  const auto numbers = value.as<double>();
  // OpenCV's camera has y and z the other way round.
  const cv::Matx33d to_camera = cv::Matx33d(1, 0, 0, 0, -1, 0, 0, 0, -1) * real.rotation.t();
  for (int i = 0; i < 3; ++i) numbers[static_cast<std::size_t>(i)] = real.location[i];
  for (int i = 0; i < 9; ++i) numbers[static_cast<std::size_t>(3 + i)] = to_camera.val[i];
  const CameraPose camera = camera_of(sample);
  EXPECT_LT(cv::norm(camera.rotation - real.rotation), 1e-12);
  EXPECT_EQ(camera.location, real.location);
}

TEST(CameraGeometry, AnglesAndRotationsAreInverse) {
  RandomStream stream(1, "rotations");
  for (int i = 0; i < 100; ++i) {
    const cv::Vec3d angles(stream.uniform(-3, 3), stream.uniform(-1.5, 1.5), stream.uniform(-3, 3));
    EXPECT_LT(cv::norm(euler_from_rotation(rotation_from_euler(angles)) - angles), 1e-9);
  }
  const cv::Matx33d quarter = rotation_from_euler({0.4, std::numbers::pi / 2, 0.3});
  EXPECT_LT(cv::norm(rotation_from_euler(euler_from_rotation(quarter)) - quarter), 1e-8);
}

TEST(CameraGeometry, RelativePoseTakesPointsFromTheFirstCameraToTheSecond) {
  RandomStream stream(2, "poses");
  for (int i = 0; i < 20; ++i) {
    const CameraPose first{{stream.normal(), stream.normal(), stream.normal()}, random_rotation(stream)};
    const CameraPose second{{stream.normal(), stream.normal(), stream.normal()}, random_rotation(stream)};
    const cv::Vec3d point(stream.normal(), stream.normal(), stream.normal());
    const PoseNumbers pose = relative_pose(first, second);
    const cv::Vec3d in_first = first.rotation.t() * (point - first.location);
    const cv::Vec3d in_second = second.rotation.t() * (point - second.location);
    const cv::Vec3d moved = rotation_from_euler({pose[0], pose[1], pose[2]}) * in_first + cv::Vec3d(pose[3], pose[4], pose[5]);
    EXPECT_LT(cv::norm(moved - in_second), 1e-9);
  }
}

TEST(CameraGeometry, LayoutDoesNotChangeWhenTheWorldTurnsByQuarters) {
  const cv::Matx33d quarter(0, -1, 0, 1, 0, 0, 0, 0, 1);
  CameraPose camera = real_camera();
  WorldBox box = real_box();
  const ViewNumbers layout = room_layout_numbers(camera, box);
  const ViewNumbers directions = vanishing_directions(camera);
  for (int k = 0; k < 3; ++k) {
    const cv::Vec3d location = quarter * camera.location;
    const cv::Matx33d rotation = quarter * camera.rotation;
    camera.location = location;
    camera.rotation = rotation;
    const cv::Vec3d least(-box.greatest[1], box.least[0], box.least[2]);
    const cv::Vec3d greatest(-box.least[1], box.greatest[0], box.greatest[2]);
    box.least = least;
    box.greatest = greatest;
    const ViewNumbers turned = room_layout_numbers(camera, box);
    const ViewNumbers turned_directions = vanishing_directions(camera);
    for (std::size_t i = 0; i < 9; ++i) {
      EXPECT_NEAR(turned[i], layout[i], 1e-9) << k << " " << i;
      EXPECT_NEAR(turned_directions[i], directions[i], 1e-9) << k << " " << i;
    }
  }
}

TEST(CameraGeometry, Angles) {
  EXPECT_NEAR(degrees_between(cv::Vec3d(2, 0, 0), cv::Vec3d(0, 0.1, 0)), 90, 1e-9);
  EXPECT_EQ(degrees_between(cv::Vec3d(0, 0, 0), cv::Vec3d(0, 0.1, 0)), 90);
  EXPECT_NEAR(degrees_between(rotation_from_euler({0.2, 0, 0}), rotation_from_euler({0.5, 0, 0})), 0.3 * 180 / std::numbers::pi, 1e-6);
}

}  // namespace
}  // namespace affinis::tasks
