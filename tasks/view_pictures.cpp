#include "tasks/view_pictures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <opencv2/imgproc.hpp>

#include "framework/core/error.h"
#include "tasks/camera_geometry.h"

namespace affinis::tasks {
namespace {

constexpr double kDegrees = 180 / std::numbers::pi;
/// Red, green and blue for x, y and z, dark enough for white ground.
const std::array<cv::Scalar, 3> kAxisColours = {cv::Scalar(200, 40, 40), cv::Scalar(30, 140, 50), cv::Scalar(40, 70, 200)};
/// Places far outside the picture, so that a wild prediction cannot overflow OpenCV's integers.
constexpr double kFarAway = 1e4;

/// OpenCV's view of a picture.
cv::Mat canvas(data::Image& picture) { return {picture.height, picture.width, CV_8UC3, picture.pixels.data()}; }

cv::Point place(double x, double y) {
  const auto whole = [](double value) { return static_cast<int>(std::lround(std::isnan(value) ? 0 : std::clamp(value, -kFarAway, kFarAway))); };
  return {whole(x), whole(y)};
}

cv::Scalar colour_of(std::int64_t label) {
  std::uint8_t rgb[3];
  data::label_colour(label, rgb);
  return {static_cast<double>(rgb[0]), static_cast<double>(rgb[1]), static_cast<double>(rgb[2])};
}

/// Lines of text at the lower border.
void write_below(data::Image& picture, const std::vector<std::string>& lines) {
  const double height = picture.width / 20.0;
  double y = picture.height - picture.width / 40.0 - static_cast<double>(lines.size() - 1) * 1.6 * height;
  for (const std::string& line : lines) {
    double fitting = height;
    while (fitting > 4 && data::text_width(line, fitting) > picture.width - picture.width / 20) fitting *= 0.9;
    data::draw_text(picture, line, picture.width / 40, static_cast<int>(y), fitting, 20);
    y += 1.6 * height;
  }
}

data::Image blank(std::int64_t side) { return {static_cast<int>(side), static_cast<int>(side), 255}; }

}  // namespace

data::Image directions_picture(std::span<const double> nine_numbers, std::int64_t side) {
  data::Image picture = blank(side);
  cv::Mat drawing = canvas(picture);
  const double middle = static_cast<double>(side) / 2;
  const double reach = 0.34 * static_cast<double>(side);
  const double top = 0.4 * static_cast<double>(side);
  const int thick = std::max(1, static_cast<int>(side / 64));
  const int radius = std::max(2, static_cast<int>(side / 32));
  std::vector<std::string> lines;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const cv::Vec3d direction(nine_numbers.data() + 3 * axis);
    const cv::Point end = place(middle + reach * direction[0], top - reach * direction[1]);
    cv::line(drawing, place(middle, top), end, kAxisColours[axis], thick, cv::LINE_AA);
    // The camera looks along -z.
    cv::circle(drawing, end, radius, cv::Scalar::all(255), cv::FILLED, cv::LINE_AA);
    cv::circle(drawing, end, radius, kAxisColours[axis], direction[2] < 0 ? cv::FILLED : thick, cv::LINE_AA);
    data::draw_text(picture, std::string(1, "xyz"[axis]), end.x + radius + 2, end.y - 1, static_cast<double>(side) / 18, 20);
    lines.push_back(fmt::format("{} {:+.2f} {:+.2f} {:+.2f}", "xyz"[axis], direction[0], direction[1], direction[2]));
  }
  write_below(picture, lines);
  return picture;
}

data::Image layout_picture(std::span<const double> layout, std::int64_t side) {
  constexpr double kNear = 0.05;
  data::Image picture = blank(side);
  cv::Mat drawing = canvas(picture);
  const double middle = static_cast<double>(side) / 2;
  const cv::Vec3d centre(layout.data());
  const cv::Matx33d to_camera = rotation_from_euler(cv::Vec3d(layout.data() + 3)).t();
  const auto corner = [&](int index) {
    const cv::Vec3d half((index & 1 ? 0.5 : -0.5) * layout[6], (index & 2 ? 0.5 : -0.5) * layout[7], (index & 4 ? 0.5 : -0.5) * layout[8]);
    return centre + to_camera * half;
  };
  const auto seen_at = [&](const cv::Vec3d& p) { return place(middle - middle * p[0] / p[2], middle + middle * p[1] / p[2]); };
  for (int from = 0; from < 8; ++from) {
    for (int axis = 0; axis < 3; ++axis) {
      if (from & (1 << axis)) continue;
      cv::Vec3d a = corner(from);
      cv::Vec3d b = corner(from | (1 << axis));
      if (a[2] > -kNear && b[2] > -kNear) continue;
      // What reaches behind the camera is cut off in front of it.
      if (a[2] > -kNear) std::swap(a, b);
      if (b[2] > -kNear) b = a + (b - a) * ((-kNear - a[2]) / (b[2] - a[2]));
      const bool floor = !(from & 4) && axis != 2;
      const int thick = std::max(1, static_cast<int>(side / (floor ? 48 : 128)));
      cv::line(drawing, seen_at(a), seen_at(b), kAxisColours[static_cast<std::size_t>(axis)], thick, cv::LINE_AA);
    }
  }
  write_below(picture, {fmt::format("{:.1f} x {:.1f} x {:.1f} m", layout[6], layout[7], layout[8])});
  return picture;
}

