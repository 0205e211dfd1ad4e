#include "transfer/spec.h"

#include <algorithm>
#include <any>
#include <map>
#include <utility>

#include <ATen/ops/cat.h>

#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/data/loader.h"

namespace affinis::transfer {
namespace {

nlohmann::json to_json(const SubsetSpec& subset) {
  return {{"split", subset.split}, {"count", subset.count}, {"seed", subset.seed}, {"whole_scenes", subset.whole_scenes}};
}

SubsetSpec subset_from_json(const nlohmann::json& json) {
  return {json.at("split").get<std::string>(), json.at("count").get<std::int64_t>(), json.at("seed").get<std::int64_t>(),
          json.at("whole_scenes").get<bool>()};
}

std::size_t bytes_of(const at::Tensor& tensor) { return tensor.defined() ? tensor.nbytes() : 0; }

train::TensorSet read_examples(const std::shared_ptr<const data::Store>& store, const std::shared_ptr<const task::Task>& task,
                               const SubsetSpec& subset, bool with_inputs) {
  data::LoaderOptions options;
  options.fields = task->info().fields;
  options.shuffle = false;
  options.seed = static_cast<std::uint64_t>(subset.seed);
  options.subset = subset_positions(subset, *store);
  const auto source = train::make_store_source(store, {task}, options);
  source->start(0, 0);
  std::vector<at::Tensor> inputs;
  std::vector<at::Tensor> targets;
  std::vector<at::Tensor> masks;
  train::TensorSet set;
  while (auto batches = source->next()) {
    task::Batch& batch = batches->front();
    if (with_inputs) inputs.push_back(batch.input);
    targets.push_back(batch.target);
    if (batch.mask.defined()) masks.push_back(batch.mask);
    set.indices.insert(set.indices.end(), batch.indices.begin(), batch.indices.end());
    set.sample_indices.insert(set.sample_indices.end(), batch.sample_indices.begin(), batch.sample_indices.end());
  }
  if (with_inputs) set.input = at::cat(inputs);
  set.target = at::cat(targets);
  if (!masks.empty()) set.mask = at::cat(masks);
  return set;
}

/// Scenes in an order drawn by the stream, until there are `count` samples; the last scene gives its first views.
std::vector<std::int64_t> draw_scenes(const data::Store& store, std::int64_t count, RandomStream& stream) {
  std::map<std::pair<std::string, std::string>, std::vector<std::int64_t>> by_scene;
  for (std::int64_t i = 0; i < store.size(); ++i) by_scene[{store.key(i).building, store.key(i).scene}].push_back(i);
  std::vector<const std::vector<std::int64_t>*> scenes;
  for (const auto& [scene, views] : by_scene) scenes.push_back(&views);
  stream.shuffle(std::span(scenes));
  std::vector<std::int64_t> positions;
  for (const auto* views : scenes) positions.insert(positions.end(), views->begin(), views->end());
  positions.resize(static_cast<std::size_t>(count));
  return positions;
}

}  // namespace

nlohmann::json to_json(const StudySpec& spec) {
  return {{"scale", {{"image_side", spec.scale.image_side}, {"width", spec.scale.width}}},
          {"paper_compatible", spec.paper_compatible},
          {"soft_labels", spec.soft_labels},
          {"half_precision", spec.half_precision},
          {"threads", spec.threads},
          {"pictures", spec.pictures},
          {"data_identity", spec.data_identity},
          {"train", to_json(spec.train)},
          {"transfer", to_json(spec.transfer)},
          {"test", to_json(spec.test)}};
}

StudySpec study_spec_from_json(const nlohmann::json& json) {
  StudySpec spec;
  spec.scale = {"", json.at("scale").at("image_side").get<std::int64_t>(), json.at("scale").at("width").get<std::int64_t>()};
  spec.paper_compatible = json.at("paper_compatible").get<bool>();
  spec.soft_labels = json.at("soft_labels").get<bool>();
  spec.half_precision = json.at("half_precision").get<bool>();
  spec.threads = json.at("threads").get<std::int64_t>();
  spec.pictures = json.at("pictures").get<std::int64_t>();
  spec.data_identity = json.at("data_identity").get<std::string>();
  spec.train = subset_from_json(json.at("train"));
  spec.transfer = subset_from_json(json.at("transfer"));
  spec.test = subset_from_json(json.at("test"));
  return spec;
}

std::vector<std::int64_t> subset_positions(const SubsetSpec& subset, const data::Store& store) {
  std::vector<std::int64_t> positions(static_cast<std::size_t>(store.size()));
  for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<std::int64_t>(i);
  if (subset.count <= 0 || subset.count >= store.size()) return positions;
  RandomStream stream(static_cast<std::uint64_t>(subset.seed), "subset/" + subset.split);
  if (subset.whole_scenes) {
    positions = draw_scenes(store, subset.count, stream);
  } else {
    stream.shuffle(std::span(positions));
    positions.resize(static_cast<std::size_t>(subset.count));
  }
  std::sort(positions.begin(), positions.end());
  return positions;
}

std::shared_ptr<const data::DataSet> open_data(run::JobContext& context, const StudyEnvironment& environment,
                                               const StudySpec& spec) {
  const auto input = context.inputs.find(kDataJob);
  const std::filesystem::path folder = input != context.inputs.end() ? input->second : environment.data_folder;
  AFFINIS_CHECK(!folder.empty(), ErrorCode::kInternal, "job {} has no data set", context.job.name);
  const std::any held = context.memory.get("data:" + folder.string(), [&] {
    auto data = std::make_shared<const data::DataSet>(folder);
    constexpr std::size_t kIndexBytes = 1 << 20;
    return std::pair<std::any, std::size_t>(std::any(std::move(data)), kIndexBytes);
  });
  auto data = std::any_cast<std::shared_ptr<const data::DataSet>>(held);
  AFFINIS_CHECK(spec.data_identity.empty() || spec.data_identity == data->identity(), ErrorCode::kData,
                "the data set in {} has changed since this run began; put the old one back or use another output folder",
                folder.string());
  AFFINIS_CHECK(data->image_side() == spec.scale.image_side, ErrorCode::kConfig,
                "the data set in {} has images of {} pixels, the scale asks for {}; set scale.image_side or render anew",
                folder.string(), data->image_side(), spec.scale.image_side);
  return data;
}

std::shared_ptr<const data::Store> shared_split(const std::shared_ptr<const data::DataSet>& data, const std::string& split) {
  return {data, &data->split(split)};
}

std::shared_ptr<const task::Task> make_task(const StudyEnvironment& environment, const std::string& name,
                                            const data::DataSet& data, const StudySpec& spec) {
  return environment.tasks->get(name)->make({data.image_side(), data.vocabularies(), spec.paper_compatible, spec.soft_labels});
}

train::TensorSet load_examples(run::JobContext& context, const StudyEnvironment& environment, const StudySpec& spec,
                               const SubsetSpec& subset, const std::string& task_name, bool with_inputs) {
  const std::shared_ptr<const data::DataSet> data = open_data(context, environment, spec);
  const std::string key = "examples:" + data->folder().string() + ":" + to_json(subset).dump() + ":" + task_name +
                          (spec.paper_compatible ? ":paper" : "") + (spec.soft_labels ? ":soft" : "") + (with_inputs ? ":inputs" : "");
  const std::any held = context.memory.get(key, [&] {
    const auto task = make_task(environment, task_name, *data, spec);
    train::TensorSet set = read_examples(shared_split(data, subset.split), task, subset, with_inputs);
    const std::size_t bytes = bytes_of(set.input) + bytes_of(set.target) + bytes_of(set.mask);
    return std::pair<std::any, std::size_t>(std::any(std::move(set)), bytes);
  });
  return std::any_cast<train::TensorSet>(held);
}

}  // namespace affinis::transfer
