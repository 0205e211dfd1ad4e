#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "framework/core/random.h"
#include "framework/scenes/render.h"
#include "framework/scenes/room.h"

namespace affinis::scenes {

/// What a geometry ray met, in the room's frame.
struct Hit {
  bool met = false;
  float distance = 0;
  const Object* object = nullptr;
  Surface surface;  ///< normals in the room's frame, towards where the ray came from
};

/// Two unit vectors across the unit vector `n` and each other.
void tangents(Vec3 n, Vec3& u, Vec3& v);

/// Directions of a camera's pixels.
class PixelRays {
 public:
  PixelRays(const Camera& camera, std::int64_t side);
  /// Direction through (x, y) in pixels (pixel i covers [i, i + 1)), with unit length along the optical axis.
  Vec3 direction(double x, double y) const;
  /// The same in the camera's frame.
  Vec3 camera_direction(double x, double y) const;
  Vec3 to_camera(Vec3 v) const;
  Vec3 origin() const { return origin_; }

 private:
  double focal_, centre_;
  Vec3 right_, down_, forward_, origin_;
};

/// A room ready for tracing; built once, read by many threads.
class RoomTracer {
 public:
  RoomTracer(const Device& device, const Room& room);
  ~RoomTracer();
  RoomTracer(const RoomTracer&) = delete;
  RoomTracer& operator=(const RoomTracer&) = delete;

  const Room& room() const { return room_; }
  /// The nearest surface that is neither glass nor cut out.
  Hit trace(Vec3 origin, Vec3 direction) const;
  /// Whether nothing stands before `point`: the first surface on the way lies within `tolerance` metres of it.
  bool sees(Vec3 from, Vec3 point, float tolerance = 0.02f) const;
  /// How far up to eight rays go before they meet a surface, in units of their direction's length; `farthest` when they do not.
  /// Directions of zero length are not traced.
  void distances(std::span<const Vec3> origins, std::span<const Vec3> directions, float farthest, std::span<float> reached) const;
  /// The frame with the fields that one view has for itself; building, room, view, points and fixation are the caller's.
  Frame render(const Camera& camera, const SceneOptions& options, RandomStream stream) const;
  /// Primary rays only, one a pixel: how many met something.
  std::int64_t count_hits(const Camera& camera, std::int64_t side) const;

 private:
  struct Sampler;
  struct SoftLight;
  struct Incoming;
  Hit intersect(Vec3 origin, Vec3 direction, bool glass, float nearest) const;
  bool blocked(Vec3 origin, Vec3 direction, float distance) const;
  Vec3 radiance(Vec3 origin, Vec3 direction, float pixel_angle, int depth, Sampler& sampler, const SceneOptions& options, SoftLight* soft) const;
  Incoming direct(Vec3 point, Vec3 normal, Vec3 view, const Material& material, Sampler& sampler, const SceneOptions& options) const;
  float openness(Vec3 point, Vec3 normal, Sampler& sampler, std::int64_t samples) const;
  Vec3 outside(Vec3 direction) const;
  /// Smooths the soft light over each surface and adds it to the picture.
  static void add_soft_light(const PixelRays& rays, const std::vector<Hit>& hits, const std::vector<SoftLight>& soft, std::int64_t samples, std::vector<Vec3>& picture,
                             std::int64_t side);
  const Opening* window_through(Vec3 origin, Vec3 direction) const;

  const Room& room_;
  RTCSceneTy* scene_ = nullptr;
};

}  // namespace affinis::scenes
