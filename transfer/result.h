#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <nlohmann/json_fwd.hpp>

#include "framework/run/job.h"
#include "framework/task/task.h"
#include "framework/train/trainer.h"

namespace affinis::transfer {

/// What "train" and "transfer" jobs leave behind beside weights.
struct TrainedResult {
  std::string name;              ///< of the network in loss files and tournaments: "self", "scratch", "a+b"
  std::int64_t parameters = 0;   ///< trained ones
  std::int64_t images = 0;       ///< training images
  train::TrainingResult training;
  train::Evaluation test;
};

/// Writes losses.h5 and result.json into `folder`. Nothing in them depends on the clock.
void write_result_files(const std::filesystem::path& folder, const task::Task& task, const TrainedResult& result);

/// The points of a learning curve, as result.json has them.
nlohmann::json curve_json(const std::vector<train::CurvePoint>& curve);

/// Writes losses.h5 and result.json into the job's folder and sets its metrics. Nothing in them depends on the clock.
void write_result(run::JobContext& context, const task::Task& task, const TrainedResult& result);

/// The very last thing that a job does: what it would go on from is not needed any more.
void remove_checkpoints(const std::filesystem::path& folder);

/// Up to `count` positions, evenly spread: the test images whose pictures are kept.
std::vector<std::int64_t> picture_positions(const std::vector<std::int64_t>& positions, std::int64_t count);

/// Writes pictures/input.N.png and target.N.png of the batch's examples.
void write_example_pictures(const std::filesystem::path& folder, const task::Task& task, const task::Batch& batch);
/// Writes pictures/prediction.N.png. predictions: [N, ...].
void write_prediction_pictures(const std::filesystem::path& folder, const task::Task& task, const at::Tensor& predictions);

}  // namespace affinis::transfer
