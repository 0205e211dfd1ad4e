#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include <opencv2/imgproc.hpp>

#include "framework/core/error.h"
#include "framework/data/annotation_methods.h"

namespace affinis::data::methods {
namespace {

using Point = cv::Vec3f;

/// Diameter in metres of the sphere in which surface changes count (the paper's sigma).
constexpr float kSupport = 0.3f;
/// In coarse images the sphere reaches at least this many pixels, or nothing far away would have neighbours.
constexpr float kLeastReach = 2.5f;
/// Samples from a sphere's middle to its rim: close surfaces fill the image, and more samples would change little.
constexpr int kMostSteps = 7;
/// Neighbourhood in which the typical distance between pixels is measured, and pixels averaged beyond a border (section III.A).
constexpr int kBorderReach = 2;
constexpr std::size_t kTypicalRank = 9;
constexpr int kAveraged = 3;
constexpr float kBorderThreshold = 0.8f;
/// Surface changes below this are the depth's quantisation.
constexpr float kLeastChange = 0.02f;
constexpr int kAngleBins = 12;
/// Standard deviation in pixels of the last smoothing, in an image of 64 pixels.
constexpr double kSmoothing = 0.8;

struct RangeImage {
  int side = 0;
  float pitch = 0;               ///< distance between neighbouring pixels at a depth of one metre
  std::vector<float> ranges;     ///< metres; 0: nothing measured
  std::vector<Point> points;

