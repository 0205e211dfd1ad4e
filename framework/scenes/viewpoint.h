#pragma once

#include <cstdint>
#include <vector>

#include "framework/core/random.h"
#include "framework/scenes/tracer.h"

namespace affinis::scenes {

/// A camera at `location` that looks at `target`, level.
Camera look_at(Vec3 location, Vec3 target, double fov);

/// `count` views of the room from within: eye height, clear of furniture, towards furniture, with much to see and no wall that fills
/// the picture. The best of random candidates, each view unlike the others.
std::vector<Camera> choose_views(const RoomTracer& tracer, std::int64_t count, RandomStream& stream);

}  // namespace affinis::scenes
