#include "framework/scenes/tracer.h"

#include <algorithm>
#include <array>

#include <embree3/rtcore.h>

#include "framework/core/error.h"
#include "framework/scenes/curvature.h"
#include "framework/scenes/ray_context.h"

namespace affinis::scenes {

/// Points of the R2 sequence (Roberts 2018: the plane's most even additive recurrence), shifted for every pixel so that the pixels of a
/// small neighbourhood complement one another (the gradient noise of Jimenez 2014).
struct RoomTracer::Sampler {
  std::uint32_t index = 0;
  std::size_t turn = 0;  ///< which lights are asked next
  double shift_u = 0, shift_v = 0;

  void start_pixel(double x, double y) {
    const auto fraction = [](double t) { return t - std::floor(t); };
    shift_u = fraction(52.9829189 * fraction(0.06711056 * x + 0.00583715 * y));
    shift_v = fraction(52.9829189 * fraction(0.06711056 * (y + 37) + 0.00583715 * (x + 17)));
    index = 0;
  }
  Vec2 next() {
    ++index;
    const double u = shift_u + 0.7548776662466927 * index, v = shift_v + 0.5698402909980532 * index;
    return {static_cast<float>(u - std::floor(u)), static_cast<float>(v - std::floor(v))};
  }
};

/// The part of a pixel's light that changes slowly over a surface: from windows, panels and all around. It is smoothed over the
/// surface before it is multiplied with the surface's colour.
struct RoomTracer::SoftLight {
  Vec3 irradiance;
  Vec3 albedo;
  float samples = 0;
};

/// Irradiance of a point by kind of source.
struct RoomTracer::Incoming {
  Vec3 soft, hard, highlight;
};

namespace {

constexpr float kOffset = 1e-3f;
/// A frame is traced by one thread, which counts for itself.
thread_local std::int64_t rays_traced = 0;
/// How far what is near shades the ambient light.
constexpr float kReach = 1.3f;
/// Light that comes back from near surfaces that shade the ambient light.
constexpr float kReturned = 0.15f;

Vec3 reflected(Vec3 direction, Vec3 normal) { return direction - normal * (2 * dot(direction, normal)); }

std::uint16_t quantized_depth(double metres) {
  const double v = metres * 512 + 0.5;
  return v < Frame::kInvalidDepth ? static_cast<std::uint16_t>(v) : Frame::kInvalidDepth;
}

std::uint8_t quantized_normal(float component) { return static_cast<std::uint8_t>(std::clamp((component + 1) / 2 * 255 + 0.5f, 0.0f, 255.0f)); }

/// Light at the camera, falling off with the squared distance; half of the range is a wall at two metres.
std::uint8_t reshade(float cosine, float distance) {
  const float light = 4 * std::max(0.0f, cosine) / std::max(0.01f, distance * distance);
  return static_cast<std::uint8_t>(255 * light / (1 + light) + 0.5f);
}

}  // namespace

void tangents(Vec3 n, Vec3& u, Vec3& v) {
  u = normalized(cross(n, std::abs(n.z) < 0.8f ? Vec3{0, 0, 1} : Vec3{1, 0, 0}));
  v = cross(n, u);
}

double Camera::focal_length(double side) const { return side / (2 * std::tan(fov / 2)); }

PixelRays::PixelRays(const Camera& camera, std::int64_t side) : focal_(camera.focal_length(static_cast<double>(side))), centre_(static_cast<double>(side) / 2) {
  const auto row = [&](std::size_t i) {
    return Vec3{static_cast<float>(camera.rotation[3 * i]), static_cast<float>(camera.rotation[3 * i + 1]), static_cast<float>(camera.rotation[3 * i + 2])};
  };
  right_ = row(0);
  down_ = row(1);
  forward_ = row(2);
  origin_ = {static_cast<float>(camera.location[0]), static_cast<float>(camera.location[1]), static_cast<float>(camera.location[2])};
}

Vec3 PixelRays::camera_direction(double x, double y) const { return {static_cast<float>((x - centre_) / focal_), static_cast<float>((y - centre_) / focal_), 1}; }

Vec3 PixelRays::direction(double x, double y) const {
  const Vec3 d = camera_direction(x, y);
  return right_ * d.x + down_ * d.y + forward_;
}

Vec3 PixelRays::to_camera(Vec3 v) const { return {dot(right_, v), dot(down_, v), dot(forward_, v)}; }

RoomTracer::RoomTracer(const Device& device, const Room& room) : room_(room) {
  scene_ = rtcNewScene(device.get());
  AFFINIS_CHECK(scene_ != nullptr, ErrorCode::kDevice, "Embree cannot make a scene; is memory exhausted?");
  rtcSetSceneFlags(scene_, RTC_SCENE_FLAG_ROBUST);
  for (unsigned int i = 0; i < room.objects.size(); ++i) {
    const Object& object = room.objects[i];
    RTCGeometry instance = rtcNewGeometry(device.get(), RTC_GEOMETRY_TYPE_INSTANCE);
    rtcSetGeometryInstancedScene(instance, object.model->scene());
    rtcSetGeometryTimeStepCount(instance, 1);
    const Placement& p = object.placement;
    const float columns[12] = {p.cosine, p.sine, 0, -p.sine, p.cosine, 0, 0, 0, 1, p.position.x, p.position.y, p.position.z};
    rtcSetGeometryTransform(instance, 0, RTC_FORMAT_FLOAT3X4_COLUMN_MAJOR, columns);
    rtcCommitGeometry(instance);
    rtcAttachGeometryByID(scene_, instance, i);
    rtcReleaseGeometry(instance);
  }
  commit(scene_);
}

RoomTracer::~RoomTracer() { rtcReleaseScene(scene_); }

Hit RoomTracer::intersect(Vec3 origin, Vec3 direction, bool glass, float nearest) const {
  RayContext context(glass ? RayKind::kColour : RayKind::kGeometry);
  RTCRayHit ray = make_ray(origin, direction, nearest, 1e3f);
  rtcIntersect1(scene_, &context.embree, &ray);
  ++rays_traced;
  Hit hit;
  if (ray.hit.geomID == RTC_INVALID_GEOMETRY_ID) return hit;
  hit.met = true;
  hit.distance = ray.ray.tfar;
  hit.object = &room_.objects[ray.hit.instID[0]];
  hit.surface = hit.object->model->surface(ray.hit.geomID, ray.hit.primID, ray.hit.u, ray.hit.v);
  hit.surface.normal = hit.object->placement.direction(hit.surface.normal);
  hit.surface.smooth = hit.object->placement.direction(hit.surface.smooth);
  if (dot(hit.surface.normal, direction) > 0) {
    hit.surface.normal = -hit.surface.normal;
    hit.surface.smooth = -hit.surface.smooth;
  }
  return hit;
}

Hit RoomTracer::trace(Vec3 origin, Vec3 direction) const { return intersect(origin, direction, false, 0); }

bool RoomTracer::sees(Vec3 from, Vec3 point, float tolerance) const {
  const Vec3 way = point - from;
  const Hit hit = trace(from, way);
  return hit.met && std::abs(hit.distance - 1) * length(way) < tolerance;
}

void RoomTracer::distances(std::span<const Vec3> origins, std::span<const Vec3> directions, float farthest, std::span<float> reached) const {
  constexpr std::size_t kWidth = 8;
  AFFINIS_ASSERT(origins.size() <= kWidth && directions.size() == origins.size() && reached.size() == origins.size());
  alignas(32) int valid[kWidth] = {};
  RTCRayHit8 packet;
  for (std::size_t i = 0; i < origins.size(); ++i) {
    valid[i] = dot(directions[i], directions[i]) > 0 ? -1 : 0;
    rays_traced += valid[i] != 0;
    packet.ray.org_x[i] = origins[i].x;
    packet.ray.org_y[i] = origins[i].y;
    packet.ray.org_z[i] = origins[i].z;
    packet.ray.dir_x[i] = directions[i].x;
    packet.ray.dir_y[i] = directions[i].y;
    packet.ray.dir_z[i] = directions[i].z;
    packet.ray.tnear[i] = 0;
    packet.ray.tfar[i] = farthest;
    packet.ray.time[i] = 0;
    packet.ray.mask[i] = 0xFFFFFFFFu;
    packet.ray.id[i] = 0;
    packet.ray.flags[i] = 0;
    packet.hit.geomID[i] = RTC_INVALID_GEOMETRY_ID;
    packet.hit.instID[0][i] = RTC_INVALID_GEOMETRY_ID;
  }
  RayContext context(RayKind::kGeometry);
  rtcIntersect8(valid, scene_, &context.embree, &packet);
  for (std::size_t i = 0; i < origins.size(); ++i) reached[i] = valid[i] != 0 ? packet.ray.tfar[i] : farthest;
}

bool RoomTracer::blocked(Vec3 origin, Vec3 direction, float distance) const {
  RayContext context(RayKind::kShadow);
  RTCRay ray = make_ray(origin, direction, kOffset, distance).ray;
  rtcOccluded1(scene_, &context.embree, &ray);
  ++rays_traced;
  return ray.tfar < 0;
}

const Opening* RoomTracer::window_through(Vec3 origin, Vec3 direction) const {
  const Opening* best = nullptr;
  float nearest = 1e30f;
  for (const Opening& window : room_.windows) {
    const Wall wall = wall_of(room_, window.wall);
    const float speed = -(direction.x * wall.inward.x + direction.y * wall.inward.y);
    if (speed <= 0) continue;
    const float away = (origin.x - wall.start.x) * wall.inward.x + (origin.y - wall.start.y) * wall.inward.y;
    const float t = away / speed;
    if (t < nearest) {
      nearest = t;
      best = &window;
    }
  }
  return best;
}

Vec3 RoomTracer::outside(Vec3 direction) const {
  const Vec3 d = normalized(direction);
  const float azimuth = std::atan2(d.y, d.x) + room_.skyline;
  const float trees = 0.035f + 0.05f * (1 + std::sin(5 * azimuth) * std::sin(2.3f * azimuth)) + 0.012f * std::sin(31 * azimuth) + 0.008f * std::sin(67 * azimuth);
  // Cameras adapt to the room; a sky at its true strength would be plain white.
  const Vec3 sky = room_.sky * 0.55f;
  if (d.z > trees) return lerp(sky, sky * Vec3{0.45f, 0.68f, 1.05f}, std::min(1.0f, 1.6f * (d.z - trees)));
  if (d.z > -0.03f) return sky * Vec3{0.16f, 0.24f, 0.10f} * (1 + 0.12f * std::sin(23 * azimuth) + 0.08f * std::sin(57 * azimuth + 40 * d.z));
  return sky * Vec3{0.26f, 0.36f, 0.16f} * (1 + 0.15f * std::sin(20 / (0.05f - d.z)));
}

RoomTracer::Incoming RoomTracer::direct(Vec3 point, Vec3 normal, Vec3 view, const Material& material, Sampler& sampler,
                                        const SceneOptions& options) const {
  Incoming incoming;
  const Vec3 mirrored = reflected(-view, normal);
  // Of many windows and panels each colour sample asks two, in turn, and counts them for all: their light is smoothed afterwards.
  constexpr std::size_t kAsked = 2;
  const auto areas = static_cast<std::size_t>(std::count_if(room_.lights.begin(), room_.lights.end(), [](const Light& light) { return !light.ball; }));
  std::size_t next_area = 0;
  for (const Light& light : room_.lights) {
    float share = 1 / static_cast<float>(options.light_samples);
    if (!light.ball && areas > kAsked) {
      const std::size_t place = (next_area++ + areas - sampler.turn * kAsked % areas) % areas;
      if (place >= kAsked) continue;
      share *= static_cast<float>(areas) / static_cast<float>(kAsked);
    }
    Vec3 sum, gloss;
    for (std::int64_t s = 0; s < options.light_samples; ++s) {
      const Vec2 r = sampler.next();
      Vec3 source;
      if (light.ball) {
        const float z = 2 * r.x - 1, q = std::sqrt(std::max(0.0f, 1 - z * z)), a = 2 * kPi * r.y;
        source = light.centre + Vec3{q * std::cos(a), q * std::sin(a), z} * 0.025f;
      } else {
        source = light.centre + light.half_u * (2 * r.x - 1) + light.half_v * (2 * r.y - 1);
      }
      const Vec3 way = source - point;
      const float distance = length(way);
      if (distance < 1e-3f) continue;
      const Vec3 to_light = way * (1 / distance);
      const float cosine = dot(to_light, normal);
      if (cosine <= 0) continue;
      float geometry;
      if (light.ball) {
        geometry = 1 / std::max(0.09f, distance * distance);
      } else {
        const float emitted = -dot(to_light, light.normal);
        if (emitted <= 0) continue;
        const float area = 4 * length(light.half_u) * length(light.half_v);
        // Bounded by what a surface that touches the light receives.
        geometry = std::min(kPi, area * emitted / std::max(1e-3f, distance * distance));
      }
      if (blocked(point, to_light, distance - 2 * kOffset)) continue;
      const Vec3 arriving = light.radiance * geometry;
      sum += arriving * cosine;
      if (material.shine > 0 && light.ball) {
        const float lobe = std::max(0.0f, dot(mirrored, to_light));
        gloss += arriving * (material.shine * (material.gloss + 2) / (2 * kPi) * std::pow(lobe, material.gloss));
      }
    }
    // A lamp's own body draws a fine-grained shadow on the ceiling: that is smoothed, shadows on what lies below stay crisp.
    (light.ball && normal.z > -0.7f ? incoming.hard : incoming.soft) += sum * share;
    incoming.highlight += gloss * share;
  }
  if (luminance(room_.sun) > 0) {
    const float cosine = dot(room_.sun_direction, normal);
    if (cosine > 0) {
      Vec3 u, v;
      tangents(room_.sun_direction, u, v);
      const Vec2 r = sampler.next();
      const Vec3 to_sun = normalized(room_.sun_direction + u * (0.02f * (r.x - 0.5f)) + v * (0.02f * (r.y - 0.5f)));
      if (!blocked(point, to_sun, 1e3f)) incoming.hard += room_.sun * cosine;
    }
  }
  return incoming;
}

float RoomTracer::openness(Vec3 point, Vec3 normal, Sampler& sampler, std::int64_t samples) const {
  if (samples <= 0) return 1;
  Vec3 u, v;
  tangents(normal, u, v);
  float open = 0;
  for (std::int64_t s = 0; s < samples; ++s) {
    const Vec2 r = sampler.next();
    const float q = std::sqrt(r.x), a = 2 * kPi * r.y;
    const Vec3 direction = u * (q * std::cos(a)) + v * (q * std::sin(a)) + normal * std::sqrt(std::max(0.0f, 1 - r.x));
    // A random reach makes the shade fade with distance.
    const float reach = kReach * sampler.next().x;
    open += blocked(point, direction, std::max(2 * kOffset, reach)) ? kReturned : 1;
  }
  return open / static_cast<float>(samples);
}

Vec3 RoomTracer::radiance(Vec3 origin, Vec3 direction, float pixel_angle, int depth, Sampler& sampler, const SceneOptions& options, SoftLight* soft) const {
  constexpr int kDeepest = 2;
  constexpr int kPanes = 4;
  Vec3 gathered, passing{1, 1, 1};
  float nearest = 0;
  const float along = length(direction);
  for (int pane = 0; pane <= kPanes; ++pane) {
    const Hit hit = intersect(origin, direction, pane < kPanes, nearest);
    if (!hit.met) return gathered + passing * outside(direction);
    const Material& material = *hit.surface.material;
    const Vec3 point = origin + direction * hit.distance;
    const Vec3 view = direction * (-1 / along);
    Vec3 normal = hit.surface.smooth;
    // Interpolated normals may look away from the viewer at silhouettes.
    if (dot(normal, view) < 0.02f) normal = normalized(normal + view * (0.02f - dot(normal, view)));
    const float facing = std::max(0.12f, dot(hit.surface.normal, view));
    Vec3 albedo = material.tint;
    if (material.texture) {
      const float footprint = hit.distance * along * pixel_angle / std::sqrt(facing) * hit.surface.uv_per_metre * material.uv_scale;
      albedo = albedo * material.texture->sample(hit.surface.uv * material.uv_scale, footprint);
    }
    albedo = {std::min(albedo.x, 0.9f), std::min(albedo.y, 0.9f), std::min(albedo.z, 0.9f)};
    const Vec3 start = point + hit.surface.normal * kOffset;
    Incoming incoming = direct(start, normal, view, material, sampler, options);
    const float open = openness(start, normal, sampler, depth == 0 ? options.ambient_occlusion_samples : 1);
    const Vec3 bounced = lerp(room_.floor_colour * (0.8f / std::max(0.15f, luminance(room_.floor_colour))), Vec3{1, 1, 1}, 0.8f + 0.2f * normal.z);
    incoming.soft += room_.ambient * bounced * ((0.85f + 0.15f * normal.z) * open);
    Vec3 light = material.glow + albedo * incoming.hard * (1 / kPi) + min(incoming.highlight, {1.2f, 1.2f, 1.2f});
    // Glass in front, mirrors and what they show are finished here; the rest of the soft light is the caller's to smooth.
    const bool split = soft && pane == 0 && material.opacity >= kGlass;
    if (!split) light += albedo * incoming.soft * (1 / kPi);

    const float fresnel = material.mirror > 0 ? material.mirror : material.shine * (0.15f + 0.85f * std::pow(1 - std::min(1.0f, dot(normal, view)), 4.0f));
    float kept = 1;
    if (depth < kDeepest && fresnel > 0.02f && (material.mirror > 0 || depth == 0)) {
      const Vec3 way = reflected(direction * (1 / along), material.mirror > 0 ? hit.surface.normal : normal);
      const Vec3 mirrored = radiance(start, way, pixel_angle * 2, depth + (material.mirror > 0 ? 1 : 2), sampler, options, nullptr);
      kept = 1 - fresnel;
      light = light * kept + min(mirrored, {6, 6, 6}) * fresnel;
    }
    if (split) {
      soft->irradiance += incoming.soft;
      soft->albedo += albedo * (kept / kPi);
      soft->samples += 1;
    }
    if (material.opacity >= kGlass) return gathered + passing * light;
    gathered += passing * light * material.opacity;
    passing = passing * (1 - material.opacity) * lerp(Vec3{1, 1, 1}, max(material.tint, {0.4f, 0.4f, 0.4f}), 0.3f);
    nearest = hit.distance * (1 + 1e-4f) + kOffset / along;
  }
  return gathered;
}

namespace {

/// Scales a picture so that its middle tones are where a camera would put them, then compresses the highlights.
void expose(const std::vector<Vec3>& picture, std::vector<std::uint8_t>& rgb) {
  std::vector<float> levels;
  levels.reserve(picture.size());
  double sum = 0;
  for (const Vec3& c : picture) {
    const float l = std::max(1e-4f, luminance(c));
    levels.push_back(l);
    sum += std::log(l);
  }
  const auto middle = static_cast<float>(std::exp(sum / static_cast<double>(picture.size())));
  const std::size_t bright = levels.size() * 9 / 10;
  std::nth_element(levels.begin(), levels.begin() + static_cast<std::ptrdiff_t>(bright), levels.end());
  // The tenth brightest hundredth must not burn out because the rest is dark.
  const float exposure = std::min(0.42f / middle, 1.9f / levels[bright]);
  constexpr float kWhite = 5.0f;
  rgb.resize(3 * picture.size());
  for (std::size_t i = 0; i < picture.size(); ++i) {
    const Vec3 c = picture[i] * exposure;
    const float l = std::max(1e-6f, luminance(c));
    const float mapped = std::pow(l * (1 + l / (kWhite * kWhite)) / (1 + l), 1.15f);
    // Highlights lose colour as film does.
    const Vec3 scaled = c * (mapped / l);
    const float fade = std::clamp((mapped - 0.7f) / 0.5f, 0.0f, 1.0f);
    const Vec3 out = lerp(scaled, {mapped, mapped, mapped}, fade) * 1.15f;
    rgb[3 * i] = linear_to_srgb(out.x);
    rgb[3 * i + 1] = linear_to_srgb(out.y);
    rgb[3 * i + 2] = linear_to_srgb(out.z);
  }
}

}  // namespace

void RoomTracer::add_soft_light(const PixelRays& rays, const std::vector<Hit>& hits, const std::vector<SoftLight>& soft, std::int64_t samples, std::vector<Vec3>& picture,
                                std::int64_t side) {
  const std::int64_t reach = std::clamp<std::int64_t>((side + 32) / 64, 1, 4);
  const auto place = [&](std::int64_t x, std::int64_t y) {
    const Hit& hit = hits[static_cast<std::size_t>(y * side + x)];
    return rays.direction(static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5) * hit.distance;
  };
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      const auto i = static_cast<std::size_t>(y * side + x);
      if (soft[i].samples == 0) continue;
      Vec3 sum = soft[i].irradiance;
      float weight = soft[i].samples;
      if (hits[i].met) {
        const Vec3 here = place(x, y), normal = hits[i].surface.normal;
        const float tolerance = 0.012f * hits[i].distance;
        for (std::int64_t v = std::max<std::int64_t>(0, y - reach); v <= std::min(side - 1, y + reach); ++v) {
          for (std::int64_t u = std::max<std::int64_t>(0, x - reach); u <= std::min(side - 1, x + reach); ++u) {
            const auto j = static_cast<std::size_t>(v * side + u);
            if (j == i || soft[j].samples == 0 || !hits[j].met || hits[j].object != hits[i].object || dot(hits[j].surface.normal, normal) < 0.9f) continue;
            // Neighbours count while they lie in the surface's plane.
            if (std::abs(dot(place(u, v) - here, normal)) > tolerance) continue;
            sum += soft[j].irradiance;
            weight += soft[j].samples;
          }
        }
      }
      picture[i] += sum * (1 / weight) * soft[i].albedo * (1 / static_cast<float>(samples));
    }
  }
}

