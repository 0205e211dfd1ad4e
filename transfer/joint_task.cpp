#include "transfer/joint_task.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "framework/core/error.h"
#include "framework/core/random.h"

namespace affinis::transfer {
namespace {

constexpr std::int64_t kColourChannels = 3;

/// A mask for a task that makes none: one value a pixel of a dense target, one value in all for every other.
at::Tensor whole_mask(const at::Tensor& target, bool labelled) {
  std::vector<std::int64_t> shape = {1};
  if (target.dim() == 3) shape = {1, target.size(1), target.size(2)};
  if (target.dim() == 2) shape = {target.size(0), target.size(1)};
  return at::full(shape, labelled ? 1.0 : 0.0, at::kFloat);
}

class JointTask : public task::Task {
 public:
  JointTask(std::shared_ptr<const task::Task> task, const JointTaskOptions& options)
      : task_(std::move(task)), options_(options), info_(task_->info()) {
    info_.input_channels = options.input_channels;
  }

  const task::TaskInfo& info() const override { return info_; }

  task::Example example(std::span<const data::Sample> samples, RandomStream& stream) const override {
    task::Example example = task_->example(samples, stream);
    example.input = widened(example.input);
    if (options_.missing_labels <= 0) return example;
    makes_masks_.store(example.mask.defined() ? Masks::kOwn : Masks::kAdded, std::memory_order_relaxed);
    RandomStream lot(static_cast<std::uint64_t>(options_.missing_seed), "missing/" + info_.name,
                     {static_cast<std::uint64_t>(samples.front().index)});
    const bool labelled = lot.uniform() >= options_.missing_labels;
    if (!example.mask.defined()) {
      example.mask = whole_mask(example.target, labelled);
    } else if (!labelled) {
      example.mask = at::zeros_like(example.mask);
    }
    return example;
  }

  at::Tensor encoder_input(const data::Sample& sample) const override { return widened(task_->encoder_input(sample)); }
  std::vector<std::int64_t> prediction_shape() const override { return task_->prediction_shape(); }
  std::unique_ptr<nn::Module> make_head(const task::HeadInput& input) const override { return task_->make_head(input); }
  std::unique_ptr<task::MetricAccumulator> make_metrics() const override { return task_->make_metrics(); }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    if (!is_added(batch)) return task_->per_image_loss(prediction, batch);
    const at::Tensor losses = task_->per_image_loss(prediction, without_mask(batch));
    return losses.masked_fill(labelled_rows(batch).logical_not().to(losses.device()), std::numeric_limits<double>::quiet_NaN());
  }

  /// The task's own loss over the images that have a label, since it knows no mask to leave others out by.
  at::Tensor loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    if (!is_added(batch)) return task_->loss(prediction, batch);
    const at::Tensor rows = labelled_rows(batch).nonzero().flatten();
    if (rows.numel() == batch.size()) return task_->loss(prediction, without_mask(batch));
    // The sum over no rows keeps the result on the graph: its gradient is zero.
    if (rows.numel() == 0) return prediction.slice(0, 0, 0).sum();
    task::Batch labelled{batch.input.defined() ? batch.input.index_select(0, rows) : batch.input, batch.target.index_select(0, rows), {}, {}, {}};
    return task_->loss(prediction.index_select(0, rows), labelled);
  }

  data::Image picture_of_input(const at::Tensor& input) const override { return task_->picture_of_input(input); }
  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    return task_->picture_of_target(target, mask);
  }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override { return task_->picture_of_prediction(prediction); }

 private:
  enum class Masks { kUnknown, kOwn, kAdded };

  at::Tensor widened(const at::Tensor& input) const {
    const std::int64_t channels = input.size(-3);
    if (channels == options_.input_channels) return input;
    std::vector<std::int64_t> shape = input.sizes().vec();
    shape[shape.size() - 3] = options_.input_channels;
    return input.expand(shape).contiguous();
  }

  /// Whether the batch's mask is one that the task knows nothing of. Batches come after their examples, so that it is known by then.
  bool is_added(const task::Batch& batch) const {
    return batch.mask.defined() && makes_masks_.load(std::memory_order_relaxed) == Masks::kAdded;
  }

  static at::Tensor labelled_rows(const task::Batch& batch) { return batch.mask.flatten(1).any(1); }

  static task::Batch without_mask(task::Batch batch) {
    batch.mask = at::Tensor();
    return batch;
  }

  std::shared_ptr<const task::Task> task_;
  JointTaskOptions options_;
  task::TaskInfo info_;
  mutable std::atomic<Masks> makes_masks_ = Masks::kUnknown;
};

}  // namespace

std::int64_t shared_input_channels(std::span<const task::TaskInfo> tasks) {
  AFFINIS_ASSERT(!tasks.empty());
  const std::int64_t first = tasks.front().input_channels;
  const bool agreed = std::all_of(tasks.begin(), tasks.end(), [&](const task::TaskInfo& task) { return task.input_channels == first; });
  for (const task::TaskInfo& task : tasks) {
    AFFINIS_CHECK(task.encoder_learns, ErrorCode::kUsage,
                  "the encoder of the task '{}' stays as it was drawn, so that it cannot share one that learns with other tasks; leave it out",
                  task.name);
    AFFINIS_CHECK(agreed || task.input_channels == 1 || task.input_channels == kColourChannels, ErrorCode::kUsage,
                  "the task '{}' looks at images of {} channels and cannot share an encoder with tasks that look at grey or colour; train it alone",
                  task.name, task.input_channels);
  }
  return agreed ? first : kColourChannels;
}

std::shared_ptr<const task::Task> make_joint_task(std::shared_ptr<const task::Task> task, const JointTaskOptions& options) {
  if (options.missing_labels <= 0 && task->info().input_channels == options.input_channels) return task;
  return std::make_shared<const JointTask>(std::move(task), options);
}

}  // namespace affinis::transfer
