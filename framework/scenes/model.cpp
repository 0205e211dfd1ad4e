#include "framework/scenes/model.h"

#include <algorithm>
#include <cstring>

#include <tbb/task_arena.h>

#include "framework/core/error.h"
#include "framework/scenes/ray_context.h"

namespace affinis::scenes {
namespace {

void pass_through(const RTCFilterFunctionNArguments* arguments) {
  if (reinterpret_cast<const RayContext*>(arguments->context)->kind == RayKind::kColour) return;
  std::fill_n(arguments->valid, arguments->N, 0);
}

void cut_out_filter(const RTCFilterFunctionNArguments* arguments) {
  const auto* model = static_cast<const Model*>(arguments->geometryUserPtr);
  for (unsigned int i = 0; i < arguments->N; ++i) {
    if (arguments->valid[i] != -1) continue;
    const unsigned int primitive = RTCHitN_primID(arguments->hit, arguments->N, i);
    const float u = RTCHitN_u(arguments->hit, arguments->N, i), v = RTCHitN_v(arguments->hit, arguments->N, i);
    if (model->cut_out(primitive, u, v)) arguments->valid[i] = 0;
  }
}

}  // namespace

void commit(RTCScene scene) {
  // Without isolation a thread that waits inside Embree may be handed another room, which may wait for the lock that this thread holds.
  tbb::this_task_arena::isolate([&] { rtcCommitScene(scene); });
}

std::uint16_t Mesh::add_material(Material material) {
  materials.push_back(std::move(material));
  return static_cast<std::uint16_t>(materials.size() - 1);
}

void Mesh::add_quad(Vec3 a, Vec3 b, Vec3 c, Vec3 d, std::uint16_t material) {
  const Vec3 normal = normalized(cross(b - a, d - a));
  const auto first = static_cast<std::uint32_t>(vertices.size());
  const float width = length(b - a), height = length(d - a);
  vertices.push_back({a, normal, {0, 0}});
  vertices.push_back({b, normal, {width, 0}});
  vertices.push_back({c, normal, {width, height}});
  vertices.push_back({d, normal, {0, height}});
  triangles.push_back({first, first + 1, first + 2});
  triangles.push_back({first, first + 2, first + 3});
  triangle_material.insert(triangle_material.end(), 2, material);
}

void Mesh::add_picture(Vec3 a, Vec3 b, Vec3 c, Vec3 d, std::uint16_t material) {
  add_quad(a, b, c, d, material);
  const std::size_t first = vertices.size() - 4;
  vertices[first].uv = {0, 0};
  vertices[first + 1].uv = {1, 0};
  vertices[first + 2].uv = {1, 1};
  vertices[first + 3].uv = {0, 1};
}

void Mesh::add_box(Vec3 l, Vec3 h, std::uint16_t material) {
  add_quad({l.x, l.y, l.z}, {h.x, l.y, l.z}, {h.x, l.y, h.z}, {l.x, l.y, h.z}, material);
  add_quad({h.x, h.y, l.z}, {l.x, h.y, l.z}, {l.x, h.y, h.z}, {h.x, h.y, h.z}, material);
  add_quad({h.x, l.y, l.z}, {h.x, h.y, l.z}, {h.x, h.y, h.z}, {h.x, l.y, h.z}, material);
  add_quad({l.x, h.y, l.z}, {l.x, l.y, l.z}, {l.x, l.y, h.z}, {l.x, h.y, h.z}, material);
  add_quad({l.x, l.y, h.z}, {h.x, l.y, h.z}, {h.x, h.y, h.z}, {l.x, h.y, h.z}, material);
  add_quad({l.x, h.y, l.z}, {h.x, h.y, l.z}, {h.x, l.y, l.z}, {l.x, l.y, l.z}, material);
}

void Mesh::add_cylinder(Vec3 base, float height, float radius, float top_radius, std::uint16_t material, int sides) {
  const float slope = (radius - top_radius) / std::max(height, 1e-4f);
  const auto ring = [&](float z, float r, bool flat, float up) {
    const auto first = static_cast<std::uint32_t>(vertices.size());
    for (int i = 0; i <= sides; ++i) {
      const float angle = 2 * kPi * static_cast<float>(i) / static_cast<float>(sides);
      const Vec3 out{std::cos(angle), std::sin(angle), 0};
      const Vec3 normal = flat ? Vec3{0, 0, up} : normalized(out + Vec3{0, 0, slope});
      vertices.push_back({base + out * r + Vec3{0, 0, z}, normal, {angle * radius, z}});
    }
    return first;
  };
  const std::uint32_t low = ring(0, radius, false, 0), high = ring(height, top_radius, false, 0);
  const std::uint32_t bottom = ring(0, radius, true, -1), top = ring(height, top_radius, true, 1);
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(sides); ++i) {
    triangles.push_back({low + i, low + i + 1, high + i + 1});
    triangles.push_back({low + i, high + i + 1, high + i});
    triangle_material.insert(triangle_material.end(), 2, material);
    if (i > 0 && i + 1 < static_cast<std::uint32_t>(sides)) {
      triangles.push_back({bottom, bottom + i + 1, bottom + i});
      triangles.push_back({top, top + i, top + i + 1});
      triangle_material.insert(triangle_material.end(), 2, material);
    }
  }
}

