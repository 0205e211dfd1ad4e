#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "framework/task/metrics.h"
#include "framework/task/task.h"

namespace affinis::tasks {

/// The fully connected head of a task, at width 64 (Taskonomy's sizes, section 2.2 of its supplement's code).
struct VectorHead {
  std::int64_t outputs = 1;
  std::int64_t layers = 2;
  std::int64_t hidden = 2048;
  bool batch_norm = true;
};

/// A task that predicts a few numbers for an example: [outputs].
class VectorTask : public task::Task {
 public:
  VectorTask(task::TaskInfo info, task::MetricSet metrics, const task::TaskContext& context, VectorHead head);

  const task::TaskInfo& info() const override { return info_; }
  std::vector<std::int64_t> prediction_shape() const override { return {head_.outputs}; }
  std::unique_ptr<nn::Module> make_head(const task::HeadInput& input) const override;
  std::unique_ptr<task::MetricAccumulator> make_metrics() const override { return metrics_.make(); }

 protected:
  std::int64_t outputs() const { return head_.outputs; }
  /// Side of a picture in which text can be read.
  std::int64_t picture_side() const { return std::max<std::int64_t>(side_, 128); }
  /// Throws Error(kInternal) when there are not info().sample_count() samples.
  void check_count(std::span<const data::Sample> samples) const;
  /// The samples' images: [3, S, S] of one, [k, 3, S, S] of several.
  at::Tensor images_of(std::span<const data::Sample> samples) const;

 private:
  task::TaskInfo info_;
  task::MetricSet metrics_;
  std::int64_t side_;
  VectorHead head_;
};

/// A float32 tensor [count].
at::Tensor vector_tensor(std::span<const double> numbers);
/// A float32 tensor [count] of ones: every number is valid.
at::Tensor all_valid(std::int64_t count);
/// The numbers of a tensor, in double.
std::vector<double> numbers_of(const at::Tensor& tensor);

}  // namespace affinis::tasks
