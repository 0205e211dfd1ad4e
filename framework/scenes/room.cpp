#include "framework/scenes/room.h"

#include <algorithm>
#include <array>

namespace affinis::scenes {
namespace {

constexpr float kWallThickness = 0.22f;

Vec3 at_height(Vec2 p, float z) { return {p.x, p.y, z}; }

template <std::size_t N>
Vec3 pick_colour(RandomStream& stream, const std::uint32_t (&values)[N]) {
  return colour(values[stream.below(N)]);
}

float uniform(RandomStream& stream, double low, double high) { return static_cast<float>(stream.uniform(low, high)); }

/// Width, depth range by room class, metres.
struct Proportions {
  double least_width, greatest_width, least_depth, greatest_depth;
};
constexpr Proportions kProportions[kRoomClasses] = {
    {2.2, 3.2, 2.2, 3.4}, {3.2, 4.6, 3.2, 4.8}, {2.9, 4.2, 3.2, 4.8}, {4.2, 6.2, 4.0, 5.6}, {3.2, 5.2, 3.2, 5.0}};

struct WallLook {
  std::uint16_t upper, lower;
  float split;  ///< height up to which `lower` goes
};

/// The surface between z0 and z1 of a wall, texture coordinates in metres from the wall's start.
void add_wall_patch(Mesh& mesh, const Wall& wall, float t0, float t1, float z0, float z1, std::uint16_t material) {
  if (t1 - t0 < 1e-4f || z1 - z0 < 1e-4f) return;
  const Vec2 a = wall.start + wall.along * t0, b = wall.start + wall.along * t1;
  mesh.add_quad(at_height(b, z0), at_height(a, z0), at_height(a, z1), at_height(b, z1), material);
  const std::size_t first = mesh.vertices.size() - 4;
  const Vec2 uv[4] = {{t1, z0}, {t0, z0}, {t0, z1}, {t1, z1}};
  for (std::size_t i = 0; i < 4; ++i) mesh.vertices[first + i].uv = uv[i];
}

/// A box on a wall: from t0 to t1 along it, z0 to z1, from `in` to `out` metres in front of it (negative: inside the wall).
void add_wall_box(Mesh& mesh, const Wall& wall, float t0, float t1, float z0, float z1, float in, float out, std::uint16_t material) {
  const Vec2 a = wall.start + wall.along * t0 + wall.inward * in, b = wall.start + wall.along * t1 + wall.inward * out;
  mesh.add_box({std::min(a.x, b.x), std::min(a.y, b.y), z0}, {std::max(a.x, b.x), std::max(a.y, b.y), z1}, material);
}

class Shell {
 public:
  Shell(Room& room, const RoomContext& context, const BuildingStyle& style, RandomStream& stream) : room_(room), context_(context), style_(style), stream_(stream) {}

  /// Doors and windows; what must stay free in front of them.
  std::vector<Footprint> openings() {
    std::vector<Footprint> free;
    const bool bathroom = room_.room_class == RoomClass::kBathroom;
    door_wall_ = static_cast<int>(stream_.below(4));
    const Wall wall = wall_of(room_, door_wall_);
    const float width = 0.86f;
    // Doors are near a corner, which leaves longer walls for furniture.
    const float margin = uniform(stream_, 0.12, 0.35);
    door_.wall = door_wall_;
    door_.left = stream_.uniform() < 0.5 ? margin : wall.length - margin - width;
    door_.right = door_.left + width;
    door_.high = 2.04f;
    free.push_back(in_front(door_, 0.95f, 0, 2.05f));

    const int windows = bathroom ? static_cast<int>(stream_.below(2)) : room_.room_class == RoomClass::kLivingRoom || room_.room_class == RoomClass::kOffice ? 1 + static_cast<int>(stream_.below(2)) : 1;
    std::array<int, 4> order{0, 1, 2, 3};
    stream_.shuffle(std::span<int>(order));
    for (const int side : order) {
      if (static_cast<int>(room_.windows.size()) >= windows) break;
      if (side == door_wall_) continue;
      const float length = wall_of(room_, side).length;
      Opening window;
      window.wall = side;
      const float wide = bathroom ? uniform(stream_, 0.6, 0.9) : std::min(length - 1.0f, uniform(stream_, 1.1, 2.2));
      const float middle = uniform(stream_, 0.4, 0.6) * length;
      window.left = middle - wide / 2;
      window.right = middle + wide / 2;
      window.low = bathroom ? uniform(stream_, 1.2, 1.5) : room_.room_class == RoomClass::kKitchen ? 1.08f : uniform(stream_, 0.8, 0.95);
      window.high = std::min(room_.size.z - 0.2f, bathroom ? 2.0f : uniform(stream_, 2.05, 2.3));
      room_.windows.push_back(window);
      free.push_back(in_front(window, 0.30f, window.low - 0.06f, window.high));
    }
    return free;
  }