void Mesh::add_ellipsoid(Vec3 centre, Vec3 radii, std::uint16_t material, int sides) {
  const int rings = std::max(4, sides / 2);
  const auto first = static_cast<std::uint32_t>(vertices.size());
  for (int j = 0; j <= rings; ++j) {
    const float polar = kPi * static_cast<float>(j) / static_cast<float>(rings);
    for (int i = 0; i <= sides; ++i) {
      const float angle = 2 * kPi * static_cast<float>(i) / static_cast<float>(sides);
      const Vec3 unit{std::sin(polar) * std::cos(angle), std::sin(polar) * std::sin(angle), -std::cos(polar)};
      const Vec3 normal = normalized({unit.x / radii.x, unit.y / radii.y, unit.z / radii.z});
      vertices.push_back({centre + unit * radii, normal, {angle * radii.x, polar * radii.z}});
    }
  }
  const auto row = static_cast<std::uint32_t>(sides + 1);
  for (std::uint32_t j = 0; j < static_cast<std::uint32_t>(rings); ++j) {
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(sides); ++i) {
      const std::uint32_t a = first + j * row + i;
      if (j > 0) {
        triangles.push_back({a, a + 1, a + row + 1});
        triangle_material.push_back(material);
      }
      if (j + 1 < static_cast<std::uint32_t>(rings)) {
        triangles.push_back({a, a + row + 1, a + row});
        triangle_material.push_back(material);
      }
    }
  }
}

void Mesh::append(const Mesh& other, const Placement& placement) {
  const auto first_vertex = static_cast<std::uint32_t>(vertices.size());
  const auto first_material = static_cast<std::uint16_t>(materials.size());
  for (const Vertex& v : other.vertices) vertices.push_back({placement.point(v.position), placement.direction(v.normal), v.uv});
  for (const auto& t : other.triangles) triangles.push_back({t[0] + first_vertex, t[1] + first_vertex, t[2] + first_vertex});
  for (const std::uint16_t m : other.triangle_material) triangle_material.push_back(static_cast<std::uint16_t>(m + first_material));
  materials.insert(materials.end(), other.materials.begin(), other.materials.end());
}

std::pair<Vec3, Vec3> Mesh::bounds() const {
  Vec3 low{1e30f, 1e30f, 1e30f}, high{-1e30f, -1e30f, -1e30f};
  for (const auto& t : triangles) {
    for (const std::uint32_t i : t) {
      low = min(low, vertices[i].position);
      high = max(high, vertices[i].position);
    }
  }
  return {low, high};
}

Device::Device() : device_(rtcNewDevice("start_threads=0,set_affinity=0,verbose=0")) {
  AFFINIS_CHECK(device_ != nullptr, ErrorCode::kDevice, "Embree cannot start; does this processor have SSE2?");
}

Device::~Device() { rtcReleaseDevice(device_); }

