#pragma once

#include <cstdint>
#include <filesystem>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "framework/core/log.h"
#include "framework/core/random.h"
#include "framework/scenes/catalogue.h"
#include "framework/scenes/model.h"
#include "framework/scenes/patterns.h"
#include "framework/scenes/vocabulary.h"

namespace affinis::scenes {

/// What a piece is used as in a room; layouts ask for pieces by role.
enum class Role {
  kBed, kNightstand, kWardrobe, kDresser, kDressingTable, kDesk, kOfficeChair, kSofa, kArmchair, kCoffeeTable, kTv, kTvStand,
  kDiningTable, kDiningChair, kBookcase, kFloorPlant, kSmallPlant, kVase, kTableLamp, kFloorLamp, kDeskLamp, kComputer, kPrinter,
  kDeskThing, kOfficeCabinet, kWaterCooler, kWhiteboard, kDustbin, kToilet, kWashbasin, kBathtub, kShower, kWashingMachine,
  kTowelRack, kLaundryBasket, kBathMat, kRadiator, kBathThing, kToiletBrush, kKitchenBase, kKitchenSink, kStove, kFridge,
  kKitchenUpper, kHood, kCounterThing, kTableware, kStool, kRug, kPicture, kMirror, kBooks, kPiano, kFireplace, kToy, kSpeaker,
  kHangingLamp, kWallClock,
};
/// How many roles there are.
inline constexpr int kRoles = static_cast<int>(Role::kWallClock) + 1;

/// A loaded piece of furniture, shared by every room it stands in.
struct Piece {
  Role role = Role::kBed;
  Semantic semantic = Semantic::kObject;
  std::string name, collection;
  std::shared_ptr<const Model> model;
  Vec3 size;            ///< width, depth, height in metres; the box stands on z = 0 around the origin
  float elevation = 0;  ///< natural height of the bottom above the floor
};

/// Greatest size that fits where a piece is wanted; metres.
struct Space {
  float width = 100, depth = 100, height = 100;
};

/// The pieces of furniture to choose from, loaded when first chosen. Thread-safe. A model that cannot be used is never offered again;
/// as that depends on the model alone, choices depend on the random stream alone.
class FurnitureStore {
 public:
  /// Catalogue entries are sorted into roles by name, category and size; roles that the catalogue does not serve, and all of them
  /// when `entries` is empty, get parametric solids. These also stand in where no model of a role fits or can be read.
  FurnitureStore(const Device& device, Patterns& patterns, const std::vector<CatalogueEntry>& entries, std::int64_t max_triangles,
                 int max_texture_side);

  /// A piece of this role that fits; null when there is none. `collection`: only from this one, when not empty and possible.
  std::shared_ptr<const Piece> choose(Role role, RandomStream& stream, const Space& space = {}, const std::string& collection = {});

  /// Name, author and licence of the catalogue models that were loaded, sorted.
  std::vector<std::string> attribution() const;

 private:
  struct Candidate {
    Role role;
    Semantic semantic;
    std::optional<CatalogueEntry> entry;
    std::uint64_t variant = 0;  ///< of a parametric solid
    bool reserve = false;       ///< offered only when nothing else fits
    Vec3 size;
    float elevation = 0;
    std::once_flag once;
    std::shared_ptr<const Piece> piece;  ///< null after loading: unusable
  };
  std::shared_ptr<const Piece> load(Candidate& candidate);

  const Device& device_;
  Patterns& patterns_;
  std::int64_t max_triangles_;
  int max_texture_side_;
  std::array<std::vector<std::unique_ptr<Candidate>>, kRoles> candidates_;
  mutable std::mutex mutex_;
  std::set<std::string> attribution_;
};

/// What a role's pieces are labelled as.
Semantic role_semantic(Role role);

}  // namespace affinis::scenes