Frame RoomTracer::render(const Camera& camera, const SceneOptions& options, RandomStream stream) const {
  const std::int64_t side = options.image_side;
  const auto pixels = static_cast<std::size_t>(side * side);
  Frame frame;
  frame.side = side;
  frame.camera = camera;
  frame.room_box = {0, 0, 0, static_cast<double>(room_.size.x), static_cast<double>(room_.size.y), static_cast<double>(room_.size.z)};
  frame.room_class = static_cast<std::int64_t>(room_.room_class);
  frame.depth_zbuffer.assign(pixels, Frame::kInvalidDepth);
  frame.depth_euclidean.assign(pixels, Frame::kInvalidDepth);
  frame.normal.assign(3 * pixels, Frame::kInvalidNormal);
  frame.reshading.assign(pixels, 0);
  frame.semantic.assign(pixels, static_cast<std::uint8_t>(Semantic::kBackground));
  frame.instance.assign(pixels, 0);
  frame.object.assign(pixels, Frame::kNoObject);
  frame.principal_curvature.assign(2 * pixels, Frame::kInvalidCurvature);
  const std::int64_t rays_before = rays_traced;

  const PixelRays rays(camera, side);
  const auto grid = static_cast<std::int64_t>(std::max(1.0, std::round(std::sqrt(static_cast<double>(options.samples_per_pixel)))));
  const auto pixel_angle = static_cast<float>(1 / (camera.focal_length(static_cast<double>(side)) * static_cast<double>(grid)));
  std::vector<Vec3> picture(pixels);
  std::vector<SoftLight> soft(pixels);
  std::vector<Hit> hits(pixels);
  Sampler sampler;
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      const auto i = static_cast<std::size_t>(y * side + x);
      const double px = static_cast<double>(x), py = static_cast<double>(y);
      const Vec3 direction = rays.direction(px + 0.5, py + 0.5);
      const Hit hit = hits[i] = trace(rays.origin(), direction);
      if (hit.met) {
        const double scale = length(rays.camera_direction(px + 0.5, py + 0.5));
        const double z = hit.distance;
        frame.depth_zbuffer[i] = quantized_depth(z);
        frame.depth_euclidean[i] = quantized_depth(z * scale);
        const Vec3 n = rays.to_camera(hit.surface.normal);
        frame.normal[3 * i] = quantized_normal(n.x);
        frame.normal[3 * i + 1] = quantized_normal(n.y);
        frame.normal[3 * i + 2] = quantized_normal(n.z);
        frame.reshading[i] = reshade(-dot(hit.surface.normal, normalized(direction)), static_cast<float>(z * scale));
        frame.semantic[i] = static_cast<std::uint8_t>(hit.object->semantic);
        frame.instance[i] = hit.object->instance;
        if (hit.object->role) frame.object[i] = static_cast<std::uint8_t>(*hit.object->role);
        if (const auto curvatures = principal_curvatures(*this, rays.origin() + direction * hit.distance, hit.surface.normal)) {
          frame.principal_curvature[2 * i] = quantized_curvature((*curvatures)[0]);
          frame.principal_curvature[2 * i + 1] = quantized_curvature((*curvatures)[1]);
        }
      } else if (const Opening* window = window_through(rays.origin(), direction)) {
        frame.semantic[i] = static_cast<std::uint8_t>(Semantic::kWindow);
        frame.instance[i] = window->instance;
      }
      sampler.start_pixel(px, py);
      Vec3 sum;
      for (std::int64_t sy = 0; sy < grid; ++sy) {
        for (std::int64_t sx = 0; sx < grid; ++sx) {
          sampler.turn = static_cast<std::size_t>(x + 2 * y + sy * grid + sx);
          const double jx = stream.uniform(), jy = stream.uniform();
          const Vec3 ray = rays.direction(px + (static_cast<double>(sx) + jx) / static_cast<double>(grid), py + (static_cast<double>(sy) + jy) / static_cast<double>(grid));
          // One glaring sample must not outshine its pixel's others.
          sum += min(radiance(rays.origin(), ray, pixel_angle, 0, sampler, options, &soft[i]), {12, 12, 12});
        }
      }
      picture[i] = sum * (1 / static_cast<float>(grid * grid));
    }
  }
  add_soft_light(rays, hits, soft, grid * grid, picture, side);
  expose(picture, frame.rgb);
  frame.rays = rays_traced - rays_before;
  return frame;
}

std::int64_t RoomTracer::count_hits(const Camera& camera, std::int64_t side) const {
  const PixelRays rays(camera, side);
  std::int64_t hits = 0;
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      const Vec3 d = rays.direction(static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5);
      RayContext context(RayKind::kGeometry);
      RTCRayHit ray = make_ray(rays.origin(), d, 0, 1e3f);
      rtcIntersect1(scene_, &context.embree, &ray);
      hits += ray.hit.geomID != RTC_INVALID_GEOMETRY_ID;
    }
  }
  return hits;
}

}  // namespace affinis::scenes
