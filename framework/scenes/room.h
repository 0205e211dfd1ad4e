#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "framework/core/random.h"
#include "framework/scenes/furniture.h"
#include "framework/scenes/model.h"
#include "framework/scenes/patterns.h"
#include "framework/scenes/vocabulary.h"

namespace affinis::scenes {

/// A box that stands upright: the space a thing takes up.
struct Footprint {
  Vec2 centre;
  Vec2 half;        ///< half width and half depth
  float angle = 0;  ///< of the width's direction, counter-clockwise seen from above
  float low = 0, high = 0;

  std::array<Vec2, 4> corners() const;
  /// Whether the boxes share more than `slack` metres in every direction (separating axes).
  bool overlaps(const Footprint& other, float slack = 0.001f) const;
};

/// One thing in a room.
struct Object {
  std::shared_ptr<const Model> model;
  Placement placement;
  Semantic semantic = Semantic::kObject;
  std::uint16_t instance = 0;  ///< 0: the room itself
  std::string name;
  std::optional<Role> role;  ///< of furniture
  /// What carries a piece of furniture.
  enum class Support { kStructure, kFloor, kWall, kCeiling, kTop } support = Support::kStructure;
  Footprint footprint;  ///< of furniture
};

/// A hole in a wall.
struct Opening {
  int wall = 0;
  float left = 0, right = 0;  ///< along the wall, metres from its start
  float low = 0, high = 0;
  std::uint16_t instance = 0;
};

/// A source of light: a rectangle that shines along its normal, or (half extents zero) a small ball that shines everywhere.
struct Light {
  Vec3 centre, half_u, half_v, normal;
  Vec3 radiance;  ///< of a rectangle; of a ball its intensity
  bool ball = false;
};

/// A furnished room; the origin is a corner of the floor, x and y run along the walls, z up.
struct Room {
  RoomClass room_class = RoomClass::kBedroom;
  Vec3 size;
  std::vector<Object> objects;
  std::vector<Opening> windows;
  std::vector<Light> lights;
  Vec3 ambient;             ///< irradiance from many bounces
  Vec3 floor_colour;        ///< what the ambient light takes on near the floor
  Vec3 sun_direction;       ///< towards the sun
  Vec3 sun;                 ///< irradiance across its rays; zero: no sun
  Vec3 sky;                 ///< radiance
  float skyline = 0;        ///< phase of the trees outside
};

/// Wall w as seen from inside: starts at a corner, runs `along`, and faces `inward`. Wall 0 is y = 0, 1 is x = width, 2 is y = depth, 3 is x = 0.
struct Wall {
  Vec2 start, along, inward;
  float length;
};
Wall wall_of(const Room& room, int wall);

/// Everything that makes rooms; shared by all threads.
struct RoomContext {
  const Device& device;
  Patterns& patterns;
  FurnitureStore& furniture;
};

/// What the rooms of one building share: materials, trim, proportions.
struct BuildingStyle {
  BuildingStyle(std::uint64_t seed, std::uint64_t building);
  float height;
  Vec3 trim, wall_tone;
  std::uint64_t floor_variant, tile_variant;
  Vec3 wood;
  bool parquet;
};

/// Builds and furnishes room `room` of building `building`; depends on the arguments alone.
Room make_room(const RoomContext& context, std::uint64_t seed, std::uint64_t building, std::uint64_t room, RoomClass room_class);

/// Furnishes an empty room (furnish.cpp).
void furnish(Room& room, const RoomContext& context, const std::vector<Footprint>& kept_free, RandomStream& stream);

}  // namespace affinis::scenes