Model::Model(const Device& device, Mesh mesh) : mesh_(std::move(mesh)) {
  AFFINIS_ASSERT(mesh_.triangle_material.size() == mesh_.triangles.size());
  uv_density_.reserve(mesh_.triangles.size());
  for (std::uint32_t i = 0; i < mesh_.triangles.size(); ++i) {
    const auto& [a, b, c] = mesh_.triangles[i];
    const Mesh::Vertex &va = mesh_.vertices[a], &vb = mesh_.vertices[b], &vc = mesh_.vertices[c];
    const float area = length(cross(vb.position - va.position, vc.position - va.position));
    const Vec2 ub = vb.uv - va.uv, uc = vc.uv - va.uv;
    uv_density_.push_back(area > 1e-12f ? std::sqrt(std::abs(ub.x * uc.y - ub.y * uc.x) / area) : 0);
    const Material& material = mesh_.materials[mesh_.triangle_material[i]];
    const std::size_t part = material.opacity < kGlass ? 2 : material.texture && material.texture->has_alpha() ? 1 : 0;
    parts_[part].push_back(i);
  }
  scene_ = rtcNewScene(device.get());
  AFFINIS_CHECK(scene_ != nullptr, ErrorCode::kDevice, "Embree cannot make a scene; is memory exhausted?");
  rtcSetSceneFlags(scene_, RTC_SCENE_FLAG_ROBUST);
  rtcSetSceneBuildQuality(scene_, RTC_BUILD_QUALITY_MEDIUM);
  for (unsigned int part = 0; part < parts_.size(); ++part) {
    if (parts_[part].empty()) continue;
    RTCGeometry geometry = rtcNewGeometry(device.get(), RTC_GEOMETRY_TYPE_TRIANGLE);
    auto* positions = static_cast<Vec3*>(rtcSetNewGeometryBuffer(geometry, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT3, sizeof(Vec3), 3 * parts_[part].size()));
    auto* indices = static_cast<std::uint32_t*>(
        rtcSetNewGeometryBuffer(geometry, RTC_BUFFER_TYPE_INDEX, 0, RTC_FORMAT_UINT3, 3 * sizeof(std::uint32_t), parts_[part].size()));
    AFFINIS_CHECK(positions != nullptr && indices != nullptr, ErrorCode::kDevice, "Embree has no memory for a model of {} triangles", mesh_.triangles.size());
    std::uint32_t next = 0;
    for (const std::uint32_t triangle : parts_[part]) {
      for (const std::uint32_t vertex : mesh_.triangles[triangle]) {
        positions[next] = mesh_.vertices[vertex].position;
        indices[next] = next;
        ++next;
      }
    }
    rtcSetGeometryUserData(geometry, this);
    if (part > 0) {
      const auto filter = part == 1 ? cut_out_filter : pass_through;
      rtcSetGeometryIntersectFilterFunction(geometry, filter);
      rtcSetGeometryOccludedFilterFunction(geometry, filter);
    }
    rtcCommitGeometry(geometry);
    rtcAttachGeometryByID(scene_, geometry, part);
    rtcReleaseGeometry(geometry);
  }
  commit(scene_);
}

Model::~Model() { rtcReleaseScene(scene_); }

Surface Model::surface(std::uint32_t part, std::uint32_t primitive, float u, float v) const {
  const std::uint32_t triangle = parts_[part][primitive];
  const auto& [a, b, c] = mesh_.triangles[triangle];
  const Mesh::Vertex &va = mesh_.vertices[a], &vb = mesh_.vertices[b], &vc = mesh_.vertices[c];
  const float w = 1 - u - v;
  Surface surface;
  surface.material = &mesh_.materials[mesh_.triangle_material[triangle]];
  surface.normal = normalized(cross(vb.position - va.position, vc.position - va.position));
  surface.smooth = va.normal * w + vb.normal * u + vc.normal * v;
  const float l = length(surface.smooth);
  surface.smooth = l > 1e-3f ? surface.smooth * (1 / l) : surface.normal;
  if (dot(surface.smooth, surface.normal) < 0) surface.smooth = -surface.smooth;
  surface.uv = va.uv * w + vb.uv * u + vc.uv * v;
  surface.uv_per_metre = uv_density_[triangle];
  return surface;
}

float Model::height_at(float x, float y) const {
  RayContext context(RayKind::kGeometry);
  RTCRayHit hit = make_ray({x, y, 100}, {0, 0, -1}, 0, 200);
  rtcIntersect1(scene_, &context.embree, &hit);
  return hit.hit.geomID == RTC_INVALID_GEOMETRY_ID ? -1 : 100 - hit.ray.tfar;
}

bool Model::cut_out(std::uint32_t primitive, float u, float v) const {
  const std::uint32_t triangle = parts_[1][primitive];
  const auto& [a, b, c] = mesh_.triangles[triangle];
  const Vec2 uv = mesh_.vertices[a].uv * (1 - u - v) + mesh_.vertices[b].uv * u + mesh_.vertices[c].uv * v;
  return mesh_.materials[mesh_.triangle_material[triangle]].texture->alpha(uv) < 0.5f;
}

}  // namespace affinis::scenes
