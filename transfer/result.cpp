#include "transfer/result.h"

#include <cmath>

#include <fmt/core.h>

#include "framework/core/files.h"
#include "framework/core/json.h"
#include "framework/core/json_number.h"
#include "transfer/job_kinds.h"
#include "transfer/loss_file.h"

namespace affinis::transfer {
namespace {

nlohmann::json metrics_json(const task::TaskInfo& info, const std::vector<double>& values) {
  nlohmann::json metrics = nlohmann::json::array();
  for (std::size_t i = 0; i < values.size() && i < info.metrics.size(); ++i) {
    const task::MetricInfo& metric = info.metrics[i];
    metrics.push_back({{"name", metric.name},
                       {"unit", metric.unit},
                       {"value", number(values[i])},
                       {"higher_is_better", metric.higher_is_better},
                       {"doc", metric.doc}});
  }
  return metrics;
}

std::filesystem::path picture_path(const std::filesystem::path& folder, const char* what, std::int64_t i) {
  return folder / kPictureFolder / fmt::format("{}.{}.png", what, i);
}

}  // namespace

nlohmann::json curve_json(const std::vector<train::CurvePoint>& curve) {
  nlohmann::json points = nlohmann::json::array();
  for (const train::CurvePoint& point : curve) {
    points.push_back({{"step", point.step},
                      {"train_loss", number(point.train_loss)},
                      {"validation_loss", number(point.validation_loss)},
                      {"learning_rate", number(point.learning_rate)}});
  }
  return points;
}

void write_result_files(const std::filesystem::path& folder, const task::Task& task, const TrainedResult& result) {
  write_loss_file(folder / kLossFile, {task.info().name, result.name, result.test.indices, result.test.losses});
  nlohmann::json json = {{"task", task.info().name},
                         {"name", result.name},
                         {"parameters", result.parameters},
                         {"images", result.images},
                         {"steps", result.training.steps},
                         {"mean_loss", number(result.test.mean_loss)},
                         {"metrics", metrics_json(task.info(), result.test.metrics)},
                         {"curve", curve_json(result.training.curve)}};
  for (const train::FreezeProof& proof : result.training.freeze_proof) json["freeze_proof"].push_back(train::to_json(proof));
  write_json(folder / kResultFile, json);
}

void write_result(run::JobContext& context, const task::Task& task, const TrainedResult& result) {
  write_result_files(context.folder, task, result);
  context.metrics["mean_loss"] = result.test.mean_loss;
  context.metrics["steps"] = static_cast<double>(result.training.steps);
}

void remove_checkpoints(const std::filesystem::path& folder) {
  for (const char* name : kCheckpointFiles) std::filesystem::remove(folder / name);
}

std::vector<std::int64_t> picture_positions(const std::vector<std::int64_t>& positions, std::int64_t count) {
  const auto size = static_cast<std::int64_t>(positions.size());
  const std::int64_t kept = std::min(count, size);
  std::vector<std::int64_t> result;
  for (std::int64_t i = 0; i < kept; ++i) {
    result.push_back(positions[static_cast<std::size_t>((2 * i + 1) * size / (2 * kept))]);
  }
  return result;
}

void write_example_pictures(const std::filesystem::path& folder, const task::Task& task, const task::Batch& batch) {
  make_folder(folder / kPictureFolder);
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    data::write_png(picture_path(folder, "input", i), task.picture_of_input(batch.input[i]));
    const at::Tensor mask = batch.mask.defined() ? batch.mask[i] : at::Tensor();
    data::write_png(picture_path(folder, "target", i), task.picture_of_target(batch.target[i], mask));
  }
}

void write_prediction_pictures(const std::filesystem::path& folder, const task::Task& task, const at::Tensor& predictions) {
  make_folder(folder / kPictureFolder);
  for (std::int64_t i = 0; i < predictions.size(0); ++i) {
    data::write_png(picture_path(folder, "prediction", i), task.picture_of_prediction(predictions[i]));
  }
}

}  // namespace affinis::transfer
