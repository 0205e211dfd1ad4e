#include "transfer/train_job.h"

#include <filesystem>
#include <utility>

#include <ATen/core/grad_mode.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/hash.h"
#include "framework/core/text.h"
#include "framework/nn/safetensors.h"
#include "framework/train/network.h"
#include "framework/train/start.h"
#include "transfer/device.h"
#include "transfer/job_kinds.h"
#include "transfer/random_encoder.h"
#include "transfer/result.h"
#include "transfer/transfer_function.h"

namespace affinis::transfer {
namespace {

constexpr std::int64_t kRepresentationChannels = 8;
constexpr std::int64_t kEncoderStride = 16;
constexpr std::int64_t kEvaluationBatch = 32;

train::Network build_network(const TrainSpec& spec, const std::shared_ptr<const task::Task>& task) {
  const nn::Scale& scale = spec.study.scale;
  std::vector<train::Head> heads;
  if (spec.trunk == TrunkKind::kConstant) {
    heads.push_back({task, nn::make_constant(task->prediction_shape())});
    return {nullptr, std::move(heads)};
  }
  const bool shallow = spec.trunk == TrunkKind::kShallow;
  const std::int64_t channels = shallow ? 2 * kRepresentationChannels : kRepresentationChannels;
  const task::TaskInfo& info = task->info();
  heads.push_back({task, task->make_head({info.arity * channels, scale.image_side / kEncoderStride, scale.width})});
  const nn::EncoderOptions encoder{
      .input_channels = info.input_channels, .width = scale.width, .representation_channels = kRepresentationChannels};
  std::unique_ptr<nn::Module> trunk;
  switch (spec.trunk) {
    case TrunkKind::kShallow: trunk = make_shallow_pixel_stream(kRepresentationChannels, info.input_channels); break;
    case TrunkKind::kRandom: trunk = std::make_unique<RandomEncoder>(encoder); break;
    default: trunk = nn::make_encoder(encoder);
  }
  return {std::move(trunk), std::move(heads)};
}

std::unique_ptr<train::BatchSource> training_batches(const TrainSpec& spec, const std::shared_ptr<const data::DataSet>& data,
                                                     const std::shared_ptr<const task::Task>& task, const SubsetSpec& subset,
                                                     data::BatchShare share = {}) {
  const data::Store& store = data->split(subset.split);
  data::LoaderOptions options;
  options.fields = task->info().fields;
  options.subset = subset_positions(subset, store);
  options.batch_size = spec.trainer.batch_size;
  options.seed = static_cast<std::uint64_t>(spec.trainer.seed);
  options.drop_last = static_cast<std::int64_t>(options.subset.size()) >= options.batch_size;
  options.share = share;
  return train::make_store_source(shared_split(data, subset.split), {task}, options);
}

std::unique_ptr<train::BatchSource> fixed_batches(const std::shared_ptr<const data::DataSet>& data, const std::shared_ptr<const task::Task>& task,
                                                  const SubsetSpec& subset, std::vector<std::int64_t> positions) {
  const data::Store& store = data->split(subset.split);
  data::LoaderOptions options;
  options.fields = task->info().fields;
  options.subset = std::move(positions);
  options.batch_size = kEvaluationBatch;
  options.seed = static_cast<std::uint64_t>(subset.seed);
  options.shuffle = false;
  return train::make_store_source(shared_split(data, subset.split), {task}, options, subset_positions(subset, store));
}

class TrainKind : public run::JobKind {
 public:
  explicit TrainKind(StudyEnvironment environment) : environment_(std::move(environment)) {}

  int version() const override { return kTrainingVersion; }

