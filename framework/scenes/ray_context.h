#pragma once

#include <embree3/rtcore.h>

#include "framework/scenes/model.h"

namespace affinis::scenes {

/// Embree's context with the kind of ray behind it, which the filters of Model read.
struct RayContext {
  RTCIntersectContext embree;
  RayKind kind;

  explicit RayContext(RayKind ray_kind) : kind(ray_kind) { rtcInitIntersectContext(&embree); }
};

inline RTCRayHit make_ray(Vec3 origin, Vec3 direction, float nearest, float farthest) {
  RTCRayHit hit;
  hit.ray = {origin.x, origin.y, origin.z, nearest, direction.x, direction.y, direction.z, 0, farthest, 0xFFFFFFFFu, 0, 0};
  hit.hit.geomID = RTC_INVALID_GEOMETRY_ID;
  hit.hit.instID[0] = RTC_INVALID_GEOMETRY_ID;
  return hit;
}

/// Builds a scene; the caller must not hold a lock that other rendering threads wait for while they could be given its tasks.
void commit(RTCScene scene);

}  // namespace affinis::scenes
