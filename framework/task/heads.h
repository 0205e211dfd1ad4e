#pragma once

#include <cstdint>
#include <memory>

#include "framework/nn/networks.h"
#include "framework/task/metrics.h"
#include "framework/task/task.h"

namespace affinis::task {

/// What the two common kinds of task share, so that a new one is little more than its example().

/// A 15-layer decoder to [channels, image_side, image_side]. Throws Error(kUsage) when sixteen times the representation's side is not
/// the image's side.
std::unique_ptr<nn::Module> make_dense_head(const HeadInput& input, std::int64_t channels, std::int64_t image_side,
                                            nn::OutputActivation output);

/// The fully connected head with `layers` layers in all; `hidden` is meant at width 64 and shrinks with the width.
std::unique_ptr<nn::Module> make_fully_connected_head(const HeadInput& input, std::int64_t outputs, std::int64_t layers = 2,
                                                      std::int64_t hidden = 2048);

/// A task with one prediction a pixel at the image's size: [channels, S, S], masked mean absolute error unless overridden.
class DenseTask : public Task {
 public:
  /// Throws Error(kUsage) when the image side is not a multiple of 16, the encoder's stride. `info.metrics` is taken from `metrics`.
  DenseTask(TaskInfo info, MetricSet metrics, const TaskContext& context, std::int64_t channels, nn::OutputActivation output);

  const TaskInfo& info() const override { return info_; }
  std::vector<std::int64_t> prediction_shape() const override { return {channels_, side_, side_}; }
  std::unique_ptr<nn::Module> make_head(const HeadInput& input) const override;
  at::Tensor per_image_loss(const at::Tensor& prediction, const Batch& batch) const override;
  std::unique_ptr<MetricAccumulator> make_metrics() const override { return metrics_.make(); }

 protected:
  std::int64_t side() const { return side_; }
  std::int64_t channels() const { return channels_; }
  /// The named field of a one-sample example; throws Error(kData) naming the sample when its side is not the task's.
  const data::FieldValue& image_field(std::span<const data::Sample> samples, std::string_view name) const;

 private:
  TaskInfo info_;
  MetricSet metrics_;
  std::int64_t side_;
  std::int64_t channels_;
  nn::OutputActivation output_;
};

/// The names of a vocabulary. Throws Error(kData) that names task and vocabulary when the data set has none or fewer than `least` names.
const std::vector<std::string>& vocabulary_of(const TaskContext& context, const std::string& name, const std::string& task,
                                              std::size_t least);

}  // namespace affinis::task
