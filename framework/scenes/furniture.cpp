#include "framework/scenes/furniture.h"

#include <algorithm>
#include <numeric>

#include "framework/core/error.h"
#include "framework/scenes/parametric.h"

namespace affinis::scenes {
namespace {

/// Which catalogue entries serve a role: by English name, category and size. Sizes in metres.
struct Rule {
  Role role;
  const char* category;  ///< nullptr: any
  std::vector<const char*> names;
  Vec3 least, greatest;  ///< width, depth, height
};

constexpr Vec3 kAnySize{100, 100, 100};

const std::vector<Rule>& rules() {
  static const std::vector<Rule> table = {
      {Role::kBed, "Bedroom", {"Bed", "Iron bed", "Captain's bed", "Child bed"}, {0.9f, 1.8f, 0.5f}, {2.1f, 2.3f, 1.3f}},
      {Role::kNightstand, "Bedroom", {"Bedside table"}, {}, {0.6f, 0.6f, 0.7f}},
      {Role::kWardrobe, "Bedroom", {"Wardrobe", "Cupboard"}, {}, {2.2f, 0.8f, 2.4f}},
      {Role::kDresser, nullptr, {"Dresser with drawers", "Chest", "Changing table"}, {0.7f, 0.3f, 0.6f}, {1.7f, 0.6f, 1.2f}},
      {Role::kDressingTable, "Bedroom", {"Dressing table"}, {}, kAnySize},
      {Role::kDesk, "Office", {"Desk", "Desk table", "Wooden desk", "Wooden table", "Wooden teak table", "Wooden alder table"}, {0.9f, 0.5f, 0.65f}, {1.95f, 1.0f, 1.1f}},
      {Role::kDesk, "Living room", {"Table on trestles"}, {}, kAnySize},
      {Role::kOfficeChair, "Office", {"Armchair", "Chair"}, {0.4f, 0.4f, 0.7f}, {0.75f, 0.75f, 1.2f}},
      {Role::kSofa, "Living room", {"Sofa", "Sofa 2 seats", "Sofa 3 seats", "Couch", "Clear sofa", "Burlap sofa", "Futon couch", "Winchester sofa"}, {1.5f, 0.6f, 0.6f}, {2.45f, 1.1f, 1.1f}},
      {Role::kArmchair, "Living room", {"Armchair", "Winchester armchair", "Modern armchair"}, {0.5f, 0.5f, 0.6f}, {1.15f, 1.0f, 1.1f}},
      {Role::kCoffeeTable, "Living room", {"Coffee table", "Table"}, {0.8f, 0.4f, 0.35f}, {1.5f, 0.9f, 0.56f}},
      {Role::kTv, "Living room", {"TV"}, {0.5f, 0.1f, 0.3f}, kAnySize},
      {Role::kTvStand, "Living room", {"TV stand"}, {}, kAnySize},
      {Role::kDiningTable, "Living room", {"Table", "Oak table", "Black table", "Table with tablecloth", "Round table", "Glass table"}, {0.75f, 0.75f, 0.68f}, {1.75f, 1.25f, 0.8f}},
      {Role::kDiningChair, "Living room", {"Chair", "Oak chair", "Chair with cushion", "Plastic chair", "Osaka chair"}, {0.38f, 0.38f, 0.75f}, {0.6f, 0.66f, 1.2f}},
      {Role::kBookcase, nullptr, {"Bookcase", "Full bookcase", "Shelves", "Vertical shelves"}, {0.4f, 0.2f, 1.1f}, {1.7f, 0.45f, 2.3f}},
      {Role::kFloorPlant, "Living room", {"Plant", "Decorative plant", "Yucca", "Ficus", "Indoor plant", "Spathiphyllum"}, {0.2f, 0.2f, 0.6f}, {1.1f, 1.1f, 2.0f}},
      {Role::kSmallPlant, "Living room", {"Little plant", "Cactus", "Orchids", "Bonsai tree", "Tulips", "White lily", "Flowers", "Succulent plant", "Bamboo"}, {}, {0.46f, 0.46f, 0.62f}},
      {Role::kVase, "Miscellaneous", {"Vase"}, {}, {0.4f, 0.4f, 0.55f}},
      {Role::kTableLamp, "Lights", {"Lamp", "Little lamp", "Pedestal vase lamp"}, {0.15f, 0.15f, 0.38f}, {0.45f, 0.45f, 0.82f}},
      {Role::kFloorLamp, "Lights", {"Lamp"}, {0.2f, 0.2f, 1.2f}, {0.7f, 0.7f, 2.0f}},
      {Role::kDeskLamp, "Lights", {"Desk lamp"}, {}, kAnySize},
      {Role::kComputer, "Office", {"Laptop", "Apple iBook", "Apple iMac 1998", "Apple iMac 2004"}, {}, kAnySize},
      {Role::kPrinter, "Office", {"Inkjet printer and scanner"}, {}, kAnySize},
      {Role::kDeskThing, nullptr, {"Letter tray", "Penbox", "Phone", "Calendar", "Wireless phone", "Table fan"}, {0.05f, 0.05f, 0.03f}, {0.4f, 0.4f, 0.45f}},
      {Role::kOfficeCabinet, "Office", {"Filing cabinet", "Safe"}, {}, kAnySize},
      {Role::kWaterCooler, "Office", {"Water cooler"}, {}, kAnySize},
      {Role::kDustbin, nullptr, {"Dustbin", "Bullet trash can"}, {}, kAnySize},
      {Role::kToilet, "Bathroom", {"Toilets unit"}, {}, kAnySize},
      {Role::kWashbasin, "Bathroom", {"Washbasin", "Vanity", "Small lavatory"}, {0.4f, 0.3f, 0.3f}, {1.2f, 0.8f, 2.1f}},
      {Role::kBathtub, "Bathroom", {"Bath", "Island bath"}, {1.4f, 0.6f, 0.4f}, {1.9f, 1.0f, 1.2f}},
      {Role::kShower, "Bathroom", {"Shower stall"}, {}, {1.2f, 1.2f, 2.2f}},
      {Role::kWashingMachine, "Kitchen", {"Washing machine", "Clothes washing machine", "Dryer machine"}, {}, kAnySize},
      {Role::kTowelRack, "Bathroom", {"Towel rack", "Radiator"}, {0.3f, 0.05f, 0.1f}, {0.7f, 0.3f, 1.6f}},
      {Role::kLaundryBasket, "Bathroom", {"Clothes basket"}, {}, kAnySize},
      {Role::kBathMat, "Bathroom", {"Bathmat"}, {}, kAnySize},
      {Role::kRadiator, "Miscellaneous", {"Radiator"}, {0.4f, 0.05f, 0.4f}, {1.5f, 0.3f, 0.8f}},
      {Role::kBathThing, "Bathroom", {"Cosmetics pot", "Bottle", "Soap", "Towel"}, {0.04f, 0.03f, 0.03f}, {0.25f, 0.25f, 0.3f}},
      {Role::kToiletBrush, "Bathroom", {"Toilet brush"}, {}, kAnySize},
      {Role::kKitchenBase, "Kitchen", {"Lower cabinet", "Drawers cabinet", "Small lower cabinet"}, {0.4f, 0.5f, 0.8f}, {1.0f, 0.7f, 0.95f}},
      {Role::kKitchenSink, "Kitchen", {"Sink cabinet", "Sink"}, {}, {1.0f, 0.7f, 1.3f}},
      {Role::kFridge, "Kitchen", {"Refrigerator", "Large fridge", "Fridge"}, {}, kAnySize},
      {Role::kKitchenUpper, "Kitchen", {"Upper cabinet", "Glass door cabinet"}, {}, kAnySize},
      {Role::kHood, "Kitchen", {"Range hood"}, {}, kAnySize},
      {Role::kCounterThing, "Kitchen", {"Microwave", "Toaster", "Coffee machine", "Coffee maker", "Bread box", "Bowl with fruits", "Kitchen scale", "Apples", "Small oven", "Paper towel holder", "Spice tower", "Coffee brewer", "Utensils pot", "Blender"}, {}, {0.6f, 0.5f, 0.5f}},
      {Role::kTableware, "Kitchen", {"Plate, glasses and cutlery", "Plate, glass and cutlery", "Teapot", "Wine bottle", "Bowl with salad", "Coffee cup", "Bowl with fruits", "Tray", "Bowl"}, {0.07f, 0.07f, 0.03f}, {0.45f, 0.45f, 0.35f}},
      {Role::kStool, "Kitchen", {"Stool", "Bar chair"}, {}, {0.6f, 0.6f, 1.2f}},
      {Role::kRug, "Living room", {"Oriental rug", "Round carpet"}, {1.2f, 1.0f, 0.0f}, kAnySize},
      {Role::kPiano, "Living room", {"Upright piano"}, {}, kAnySize},
      {Role::kFireplace, "Living room", {"Fireplace"}, {}, {1.3f, 0.5f, 1.2f}},
      {Role::kToy, "Bedroom", {"Teddy bear", "Doll house", "Rocking horse", "Toy train", "Doll"}, {}, kAnySize},
      {Role::kSpeaker, nullptr, {"Speaker", "Electric guitar"}, {}, kAnySize},
      {Role::kHangingLamp, "Lights", {"Hanging light"}, {}, kAnySize},
  };
  return table;
}

/// Roles whose catalogue pieces are too few or too alike: the solids stay among the choices.
bool mixes_in_solids(Role role) { return role == Role::kRug || role == Role::kComputer || role == Role::kHangingLamp || role == Role::kTv || role == Role::kTvStand; }

bool within(const Vec3& size, const Vec3& least, const Vec3& greatest) {
  return size.x >= least.x && size.y >= least.y && size.z >= least.z && size.x <= greatest.x && size.y <= greatest.y && size.z <= greatest.z;
}

/// Shades of lamps are lit from within; catalogues do not say so.
void light_up(Mesh& mesh) {
  const auto [low, high] = mesh.bounds();
  std::vector<char> upper(mesh.materials.size(), 0);
  for (std::size_t i = 0; i < mesh.triangles.size(); ++i) {
    if (mesh.vertices[mesh.triangles[i][0]].position.z > low.z + 0.6f * (high.z - low.z)) upper[mesh.triangle_material[i]] = 1;
  }
  for (std::size_t m = 0; m < mesh.materials.size(); ++m) {
    Material& material = mesh.materials[m];
    const Vec3 base = material.texture ? material.texture->mean() : material.tint;
    if (upper[m] && luminance(base) > 0.3f) material.glow = material.glow + base * Vec3{1.0f, 0.85f, 0.6f};
  }
}

}  // namespace

Semantic role_semantic(Role role) {
  switch (role) {
    case Role::kBed: return Semantic::kBed;
    case Role::kNightstand:
    case Role::kWardrobe:
    case Role::kDresser:
    case Role::kTvStand:
    case Role::kOfficeCabinet:
    case Role::kKitchenBase:
    case Role::kKitchenUpper: return Semantic::kCabinet;
    case Role::kDressingTable:
    case Role::kDesk:
    case Role::kCoffeeTable:
    case Role::kDiningTable: return Semantic::kTable;
    case Role::kOfficeChair:
    case Role::kArmchair:
    case Role::kDiningChair:
    case Role::kStool: return Semantic::kChair;
    case Role::kSofa: return Semantic::kSofa;
    case Role::kTv:
    case Role::kComputer:
    case Role::kPrinter:
    case Role::kSpeaker: return Semantic::kElectronics;
    case Role::kBookcase: return Semantic::kShelves;
    case Role::kFloorPlant:
    case Role::kSmallPlant: return Semantic::kPlant;
    case Role::kTableLamp:
    case Role::kFloorLamp:
    case Role::kDeskLamp:
    case Role::kHangingLamp: return Semantic::kLamp;
    case Role::kToilet: return Semantic::kToilet;
    case Role::kWashbasin:
    case Role::kKitchenSink: return Semantic::kSink;
    case Role::kBathtub:
    case Role::kShower: return Semantic::kBath;
    case Role::kWashingMachine:
    case Role::kStove:
    case Role::kFridge:
    case Role::kHood:
    case Role::kWaterCooler: return Semantic::kAppliance;
    case Role::kRadiator: return Semantic::kRadiator;
    case Role::kBathMat:
    case Role::kRug: return Semantic::kRug;
    case Role::kPicture:
    case Role::kMirror:
    case Role::kWhiteboard: return Semantic::kPicture;
    default: return Semantic::kObject;
  }
}

FurnitureStore::FurnitureStore(const Device& device, Patterns& patterns, const std::vector<CatalogueEntry>& entries, std::int64_t max_triangles,
                               int max_texture_side)
    : device_(device), patterns_(patterns), max_triangles_(max_triangles), max_texture_side_(max_texture_side) {
  for (const Rule& rule : rules()) {
    for (const CatalogueEntry& entry : entries) {
      const bool named = std::any_of(rule.names.begin(), rule.names.end(), [&](const char* name) { return entry.name == name; });
      if (!named || (rule.category && entry.category != rule.category) || entry.door_or_window || !within(entry.size, rule.least, rule.greatest)) continue;
      auto candidate = std::make_unique<Candidate>();
      candidate->role = rule.role;
      candidate->semantic = role_semantic(rule.role);
      candidate->entry = entry;
      candidate->size = entry.size;
      candidate->elevation = entry.elevation;
      candidates_[static_cast<std::size_t>(rule.role)].push_back(std::move(candidate));
    }
  }
  for (int i = 0; i < kRoles; ++i) {
    const auto role = static_cast<Role>(i);
    auto& candidates = candidates_[static_cast<std::size_t>(i)];
    const bool reserve = !candidates.empty() && !mixes_in_solids(role);
    for (std::uint64_t variant = 0; variant < parametric_variants(role); ++variant) {
      auto candidate = std::make_unique<Candidate>();
      candidate->role = role;
      candidate->semantic = role_semantic(role);
      candidate->variant = variant;
      candidate->reserve = reserve;
      candidate->elevation = parametric_elevation(role);
      candidates.push_back(std::move(candidate));
    }
  }
}

std::shared_ptr<const Piece> FurnitureStore::load(Candidate& candidate) {
  std::call_once(candidate.once, [&] {
    auto piece = std::make_shared<Piece>();
    piece->role = candidate.role;
    piece->semantic = candidate.semantic;
    piece->elevation = candidate.elevation;
    Mesh mesh;
    if (candidate.entry) {
      try {
        mesh = load_catalogue_mesh(*candidate.entry, max_triangles_, max_texture_side_);
      } catch (const Error& error) {
        // A model that cannot be read is not offered; another one stands in its place.
        if (error.code() == ErrorCode::kFormat) return;
        throw;
      }
      piece->name = candidate.entry->name;
      piece->collection = candidate.entry->collection;
    } else {
      mesh = parametric_mesh(candidate.role, candidate.variant, patterns_);
      piece->name = "solid";
      piece->collection = fmt::format("solid {}", candidate.variant / 2);
    }
    if (candidate.entry && candidate.semantic == Semantic::kLamp) light_up(mesh);
    const auto [low, high] = mesh.bounds();
    piece->size = high - low;
    piece->model = std::make_shared<const Model>(device_, std::move(mesh));
    candidate.piece = std::move(piece);
    if (candidate.entry) {
      const CatalogueEntry& entry = *candidate.entry;
      const std::lock_guard lock(mutex_);
      attribution_.insert(fmt::format("{} ({}), by {}, from {}: {}", entry.name, entry.id, entry.author, entry.collection, entry.licence));
    }
  });
  return candidate.piece;
}

std::shared_ptr<const Piece> FurnitureStore::choose(Role role, RandomStream& stream, const Space& space, const std::string& collection) {
  auto& candidates = candidates_[static_cast<std::size_t>(role)];
  std::vector<std::size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  stream.shuffle(std::span(order));
  const auto fits = [&](const Vec3& size) { return size.x <= space.width && size.y <= space.depth && size.z <= space.height; };
  std::stable_partition(order.begin(), order.end(), [&](std::size_t i) { return !candidates[i]->reserve; });
  std::shared_ptr<const Piece> other;
  for (const std::size_t i : order) {
    Candidate& candidate = *candidates[i];
    if (candidate.entry && !fits(candidate.size)) continue;
    if (candidate.reserve && other) break;
    if (candidate.entry && !collection.empty() && candidate.entry->collection != collection && other) continue;
    const std::shared_ptr<const Piece> piece = load(candidate);
    if (!piece || !fits(piece->size)) continue;
    if (collection.empty() || piece->collection == collection) return piece;
    if (!other) other = piece;
  }
  return other;
}

std::vector<std::string> FurnitureStore::attribution() const {
  const std::lock_guard lock(mutex_);
  return {attribution_.begin(), attribution_.end()};
}

}  // namespace affinis::scenes
