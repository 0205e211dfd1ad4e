#include "framework/scenes/viewpoint.h"

#include <algorithm>
#include <optional>
#include <set>

namespace affinis::scenes {
namespace {

constexpr double kLeastFov = 45 * 3.14159265358979 / 180, kGreatestFov = 75 * 3.14159265358979 / 180;
/// Clearance of the camera from walls and furniture, metres.
constexpr float kClearance = 0.25f;

bool in_the_way(const Room& room, Vec3 p) {
  for (const Object& object : room.objects) {
    if (object.support == Object::Support::kStructure) continue;
    Footprint f = object.footprint;
    f.half = {f.half.x + kClearance, f.half.y + kClearance};
    f.high += kClearance;
    f.low -= kClearance;
    const Footprint camera{{p.x, p.y}, {0.01f, 0.01f}, 0, p.z - 0.01f, p.z + 0.01f};
    if (f.overlaps(camera, 0)) return true;
  }
  return false;
}

/// How good a view is: what a coarse grid of rays sees; nothing when it is not fit to be seen.
std::optional<double> score(const RoomTracer& tracer, const Camera& camera) {
  constexpr int kGrid = 12;
  const PixelRays rays(camera, kGrid);
  int furniture = 0, near = 0, outside = 0, bare = 0;
  std::set<std::uint16_t> things;
  std::vector<int> per_thing(4096, 0);
  double logs = 0;
  for (int y = 0; y < kGrid; ++y) {
    for (int x = 0; x < kGrid; ++x) {
      const Hit hit = tracer.trace(rays.origin(), rays.direction(x + 0.5, y + 0.5));
      if (!hit.met) {
        ++outside;
        continue;
      }
      logs += std::log(std::max(0.05f, hit.distance));
      if (hit.distance < 0.8f) ++near;
      if (hit.object->instance == 0) {
        ++bare;
      } else {
        ++furniture;
        if (++per_thing[hit.object->instance % 4096] == 2) things.insert(hit.object->instance);
      }
    }
  }
  constexpr double kRays = kGrid * kGrid;
  const int largest = *std::max_element(per_thing.begin(), per_thing.end());
  if (near > 0.10 * kRays || outside > 0.25 * kRays || furniture < 0.10 * kRays || largest > 0.55 * kRays) return std::nullopt;
  return 0.16 * std::min<double>(8, static_cast<double>(things.size())) + std::min(0.5, furniture / kRays) + 0.35 * std::min(1.3, logs / kRays) - 1.5 * near / kRays - 0.6 * largest / kRays -
         0.5 * outside / kRays;
}

}  // namespace

Camera look_at(Vec3 location, Vec3 target, double fov) {
  Camera camera;
  camera.fov = fov;
  camera.location = {location.x, location.y, location.z};
  double f[3] = {static_cast<double>(target.x) - location.x, static_cast<double>(target.y) - location.y, static_cast<double>(target.z) - location.z};
  const double l = std::sqrt(f[0] * f[0] + f[1] * f[1] + f[2] * f[2]);
  for (double& c : f) c /= l;
  const double flat = std::sqrt(f[0] * f[0] + f[1] * f[1]);
  const double right[3] = {f[1] / flat, -f[0] / flat, 0};
  const double down[3] = {f[1] * right[2] - f[2] * right[1], f[2] * right[0] - f[0] * right[2], f[0] * right[1] - f[1] * right[0]};
  camera.rotation = {right[0], right[1], right[2], down[0], down[1], down[2], f[0], f[1], f[2]};
  return camera;
}

std::vector<Camera> choose_views(const RoomTracer& tracer, std::int64_t count, RandomStream& stream) {
  const Room& room = tracer.room();
  std::vector<const Object*> targets;
  for (const Object& object : room.objects) {
    if (object.support == Object::Support::kStructure || object.support == Object::Support::kCeiling) continue;
    const Footprint& f = object.footprint;
    // Large pieces are what makes a room; each counts by its size.
    const float volume = 8 * f.half.x * f.half.y * (f.high - f.low);
    for (int i = 0; i < 1 + static_cast<int>(std::min(4.0f, 5 * volume)); ++i) targets.push_back(&object);
  }
  std::vector<Camera> views;
  const auto candidate = [&] {
    const float margin = 0.3f;
    Vec3 location;
    for (int attempt = 0; attempt < 60; ++attempt) {
      // Photographers stand with their back to a wall or in a corner: more of the room fits in.
      const auto spread = [&](float extent) {
        const double u = stream.uniform();
        const double v = stream.uniform() < 0.6 ? (u < 0.5 ? 0.35 * u : 1 - 0.35 * (1 - u)) : u;
        return margin + static_cast<float>(v) * (extent - 2 * margin);
      };
      location = {spread(room.size.x), spread(room.size.y), static_cast<float>(stream.uniform(1.2, 1.8))};
      if (!in_the_way(room, location)) break;
    }
    Vec3 target{room.size.x / 2, room.size.y / 2, 0.9f};
    if (!targets.empty() && stream.uniform() < 0.75) {
      const Footprint& f = targets[stream.below(targets.size())]->footprint;
      target = lerp({f.centre.x, f.centre.y, (f.low + f.high) / 2}, target, static_cast<float>(stream.uniform(0, 0.5)));
    }
    target.z = std::clamp(target.z, 0.5f, 1.5f) + static_cast<float>(stream.uniform(-0.15, 0.25));
    const Vec3 way = target - location;
    const float distance = std::sqrt(way.x * way.x + way.y * way.y);
    if (distance < 0.5f) target = {room.size.x - location.x + 0.01f, room.size.y - location.y, 1.0f};
    // Not steeper than about 22 degrees.
    const float flat = std::max(0.3f, std::hypot(target.x - location.x, target.y - location.y));
    target.z = std::clamp(target.z, location.z - 0.4f * flat, location.z + 0.1f * flat);
    return look_at(location, target, stream.uniform(kLeastFov, kGreatestFov));
  };
  for (std::int64_t v = 0; v < count; ++v) {
    constexpr int kCandidates = 20;
    std::optional<Camera> best;
    double best_score = -1e9;
    for (int i = 0; i < 4 * kCandidates; ++i) {
      if (i >= kCandidates && best) break;
      const Camera camera = candidate();
      const Vec3 at{static_cast<float>(camera.location[0]), static_cast<float>(camera.location[1]), static_cast<float>(camera.location[2])};
      if (in_the_way(room, at)) continue;
      const auto base = score(tracer, camera);
      if (!base) continue;
      double same = 0;
      for (const Camera& other : views) {
        const double looks = camera.rotation[6] * other.rotation[6] + camera.rotation[7] * other.rotation[7] + camera.rotation[8] * other.rotation[8];
        const double apart = std::hypot(camera.location[0] - other.location[0], camera.location[1] - other.location[1]);
        same = std::max(same, std::max(0.0, looks) * std::exp(-apart));
      }
      const double value = *base - 0.5 * same;
      if (value > best_score) {
        best_score = value;
        best = camera;
      }
    }
    if (!best) {
      // A room so full that no candidate passed: the corner that is farthest from furniture, towards the middle.
      double clearest = -1;
      for (int corner = 0; corner < 4; ++corner) {
        const Vec3 at{corner % 2 ? room.size.x - 0.3f : 0.3f, corner / 2 ? room.size.y - 0.3f : 0.3f, 1.6f};
        const Camera camera = look_at(at, {room.size.x / 2, room.size.y / 2, 1.0f}, kGreatestFov);
        const PixelRays rays(camera, 5);
        double nearest = 1e9;
        for (int k = 0; k < 25; ++k) {
          const Hit hit = tracer.trace(rays.origin(), rays.direction(k % 5 + 0.5, k / 5 + 0.5));
          nearest = std::min<double>(nearest, hit.met ? hit.distance : 5);
        }
        if (in_the_way(room, at)) nearest -= 10;
        if (nearest > clearest || !best) {
          clearest = nearest;
          best = camera;
        }
      }
    }
    views.push_back(*best);
  }
  return views;
}

}  // namespace affinis::scenes
