#include "transfer/joint_job.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/grad_mode.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json.h"
#include "framework/core/json_number.h"
#include "framework/core/text.h"
#include "framework/nn/safetensors.h"
#include "framework/train/batch_tools.h"
#include "framework/train/network.h"
#include "framework/train/validation.h"
#include "transfer/device.h"
#include "transfer/job_kinds.h"
#include "transfer/joint_task.h"
#include "transfer/result.h"

namespace affinis::transfer {
namespace {

constexpr std::int64_t kRepresentationChannels = 8;
constexpr std::int64_t kEncoderStride = 16;
constexpr std::int64_t kEvaluationBatch = 32;

using Tasks = std::vector<std::shared_ptr<const task::Task>>;

/// Of the images that the shared encoder sees.
std::int64_t encoder_channels(const Tasks& tasks) {
  std::vector<task::TaskInfo> infos;
  for (const auto& task : tasks) infos.push_back(task->info());
  return shared_input_channels(infos);
}

std::int64_t count_parameters(const std::vector<nn::NamedTensor>& parameters) {
  std::int64_t count = 0;
  for (const nn::NamedTensor& parameter : parameters) count += parameter.tensor.numel();
  return count;
}

train::Network build_network(const JointSpec& spec, const Tasks& tasks, std::int64_t channels) {
  const nn::Scale& scale = spec.study.scale;
  std::vector<train::Head> heads;
  for (const auto& task : tasks) {
    heads.push_back(
        {task, task->make_head({task->info().arity * kRepresentationChannels, scale.image_side / kEncoderStride, scale.width})});
  }
  return {nn::make_encoder({.input_channels = channels, .width = scale.width, .representation_channels = kRepresentationChannels}),
          std::move(heads)};
}

std::unique_ptr<train::BatchSource> training_batches(const JointSpec& spec, const std::shared_ptr<const data::DataSet>& data,
                                                     const Tasks& tasks, data::BatchShare share) {
  data::LoaderOptions options;
  options.subset = subset_positions(spec.study.train, data->split(spec.study.train.split));
  options.batch_size = spec.trainer.batch_size;
  options.seed = static_cast<std::uint64_t>(spec.trainer.seed);
  options.drop_last = static_cast<std::int64_t>(options.subset.size()) >= options.batch_size;
  options.share = share;
  return train::make_store_source(shared_split(data, spec.study.train.split), tasks, std::move(options));
}

std::unique_ptr<train::BatchSource> fixed_batches(const std::shared_ptr<const data::DataSet>& data, const Tasks& tasks,
                                                  const SubsetSpec& subset, std::vector<std::int64_t> positions) {
  data::LoaderOptions options;
  options.subset = std::move(positions);
  options.batch_size = kEvaluationBatch;
  options.seed = static_cast<std::uint64_t>(subset.seed);
  options.shuffle = false;
  return train::make_store_source(shared_split(data, subset.split), tasks, std::move(options),
                                  subset_positions(subset, data->split(subset.split)));
}

/// Each head's learning curve, from what the training wrote.
std::vector<std::vector<train::CurvePoint>> curves_of_heads(const std::filesystem::path& folder, const std::vector<std::string>& tasks) {
  std::vector<std::vector<train::CurvePoint>> curves(tasks.size());
  std::ifstream file(folder / "metrics.jsonl");
  const auto value = [](const nlohmann::json& json) { return json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN(); };
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json record = nlohmann::json::parse(line);
    for (std::size_t t = 0; t < tasks.size(); ++t) {
      const nlohmann::json& own = record.at("tasks").at(tasks[t]);
      curves[t].push_back({record.at("step").get<std::int64_t>(), value(own.at("train_loss")), value(own.at("validation_loss")),
                           value(record.at("learning_rate"))});
    }
  }
  return curves;
}

class JointKind : public run::JobKind {
 public:
  explicit JointKind(StudyEnvironment environment) : environment_(std::move(environment)) {}

  int version() const override { return kTrainingVersion; }

