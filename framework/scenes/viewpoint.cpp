#include "framework/scenes/viewpoint.h"

#include <algorithm>
#include <optional>
#include <set>

#include "framework/core/error.h"

namespace affinis::scenes {
namespace {

constexpr double kDegree = 3.14159265358979 / 180;
constexpr double kLeastFov = 45 * kDegree, kGreatestFov = 75 * kDegree;
/// Clearance of the camera from walls and furniture, metres.
constexpr float kClearance = 0.25f;
/// How far up and down cameras look.
constexpr double kSteepestDown = -35 * kDegree, kSteepestUp = 20 * kDegree;
constexpr float kLowestEye = 1.1f, kHighestEye = 1.85f;
/// How near a view's middle may be.
constexpr float kNearestPoint = 0.9f;
/// Least cosine between a surface's normal and where it is looked at from.
constexpr float kLeastFacing = 0.25f;

Vec3 place_of(const Camera& camera) {
  return {static_cast<float>(camera.location[0]), static_cast<float>(camera.location[1]), static_cast<float>(camera.location[2])};
}

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

/// A point of a surface to look at.
struct Aim {
  Vec3 point, normal;
};

struct Candidate {
  Camera camera;
  double value = 0;
};

/// Two views that show the same from nearly the same place: 1; unlike ones: 0.
double sameness(const Camera& a, const Camera& b) {
  const double looks = a.rotation[6] * b.rotation[6] + a.rotation[7] * b.rotation[7] + a.rotation[8] * b.rotation[8];
  return std::max(0.0, looks) * std::exp(-std::hypot(a.location[0] - b.location[0], a.location[1] - b.location[1]));
}

class Photographer {
 public:
  Photographer(const RoomTracer& tracer, RandomStream& stream) : tracer_(tracer), room_(tracer.room()), stream_(stream) {
    for (const Object& object : room_.objects) {
      if (object.support == Object::Support::kStructure || object.support == Object::Support::kCeiling) continue;
      const Footprint& f = object.footprint;
      // Large pieces are what makes a room; each counts by its size.
      const float volume = 8 * f.half.x * f.half.y * (f.high - f.low);
      for (int i = 0; i < 1 + static_cast<int>(std::min(4.0f, 5 * volume)); ++i) targets_.push_back(&object);
    }
  }

  /// `count` views of one point that go well with `others`; appends to both.
  void add_group(std::size_t count, RoomViews& views) {
    constexpr int kAims = 3, kAttempts = 16;
    std::vector<Camera> best;
    Vec3 best_point;
    double best_value = 0;
    int complete = 0;
    for (int attempt = 0; attempt < kAttempts && complete < kAims; ++attempt) {
      const auto aim = find_aim();
      if (!aim) continue;
      double value = 0;
      const std::vector<Camera> chosen = choose(candidates(*aim, count, views.cameras), aim->point, count, value);
      // Groups look at different things.
      for (const Vec3& other : views.points) value -= 0.5 * std::exp(-length(other - aim->point));
      complete += chosen.size() == count;
      if (chosen.size() > best.size() || (chosen.size() == best.size() && !chosen.empty() && value > best_value)) {
        best = chosen;
        best_point = aim->point;
        best_value = value;
      }
    }
    if (best.empty()) best = {last_resort(best_point)};
    // A room so full that there are not enough places: nearer to the point on the same line of sight nothing is in the way.
    const std::size_t found = best.size();
    for (std::size_t i = found; i < count; ++i) {
      const Camera& model = best[i % found];
      const double share = 0.4 * static_cast<double>(i / found) / static_cast<double>(1 + (count - 1) / found);
      best.push_back(look_at(lerp(place_of(model), best_point, static_cast<float>(share)), best_point, model.fov));
    }
    views.fixation.insert(views.fixation.end(), count, static_cast<std::int32_t>(views.points.size()));
    views.points.push_back(best_point);
    views.cameras.insert(views.cameras.end(), best.begin(), best.end());
  }

 private:
  /// Somewhere in the room, clear of furniture.
  std::optional<Vec3> standing_place() {
    const float margin = 0.3f;
    for (int attempt = 0; attempt < 20; ++attempt) {
      // Photographers stand with their back to a wall or in a corner: more of the room fits in.
      const auto spread = [&](float extent) {
        const double u = stream_.uniform();
        const double v = stream_.uniform() < 0.6 ? (u < 0.5 ? 0.35 * u : 1 - 0.35 * (1 - u)) : u;
        return margin + static_cast<float>(v) * (extent - 2 * margin);
      };
      const float x = spread(room_.size.x), y = spread(room_.size.y);
      const Vec3 location{x, y, static_cast<float>(stream_.uniform(kLowestEye, kHighestEye))};
      if (!in_the_way(room_, location)) return location;
    }
    return std::nullopt;
  }

  /// What someone in the room would look at: mostly furniture.
  std::optional<Aim> find_aim() {
    const auto location = standing_place();
    if (!location) return std::nullopt;
    const double x = stream_.uniform(), y = stream_.uniform(), z = stream_.uniform();
    Vec3 target{room_.size.x * static_cast<float>(x), room_.size.y * static_cast<float>(y), 2.2f * static_cast<float>(z)};
    if (!targets_.empty() && stream_.uniform() < 0.8) {
      const Footprint& f = targets_[stream_.below(targets_.size())]->footprint;
      const Placement box = Placement::at({f.centre.x, f.centre.y, f.low}, f.angle);
      target = box.point({f.half.x * static_cast<float>(1.6 * x - 0.8), f.half.y * static_cast<float>(1.6 * y - 0.8), (f.high - f.low) * static_cast<float>(z)});
    }
    const Vec3 direction = target - *location;
    if (length(direction) < 0.3f) return std::nullopt;
    const Hit hit = tracer_.trace(*location, direction);
    if (!hit.met) return std::nullopt;
    const Aim aim{*location + direction * hit.distance, hit.surface.normal};
    if (!is_fit(*location, aim)) return std::nullopt;
    return aim;
  }

