#include "framework/scenes/room.h"

#include <map>

#include <gtest/gtest.h>

namespace affinis::scenes {
namespace {

/// Three furnished rooms of every class.
const std::vector<Room>& rooms() {
  static Device device;
  static Patterns patterns;
  static FurnitureStore store(device, patterns, {}, 40000, 128);
  static const std::vector<Room> made = [] {
    std::vector<Room> all;
    for (std::uint64_t i = 0; i < 3; ++i) {
      for (int c = 0; c < kRoomClasses; ++c) all.push_back(make_room({device, patterns, store}, 5, i, static_cast<std::uint64_t>(c), static_cast<RoomClass>(c)));
    }
    return all;
  }();
  return made;
}

bool is_furniture(const Object& object) { return object.support != Object::Support::kStructure; }

TEST(Room, FurnitureDoesNotIntersect) {
  for (const Room& room : rooms()) {
    for (std::size_t i = 0; i < room.objects.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const Object &a = room.objects[i], &b = room.objects[j];
        if (!is_furniture(a) || !is_furniture(b)) continue;
        // What stands on a piece may lie within its box (on a sink's rim, on a desk below its shelf), never the other way round.
        if (a.support == Object::Support::kTop || b.support == Object::Support::kTop) continue;
        EXPECT_FALSE(a.footprint.overlaps(b.footprint)) << a.instance << " and " << b.instance;
      }
    }
  }
}

TEST(Room, SmallThingsDoNotIntersectOneAnother) {
  std::size_t small = 0;
  for (const Room& room : rooms()) {
    for (std::size_t i = 0; i < room.objects.size(); ++i) {
      small += room.objects[i].support == Object::Support::kTop;
      for (std::size_t j = 0; j < i; ++j) {
        const Object &a = room.objects[i], &b = room.objects[j];
        if (a.support != Object::Support::kTop || b.support != Object::Support::kTop) continue;
        EXPECT_FALSE(a.footprint.overlaps(b.footprint)) << a.instance << " and " << b.instance;
      }
    }
  }
  EXPECT_GT(small, rooms().size()) << "tables are bare";
}

TEST(Room, FootprintsHoldTheModels) {
  for (const Room& room : rooms()) {
    for (const Object& object : room.objects) {
      if (!is_furniture(object)) continue;
      const Footprint& f = object.footprint;
      const float c = std::cos(f.angle), s = std::sin(f.angle);
      float lowest = 1e9f, highest = -1e9f;
      for (const Mesh::Vertex& vertex : object.model->mesh().vertices) {
        const Vec3 p = object.placement.point(vertex.position);
        const float dx = p.x - f.centre.x, dy = p.y - f.centre.y;
        ASSERT_LE(std::abs(c * dx + s * dy), f.half.x + 2e-3f);
        ASSERT_LE(std::abs(c * dy - s * dx), f.half.y + 2e-3f);
        lowest = std::min(lowest, p.z);
        highest = std::max(highest, p.z);
      }
      EXPECT_NEAR(lowest, f.low, 2e-3);
      EXPECT_NEAR(highest, f.high, 2e-3);
    }
  }
}

TEST(Room, FurnitureRestsOnSomethingInsideTheRoom) {
  for (const Room& room : rooms()) {
    for (const Object& object : room.objects) {
      if (!is_furniture(object)) continue;
      for (const Vec2 corner : object.footprint.corners()) {
        EXPECT_GE(corner.x, -1e-3f);
        EXPECT_GE(corner.y, -1e-3f);
        EXPECT_LE(corner.x, room.size.x + 1e-3f);
        EXPECT_LE(corner.y, room.size.y + 1e-3f);
      }
      EXPECT_LE(object.footprint.high, room.size.z + 1e-3f);
      switch (object.support) {
        case Object::Support::kFloor: EXPECT_EQ(object.footprint.low, 0); break;
        case Object::Support::kCeiling: EXPECT_NEAR(object.footprint.high, room.size.z, 1e-3); break;
        case Object::Support::kWall: {
          const Footprint& f = object.footprint;
          const float away = std::min({f.centre.x, f.centre.y, room.size.x - f.centre.x, room.size.y - f.centre.y});
          EXPECT_LT(away - f.half.y, 0.06f) << "hangs in the air";
          break;
        }
        case Object::Support::kTop: {
          // Something's surface is right below the middle.
          bool carried = false;
          for (const Object& other : room.objects) {
            if (&other == &object || !is_furniture(other)) continue;
            const float dx = object.footprint.centre.x - other.placement.position.x, dy = object.footprint.centre.y - other.placement.position.y;
            const float x = other.placement.cosine * dx + other.placement.sine * dy, y = other.placement.cosine * dy - other.placement.sine * dx;
            const float top = other.model->height_at(x, y);
            carried = carried || (top >= 0 && std::abs(top + other.placement.position.z - object.footprint.low) < 5e-3f);
          }
          EXPECT_TRUE(carried) << "floats";
          break;
        }
        case Object::Support::kStructure: break;
      }
    }
  }
}

TEST(Room, HoldsWhatItsClassPromises) {
  const std::map<RoomClass, Semantic> promised = {{RoomClass::kBathroom, Semantic::kToilet}, {RoomClass::kBedroom, Semantic::kBed}, {RoomClass::kKitchen, Semantic::kAppliance},
                                                  {RoomClass::kLivingRoom, Semantic::kSofa}, {RoomClass::kOffice, Semantic::kTable}};
  for (const Room& room : rooms()) {
    bool kept = false;
    for (const Object& object : room.objects) kept = kept || object.semantic == promised.at(room.room_class);
    EXPECT_TRUE(kept) << "room class " << static_cast<int>(room.room_class);
  }
}

TEST(Room, InstancesAreUnique) {
  for (const Room& room : rooms()) {
    std::map<std::uint16_t, int> count;
    for (const Object& object : room.objects) ++count[object.instance];
    for (const auto& [instance, times] : count) {
      if (instance != 0) {
        EXPECT_EQ(times, 1) << instance;
      }
    }
  }
}

}  // namespace
}  // namespace affinis::scenes