  void structure() {
    floor();
    ceiling();
    walls();
    make_door();
    for (Opening& window : room_.windows) make_window(window);
  }

  void lights() {
    const bool night = stream_.uniform() < 0.15;
    const bool lamp_on = night || stream_.uniform() < 0.75 || room_.windows.empty();
    const float day = night ? 0.02f : uniform(stream_, 2.5, 5.0);
    room_.sky = lerp(colour(0xcfe0f5), colour(0xf3efe6), uniform(stream_, 0, 1)) * day;
    room_.skyline = uniform(stream_, 0, 100);
    float flux = 0;
    Vec3 light_colour{};
    for (const Opening& window : room_.windows) {
      const Wall wall = wall_of(room_, window.wall);
      Light light;
      light.centre = at_height(wall.start + wall.along * ((window.left + window.right) / 2), (window.low + window.high) / 2) - at_height(wall.inward, 0) * 0.02f;
      light.half_u = at_height(wall.along, 0) * ((window.right - window.left) / 2);
      light.half_v = {0, 0, (window.high - window.low) / 2};
      light.normal = at_height(wall.inward, 0);
      light.radiance = room_.sky;
      room_.lights.push_back(light);
      const float area = 4 * length(light.half_u) * length(light.half_v);
      flux += kPi * area * luminance(light.radiance);
      light_colour += light.radiance * (kPi * area);
    }
    if (!night && !room_.windows.empty() && stream_.uniform() < 0.6) {
      const Wall wall = wall_of(room_, room_.windows.front().wall);
      const float turn = uniform(stream_, -0.9, 0.9), rise = uniform(stream_, 0.45, 0.95);
      const Vec3 out = -at_height(wall.inward, 0), side = at_height(wall.along, 0);
      room_.sun_direction = normalized((out * std::cos(turn) + side * std::sin(turn)) * std::cos(rise) + Vec3{0, 0, std::sin(rise)});
      room_.sun = Vec3{1.0f, 0.9f, 0.75f} * uniform(stream_, 5, 9);
      const Opening& window = room_.windows.front();
      const float area = (window.right - window.left) * (window.high - window.low) * std::max(0.0f, dot(room_.sun_direction, out));
      flux += area * luminance(room_.sun);
      light_colour += room_.sun * area;
    }
    const bool flat = room_.room_class == RoomClass::kOffice || room_.room_class == RoomClass::kBathroom || stream_.uniform() < 0.35;
    const Vec3 warm = lerp(Vec3{1.0f, 0.82f, 0.6f}, Vec3{1.0f, 0.97f, 0.92f}, flat ? uniform(stream_, 0.6, 1) : uniform(stream_, 0.1, 0.8));
    const float strength = lamp_on ? uniform(stream_, 3.0, 5.0) * std::sqrt(room_.size.x * room_.size.y / 16) : 0;
    const std::vector<Vec3> sources = flat ? panels(warm, lamp_on) : hanging(warm, lamp_on);
    for (const Vec3& source : sources) {
      if (!lamp_on) continue;
      Light light;
      light.centre = source;
      if (flat) {
        light.half_u = {0.25f, 0, 0};
        light.half_v = {0, 0.25f, 0};
        light.normal = {0, 0, -1};
        light.radiance = warm * (2 * strength / (0.25f * static_cast<float>(sources.size())));
        flux += kPi * 0.25f * luminance(light.radiance);
        light_colour += light.radiance * (kPi * 0.25f);
      } else {
        light.ball = true;
        light.radiance = warm * (strength / static_cast<float>(sources.size()));
        flux += 4 * kPi * luminance(light.radiance);
        light_colour += light.radiance * (4 * kPi);
      }
      room_.lights.push_back(light);
    }
    const Vec3 s = room_.size;
    const float surface = 2 * (s.x * s.y + s.x * s.z + s.y * s.z);
    constexpr float kReflectance = 0.55f;
    // What all surfaces together receive after the first bounce, as in an integrating sphere.
    const Vec3 tone = light_colour * (1 / std::max(1e-6f, luminance(light_colour)));
    room_.ambient = tone * (flux * kReflectance / (surface * (1 - kReflectance)));
  }