  /// Whether one may look at the point from there, as far as angles and distance go.
  static bool is_near_enough(Vec3 location, const Aim& aim) {
    const Vec3 way = aim.point - location;
    const float distance = length(way);
    const double pitch = std::atan2(way.z, std::hypot(way.x, way.y));
    return distance >= kNearestPoint && pitch >= kSteepestDown && pitch <= kSteepestUp && -dot(aim.normal, way) >= kLeastFacing * distance;
  }
  bool is_fit(Vec3 location, const Aim& aim) const {
    return is_near_enough(location, aim) && tracer_.sees(location, aim.point, 0.002f) && is_steady(tracer_, location, aim.point, aim.normal);
  }

  /// Views of the point that are fit to be seen, with how good they are.
  std::vector<Candidate> candidates(const Aim& aim, std::size_t count, const std::vector<Camera>& others) {
    std::vector<Candidate> found;
    const std::size_t wanted = 5 * count + 4, attempts = 24 * count + 40;
    for (std::size_t attempt = 0; attempt < attempts && found.size() < wanted; ++attempt) {
      const auto location = standing_place();
      const double fov = stream_.uniform(kLeastFov, kGreatestFov);
      if (!location || !is_fit(*location, aim)) continue;
      const Camera camera = look_at(*location, aim.point, fov);
      const auto base = score(tracer_, camera);
      if (!base) continue;
      double same = 0;
      for (const Camera& other : others) same = std::max(same, sameness(camera, other));
      found.push_back({camera, *base - 0.5 * same});
    }
    return found;
  }

  /// The best `count` of them, or fewer, from clearly different places; `value` becomes their mean.
  static std::vector<Camera> choose(std::vector<Candidate> pool, Vec3 point, std::size_t count, double& value) {
    std::vector<Camera> chosen;
    while (chosen.size() < count && !pool.empty()) {
      const auto best = std::max_element(pool.begin(), pool.end(), [](const Candidate& a, const Candidate& b) { return a.value < b.value; });
      value += best->value / static_cast<double>(count);
      const Camera taken = best->camera;
      chosen.push_back(taken);
      pool.erase(best);
      std::erase_if(pool, [&](Candidate& other) {
        const float near = std::min(length(place_of(other.camera) - point), length(place_of(taken) - point));
        const float apart = length(place_of(other.camera) - place_of(taken)) / near;
        other.value -= 0.8 * std::exp(-2.5 * static_cast<double>(apart));
        // 14 degrees, or a quarter of the way.
        constexpr float kLeastApart = 0.25f;
        return apart < kLeastApart;
      });
    }
    return chosen;
  }

  /// A room so full that no candidate passed: the corner that is farthest from furniture, towards the middle.
  Camera last_resort(Vec3& point) const {
    std::optional<Camera> best;
    double clearest = 0;
    for (int corner = 0; corner < 4; ++corner) {
      for (const float height : {1.0f, 0.0f}) {
        const Vec3 at{corner % 2 ? room_.size.x - 0.3f : 0.3f, corner / 2 ? room_.size.y - 0.3f : 0.3f, 1.6f};
        const Vec3 way = Vec3{room_.size.x / 2, room_.size.y / 2, height} - at;
        const Hit middle = tracer_.trace(at, way);
        if (!middle.met) continue;
        const Camera camera = look_at(at, at + way, kGreatestFov);
        const PixelRays rays(camera, 5);
        double nearest = 1e9;
        for (int k = 0; k < 25; ++k) {
          const Hit hit = tracer_.trace(rays.origin(), rays.direction(k % 5 + 0.5, k / 5 + 0.5));
          nearest = std::min<double>(nearest, hit.met ? hit.distance : 5);
        }
        if (in_the_way(room_, at)) nearest -= 10;
        if (height < 0.5f) nearest -= 1;
        if (nearest > clearest || !best) {
          clearest = nearest;
          point = at + way * middle.distance;
          best = look_at(at, point, kGreatestFov);
        }
      }
    }
    AFFINIS_CHECK(best.has_value(), ErrorCode::kInternal, "a room of {} x {} m has neither floor nor furniture to look at", room_.size.x, room_.size.y);
    return *best;
  }

  const RoomTracer& tracer_;
  const Room& room_;
  RandomStream& stream_;
  std::vector<const Object*> targets_;
};

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

bool is_steady(const RoomTracer& tracer, Vec3 origin, Vec3 point, Vec3 normal) {
  // About a pixel of a small picture.
  constexpr float kAround = 0.024f;
  const Vec3 way = point - origin;
  const float distance = length(way);
  Vec3 u, v;
  tangents(way * (1 / distance), u, v);
  for (const Vec3& turn : {u, -u, v, -v}) {
    const Vec3 direction = way + turn * (kAround * distance);
    const Hit hit = tracer.trace(origin, direction);
    if (!hit.met || std::abs(dot(origin + direction * hit.distance - point, normal)) > 0.01f + 0.005f * distance) return false;
  }
  return true;
}

RoomViews choose_views(const RoomTracer& tracer, std::int64_t count, std::int64_t views_per_point, RandomStream& stream) {
  RoomViews views;
  Photographer photographer(tracer, stream);
  const std::int64_t groups = std::clamp<std::int64_t>(count / views_per_point, 1, Frame::kPointRows);
  for (std::int64_t group = 0; group < groups; ++group) {
    photographer.add_group(static_cast<std::size_t>((group + 1) * count / groups - group * count / groups), views);
  }
  return views;
}

}  // namespace affinis::scenes