data::Image cameras_picture(const std::vector<std::pair<cv::Matx33d, cv::Vec3d>>& poses, const std::vector<std::string>& names,
                            std::int64_t side) {
  AFFINIS_CHECK(names.size() == poses.size() + 1, ErrorCode::kInternal, "{} names for {} cameras", names.size(), poses.size() + 1);
  /// Metres from the middle to the border.
  constexpr double kShown = 5;
  data::Image picture = blank(side);
  cv::Mat drawing = canvas(picture);
  const double scale = static_cast<double>(side) / (2 * kShown);
  const double x0 = static_cast<double>(side) / 2;
  const double y0 = 0.55 * static_cast<double>(side);
  const int thick = std::max(1, static_cast<int>(side / 96));
  for (double metres = -kShown; metres <= kShown; ++metres) {
    cv::line(drawing, place(x0 + metres * scale, 0), place(x0 + metres * scale, static_cast<double>(side)), cv::Scalar::all(232));
    cv::line(drawing, place(0, y0 + metres * scale), place(static_cast<double>(side), y0 + metres * scale), cv::Scalar::all(232));
  }
  const auto draw = [&](const cv::Matx33d& rotation, const cv::Vec3d& position, std::size_t index) {
    const double x = x0 + scale * position[0];
    const double y = y0 + scale * position[2];
    // Two rays at the borders of a field of view of 60 degrees.
    for (const double across : {-0.58, 0.58}) {
      const cv::Vec3d ray = rotation * cv::Vec3d(across, 0, -1);
      cv::line(drawing, place(x, y), place(x + 1.2 * scale * ray[0], y + 1.2 * scale * ray[2]), colour_of(static_cast<std::int64_t>(index) + 1),
               thick, cv::LINE_AA);
    }
    cv::circle(drawing, place(x, y), 2 * thick, colour_of(static_cast<std::int64_t>(index) + 1), cv::FILLED, cv::LINE_AA);
    data::draw_text(picture, names[index], place(x, y).x + 3 * thick, place(x, y).y + 5 * thick, static_cast<double>(side) / 20, 20);
  };
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < poses.size(); ++i) {
    const auto& [rotation, translation] = poses[i];
    draw(rotation, translation, i);
    const cv::Vec3d angles = euler_from_rotation(rotation) * kDegrees;
    lines.push_back(fmt::format("{}: {:+.0f} {:+.0f} {:+.0f} deg, {:+.1f} {:+.1f} {:+.1f} m", names[i], angles[0], angles[1], angles[2],
                                translation[0], translation[1], translation[2]));
  }
  draw(cv::Matx33d::eye(), {}, poses.size());
  write_below(picture, lines);
  return picture;
}

data::Image tiles_picture(std::span<const int> places, std::int64_t side) {
  data::Image picture = blank(side);
  cv::Mat drawing = canvas(picture);
  const double tile = static_cast<double>(side) / 3;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const double x = static_cast<double>(i % 3) * tile;
    const double y = static_cast<double>(i / 3) * tile;
    cv::rectangle(drawing, place(x + 1, y + 1), place(x + tile - 2, y + tile - 2), colour_of(places[i] + 1), cv::FILLED);
    const std::string number = std::to_string(places[i] + 1);
    const double height = tile * 0.4;
    data::draw_text(picture, number, place(x + tile / 2, 0).x - data::text_width(number, height) / 2, place(0, y + tile * 0.7).y, height, 255);
  }
  return picture;
}

data::Image numbers_picture(std::span<const double> numbers, std::int64_t side) {
  constexpr double kShown = 3;
  data::Image picture = blank(side);
  cv::Mat drawing = canvas(picture);
  const double row = static_cast<double>(side) / static_cast<double>(numbers.size());
  const double middle = static_cast<double>(side) / 2;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const double value = std::clamp(numbers[i] / kShown, -1.0, 1.0);
    std::uint8_t rgb[3];
    data::signed_colour(value, rgb);
    const double y = static_cast<double>(i) * row;
    cv::rectangle(drawing, place(middle, y + row * 0.15), place(middle + value * (middle - 2), y + row * 0.75),
                  cv::Scalar(rgb[0], rgb[1], rgb[2]), cv::FILLED);
  }
  cv::line(drawing, place(middle, 0), place(middle, static_cast<double>(side)), cv::Scalar::all(120));
  return picture;
}

}  // namespace affinis::tasks