 private:
  Footprint in_front(const Opening& opening, float depth, float low, float high) const {
    const Wall wall = wall_of(room_, opening.wall);
    Footprint f;
    f.centre = wall.start + wall.along * ((opening.left + opening.right) / 2) + wall.inward * (depth / 2);
    f.half = {(opening.right - opening.left) / 2 + 0.03f, depth / 2};
    f.angle = std::atan2(wall.along.y, wall.along.x);
    f.low = low;
    f.high = high;
    return f;
  }

  void add(Mesh mesh, Semantic semantic, std::uint16_t instance, std::string name) {
    Object object;
    object.model = std::make_shared<const Model>(context_.device, std::move(mesh));
    object.semantic = semantic;
    object.instance = instance;
    object.name = std::move(name);
    room_.objects.push_back(std::move(object));
  }

  void floor() {
    Mesh mesh;
    Material material;
    const bool wet = room_.room_class == RoomClass::kBathroom || (room_.room_class == RoomClass::kKitchen && stream_.uniform() < 0.6);
    constexpr std::uint32_t kTileTones[] = {0xe8e4da, 0xb9b4aa, 0x9aa3a8, 0xd8c7ac, 0x7c7f83, 0xc77f5a};
    constexpr std::uint32_t kCarpets[] = {0xa89c8a, 0x8a8f98, 0xb7a58c, 0x6f7a86, 0x9c8f9c, 0x7d8a72};
    if (wet) {
      material = context_.patterns.material(stream_.uniform() < 0.25 ? Pattern::kChequer : Pattern::kTiles, style_.tile_variant + stream_.below(3), pick_colour(stream_, kTileTones) * 1.1f);
      material.shine = 0.10f;
    } else if ((room_.room_class == RoomClass::kBedroom || room_.room_class == RoomClass::kOffice) && stream_.uniform() < 0.45) {
      material = context_.patterns.material(Pattern::kCarpet, stream_.below(Patterns::kVariants), pick_colour(stream_, kCarpets) * 1.15f);
    } else {
      material = context_.patterns.material(style_.parquet ? Pattern::kParquet : Pattern::kPlanks, style_.floor_variant, style_.wood * 1.15f);
      material.shine = 0.07f;
    }
    room_.floor_colour = material.tint * material.texture->mean();
    const std::uint16_t m = mesh.add_material(material);
    mesh.add_quad({0, 0, 0}, {room_.size.x, 0, 0}, {room_.size.x, room_.size.y, 0}, {0, room_.size.y, 0}, m);
    add(std::move(mesh), Semantic::kFloor, 0, "floor");
  }

