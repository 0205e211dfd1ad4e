#include <cmath>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "framework/core/error.h"
#include "framework/train/batch_tools.h"
#include "framework/train/evaluation_mode.h"
#include "framework/train/trainer.h"
#include "framework/train/validation.h"

namespace affinis::train {
namespace {

/// One head's losses and metrics, batch by batch.
class HeadEvaluation {
 public:
  explicit HeadEvaluation(const task::Task& task) : task_(task), metrics_(task.make_metrics()) {}

  void add(const at::Tensor& prediction, const task::Batch& batch) {
    const at::Tensor losses = task_.per_image_loss(prediction, batch).to(at::kCPU, at::kFloat).contiguous();
    AFFINIS_CHECK(losses.dim() == 1 && losses.size(0) == batch.size(), ErrorCode::kInternal,
                  "the task '{}' gives {} losses for {} images; per_image_loss must give one each", task_.info().name, losses.numel(),
                  batch.size());
    const float* values = losses.const_data_ptr<float>();
    result_.losses.insert(result_.losses.end(), values, values + losses.numel());
    result_.indices.insert(result_.indices.end(), batch.indices.begin(), batch.indices.end());
    metrics_->add(prediction, batch);
  }

  Evaluation result() {
    AFFINIS_CHECK(!result_.losses.empty(), ErrorCode::kData, "there is no example to evaluate the task '{}' on", task_.info().name);
    double sum = 0;
    std::int64_t count = 0;
    for (const double loss : result_.losses) {
      if (std::isnan(loss)) continue;
      sum += loss;
      ++count;
    }
    result_.mean_loss = count > 0 ? sum / static_cast<double>(count) : std::numeric_limits<double>::quiet_NaN();
    result_.metrics = metrics_->result();
    return std::move(result_);
  }

 private:
  const task::Task& task_;
  std::unique_ptr<task::MetricAccumulator> metrics_;
  Evaluation result_;
};

}  // namespace

Evaluation evaluate(Network& network, BatchSource& source, std::size_t head) {
  AFFINIS_CHECK(head < network.heads().size(), ErrorCode::kInternal, "the network has {} heads, head {} was asked for",
                network.heads().size(), head);
  const EvaluationMode mode(network);
  const c10::Device device = device_of(network);
  HeadEvaluation evaluation(*network.heads()[head].task);
  source.start(0, 0);
  while (std::optional<std::vector<task::Batch>> batches = source.next()) {
    AFFINIS_CHECK(head < batches->size(), ErrorCode::kInternal, "the batch source makes batches for {} heads, head {} was asked for",
                  batches->size(), head);
    const task::Batch batch = to_device((*batches)[head], device);
    evaluation.add(network.forward(batch.input, head), batch);
  }
  return evaluation.result();
}

std::vector<Evaluation> evaluate_all(Network& network, BatchSource& source) {
  const EvaluationMode mode(network);
  const c10::Device device = device_of(network);
  const std::size_t heads = network.heads().size();
  std::vector<HeadEvaluation> evaluations;
  for (const Head& head : network.heads()) evaluations.emplace_back(*head.task);
  source.start(0, 0);
  while (std::optional<std::vector<task::Batch>> made = source.next()) {
    const std::vector<task::Batch> batches = to_device(std::move(*made), device, heads);
    const std::vector<at::Tensor> predictions = network.forward_all(inputs_of(batches));
    for (std::size_t h = 0; h < heads; ++h) evaluations[h].add(predictions[h], batches[h]);
  }
  std::vector<Evaluation> results;
  for (HeadEvaluation& evaluation : evaluations) results.push_back(evaluation.result());
  return results;
}

std::vector<double> mean_losses(Network& network, BatchSource& source) {
  const EvaluationMode mode(network);
  const c10::Device device = device_of(network);
  const std::size_t heads = network.heads().size();
  std::vector<double> sums(heads, 0.0);
  std::vector<std::int64_t> counts(heads, 0);
  source.start(0, 0);
  while (std::optional<std::vector<task::Batch>> made = source.next()) {
    const std::vector<task::Batch> batches = to_device(std::move(*made), device, heads);
    const std::vector<at::Tensor> predictions = network.forward_all(inputs_of(batches));
    for (std::size_t h = 0; h < heads; ++h) {
      if (!predictions[h].defined() || !has_label(batches[h])) continue;
      const at::Tensor losses = network.heads()[h].task->per_image_loss(predictions[h], batches[h]).to(at::kCPU, at::kFloat).contiguous();
      const float* values = losses.const_data_ptr<float>();
      for (std::int64_t i = 0; i < losses.numel(); ++i) {
        if (std::isnan(values[i])) continue;
        sums[h] += values[i];
        ++counts[h];
      }
    }
  }
  for (std::size_t h = 0; h < heads; ++h) {
    sums[h] = counts[h] > 0 ? sums[h] / static_cast<double>(counts[h]) : std::numeric_limits<double>::quiet_NaN();
  }
  return sums;
}

void set_threads(int threads) {
  AFFINIS_CHECK(threads >= 1, ErrorCode::kUsage, "the number of threads is {}; it must be at least 1", threads);
  at::set_num_threads(threads);
  // LibTorch allows this once, and only before its first parallel work; when it is too late the pool is never used by us anyway.
  static std::once_flag once;
  std::call_once(once, [] {
    try {
      at::set_num_interop_threads(1);
    } catch (const c10::Error&) {
    }
  });
}

}  // namespace affinis::train
