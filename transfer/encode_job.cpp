#include "transfer/encode_job.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "framework/core/error.h"
#include "framework/nn/safetensors.h"
#include "transfer/device.h"
#include "transfer/job_kinds.h"
#include "transfer/joint_task.h"
#include "transfer/representation.h"

namespace affinis::transfer {
namespace {

class EncodeKind : public run::JobKind {
 public:
  explicit EncodeKind(StudyEnvironment environment) : environment_(std::move(environment)) {}

  void run(run::JobContext& context) const override {
    const EncodeSpec spec = encode_spec_from_json(context.job.spec);
    const std::shared_ptr<const data::DataSet> data = open_data(context, environment_, spec.study);
    const std::shared_ptr<const task::Task> task = task_of(spec, *data);
    const auto encoder = nn::make_encoder({.input_channels = task->info().input_channels, .width = spec.study.scale.width});
    const c10::Device device = device_of_slot(context.device);
    encoder->to(device);
    nn::load_state(*encoder, trunk_state(network_folder(context) / kNetworkFile), "trunk.");

    const auto precision = spec.study.half_precision ? RepresentationPrecision::kHalf : RepresentationPrecision::kSingle;
    double images = 0;
    for (const auto& [subset, file] : {std::pair(spec.study.transfer, kTransferRepresentationsFile),
                                       std::pair(spec.study.test, kTestRepresentationsFile)}) {
      const data::Store& store = data->split(subset.split);
      const std::vector<std::int64_t> positions = subset_positions(subset, store);
      write_representations(context.folder / file, encode(*encoder, device, *task, store, positions, precision), precision);
      images += static_cast<double>(positions.size());
    }
    context.metrics["images"] = images;
  }

 private:
  /// Whose encoder_input() is encoded: the source's, or of a joint network that of a task whose images are the encoder's own.
  std::shared_ptr<const task::Task> task_of(const EncodeSpec& spec, const data::DataSet& data) const {
    if (spec.tasks.empty()) return make_task(environment_, spec.source, data, spec.study);
    std::vector<std::shared_ptr<const task::Task>> tasks;
    std::vector<task::TaskInfo> infos;
    for (const std::string& name : spec.tasks) {
      tasks.push_back(make_task(environment_, name, data, spec.study));
      infos.push_back(tasks.back()->info());
    }
    const std::int64_t channels = shared_input_channels(infos);
    const auto own = std::find_if(tasks.begin(), tasks.end(), [&](const auto& task) { return task->info().input_channels == channels; });
    return own != tasks.end() ? *own : make_joint_task(tasks.front(), {channels, 0, 0});
  }

  static std::filesystem::path network_folder(const run::JobContext& context) {
    for (const auto& [name, folder] : context.inputs) {
      if (name != kDataJob) return folder;
    }
    fail(ErrorCode::kInternal, "job {} has no network to encode with", context.job.name);
  }

  static std::vector<nn::NamedTensor> trunk_state(const std::filesystem::path& path) {
    std::vector<nn::NamedTensor> state = nn::read_safetensors(path).tensors;
    std::erase_if(state, [](const nn::NamedTensor& entry) { return !entry.name.starts_with("trunk."); });
    return state;
  }

  StudyEnvironment environment_;
};

}  // namespace

std::shared_ptr<run::JobKind> make_encode_kind(const StudyEnvironment& environment) {
  return std::make_shared<EncodeKind>(environment);
}

}  // namespace affinis::transfer