  void ceiling() {
    Mesh mesh;
    const std::uint16_t m = mesh.add_material(context_.patterns.material(Pattern::kPlaster, 0, colour(0xfbfaf6) * 1.05f));
    const Vec3 s = room_.size;
    mesh.add_quad({0, s.y, s.z}, {s.x, s.y, s.z}, {s.x, 0, s.z}, {0, 0, s.z}, m);
    add(std::move(mesh), Semantic::kCeiling, 0, "ceiling");
  }

  void walls() {
    constexpr std::uint32_t kPaints[] = {0xf3efe6, 0xe7dfd0, 0xdfe6e6, 0xcfdad2, 0xe8d9c8, 0xd8d3e0, 0xc9d6e3, 0xf0e2b8, 0xb9c7bd, 0xdcc3b2};
    constexpr std::uint32_t kAccents[] = {0x7f9aa8, 0x9a6a5a, 0x6f8468, 0x5b6b84, 0xa98f5f, 0x8b7590, 0xb0b4b6};
    constexpr std::uint32_t kWallTiles[] = {0xf2f4f4, 0xdfe9ea, 0x9fc0c6, 0x8fa8bf, 0xd9cdb8, 0xa9c2a4, 0x6e8c9c};
    Mesh mesh;
    const Vec3 paint_colour = lerp(style_.wall_tone, pick_colour(stream_, kPaints), 0.6f);
    const bool papered = (room_.room_class == RoomClass::kBedroom || room_.room_class == RoomClass::kLivingRoom) && stream_.uniform() < 0.45;
    const auto surface = [&](Vec3 tint, bool paper) {
      return mesh.add_material(context_.patterns.material(paper ? Pattern::kWallpaper : Pattern::kPlaster, stream_.below(Patterns::kVariants), tint * 1.1f));
    };
    WallLook look{surface(paint_colour, papered), 0, 0};
    look.lower = look.upper;
    bool tiled = false;
    if (room_.room_class == RoomClass::kBathroom) {
      tiled = true;
      look.lower = mesh.add_material(context_.patterns.material(stream_.uniform() < 0.5 ? Pattern::kBricks : Pattern::kTiles, style_.tile_variant, pick_colour(stream_, kWallTiles) * 1.1f));
      mesh.materials[look.lower].shine = 0.12f;
      look.split = stream_.uniform() < 0.5 ? room_.size.z : uniform(stream_, 1.2, 2.0);
    }
    const int accent_wall = stream_.uniform() < 0.4 && !tiled ? static_cast<int>(stream_.below(4)) : -1;
    const std::uint16_t accent = accent_wall >= 0 ? surface(pick_colour(stream_, kAccents), stream_.uniform() < 0.3) : look.upper;
    Material trim_material;
    trim_material.tint = style_.trim;
    trim_material.shine = 0.05f;
    const std::uint16_t trim = mesh.add_material(trim_material);

    for (int side = 0; side < 4; ++side) {
      const Wall wall = wall_of(room_, side);
      std::vector<float> ts{0, wall.length}, zs{0, room_.size.z};
      if (look.split > 0 && look.split < room_.size.z) zs.push_back(look.split);
      for (const Opening& window : room_.windows) {
        if (window.wall != side) continue;
        ts.insert(ts.end(), {window.left, window.right});
        zs.insert(zs.end(), {window.low, window.high});
      }
      std::sort(ts.begin(), ts.end());
      std::sort(zs.begin(), zs.end());
      for (std::size_t i = 0; i + 1 < ts.size(); ++i) {
        for (std::size_t j = 0; j + 1 < zs.size(); ++j) {
          const float t = (ts[i] + ts[i + 1]) / 2, z = (zs[j] + zs[j + 1]) / 2;
          const bool hole = std::any_of(room_.windows.begin(), room_.windows.end(),
                                        [&](const Opening& w) { return w.wall == side && t > w.left && t < w.right && z > w.low && z < w.high; });
          if (hole) continue;
          std::uint16_t material = side == accent_wall ? accent : look.upper;
          if (z < look.split) material = look.lower;
          add_wall_patch(mesh, wall, ts[i], ts[i + 1], zs[j], zs[j + 1], material);
        }
      }
      for (const Opening& window : room_.windows) {
        if (window.wall == side) reveal(mesh, wall, window, trim);
      }
      if (!tiled) {
        const float door_left = side == door_wall_ ? door_.left - 0.07f : wall.length, door_right = side == door_wall_ ? door_.right + 0.07f : wall.length;
        if (door_left > 0.02f) add_wall_box(mesh, wall, 0.0f, door_left, 0.0f, 0.08f, 0.0f, 0.012f, trim);
        if (door_right < wall.length - 0.02f) add_wall_box(mesh, wall, door_right, wall.length, 0.0f, 0.08f, 0.0f, 0.012f, trim);
      }
    }
    add(std::move(mesh), Semantic::kWall, 0, "walls");
  }

