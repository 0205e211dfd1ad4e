#include "tasks/camera_geometry.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace affinis::tasks {
namespace {

constexpr double kDegrees = 180 / std::numbers::pi;

/// A turn about z by whole quarter turns, without rounding errors.
cv::Matx33d quarter_turns(int count) {
  constexpr int kSine[4] = {0, 1, 0, -1};
  const double sine = kSine[count & 3];
  const double cosine = kSine[(count + 1) & 3];
  return {cosine, -sine, 0, sine, cosine, 0, 0, 0, 1};
}

cv::Vec3d column(const cv::Matx33d& matrix, int index) { return {matrix(0, index), matrix(1, index), matrix(2, index)}; }

/// The turn of the world (of four) for which cost(axes turned along, viewing direction) is least; the first of equal ones.
/// Taskonomy exchanges x and y of the world before: it starts from a turn by -90 degrees.
template <typename Cost>
cv::Matx33d best_turn(const CameraPose& camera, Cost cost) {
  const cv::Matx33d flip = quarter_turns(-1);
  const cv::Vec3d view = -(flip * column(camera.rotation, 2));
  cv::Matx33d best;
  double least = 0;
  for (int k = 0; k < 4; ++k) {
    const cv::Matx33d axes = quarter_turns(k);
    const double value = cost(axes, view);
    if (k == 0 || value < least) {
      least = value;
      best = axes.t() * flip;
    }
  }
  return best;
}

}  // namespace

CameraPose camera_of(const data::Sample& sample) {
  const auto numbers = sample.field("camera").as<double>();
  CameraPose camera;
  camera.location = {numbers[0], numbers[1], numbers[2]};
  const cv::Matx33d to_camera(numbers.data() + 3);
  camera.rotation = to_camera.t() * cv::Matx33d::diag({1, -1, -1});
  return camera;
}

WorldBox room_box_of(const data::Sample& sample) {
  const auto numbers = sample.field("room_box").as<double>();
  return {{numbers[0], numbers[1], numbers[2]}, {numbers[3], numbers[4], numbers[5]}};
}

cv::Matx33d rotation_from_euler(const cv::Vec3d& angles) {
  const double sx = std::sin(angles[0]);
  const double cx = std::cos(angles[0]);
  const double sy = std::sin(angles[1]);
  const double cy = std::cos(angles[1]);
  const double sz = std::sin(angles[2]);
  const double cz = std::cos(angles[2]);
  return {cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx,  //
          sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx,  //
          -sy,     cy * sx,                cy * cx};
}

cv::Vec3d euler_from_rotation(const cv::Matx33d& rotation) {
  constexpr double kQuarterTurn = 1e-9;
  const double cy = std::hypot(rotation(0, 0), rotation(1, 0));
  const double y = std::atan2(-rotation(2, 0), cy);
  if (cy < kQuarterTurn) return {std::atan2(-rotation(1, 2), rotation(1, 1)), y, 0};
  return {std::atan2(rotation(2, 1), rotation(2, 2)), y, std::atan2(rotation(1, 0), rotation(0, 0))};
}

PoseNumbers relative_pose(const CameraPose& first, const CameraPose& second) {
  const cv::Vec3d angles = euler_from_rotation(second.rotation.t() * first.rotation);
  const cv::Vec3d translation = second.rotation.t() * (first.location - second.location);
  return {angles[0], angles[1], angles[2], translation[0], translation[1], translation[2]};
}

ViewNumbers room_layout_numbers(const CameraPose& camera, const WorldBox& box) {
  const cv::Matx33d turn = best_turn(camera, [](const cv::Matx33d& axes, const cv::Vec3d& view) { return -view.dot(column(axes, 0)); });
  const cv::Vec3d centre = camera.rotation.t() * ((box.least + box.greatest) * 0.5 - camera.location);
  const cv::Vec3d angles = euler_from_rotation(turn * camera.rotation);
  const cv::Vec3d sides = turn * (box.greatest - box.least);
  return {centre[0], centre[1], centre[2], angles[0], angles[1], angles[2], std::abs(sides[0]), std::abs(sides[1]), std::abs(sides[2])};
}

ViewNumbers vanishing_directions(const CameraPose& camera) {
  const cv::Matx33d turn = best_turn(camera, [](const cv::Matx33d& axes, const cv::Vec3d& view) {
    return degrees_between(view, column(axes, 0)) + degrees_between(view, column(axes, 1));
  });
  const cv::Matx33d rows = turn * camera.rotation;
  ViewNumbers numbers{};
  std::copy(std::begin(rows.val), std::end(rows.val), numbers.begin());
  return numbers;
}

double degrees_between(const cv::Vec3d& a, const cv::Vec3d& b) {
  const double lengths = std::sqrt(a.dot(a) * b.dot(b));
  return lengths > 0 ? std::acos(std::clamp(a.dot(b) / lengths, -1.0, 1.0)) * kDegrees : 90;
}

double degrees_between(const cv::Matx33d& a, const cv::Matx33d& b) {
  return std::acos(std::clamp((cv::trace(a.t() * b) - 1) / 2, -1.0, 1.0)) * kDegrees;
}

}  // namespace affinis::tasks