  void run(run::JobContext& context) const override {
    const JointSpec spec = joint_spec_of(context.job);
    const std::shared_ptr<const data::DataSet> data = open_data(context, environment_, spec.study);
    Tasks plain;
    for (const std::string& name : spec.tasks) plain.push_back(make_task(environment_, name, *data, spec.study));
    const std::int64_t channels = encoder_channels(plain);
    Tasks tested;
    Tasks trained;
    for (const auto& task : plain) {
      tested.push_back(make_joint_task(task, {channels, 0, 0}));
      trained.push_back(make_joint_task(task, {channels, spec.missing_labels, spec.missing_seed}));
    }

    train::Network network = build_network(spec, trained, channels);
    network.initialise(static_cast<std::uint64_t>(spec.trainer.seed));
    network.to(device_of_slot(context.device));
    nn::Collective* const collective = environment_.collective.get();
    const data::BatchShare share = collective == nullptr ? data::BatchShare{} : data::BatchShare{collective->rank(), collective->size()};
    const auto training = training_batches(spec, data, trained, share);
    std::unique_ptr<train::BatchSource> validation;
    if (spec.validation_images > 0) {
      const std::vector<std::int64_t> all = subset_positions(spec.study.transfer, data->split(spec.study.transfer.split));
      validation = fixed_batches(data, tested, spec.study.transfer, picture_positions(all, spec.validation_images));
    }
    // Refused before the training, not behind it: test images without the partners that a task of pairs needs.
    const std::vector<std::int64_t> positions = subset_positions(spec.study.test, data->split(spec.study.test.split));
    const auto test = fixed_batches(data, tested, spec.study.test, positions);
    const train::TrainingResult result =
        train::train(network, *training, validation.get(), spec.trainer, {context.folder, spec.keep_weights}, context.logger,
                     [&](std::int64_t step, std::int64_t steps, double loss) {
                       context.progress(static_cast<double>(step), static_cast<double>(steps), fmt::format("mean loss {:.4g}", loss));
                     },
                     {collective, true});
    if (share.rank > 0) return;

    const std::vector<train::Evaluation> tests = train::evaluate_all(network, *test);
    write_pictures(context, spec, data, tested, network, positions);
    write_results(context, spec, network, result, tests,
                  static_cast<std::int64_t>(subset_positions(spec.study.train, data->split(spec.study.train.split)).size()));
    if (spec.keep_weights) {
      nn::write_safetensors(context.folder / kNetworkFile, {network.state(), {{"tasks", join(spec.tasks, ",")}, {"role", kJointRole}}});
    }
    remove_checkpoints(context.folder);
  }

 private:
  /// A folder a head, laid out like a task-specific network's, and result.json of the whole.
  static void write_results(run::JobContext& context, const JointSpec& spec, const train::Network& network,
                            const train::TrainingResult& training, const std::vector<train::Evaluation>& tests, std::int64_t images) {
    const auto curves = curves_of_heads(context.folder, spec.tasks);
    nlohmann::json heads = nlohmann::json::object();
    std::int64_t head_parameters = 0;
    double sum = 0;
    std::int64_t known = 0;
    for (std::size_t h = 0; h < tests.size(); ++h) {
      const task::Task& task = *network.heads()[h].task;
      const std::string& name = spec.tasks[h];
      TrainedResult result;
      result.name = kJointRole;
      result.parameters = count_parameters(network.heads()[h].module->parameters());
      result.images = images;
      result.training = training;
      result.training.curve = curves[h];
      result.test = tests[h];
      make_folder(context.folder / head_folder(name));
      write_result_files(context.folder / head_folder(name), task, result);
      heads[name] = {{"parameters", result.parameters}, {"mean_loss", number(result.test.mean_loss)}};
      head_parameters += result.parameters;
      if (std::isfinite(result.test.mean_loss)) {
        sum += result.test.mean_loss;
        ++known;
      }
    }
    const std::int64_t parameters = count_parameters(network.parameters());
    const double mean = known > 0 ? sum / static_cast<double>(known) : std::numeric_limits<double>::quiet_NaN();
    write_json(context.folder / kResultFile, {{"tasks", spec.tasks},
                                              {"name", kJointRole},
                                              {"balancer", spec.trainer.balance.balancer},
                                              {"missing_labels", spec.missing_labels},
                                              {"parameters", parameters},
                                              {"trunk_parameters", parameters - head_parameters},
                                              {"images", images},
                                              {"steps", training.steps},
                                              {"mean_loss", number(mean)},
                                              {"heads", heads},
                                              {"curve", curve_json(training.curve)}});
    context.metrics["mean_loss"] = mean;
    context.metrics["steps"] = static_cast<double>(training.steps);
  }

  static void write_pictures(run::JobContext& context, const JointSpec& spec, const std::shared_ptr<const data::DataSet>& data,
                             const Tasks& tasks, train::Network& network, const std::vector<std::int64_t>& test_positions) {
    const std::vector<std::int64_t> positions = picture_positions(test_positions, spec.study.pictures);
    if (positions.empty()) return;
    const auto source = fixed_batches(data, tasks, spec.study.test, positions);
    source->start(0, 0);
    auto batches = source->next();
    if (!batches) return;
    const at::NoGradGuard no_gradients;
    network.set_training(false);
    const std::vector<task::Batch> moved = train::to_device(std::move(*batches), device_of_slot(context.device), tasks.size());
    const std::vector<at::Tensor> predictions = network.forward_all(train::inputs_of(moved));
    for (std::size_t h = 0; h < tasks.size(); ++h) {
      write_prediction_pictures(context.folder / head_folder(spec.tasks[h]), *tasks[h], predictions[h].to(at::kCPU));
    }
  }

  StudyEnvironment environment_;
};

}  // namespace

std::shared_ptr<run::JobKind> make_joint_kind(const StudyEnvironment& environment) {
  return std::make_shared<JointKind>(environment);
}

}  // namespace affinis::transfer