  /// The four sides of a hole through the wall.
  void reveal(Mesh& mesh, const Wall& wall, const Opening& o, std::uint16_t material) {
    const auto at = [&](float t, float z, float depth) { return at_height(wall.start + wall.along * t - wall.inward * depth, z); };
    constexpr float d = kWallThickness;
    mesh.add_quad(at(o.left, o.low, 0), at(o.right, o.low, 0), at(o.right, o.low, d), at(o.left, o.low, d), material);
    mesh.add_quad(at(o.left, o.high, d), at(o.right, o.high, d), at(o.right, o.high, 0), at(o.left, o.high, 0), material);
    mesh.add_quad(at(o.left, o.low, d), at(o.left, o.high, d), at(o.left, o.high, 0), at(o.left, o.low, 0), material);
    mesh.add_quad(at(o.right, o.low, 0), at(o.right, o.high, 0), at(o.right, o.high, d), at(o.right, o.low, d), material);
  }

  void make_door() {
    constexpr std::uint32_t kDoors[] = {0xf2f0ea, 0xc79f6f, 0x8a5a36, 0xe4dccb, 0x7b4b2a};
    const Wall wall = wall_of(room_, door_wall_);
    Mesh mesh;
    const bool white = stream_.uniform() < 0.5;
    Material leaf_material = white ? Material{} : context_.patterns.material(Pattern::kGrain, stream_.below(8), pick_colour(stream_, kDoors) * 1.1f);
    if (white) leaf_material.tint = colour(0xe9e6de);
    leaf_material.shine = 0.06f;
    const std::uint16_t leaf = mesh.add_material(leaf_material);
    Material inset_material = leaf_material;
    inset_material.tint = inset_material.tint * 0.86f;
    const std::uint16_t inset = mesh.add_material(inset_material);
    Material trim_material;
    trim_material.tint = style_.trim;
    const std::uint16_t trim = mesh.add_material(trim_material);
    Material metal_material;
    metal_material.tint = {0.35f, 0.34f, 0.32f};
    metal_material.shine = 0.4f;
    const std::uint16_t metal = mesh.add_material(metal_material);
    add_wall_box(mesh, wall, door_.left - 0.07f, door_.left, 0, door_.high + 0.07f, 0, 0.03f, trim);
    add_wall_box(mesh, wall, door_.right, door_.right + 0.07f, 0, door_.high + 0.07f, 0, 0.03f, trim);
    add_wall_box(mesh, wall, door_.left - 0.07f, door_.right + 0.07f, door_.high, door_.high + 0.07f, 0, 0.031f, trim);
    add_wall_box(mesh, wall, door_.left, door_.right, 0.004f, door_.high, 0, 0.012f, leaf);
    const float w = door_.right - door_.left;
    for (int row = 0; row < 2; ++row) {
      const float z0 = row ? 1.1f : 0.2f, z1 = row ? 1.9f : 0.95f;
      for (int column = 0; column < 2; ++column) {
        const float t0 = door_.left + (column ? 0.54f : 0.12f) * w, t1 = t0 + 0.34f * w;
        add_wall_box(mesh, wall, t0, t1, z0, z1, 0.012f, 0.014f, inset);
        add_wall_box(mesh, wall, t0 + 0.03f, t1 - 0.03f, z0 + 0.03f, z1 - 0.03f, 0.014f, 0.02f, leaf);
      }
    }
    add_wall_box(mesh, wall, door_.right - 0.075f, door_.right - 0.045f, 1.0f, 1.05f, 0.012f, 0.06f, metal);
    add_wall_box(mesh, wall, door_.right - 0.17f, door_.right - 0.045f, 1.015f, 1.035f, 0.05f, 0.065f, metal);
    add(std::move(mesh), Semantic::kDoor, next_instance(), "door");
  }

