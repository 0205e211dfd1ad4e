#include "transfer/transfer_job.h"

#include <algorithm>
#include <any>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <ATen/core/grad_mode.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/nn/safetensors.h"
#include "framework/train/network.h"
#include "transfer/device.h"
#include "transfer/job_kinds.h"
#include "transfer/representation.h"
#include "transfer/result.h"
#include "transfer/transfer_function.h"

namespace affinis::transfer {
namespace {

constexpr std::int64_t kEvaluationBatch = 64;

/// Representations of one source and split, kept in the worker's memory between transfers.
Representations cached_representations(run::JobContext& context, const std::filesystem::path& path) {
  const std::any held = context.memory.get("representations:" + path.string(), [&] {
    Representations representations = read_representations(path);
    const std::size_t bytes = representations.values.nbytes();
    return std::pair<std::any, std::size_t>(std::any(std::move(representations)), bytes);
  });
  return std::any_cast<Representations>(held);
}

/// A split's representations of all sources with the target's labels.
struct TransferData {
  train::TensorSet set;
  std::vector<at::Tensor> extra_inputs;

  std::unique_ptr<train::BatchSource> batches(std::int64_t batch_size, bool shuffle, std::uint64_t seed) const {
    return train::make_tensor_source(set, batch_size, shuffle, seed, extra_inputs);
  }

  /// Rows of examples by their indices, which ascend in the set.
  static std::vector<std::int64_t> rows_of(const train::TensorSet& set, const std::vector<std::int64_t>& indices) {
    std::vector<std::int64_t> rows;
    for (const std::int64_t index : indices) {
      rows.push_back(std::lower_bound(set.indices.begin(), set.indices.end(), index) - set.indices.begin());
    }
    return rows;
  }
};

/// What an earlier rung of the same transfer left off with. It may be gone: training then begins anew, with the same result.
void take_earlier_checkpoint(const run::JobContext& context) {
  for (const auto& [name, folder] : context.inputs) {
    if (!name.starts_with(kRungPrefix)) continue;
    for (const char* file : kCheckpointFiles) {
      const std::filesystem::path own = context.folder / file;
      if (!std::filesystem::exists(folder / file) || std::filesystem::exists(own)) continue;
      const std::filesystem::path copy = own.string() + ".copy";
      std::filesystem::copy_file(folder / file, copy, std::filesystem::copy_options::overwrite_existing);
      std::filesystem::rename(copy, own);
    }
  }
}

class TransferKind : public run::JobKind {
 public:
  explicit TransferKind(StudyEnvironment environment) : environment_(std::move(environment)) {}

  int version() const override { return kTrainingVersion; }

