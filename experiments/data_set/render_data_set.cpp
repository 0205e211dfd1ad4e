#include "experiments/data_set/render_data_set.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/data/annotation.h"
#include "framework/data/codec.h"
#include "framework/data/data_set.h"
#include "framework/data/field.h"
#include "framework/data/sample.h"
#include "framework/data/store.h"
#include "framework/scenes/render.h"

namespace affinis::experiments {
namespace {

scenes::SceneOptions scene_options(const RenderDataSetOptions& options) {
  scenes::SceneOptions scene;
  scene.image_side = options.image_side;
  scene.views_per_room = options.views_per_room;
  scene.views_per_point = options.views_per_point;
  scene.rooms_per_building = options.rooms_per_building;
  scene.seed = options.seed;
  scene.furniture = options.furniture;
  scene.catalogue = options.catalogue;
  scene.samples_per_pixel = options.samples_per_pixel;
  scene.light_samples = options.light_samples;
  scene.ambient_occlusion_samples = options.ambient_occlusion_samples;
  scene.max_triangles = options.max_triangles;
  return scene;
}

template <typename T>
void set_field(data::Sample& sample, std::string_view name, std::int64_t side, const T* values, std::size_t count) {
  data::FieldValue value = data::make_field_value(data::field_spec(name), side);
  AFFINIS_ASSERT(value.bytes.size() == count * sizeof(T));
  std::memcpy(value.bytes.data(), values, value.bytes.size());
  sample.fields.emplace(std::string(name), std::move(value));
}

template <typename T>
void set_field(data::Sample& sample, std::string_view name, std::int64_t side, const std::vector<T>& values) {
  set_field(sample, name, side, values.data(), values.size());
}

static_assert(scenes::Frame::kPointRows == data::kPointRows && scenes::Frame::kPointColumns == data::kPointColumns);

/// A frame's fields under their names in the store.
data::Sample to_sample(const scenes::Frame& frame) {
  data::Sample sample;
  const std::string& kind = scenes::scene_vocabulary()[static_cast<std::size_t>(frame.room_class)];
  sample.key = {fmt::format("building_{:04}", frame.building), fmt::format("{:02}_{}", frame.room, kind), frame.view};
  const std::int64_t side = frame.side;
  set_field(sample, "rgb", side, frame.rgb);
  set_field(sample, "depth_zbuffer", side, frame.depth_zbuffer);
  set_field(sample, "depth_euclidean", side, frame.depth_euclidean);
  set_field(sample, "normal", side, frame.normal);
  set_field(sample, "reshading", side, frame.reshading);
  set_field(sample, "semantic", side, frame.semantic);
  set_field(sample, "instance", side, frame.instance);
  set_field(sample, "object", side, frame.object);
  set_field(sample, "principal_curvature", side, frame.principal_curvature);
  set_field(sample, "points", side, frame.points);
  set_field(sample, "fixation", side, &frame.fixation, 1);
  double camera[13];
  std::copy(frame.camera.location.begin(), frame.camera.location.end(), camera);
  std::copy(frame.camera.rotation.begin(), frame.camera.rotation.end(), camera + 3);
  camera[12] = frame.camera.fov;
  set_field(sample, "camera", side, camera, 13);
  set_field(sample, "room_box", side, frame.room_box.data(), frame.room_box.size());
  const auto room_class = static_cast<std::int32_t>(frame.room_class);
  set_field(sample, "room_class", side, &room_class, 1);
  return sample;
}

std::vector<std::string> costly_labels() {
  std::vector<std::string> names;
  for (const data::Annotation& each : data::annotations()) names.push_back(each.field);
  return names;
}

/// Adds the costly labels. They are those of the colour image as a reader of the store finds it, after its JPEG, so that data annotate
/// would find the same.
void add_costly_labels(data::Sample& sample) {
  std::vector<std::byte>& rgb = sample.fields.at("rgb").bytes;
  const std::vector<std::int64_t>& shape = sample.fields.at("rgb").shape;
  std::vector<std::byte> drawn = rgb;
  const bool decoded = data::decode_jpeg(data::encode_jpeg(drawn, shape[1], shape[0]), shape[1], shape[0], rgb);
  AFFINIS_ASSERT(decoded);
  data::annotate(sample, costly_labels());
  rgb.swap(drawn);
}

data::StoreInfo store_info(const RenderDataSetOptions& options, const std::string& split, const std::string& furniture) {
  RenderDataSetOptions echo = options;
  data::StoreInfo info;
  info.split = split;
  info.image_side = options.image_side;
  info.fields = {"camera",  "depth_euclidean",     "depth_zbuffer", "fixation", "instance", "normal",     "object",
                 "points",  "principal_curvature", "reshading",     "rgb",      "room_box", "room_class", "semantic"};
  if (options.annotate) {
    const std::vector<std::string> labels = costly_labels();
    info.fields.insert(info.fields.end(), labels.begin(), labels.end());
    std::sort(info.fields.begin(), info.fields.end());
  }
  info.vocabularies = {{"object", scenes::object_vocabulary()}, {"semantic", scenes::semantic_vocabulary()}, {"scene", scenes::scene_vocabulary()}};
  info.provenance = {{"made_by", "affinis data render"},
                     {"settings", to_json(option_section("data", "", echo), true)},
                     {"furniture", furniture},
                     {"attribution", "ATTRIBUTION.txt beside this file"}};
  return info;
}

std::string attribution_text(const scenes::SceneRenderer& renderer) {
  if (renderer.furniture() == "parametric") return "Every object in these pictures was made by Affinis from parametric solids.\n";
  return "These pictures show furniture from the Sweet Home 3D catalogues, by the authors and under the licences named here.\n"
         "Whoever passes the pictures on passes this list on with them.\n\n" +
         renderer.attribution();
}

}  // namespace

const std::vector<OptionField>& RenderDataSetOptions::fields() {
  static const std::vector<OptionField> table = {
      option("train_buildings", &RenderDataSetOptions::train_buildings, "buildings whose rooms networks learn from", {.minimum = 1, .maximum = 1000000}),
      option("transfer_buildings", &RenderDataSetOptions::transfer_buildings, "buildings whose rooms transfers learn from", {.minimum = 1, .maximum = 1000000}),
      option("test_buildings", &RenderDataSetOptions::test_buildings, "buildings whose rooms tournaments are held on", {.minimum = 1, .maximum = 1000000}),
      option("rooms_per_building", &RenderDataSetOptions::rooms_per_building, "rooms that share a style; every five are one of each class", {.minimum = 1, .maximum = 1000}),
      option("views_per_room", &RenderDataSetOptions::views_per_room, "pictures taken in each room", {.minimum = 1, .maximum = 10000}),
      option("views_per_point", &RenderDataSetOptions::views_per_point, "pictures of a room that look at the same point from different places, at least", {.minimum = 1, .maximum = 10000}),
      option("image_side", &RenderDataSetOptions::image_side, "side of the square pictures in pixels", {.minimum = 8, .maximum = 2048}),
      option("seed", &RenderDataSetOptions::seed, "what all choices derive from", {.minimum = 0}),
      option("furniture", &RenderDataSetOptions::furniture, "auto takes the catalogue where there is one, parametric solids otherwise", {.choices = {"auto", "catalogue", "parametric"}}),
      option("catalogue", &RenderDataSetOptions::catalogue, "folder with .sh3f furniture catalogues; empty: $AFFINIS_FURNITURE, then the package's folder", {.affects_result = false}),
      option("samples_per_pixel", &RenderDataSetOptions::samples_per_pixel, "colour samples a pixel, rounded to a square number", {.minimum = 1, .maximum = 1024}),
      option("light_samples", &RenderDataSetOptions::light_samples, "shadow rays to each light for every colour sample", {.minimum = 1, .maximum = 64}),
      option("ambient_occlusion_samples", &RenderDataSetOptions::ambient_occlusion_samples, "ambient occlusion rays for every colour sample", {.minimum = 0, .maximum = 256}),
      option("max_triangles", &RenderDataSetOptions::max_triangles, "catalogue models with more triangles are left out", {.minimum = 12, .maximum = 10000000}),
      option("annotate", &RenderDataSetOptions::annotate, "also compute the costly labels, as data annotate does"),
      option("threads", &RenderDataSetOptions::threads, "rendering threads; 0: one for every core", {.minimum = 0, .maximum = 4096, .affects_result = false}),
  };
  return table;
}

void set_room_count(RenderDataSetOptions& options, std::int64_t rooms) {
  AFFINIS_CHECK(rooms >= 3, ErrorCode::kUsage, "{} rooms cannot be split into train, transfer and test; ask for at least 3", rooms);
  constexpr std::int64_t kParts = 5;  // three to train, one to transfer, one to test
  options.rooms_per_building = std::clamp<std::int64_t>(rooms / kParts, 1, scenes::scene_vocabulary().size());
  const std::int64_t buildings = std::max<std::int64_t>(3, (rooms + options.rooms_per_building / 2) / options.rooms_per_building);
  options.transfer_buildings = options.test_buildings = std::max<std::int64_t>(1, (buildings + kParts / 2) / kParts);
  options.train_buildings = buildings - options.transfer_buildings - options.test_buildings;
}

void render_data_set(const RenderDataSetOptions& options, const std::filesystem::path& folder, Logger& logger,
                     const std::function<void(double done, double total)>& progress) {
  RenderDataSetOptions checked = options;
  validate_options(option_section("data", "", checked));
  require_writable_folder(folder);
  const scenes::SceneRenderer renderer(scene_options(options), logger);

  struct Split {
    const char* name;
    std::int64_t buildings;
  };
  const Split splits[] = {{data::kTrainSplit, options.train_buildings}, {data::kTransferSplit, options.transfer_buildings}, {data::kTestSplit, options.test_buildings}};
  const auto total = static_cast<double>((options.train_buildings + options.transfer_buildings + options.test_buildings) * options.rooms_per_building);
  double done = 0;
  tbb::task_arena arena(options.threads > 0 ? static_cast<int>(options.threads) : tbb::task_arena::automatic);
  std::int64_t first_building = 0;
  for (const Split& split : splits) {
    data::StoreWriter writer(folder / (std::string(split.name) + ".h5"), store_info(options, split.name, renderer.furniture()));
    const std::int64_t rooms = split.buildings * options.rooms_per_building;
    std::int64_t next = 0;
    using Samples = std::shared_ptr<std::vector<data::Sample>>;
    arena.execute([&] {
      const auto source = tbb::make_filter<void, std::int64_t>(tbb::filter_mode::serial_in_order, [&](tbb::flow_control& flow) -> std::int64_t {
        if (next == rooms) flow.stop();
        return next++;
      });
      const auto render = tbb::make_filter<std::int64_t, Samples>(tbb::filter_mode::parallel, [&](std::int64_t index) {
        auto samples = std::make_shared<std::vector<data::Sample>>();
        for (const scenes::Frame& frame : renderer.render_room(first_building + index / options.rooms_per_building, index % options.rooms_per_building)) {
          samples->push_back(to_sample(frame));
          if (options.annotate) add_costly_labels(samples->back());
        }
        return samples;
      });
      const auto write = tbb::make_filter<Samples, void>(tbb::filter_mode::serial_in_order, [&](const Samples& samples) {
        for (const data::Sample& sample : *samples) writer.add(sample);
        done += 1;
        if (progress) progress(done, total);
      });
      // Two rooms a thread keep the writer fed and bound the frames in memory.
      tbb::parallel_pipeline(static_cast<std::size_t>(2 * arena.max_concurrency()), source & render & write);
    });
    writer.finish();
    first_building += split.buildings;
  }
  write_file_atomically(folder / "ATTRIBUTION.txt", attribution_text(renderer));
}

}  // namespace affinis::experiments