  void make_window(Opening& window) {
    window.instance = next_instance();
    const Wall wall = wall_of(room_, window.wall);
    Mesh mesh;
    Material frame_material;
    frame_material.tint = lerp(style_.trim, colour(0xf4f4f2), 0.5f);
    const std::uint16_t frame = mesh.add_material(frame_material);
    const float l = window.left, r = window.right, low = window.low, high = window.high;
    const float in = -0.13f, out = -0.07f, bar = 0.055f;
    add_wall_box(mesh, wall, l, l + bar, low, high, in, out, frame);
    add_wall_box(mesh, wall, r - bar, r, low, high, in, out, frame);
    add_wall_box(mesh, wall, l + bar, r - bar, low, low + bar, in, out, frame);
    add_wall_box(mesh, wall, l + bar, r - bar, high - bar, high, in, out, frame);
    const int panes = std::max(1, static_cast<int>((r - l) / 0.62f + 0.4f));
    for (int i = 1; i < panes; ++i) {
      const float t = l + (r - l) * static_cast<float>(i) / static_cast<float>(panes);
      add_wall_box(mesh, wall, t - 0.03f, t + 0.03f, low + bar, high - bar, in, out + 0.004f, frame);
    }
    if (stream_.uniform() < 0.35) add_wall_box(mesh, wall, l + bar, r - bar, low + 0.68f * (high - low), low + 0.68f * (high - low) + 0.035f, in, out + 0.002f, frame);
    // The sill.
    add_wall_box(mesh, wall, l - 0.05f, r + 0.05f, low - 0.035f, low, -0.07f, 0.05f, frame);
    add(std::move(mesh), Semantic::kWindow, window.instance, "window");

    const bool curtains = room_.room_class == RoomClass::kBedroom || room_.room_class == RoomClass::kLivingRoom ? stream_.uniform() < 0.85 : room_.room_class == RoomClass::kOffice && stream_.uniform() < 0.35;
    if (curtains) hang_curtains(window, wall);
  }

  void hang_curtains(const Opening& window, const Wall& wall) {
    constexpr std::uint32_t kCloths[] = {0xd8cdb8, 0x8f9fae, 0xa65a4a, 0xe8e4dc, 0x6d7f5f, 0xc6a24c, 0x7a5f7c, 0x4f6f86};
    const Material cloth_material = context_.patterns.material(Pattern::kFabric, stream_.below(8), pick_colour(stream_, kCloths) * 1.2f);
    const float top = std::min(room_.size.z - 0.05f, window.high + 0.12f);
    const float bottom = stream_.uniform() < 0.5 ? window.low - 0.15f : 0.03f;
    const float width = std::clamp(0.24f * (window.right - window.left), 0.22f, 0.5f);
    Mesh mesh;
    const std::uint16_t cloth = mesh.add_material(cloth_material);
    Material rod_material;
    rod_material.tint = {0.2f, 0.18f, 0.16f};
    rod_material.shine = 0.2f;
    const std::uint16_t rod = mesh.add_material(rod_material);
    const float left = std::max(0.02f, window.left - 0.75f * width), right = std::min(wall.length - 0.02f, window.right + 0.75f * width);
    add_wall_box(mesh, wall, left, right, top, top + 0.025f, 0.085f, 0.11f, rod);
    const float starts[2] = {left, right - width};
    constexpr int kSteps = 28;
    for (const float start : starts) {
      const auto point = [&](int i, float z) {
        const float s = static_cast<float>(i) / kSteps;
        const float depth = 0.095f + 0.035f * std::sin(2 * kPi * s * 4.5f);
        return at_height(wall.start + wall.along * (start + s * width) + wall.inward * depth, z);
      };
      for (int i = 0; i < kSteps; ++i) mesh.add_quad(point(i + 1, bottom), point(i, bottom), point(i, top), point(i + 1, top), cloth);
    }
    add(std::move(mesh), Semantic::kCurtain, next_instance(), "curtains");
    curtain_free_.push_back(window);
  }