  void run(run::JobContext& context) const override {
    TrainSpec spec = train_spec_of(context.job);
    const std::shared_ptr<const data::DataSet> data = open_data(context, environment_, spec.study);
    const std::shared_ptr<const task::Task> task = make_task(environment_, spec.task, *data, spec.study);

    train::Network network = build_network(spec, task);
    network.initialise(static_cast<std::uint64_t>(spec.trainer.seed));
    if (!spec.start.empty()) spec.trainer.adaptation = begin_from_weights(network, spec, context);
    network.to(device_of_slot(context.device));
    const SubsetSpec& subset = spec.split == spec.study.train.split ? spec.study.train : spec.study.transfer;
    TrainedResult result;
    result.name = spec.role;
    result.images = static_cast<std::int64_t>(subset_positions(subset, data->split(subset.split)).size());
    for (const nn::NamedTensor& parameter : network.parameters()) result.parameters += parameter.tensor.numel();

    nn::Collective* const collective = environment_.collective.get();
    const data::BatchShare share = collective == nullptr ? data::BatchShare{} : data::BatchShare{collective->rank(), collective->size()};
    const auto training = training_batches(spec, data, task, subset, share);
    if (auto* random = dynamic_cast<RandomEncoder*>(network.trunk())) {
      random->draw(static_cast<std::uint64_t>(spec.trainer.seed), *training_batches(spec, data, task, subset));
    }
    std::unique_ptr<train::BatchSource> validation;
    if (spec.validation_images > 0 && subset.split != spec.study.transfer.split) {
      std::vector<std::int64_t> positions = subset_positions(spec.study.transfer, data->split(spec.study.transfer.split));
      positions = picture_positions(positions, spec.validation_images);
      validation = fixed_batches(data, task, spec.study.transfer, std::move(positions));
    }
    // Refused before the training, not behind it: test images without the partners that a task of pairs needs.
    const std::vector<std::int64_t> test_positions = subset_positions(spec.study.test, data->split(spec.study.test.split));
    const auto test = fixed_batches(data, task, spec.study.test, test_positions);
    result.training = train::train(network, *training, validation.get(), spec.trainer, {context.folder, spec.keep_weights},
                                   context.logger, [&](std::int64_t step, std::int64_t steps, double loss) {
                                     context.progress(static_cast<double>(step), static_cast<double>(steps),
                                                      fmt::format("loss {:.4g}", loss));
                                   },
                                   {collective, !spec.local_norms});
    if (share.rank > 0) return;

    result.test = train::evaluate(network, *test);
    write_pictures(context, spec, data, task, network, test_positions);
    write_result(context, *task, result);
    if (spec.keep_weights) {
      nn::write_safetensors(context.folder / kNetworkFile, {network.state(), {{"task", spec.task}, {"role", spec.role}}});
    }
    remove_checkpoints(context.folder);
  }

 private:
  /// The policy as it fits these weights.
  train::AdaptationOptions begin_from_weights(train::Network& network, const TrainSpec& spec, run::JobContext& context) const {
    std::filesystem::path path = environment_.start_weights;
    if (!spec.start.job.empty()) {
      const auto input = context.inputs.find(spec.start.job);
      AFFINIS_CHECK(input != context.inputs.end(), ErrorCode::kInternal, "job {} begins from {}, which is none of its inputs", context.job.name,
                    spec.start.job);
      path = input->second / kNetworkFile;
    } else {
      AFFINIS_CHECK(!path.empty(), ErrorCode::kInternal, "job {} begins from a weight file that nobody named", context.job.name);
      AFFINIS_CHECK(hash128_hex(read_file(path)) == spec.start.hash, ErrorCode::kData,
                    "{} has changed since this run began; put the old file back or use another output folder", path.string());
    }
    train::StartedFrom report;
    try {
      report = train::start_from(network, train::read_weights(path));
    } catch (Error& error) {
      throw error.within(path.string());
    }
    context.logger.info("{} tensors are those of {}{}{}", report.loaded.size(), path.string(),
                        report.as_drawn.empty() ? "" : "; not in it, and as drawn: " + join(report.as_drawn, ", "),
                        report.left_out.empty() ? "" : fmt::format("; left out: {} tensors, the first {}", report.left_out.size(), report.left_out.front()));
    const train::AdaptationOptions& asked = spec.trainer.adaptation;
    const train::AdaptationOptions fitting = train::without_drawn_parts(asked, network, report);
    if (!(fitting == asked)) {
      context.logger.info("what is not in the file learns as the head does: of the trunk the first {} {} are frozen", fitting.freeze_count,
                          fitting.freeze);
    }
    return fitting;
  }

  static void write_pictures(run::JobContext& context, const TrainSpec& spec, const std::shared_ptr<const data::DataSet>& data,
                             const std::shared_ptr<const task::Task>& task, train::Network& network,
                             const std::vector<std::int64_t>& test_positions) {
    const std::vector<std::int64_t> positions = picture_positions(test_positions, spec.study.pictures);
    if (positions.empty()) return;
    const auto source = fixed_batches(data, task, spec.study.test, positions);
    source->start(0, 0);
    const auto batches = source->next();
    if (!batches) return;
    const at::NoGradGuard no_gradients;
    network.set_training(false);
    const task::Batch& batch = batches->front();
    if (spec.role == kSelfRole) write_example_pictures(context.folder, *task, batch);
    write_prediction_pictures(context.folder, *task, network.forward(batch.input.to(device_of_slot(context.device)), 0).to(at::kCPU));
  }

  StudyEnvironment environment_;
};

}  // namespace

std::shared_ptr<run::JobKind> make_train_kind(const StudyEnvironment& environment) {
  return std::make_shared<TrainKind>(environment);
}

}  // namespace affinis::transfer