  void run(run::JobContext& context) const override {
    const TransferSpec spec = transfer_spec_of(context.job);
    AFFINIS_ASSERT(!spec.sources.empty());
    const std::shared_ptr<const data::DataSet> data = open_data(context, environment_, spec.study);
    const std::shared_ptr<const task::Task> task = make_task(environment_, spec.target, *data, spec.study);
    const TransferData training = read(context, spec, spec.study.transfer, kTransferRepresentationsFile);

    const at::Tensor& values = training.set.input;
    const TransferFunctionOptions options{static_cast<std::int64_t>(spec.sources.size()), values.size(-3), spec.clip_sigma};
    const std::int64_t channels = task->info().arity * transfer_output_channels(options);
    std::vector<train::Head> heads;
    heads.push_back({task, task->make_head({channels, values.size(-1), spec.study.scale.width})});
    train::Network network(make_transfer_function(options), std::move(heads));
    network.initialise(static_cast<std::uint64_t>(spec.trainer.seed));
    network.to(device_of_slot(context.device));

    TrainedResult result;
    result.name = join(spec.sources, "+");
    result.images = static_cast<std::int64_t>(training.set.indices.size());
    for (const nn::NamedTensor& parameter : network.parameters()) result.parameters += parameter.tensor.numel();
    const auto batches = training.batches(spec.trainer.batch_size, true, static_cast<std::uint64_t>(spec.trainer.seed));
    // What a rung measures are losses of its steps, and those of a sitting before are not in the checkpoint: it begins where the last rung ended.
    if (spec.until > 0) remove_checkpoints(context.folder);
    take_earlier_checkpoint(context);
    result.training = train::train(network, *batches, nullptr, spec.trainer, {context.folder, false, spec.until}, context.logger,
                                   [&](std::int64_t step, std::int64_t steps, double loss) {
                                     context.progress(static_cast<double>(step), static_cast<double>(steps),
                                                      fmt::format("loss {:.4g}", loss));
                                     if (spec.until > 0 && step > spec.compared_after) {
                                       result.test.indices.push_back(step);
                                       result.test.losses.push_back(loss);
                                     }
                                   });
    if (spec.until > 0) {
      double sum = 0;
      for (const double loss : result.test.losses) sum += loss;
      result.test.mean_loss = sum / static_cast<double>(result.test.losses.size());
      write_result(context, *task, result);
      return;
    }

    const TransferData test = read(context, spec, spec.study.test, kTestRepresentationsFile);
    result.test = train::evaluate(network, *test.batches(kEvaluationBatch, false, 0));
    write_pictures(context, spec, *task, network, test);
    write_result(context, *task, result);
    if (spec.keep_weights) {
      nn::write_safetensors(context.folder / kNetworkFile, {network.state(), {{"target", spec.target}, {"sources", result.name}}});
    }
    if (spec.keep_function) {
      std::vector<nn::NamedTensor> state = network.state();
      std::erase_if(state, [](const nn::NamedTensor& each) { return !each.name.starts_with("trunk."); });
      nn::write_safetensors(context.folder / kFunctionFile, {std::move(state), {{"target", spec.target}, {"sources", result.name}}});
    }
    remove_checkpoints(context.folder);
  }

 private:
  TransferData read(run::JobContext& context, const TransferSpec& spec, const SubsetSpec& subset, const char* file) const {
    TransferData result;
    result.set = load_examples(context, environment_, spec.study, subset, spec.target, false);
    for (const std::string& source : spec.sources) {
      const std::filesystem::path path = encoding_folder(context, source) / file;
      const Representations representations = cached_representations(context, path);
      AFFINIS_CHECK(representations.indices == result.set.indices, ErrorCode::kData,
                    "{} holds other images than the labels of {}; remove its job folder and run again", path.string(), spec.target);
      const at::Tensor values = of_examples(representations, result.set);
      if (result.set.input.defined()) {
        result.extra_inputs.push_back(values);
      } else {
        result.set.input = values;
      }
    }
    return result;
  }

  static std::filesystem::path encoding_folder(const run::JobContext& context, const std::string& source) {
    const auto it = context.inputs.find(encode_job_name(source));
    AFFINIS_CHECK(it != context.inputs.end(), ErrorCode::kInternal, "job {} lacks the encoding of {}", context.job.name, source);
    return it->second;
  }

  static void write_pictures(run::JobContext& context, const TransferSpec& spec, const task::Task& task,
                             train::Network& network, const TransferData& test) {
    const std::vector<std::int64_t> kept = picture_positions(test.set.indices, spec.study.pictures);
    if (kept.empty()) return;
    const std::vector<std::int64_t> rows = TransferData::rows_of(test.set, kept);
    std::vector<at::Tensor> inputs = {test.set.input};
    inputs.insert(inputs.end(), test.extra_inputs.begin(), test.extra_inputs.end());
    const at::NoGradGuard no_gradients;
    network.set_training(false);
    const at::Tensor chosen = at::index_select(at::cat(inputs, -3), 0, at::tensor(rows));
    write_prediction_pictures(context.folder, task, network.forward(chosen.to(device_of_slot(context.device)), 0).to(at::kCPU));
  }

  StudyEnvironment environment_;
};

}  // namespace

std::shared_ptr<run::JobKind> make_transfer_kind(const StudyEnvironment& environment) {
  return std::make_shared<TransferKind>(environment);
}

}  // namespace affinis::transfer
