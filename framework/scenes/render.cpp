#include "framework/scenes/render.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/core/text.h"
#include "framework/scenes/catalogue.h"
#include "framework/scenes/furniture.h"
#include "framework/scenes/patterns.h"
#include "framework/scenes/points.h"
#include "framework/scenes/room.h"
#include "framework/scenes/tracer.h"
#include "framework/scenes/viewpoint.h"

namespace affinis::scenes {

const std::vector<OptionField>& SceneOptions::fields() {
  static const std::vector<OptionField> table = {
      option("image_side", &SceneOptions::image_side, "side of the square pictures in pixels", {.minimum = 8, .maximum = 2048}),
      option("views_per_room", &SceneOptions::views_per_room, "pictures taken in each room", {.minimum = 1, .maximum = 10000}),
      option("views_per_point", &SceneOptions::views_per_point, "pictures of a room that look at the same point from different places, at least", {.minimum = 1, .maximum = 10000}),
      option("rooms_per_building", &SceneOptions::rooms_per_building, "rooms that share a style and a building's number", {.minimum = 1, .maximum = 1000}),
      option("seed", &SceneOptions::seed, "what all choices derive from", {.minimum = 0}),
      option("furniture", &SceneOptions::furniture, "auto takes the catalogue where there is one, parametric solids otherwise", {.choices = {"auto", "catalogue", "parametric"}}),
      option("catalogue", &SceneOptions::catalogue, "folder with .sh3f furniture catalogues; empty: $AFFINIS_FURNITURE, then the package's folder", {.affects_result = false}),
      option("samples_per_pixel", &SceneOptions::samples_per_pixel, "colour samples a pixel, rounded to a square number", {.minimum = 1, .maximum = 1024}),
      option("light_samples", &SceneOptions::light_samples, "shadow rays to each light for every colour sample", {.minimum = 1, .maximum = 64}),
      option("ambient_occlusion_samples", &SceneOptions::ambient_occlusion_samples, "ambient occlusion rays for every colour sample", {.minimum = 0, .maximum = 256}),
      option("max_triangles", &SceneOptions::max_triangles, "catalogue models with more triangles are left out", {.minimum = 12, .maximum = 10000000}),
  };
  return table;
}

std::string find_catalogue_folder(const std::string& chosen) {
  constexpr const char* kPackageFolder = "/usr/share/sweethome3d/furniture";
  if (!chosen.empty()) return chosen;
  if (const char* named = std::getenv("AFFINIS_FURNITURE"); named && *named) return named;
  return std::filesystem::is_directory(kPackageFolder) ? kPackageFolder : "";
}

struct RendererState {
  SceneOptions options;
  std::string furniture;
  Device device;
  Patterns patterns;
  std::optional<FurnitureStore> store;

  Room room(std::int64_t building, std::int64_t number) {
    const auto seed = static_cast<std::uint64_t>(options.seed);
    return make_room({device, patterns, *store}, seed, static_cast<std::uint64_t>(building), static_cast<std::uint64_t>(number), class_of(building, number));
  }

  RoomClass class_of(std::int64_t building, std::int64_t number) const {
    // Every five rooms of a building are one of each class, in an order of their own.
    std::array<int, kRoomClasses> order{0, 1, 2, 3, 4};
    RandomStream stream(static_cast<std::uint64_t>(options.seed), "room classes", {static_cast<std::uint64_t>(building), static_cast<std::uint64_t>(number / kRoomClasses)});
    stream.shuffle(std::span<int>(order));
    return static_cast<RoomClass>(order[static_cast<std::size_t>(number % kRoomClasses)]);
  }

  RoomViews views(const RoomTracer& tracer, std::int64_t building, std::int64_t number) const {
    RandomStream stream(static_cast<std::uint64_t>(options.seed), "views", {static_cast<std::uint64_t>(building), static_cast<std::uint64_t>(number)});
    return choose_views(tracer, options.views_per_room, options.views_per_point, stream);
  }
};

SceneRenderer::SceneRenderer(const SceneOptions& options, Logger& logger) : state_(std::make_unique<RendererState>()) {
  SceneOptions checked = options;
  validate_options(option_section("scenes", "rendered rooms", checked));
  state_->options = options;
  std::vector<CatalogueEntry> entries;
  if (options.furniture != "parametric") {
    const std::string folder = find_catalogue_folder(options.catalogue);
    if (!folder.empty()) {
      entries = read_catalogue_folder(folder);
      logger.info("furnishing from {} models in {}", entries.size(), folder);
    } else {
      AFFINIS_CHECK(options.furniture == "auto", ErrorCode::kIo,
                    "furniture = catalogue, but there is no catalogue; install the package sweethome3d-furniture or set AFFINIS_FURNITURE to a folder of .sh3f files");
      logger.warning("no furniture catalogue found: rooms are furnished with parametric solids; install the package sweethome3d-furniture for textured models");
    }
  }
  state_->furniture = entries.empty() ? "parametric" : "catalogue";
  // Finer textures than four texels a pixel of a picture that they fill are never seen.
  const int texture_side = static_cast<int>(std::min<std::int64_t>(512, std::max<std::int64_t>(128, 2 * options.image_side)));
  state_->store.emplace(state_->device, state_->patterns, entries, options.max_triangles, texture_side);
}

SceneRenderer::~SceneRenderer() = default;

const SceneOptions& SceneRenderer::options() const { return state_->options; }
const std::string& SceneRenderer::furniture() const { return state_->furniture; }

std::int64_t SceneRenderer::room_class(std::int64_t building, std::int64_t room) const { return static_cast<std::int64_t>(state_->class_of(building, room)); }

std::vector<Frame> SceneRenderer::render_room(std::int64_t building, std::int64_t room) const {
  const Room furnished = state_->room(building, room);
  const RoomTracer tracer(state_->device, furnished);
  const RoomViews views = state_->views(tracer, building, room);
  RandomStream points_stream(static_cast<std::uint64_t>(state_->options.seed), "points", {static_cast<std::uint64_t>(building), static_cast<std::uint64_t>(room)});
  const std::vector<Vec3> points = choose_points(tracer, views, points_stream);
  std::vector<Frame> frames;
  for (std::size_t view = 0; view < views.cameras.size(); ++view) {
    const RandomStream stream(static_cast<std::uint64_t>(state_->options.seed), "pixels", {static_cast<std::uint64_t>(building), static_cast<std::uint64_t>(room), view});
    Frame frame = tracer.render(views.cameras[view], state_->options, stream);
    frame.points = points_in_view(tracer, points, views.cameras[view], frame.side);
    frame.fixation = views.fixation[view];
    frame.building = building;
    frame.room = room;
    frame.view = static_cast<std::int64_t>(view);
    frames.push_back(std::move(frame));
  }
  return frames;
}

std::string SceneRenderer::attribution() const {
  std::string text;
  for (const std::string& line : state_->store->attribution()) text += line + "\n";
  return text;
}

std::int64_t SceneRenderer::count_primary_hits(std::int64_t building, std::int64_t room, std::int64_t repetitions) const {
  const Room furnished = state_->room(building, room);
  const RoomTracer tracer(state_->device, furnished);
  std::int64_t hits = 0;
  const RoomViews views = state_->views(tracer, building, room);
  for (std::int64_t i = 0; i < repetitions; ++i) {
    for (const Camera& camera : views.cameras) hits += tracer.count_hits(camera, state_->options.image_side);
  }
  return hits;
}

}  // namespace affinis::scenes
