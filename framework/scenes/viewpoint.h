#pragma once

#include <cstdint>
#include <vector>

#include "framework/core/random.h"
#include "framework/scenes/tracer.h"

namespace affinis::scenes {

/// A camera at `location` that looks at `target`, without roll.
Camera look_at(Vec3 location, Vec3 target, double fov);

/// Whether the surface around `point` lies in its tangent plane as seen from `origin`, so that a pixel there shows it and not what is
/// behind its edge.
bool is_steady(const RoomTracer& tracer, Vec3 origin, Vec3 point, Vec3 normal);

/// A room's views and what they look at.
struct RoomViews {
  std::vector<Camera> cameras;
  std::vector<std::int32_t> fixation;  ///< of each camera: which of `points` is in the middle of its picture, with nothing in front
  std::vector<Vec3> points;
};

/// `count` views of the room from within: eye height, clear of furniture, with much to see and no wall that fills the picture. Groups of
/// at least `views_per_point` look at the same point of a surface from different places; there are max(1, count / views_per_point)
/// groups, at most Frame::kPointRows. The best of random candidates, each view unlike the others.
RoomViews choose_views(const RoomTracer& tracer, std::int64_t count, std::int64_t views_per_point, RandomStream& stream);

}  // namespace affinis::scenes