  std::vector<Vec3> panels(Vec3 warm, bool on) {
    std::vector<Vec3> sources;
    const bool long_room = room_.size.x * room_.size.y > 14;
    const int count = room_.room_class == RoomClass::kOffice ? (long_room ? 4 : 2) : 1;
    for (int i = 0; i < count; ++i) {
      const float fx = count == 4 ? (i % 2 ? 0.72f : 0.28f) : count == 2 ? (i ? 0.7f : 0.3f) : 0.5f, fy = count == 4 ? (i / 2 ? 0.72f : 0.28f) : 0.5f;
      const Vec3 at{fx * room_.size.x, fy * room_.size.y, room_.size.z};
      Mesh mesh;
      Material body_material;
      body_material.tint = {0.75f, 0.75f, 0.75f};
      const std::uint16_t body = mesh.add_material(body_material);
      Material shine_material;
      shine_material.tint = {0.8f, 0.8f, 0.8f};
      shine_material.glow = on ? warm * 2.5f : Vec3{};
      const std::uint16_t shine = mesh.add_material(shine_material);
      if (room_.room_class == RoomClass::kOffice) {
        mesh.add_box(at + Vec3{-0.3f, -0.3f, -0.05f}, at + Vec3{0.3f, 0.3f, 0}, body);
        mesh.add_box(at + Vec3{-0.27f, -0.27f, -0.056f}, at + Vec3{0.27f, 0.27f, -0.05f}, shine);
      } else {
        mesh.add_cylinder(at + Vec3{0, 0, -0.03f}, 0.03f, 0.2f, 0.2f, body, 28);
        mesh.add_ellipsoid(at + Vec3{0, 0, -0.03f}, {0.18f, 0.18f, 0.07f}, shine, 24);
      }
      add(std::move(mesh), Semantic::kLamp, next_instance(), "ceiling lamp");
      sources.push_back(at + Vec3{0, 0, -0.11f});
    }
    return sources;
  }

  std::vector<Vec3> hanging(Vec3 warm, bool on) {
    const Space space{0.7f, 0.7f, room_.size.z - 1.75f};
    const auto piece = context_.furniture.choose(Role::kHangingLamp, stream_, space);
    if (!piece) return panels(warm, on);
    Object lamp;
    lamp.model = piece->model;
    lamp.semantic = Semantic::kLamp;
    lamp.instance = next_instance();
    lamp.name = piece->name;
    lamp.support = Object::Support::kCeiling;
    const Vec3 at{room_.size.x / 2, room_.size.y / 2, room_.size.z - piece->size.z};
    lamp.placement = Placement::at(at, 0);
    lamp.footprint = {{at.x, at.y}, {piece->size.x / 2, piece->size.y / 2}, 0, at.z, room_.size.z};
    room_.objects.push_back(lamp);
    return {at + Vec3{0, 0, -0.04f}};
  }

  std::uint16_t next_instance() {
    std::uint16_t last = 0;
    for (const Object& object : room_.objects) last = std::max(last, object.instance);
    return static_cast<std::uint16_t>(std::max(last, last_instance_) + 1);
  }

  Room& room_;
  const RoomContext& context_;
  const BuildingStyle& style_;
  RandomStream& stream_;
  int door_wall_ = 0;
  Opening door_;
  std::uint16_t last_instance_ = 0;

