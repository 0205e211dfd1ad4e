#pragma once

#include <cstdint>

namespace affinis::scenes {

/// What a thing is; the value is the label in the semantic field. semantic_vocabulary() in render.h names them.
enum class Semantic : std::uint8_t {
  kBackground,
  kWall,
  kFloor,
  kCeiling,
  kWindow,
  kDoor,
  kBed,
  kChair,
  kSofa,
  kTable,
  kCabinet,
  kShelves,
  kLamp,
  kToilet,
  kSink,
  kBath,
  kAppliance,
  kElectronics,
  kPlant,
  kPicture,
  kRug,
  kCurtain,
  kRadiator,
  kObject,
};

/// What a room is for; the value is the label. scene_vocabulary() in render.h names them.
enum class RoomClass : std::uint8_t { kBathroom, kBedroom, kKitchen, kLivingRoom, kOffice };
inline constexpr int kRoomClasses = 5;

}  // namespace affinis::scenes