  bool seen(int x, int y) const { return x >= 0 && x < side && y >= 0 && y < side && ranges[at(x, y)] > 0; }
  std::size_t at(int x, int y) const { return static_cast<std::size_t>(y) * static_cast<std::size_t>(side) + static_cast<std::size_t>(x); }
};

/// What changes at a pixel: how much (the paper's w) and along which axis.
struct Change {
  float weight = 0;
  Point axis;
};

RangeImage range_image(const Sample& sample) {
  const FieldValue& depth = sample.field("depth_euclidean");
  const double fov = sample.field("camera").as<double>()[12];
  AFFINIS_CHECK(fov > 0 && fov < std::numbers::pi, ErrorCode::kData, "sample {}: field 'camera' has a field of view of {} rad, not between 0 and pi",
                sample.key.name(), fov);
  RangeImage image;
  image.side = static_cast<int>(depth.shape[0]);
  image.pitch = static_cast<float>(2 * std::tan(fov / 2) / image.side);
  const auto values = depth.as<std::uint16_t>();
  image.ranges.resize(values.size());
  image.points.resize(values.size());
  const float middle = static_cast<float>(image.side) / 2 - 0.5f;
  for (int y = 0; y < image.side; ++y) {
    for (int x = 0; x < image.side; ++x) {
      const std::size_t i = image.at(x, y);
      if (values[i] == static_cast<std::uint16_t>(*depth.spec->invalid)) continue;
      image.ranges[i] = static_cast<float>(values[i] * depth.spec->scale);
      const Point ray((static_cast<float>(x) - middle) * image.pitch, (static_cast<float>(y) - middle) * image.pitch, 1);
      image.points[i] = ray * (image.ranges[i] / static_cast<float>(cv::norm(ray)));
    }
  }
  return image;
}

/// The typical distance to the nearest neighbours on the same surface; 0 when there are too few.
float typical_distance(const RangeImage& image, int x, int y) {
  std::array<float, (2 * kBorderReach + 1) * (2 * kBorderReach + 1)> distances;
  std::size_t count = 0;
  for (int v = y - kBorderReach; v <= y + kBorderReach; ++v) {
    for (int u = x - kBorderReach; u <= x + kBorderReach; ++u) {
      if (!image.seen(u, v)) continue;
      const Point difference = image.points[image.at(u, v)] - image.points[image.at(x, y)];
      distances[count++] = difference.dot(difference);
    }
  }
  if (count <= kTypicalRank) return 0;
  std::nth_element(distances.begin(), distances.begin() + kTypicalRank, distances.begin() + static_cast<std::ptrdiff_t>(count));
  return std::sqrt(distances[kTypicalRank]);
}

/// How surely the surface ends towards (dx, dy) in front of something farther (section III.A).
float border_score(const RangeImage& image, int x, int y, int dx, int dy, float typical) {
  Point mean;
  int count = 0;
  for (int step = 1; step <= kAveraged; ++step) {
    if (!image.seen(x + step * dx, y + step * dy)) continue;
    mean += image.points[image.at(x + step * dx, y + step * dy)];
    ++count;
  }
  if (count == 0) return 0;
  mean *= 1.0f / static_cast<float>(count);
  const std::size_t here = image.at(x, y);
  if (static_cast<float>(cv::norm(mean)) <= image.ranges[here]) return 0;
  const auto distance = static_cast<float>(cv::norm(mean - image.points[here]));
  return distance > typical ? 1 - typical / distance : 0;
}

struct Borders {
  std::vector<Change> changes;   ///< weight is the score of the surer border, axis lies across it
  std::vector<float> typical;
};

Borders find_borders(const RangeImage& image) {
  Borders borders{std::vector<Change>(image.points.size()), std::vector<float>(image.points.size())};
  for (int y = 0; y < image.side; ++y) {
    for (int x = 0; x < image.side; ++x) {
      if (!image.seen(x, y)) continue;
      const std::size_t i = image.at(x, y);
      const float typical = borders.typical[i] = typical_distance(image, x, y);
      if (typical == 0) continue;
      const float right = border_score(image, x, y, 1, 0, typical), left = border_score(image, x, y, -1, 0, typical);
      const float down = border_score(image, x, y, 0, 1, typical), up = border_score(image, x, y, 0, -1, typical);
      const float score = std::max({right, left, down, up});
      if (score < kBorderThreshold) continue;
      borders.changes[i] = {1, Point(std::max(right, left), std::max(down, up), 0)};
    }
  }
  return borders;
}

/// Unit normals from neighbours on the same surface; zero where they span no plane.
std::vector<Point> surface_normals(const RangeImage& image, const std::vector<float>& typical, int step) {
  std::vector<Point> normals(image.points.size());
  for (int y = 0; y < image.side; ++y) {
    for (int x = 0; x < image.side; ++x) {
      const std::size_t i = image.at(x, y);
      if (typical[i] == 0) continue;
      // Differences of points in a plane lie in it, and so do their sums: exact for planes, whichever neighbours are missing.
      Point along, across;
      for (int v = -1; v <= 1; ++v) {
        for (int u = -1; u <= 1; ++u) {
          if (!image.seen(x + u * step, y + v * step)) continue;
          const Point difference = image.points[image.at(x + u * step, y + v * step)] - image.points[i];
          const float reach = 4 * static_cast<float>(step) * typical[i];
          if (difference.dot(difference) > reach * reach) continue;
          along += static_cast<float>(u) * difference;
          across += static_cast<float>(v) * difference;
        }
      }
      const Point normal = along.cross(across);
      const auto length = static_cast<float>(cv::norm(normal));
      if (length > 1e-12f) normals[i] = normal * (1 / length);
    }
  }
  return normals;
}

/// Greatest change of the normals around the pixel (section IV.A).
Change surface_change(const RangeImage& image, const std::vector<Point>& normals, const std::vector<float>& typical, int x, int y, int step) {
  const std::size_t i = image.at(x, y);
  cv::Matx33f moments = cv::Matx33f::zeros();
  Point mean;
  float count = 0;
  const float reach = 6 * static_cast<float>(step) * typical[i];
  for (int v = -2; v <= 2; ++v) {
    for (int u = -2; u <= 2; ++u) {
      if (!image.seen(x + u * step, y + v * step)) continue;
      const std::size_t j = image.at(x + u * step, y + v * step);
      const Point difference = image.points[j] - image.points[i];
      if (difference.dot(difference) > reach * reach || normals[j] == Point()) continue;
      moments += normals[j] * normals[j].t();
      mean += normals[j];
      ++count;
    }
  }
  if (count < 6) return {};
  mean *= 1 / count;
  cv::Matx33f covariance = moments * (1 / count) - mean * mean.t();
  // The trace bounds the greatest eigenvalue: planes need no eigenvectors.
  if (2 * cv::trace(covariance) < kLeastChange) return {};
  cv::Vec3f values;
  cv::Matx33f vectors;
  cv::eigen(covariance, values, vectors);
  // A right angle through the middle of the neighbourhood has a variance of one half: full change.
  const float change = std::min(1.0f, 2 * values[0]);
  if (change < kLeastChange) return {};
  const float rest = 1 - change;
  return {1 - rest * rest * rest, Point(vectors(0, 0), vectors(0, 1), vectors(0, 2))};
}

/// Bin of the axis as seen from the camera, of kAngleBins over half a turn.
int angle_bin(const Point& axis, const Point& point) {
  const Point sight = point * (1 / static_cast<float>(cv::norm(point)));
  const Point flat = axis - axis.dot(sight) * sight;
  double turn = std::atan2(flat[1], flat[0]) / std::numbers::pi;
  if (turn < 0) turn += 1;
  return static_cast<int>(turn * kAngleBins + 0.5) % kAngleBins;
}

/// 1 - |cos| between the middles of two bins.
std::array<float, kAngleBins> bin_differences() {
  std::array<float, kAngleBins> differences{};
  for (int i = 0; i < kAngleBins; ++i) differences[i] = static_cast<float>(1 - std::abs(std::cos(std::numbers::pi * i / kAngleBins)));
  return differences;
}

}  // namespace

FieldValue keypoints3d(const Sample& sample) {
  const RangeImage image = range_image(sample);
  const int step = std::max(1, image.side / 64);
  const Borders borders = find_borders(image);
  const std::vector<Point> normals = surface_normals(image, borders.typical, step);
  std::vector<float> weights(image.points.size());
  std::vector<float> roots(image.points.size());
  std::vector<int> bins(image.points.size());
  for (int y = 0; y < image.side; ++y) {
    for (int x = 0; x < image.side; ++x) {
      const std::size_t i = image.at(x, y);
      if (borders.typical[i] == 0) continue;
      Change change = borders.changes[i];
      if (change.weight == 0) change = surface_change(image, normals, borders.typical, x, y, step);
      if (change.weight == 0) continue;
      weights[i] = change.weight;
      roots[i] = std::sqrt(change.weight);
      bins[i] = angle_bin(change.axis, image.points[i]);
    }
  }

  static const std::array<float, kAngleBins> differences = bin_differences();
  cv::Mat interest = cv::Mat::zeros(image.side, image.side, CV_32F);
  for (int y = 0; y < image.side; ++y) {
    for (int x = 0; x < image.side; ++x) {
      const std::size_t i = image.at(x, y);
      if (image.ranges[i] <= 0) continue;
      const float pitch = image.pitch * image.points[i][2];
      const float radius = std::max(kSupport / 2, kLeastReach * pitch);
      const int window = std::min(image.side, static_cast<int>(std::ceil(radius / pitch)));
      const int stride = std::max(1, (window + kMostSteps - 1) / kMostSteps);
      float stable = 1;
      std::array<float, kAngleBins> strongest{};
      for (int v = -window / stride * stride; v <= window; v += stride) {
        for (int u = -window / stride * stride; u <= window; u += stride) {
          if (x + u < 0 || x + u >= image.side || y + v < 0 || y + v >= image.side) continue;
          const std::size_t j = image.at(x + u, y + v);
          if (weights[j] == 0) continue;
          const Point difference = image.points[j] - image.points[i];
          const float squared = difference.dot(difference);
          if (squared > radius * radius) continue;
          const float relative = std::sqrt(squared) / (2 * radius);  // ||p - n|| / sigma
          stable = std::min(stable, 1 - weights[j] * std::max(1 - 10 * relative, 0.0f));
          const float f = roots[j] * std::sqrt(1 - std::abs(2 * relative - 0.5f));
          float& slot = strongest[static_cast<std::size_t>(bins[j])];
          slot = std::max(slot, f);
        }
      }
      float pair = 0;
      for (std::size_t a = 0; a < kAngleBins; ++a) {
        if (strongest[a] == 0) continue;
        for (std::size_t b = a + 1; b < kAngleBins; ++b) pair = std::max(pair, strongest[a] * strongest[b] * differences[b - a]);
      }
      interest.ptr<float>()[i] = stable * pair;
    }
  }
  // The samples of a large sphere lie on a grid, which shows in the interest of neighbouring pixels; the paper smooths as well.
  const double sigma = kSmoothing * image.side / 64;
  const cv::Mat kernel = cv::getGaussianKernel(2 * static_cast<int>(std::ceil(3 * sigma)) + 1, sigma, CV_32F);
  cv::Mat smooth;
  cv::sepFilter2D(interest, smooth, CV_32F, kernel, kernel, {-1, -1}, 0, cv::BORDER_REPLICATE);
  FieldValue value = make_field_value(field_spec("keypoints3d"), image.side);
  const auto elements = value.as<std::uint16_t>();
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<std::uint16_t>(std::lround(std::clamp(smooth.ptr<float>()[i], 0.0f, 1.0f) * 65535));
  return value;
}

}  // namespace affinis::data::methods