 public:
  std::vector<Opening> curtain_free_;
};

}  // namespace

std::array<Vec2, 4> Footprint::corners() const {
  const Vec2 x{std::cos(angle), std::sin(angle)}, y{-x.y, x.x};
  return {centre + x * half.x + y * half.y, centre - x * half.x + y * half.y, centre - x * half.x - y * half.y, centre + x * half.x - y * half.y};
}

bool Footprint::overlaps(const Footprint& other, float slack) const {
  if (low >= other.high - slack || other.low >= high - slack) return false;
  const auto mine = corners(), theirs = other.corners();
  for (const float a : {angle, angle + kPi / 2, other.angle, other.angle + kPi / 2}) {
    const Vec2 axis{std::cos(a), std::sin(a)};
    float my_low = 1e30f, my_high = -1e30f, their_low = 1e30f, their_high = -1e30f;
    for (std::size_t i = 0; i < 4; ++i) {
      const float m = mine[i].x * axis.x + mine[i].y * axis.y, t = theirs[i].x * axis.x + theirs[i].y * axis.y;
      my_low = std::min(my_low, m);
      my_high = std::max(my_high, m);
      their_low = std::min(their_low, t);
      their_high = std::max(their_high, t);
    }
    if (my_low >= their_high - slack || their_low >= my_high - slack) return false;
  }
  return true;
}

Wall wall_of(const Room& room, int wall) {
  const float w = room.size.x, d = room.size.y;
  switch (wall) {
    case 0: return {{0, 0}, {1, 0}, {0, 1}, w};
    case 1: return {{w, 0}, {0, 1}, {-1, 0}, d};
    case 2: return {{w, d}, {-1, 0}, {0, -1}, w};
    default: return {{0, d}, {0, -1}, {1, 0}, d};
  }
}

BuildingStyle::BuildingStyle(std::uint64_t seed, std::uint64_t building) {
  RandomStream stream(seed, "style", {building});
  constexpr std::uint32_t kTones[] = {0xf2eee4, 0xe9e6df, 0xe4e9e8, 0xefe6d6, 0xe6e0ea};
  constexpr std::uint32_t kFloors[] = {0xb98a5c, 0x9a6a40, 0xcfae82, 0x7a4f30, 0xd9c6a4, 0xa99a86};
  height = static_cast<float>(stream.uniform(2.4, 2.9));
  trim = stream.uniform() < 0.75 ? colour(0xe9e7e1) : colour(0x9a7350);
  wall_tone = pick_colour(stream, kTones);
  floor_variant = stream.below(Patterns::kVariants);
  tile_variant = stream.below(Patterns::kVariants);
  wood = pick_colour(stream, kFloors);
  parquet = stream.uniform() < 0.3;
}

Room make_room(const RoomContext& context, std::uint64_t seed, std::uint64_t building, std::uint64_t room_number, RoomClass room_class) {
  const BuildingStyle style(seed, building);
  RandomStream stream(seed, "room", {building, room_number});
  Room room;
  room.room_class = room_class;
  const Proportions& p = kProportions[static_cast<std::size_t>(room_class)];
  room.size = {uniform(stream, p.least_width, p.greatest_width), uniform(stream, p.least_depth, p.greatest_depth), style.height};
  Shell shell(room, context, style, stream);
  std::vector<Footprint> free = shell.openings();
  shell.structure();
  shell.lights();
  for (const Opening& window : shell.curtain_free_) {
    // Nothing tall may stand in the curtains.
    const Wall wall = wall_of(room, window.wall);
    for (const float t : {window.left - 0.15f, window.right + 0.15f}) {
      free.push_back({wall.start + wall.along * t + wall.inward * 0.075f, {0.25f, 0.075f}, std::atan2(wall.along.y, wall.along.x), 0, window.high});
    }
  }
  furnish(room, context, free, stream);
  return room;
}

}  // namespace affinis::scenes
