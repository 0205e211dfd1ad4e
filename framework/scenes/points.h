#pragma once

#include <cstdint>
#include <vector>

#include "framework/core/random.h"
#include "framework/scenes/tracer.h"
#include "framework/scenes/viewpoint.h"

namespace affinis::scenes {

/// Frame::kPointRows points on surfaces of the room: first those that the views look at, then points that the views see, spread out,
/// as many as possible seen by two views or more.
std::vector<Vec3> choose_points(const RoomTracer& tracer, const RoomViews& views, RandomStream& stream);

/// The rows of Frame::points for one view.
std::vector<float> points_in_view(const RoomTracer& tracer, const std::vector<Vec3>& points, const Camera& camera, std::int64_t side);

}  // namespace affinis::scenes
