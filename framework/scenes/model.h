#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "framework/scenes/texture.h"
#include "framework/scenes/vector.h"

struct RTCDeviceTy;
struct RTCSceneTy;

namespace affinis::scenes {

/// How a surface looks. Colours are linear.
struct Material {
  Vec3 tint{0.8f, 0.8f, 0.8f};  ///< diffuse reflectance, or what the texture is multiplied with
  std::shared_ptr<const Texture> texture;
  float uv_scale = 1;     ///< textures per unit of uv; uv is in metres on our own surfaces
  float opacity = 1;      ///< below kGlass: seen through, no shadow
  float shine = 0;        ///< strength of highlights and of mirrored surroundings at grazing angles
  float gloss = 30;       ///< Phong exponent of the highlights
  float mirror = 0;       ///< 1: a looking-glass
  Vec3 glow;              ///< emitted light
};
/// Materials with less opacity are glass: colour rays see through them, geometry and shadow rays pass.
inline constexpr float kGlass = 0.6f;

/// Triangles in metres (z up, front towards -y, origin at the middle of the footprint on the ground) with what shading needs.
struct Mesh {
  struct Vertex {
    Vec3 position, normal;
    Vec2 uv;
  };
  std::vector<Vertex> vertices;
  std::vector<std::array<std::uint32_t, 3>> triangles;
  std::vector<std::uint16_t> triangle_material;
  std::vector<Material> materials;

  std::uint16_t add_material(Material material);
  /// A flat quadrilateral (counter-clockwise seen from its front); texture coordinates in metres along its first and last edge.
  void add_quad(Vec3 a, Vec3 b, Vec3 c, Vec3 d, std::uint16_t material);
  /// As add_quad(), with the whole texture stretched over it once.
  void add_picture(Vec3 a, Vec3 b, Vec3 c, Vec3 d, std::uint16_t material);
  /// An axis-aligned box.
  void add_box(Vec3 low, Vec3 high, std::uint16_t material);
  /// An upright cylinder or cone frustum.
  void add_cylinder(Vec3 base, float height, float radius, float top_radius, std::uint16_t material, int sides = 20);
  void add_ellipsoid(Vec3 centre, Vec3 radii, std::uint16_t material, int sides = 16);
  void append(const Mesh& other, const Placement& placement);
  /// Least and greatest coordinates.
  std::pair<Vec3, Vec3> bounds() const;
};

/// The Embree device that all models and rooms of a renderer share.
class Device {
 public:
  Device();
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  RTCDeviceTy* get() const { return device_; }

 private:
  RTCDeviceTy* device_;
};

/// Where a ray met a mesh, in the mesh's frame.
struct Surface {
  const Material* material = nullptr;
  Vec3 normal;  ///< of the triangle, unit length, either side
  Vec3 smooth;  ///< interpolated, on the same side
  Vec2 uv;
  float uv_per_metre = 0;  ///< how much of the texture a metre covers
};

/// A mesh with its acceleration structure; immutable and shared by rooms.
class Model {
 public:
  /// Builds over the mesh. Parts: opaque (0), cut out by a texture's alpha (1), glass (2).
  Model(const Device& device, Mesh mesh);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  RTCSceneTy* scene() const { return scene_; }
  const Mesh& mesh() const { return mesh_; }
  /// What lies at barycentric (u, v) of triangle `primitive` of part `part`.
  Surface surface(std::uint32_t part, std::uint32_t primitive, float u, float v) const;
  /// Height of the topmost surface at (x, y) of the mesh's frame; negative when there is none.
  float height_at(float x, float y) const;
  bool cut_out(std::uint32_t primitive, float u, float v) const;

 private:
  Mesh mesh_;
  std::array<std::vector<std::uint32_t>, 3> parts_;  ///< triangle numbers
  std::vector<float> uv_density_;
  RTCSceneTy* scene_ = nullptr;
};

/// What a ray may meet; handed to Embree as the first member of its context.
enum class RayKind { kGeometry, kColour, kShadow };

}  // namespace affinis::scenes
