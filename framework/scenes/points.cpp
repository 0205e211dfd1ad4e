#include "framework/scenes/points.h"

#include <algorithm>
#include <array>
#include <optional>

namespace affinis::scenes {
namespace {

constexpr auto kRows = static_cast<std::size_t>(Frame::kPointRows);

/// Where in [0, 1) x [0, 1) of the picture the point lies; nothing when it is outside the picture or behind something.
std::optional<std::array<double, 2>> place_in_view(const RoomTracer& tracer, Vec3 point, const Camera& camera) {
  constexpr double kNearest = 0.05;
  double p[3];
  const double way[3] = {point.x - camera.location[0], point.y - camera.location[1], point.z - camera.location[2]};
  for (std::size_t i = 0; i < 3; ++i) p[i] = camera.rotation[3 * i] * way[0] + camera.rotation[3 * i + 1] * way[1] + camera.rotation[3 * i + 2] * way[2];
  if (p[2] < kNearest) return std::nullopt;
  const double focal = camera.focal_length(1);
  const std::array<double, 2> place = {0.5 + focal * p[0] / p[2], 0.5 + focal * p[1] / p[2]};
  if (place[0] < 0 || place[0] >= 1 || place[1] < 0 || place[1] >= 1) return std::nullopt;
  const Vec3 origin{static_cast<float>(camera.location[0]), static_cast<float>(camera.location[1]), static_cast<float>(camera.location[2])};
  if (!tracer.sees(origin, point)) return std::nullopt;
  return place;
}

}  // namespace

std::vector<Vec3> choose_points(const RoomTracer& tracer, const RoomViews& views, RandomStream& stream) {
  std::vector<Vec3> points = views.points;
  points.resize(std::min(points.size(), kRows));
  const std::size_t several = std::min<std::size_t>(2, views.cameras.size());
  std::vector<Vec3> lonely, close;
  constexpr std::size_t kAttempts = 12 * kRows;
  // Seen by more than eight views is as good as by eight.
  constexpr std::size_t kAsked = 8;
  for (std::size_t attempt = 0; attempt < kAttempts && points.size() < kRows; ++attempt) {
    const Camera& camera = views.cameras[attempt % views.cameras.size()];
    const PixelRays rays(camera, 1);
    const double x = stream.uniform(0.01, 0.99), y = stream.uniform(0.01, 0.99);
    const Vec3 direction = rays.direction(x, y);
    const Hit hit = tracer.trace(rays.origin(), direction);
    if (!hit.met) continue;
    const Vec3 point = rays.origin() + direction * hit.distance;
    if (!is_steady(tracer, rays.origin(), point, hit.surface.normal) || !place_in_view(tracer, point, camera)) continue;
    std::size_t seen = 0;
    for (std::size_t i = 0; i < std::min(kAsked, views.cameras.size()) && seen < several; ++i) {
      seen += place_in_view(tracer, point, views.cameras[(attempt + i) % views.cameras.size()]).has_value();
    }
    constexpr float kApart = 0.12f;
    const bool crowded = std::any_of(points.begin(), points.end(), [&](Vec3 other) { return length(other - point) < kApart; });
    (seen < several ? lonely : crowded ? close : points).push_back(point);
  }
  for (const std::vector<Vec3>* rest : {&close, &lonely}) {
    const std::size_t wanted = std::min(rest->size(), kRows - points.size());
    points.insert(points.end(), rest->begin(), rest->begin() + static_cast<std::ptrdiff_t>(wanted));
  }
  // Views that see next to nothing: the rows must be there all the same.
  const std::size_t different = points.size();
  while (points.size() < kRows) points.push_back(points[points.size() % different]);
  return points;
}

std::vector<float> points_in_view(const RoomTracer& tracer, const std::vector<Vec3>& points, const Camera& camera, std::int64_t side) {
  std::vector<float> rows;
  rows.reserve(points.size() * static_cast<std::size_t>(Frame::kPointColumns));
  for (const Vec3& point : points) {
    const auto place = place_in_view(tracer, point, camera);
    const auto pixel = [&](std::size_t i) {
      // Rounding to float must not carry the last place over the border.
      return place ? std::min(static_cast<float>((*place)[i] * static_cast<double>(side)), std::nextafter(static_cast<float>(side), 0.0f)) : 0.0f;
    };
    rows.insert(rows.end(), {point.x, point.y, point.z, pixel(0), pixel(1), place ? 1.0f : 0.0f});
  }
  return rows;
}

}  // namespace affinis::scenes
