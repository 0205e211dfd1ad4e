#include "framework/train/forward_passes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>

#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/core/text.h"
#include "framework/train/low_precision.h"

namespace affinis::train {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

BuffersStay::BuffersStay(const Network& network) : buffers_(network.buffers()) {
  for (const nn::NamedTensor& each : buffers_) before_.push_back(each.tensor.detach().clone());
}

BuffersStay::~BuffersStay() {
  const at::NoGradGuard no_gradients;
  for (std::size_t i = 0; i < buffers_.size(); ++i) buffers_[i].tensor.variable_data().copy_(before_[i]);
}

ForwardPasses::ForwardPasses(Network& network, const BatchSource& source, const TrainerOptions& options, const DataParallel& parallel,
                             const c10::Device& device)
    : network_(network), source_(source), options_(options), parallel_(parallel), device_(device) {}

void ForwardPasses::begin(std::int64_t step) {
  step_ = step;
  seed(derive_seed(static_cast<std::uint64_t>(options_.seed), "step", {static_cast<std::uint64_t>(step)}));
}

void ForwardPasses::record_with(std::unique_ptr<WorkRecorder> recorder) {
  AFFINIS_ASSERT(network_.heads().size() == 1);
  graphed_ = std::make_unique<GraphedForward>(network_, std::move(recorder));
}

void ForwardPasses::seed(std::uint64_t seed) const {
  at::Generator generator = at::globalContext().defaultGenerator(device_);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(seed);
  if (!device_.is_cpu()) {
    at::Generator cpu = at::detail::getDefaultCPUGenerator();
    const std::lock_guard<std::mutex> cpu_lock(cpu.mutex());
    cpu.set_current_seed(seed);
  }
}

Pass ForwardPasses::run(const BatchPart& part) {
  Pass pass;
  pass.predictions = predictions_of(part, &pass.representations);
  pass.losses.resize(part.batches.size());
  pass.values.assign(part.batches.size(), kNan);
  for (std::size_t h = 0; h < part.batches.size(); ++h) {
    if (!pass.predictions[h].defined()) continue;
    pass.losses[h] = loss_share(h, pass.predictions[h], part.batches[h], part.labels[h]);
    pass.values[h] = pass.losses[h].item<double>();
  }
  const std::vector<double> own = pass.values;
  parallel_.sum(pass.values);
  for (std::size_t h = 0; h < part.batches.size(); ++h) {
    if (!pass.predictions[h].defined() || std::isfinite(pass.values[h])) continue;
    if (!std::isfinite(own[h])) refuse(h, own[h], pass.predictions[h], part.batches[h]);
    fail(ErrorCode::kNumeric, "the loss of the task '{}' is not a number on another rank at step {}; that rank says more", task_name(h), step_ + 1);
  }
  return pass;
}

std::vector<double> ForwardPasses::losses_now(std::span<const BatchPart> parts) {
  const at::NoGradGuard no_gradients;
  const BuffersStay stay(network_);
  begin(step_);
  const std::size_t heads = network_.heads().size();
  std::vector<double> sums(heads, 0.0);
  std::vector<bool> takes_part(heads, false);
  for (const BatchPart& part : parts) {
    if (part.empty()) continue;
    const std::vector<at::Tensor> predictions = predictions_of(part, nullptr);
    for (std::size_t h = 0; h < heads; ++h) {
      if (!predictions[h].defined()) continue;
      takes_part[h] = true;
      sums[h] += loss_share(h, predictions[h], part.batches[h], part.labels[h]).item<double>();
    }
  }
  for (std::size_t h = 0; h < heads; ++h) {
    if (!takes_part[h]) sums[h] = kNan;
  }
  parallel_.sum(sums);
  return sums;
}

std::vector<at::Tensor> ForwardPasses::predictions_of(const BatchPart& part, std::vector<at::Tensor>* representations) {
  std::vector<at::Tensor> predictions;
  {
    const LowPrecision low(device_, options_.precision == "bf16");
    if (graphed_ && at::GradMode::is_enabled() && part.inputs.front().defined()) {
      predictions = {(*graphed_)(part.inputs.front())};
      // Nobody looks at the representation under a single head.
      if (representations != nullptr) representations->assign(1, at::Tensor());
    } else {
      predictions = network_.forward_all(part.inputs, representations);
    }
  }
  for (at::Tensor& prediction : predictions) {
    if (prediction.defined()) prediction = prediction.to(at::kFloat);
  }
  return predictions;
}

/// The shares of all parts and ranks add up to the mean over the labelled images of all. One without any label still takes part in every
/// collective of the backward pass.
at::Tensor ForwardPasses::loss_share(std::size_t head, const at::Tensor& prediction, const task::Batch& batch,
                                     const DataParallel::Labels& labels) const {
  if (labels.here == 0) return prediction.sum() * 0;
  at::Tensor loss = network_.heads()[head].task->loss(prediction, batch);
  return labels.here == labels.everywhere ? loss : loss * labels.share();
}

std::string ForwardPasses::sample_names(const std::vector<std::int64_t>& indices) const {
  constexpr std::size_t kMost = 8;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(kMost, indices.size()); ++i) names.push_back(source_.sample_name(indices[i]));
  std::string text = (indices.size() == 1 ? "sample " : "samples ") + join(names, ", ");
  if (indices.size() > kMost) text += fmt::format(" and {} more", indices.size() - kMost);
  return text;
}

void ForwardPasses::refuse(std::size_t head, double value, const at::Tensor& prediction, const task::Batch& batch) const {
  const at::NoGradGuard no_gradient;
  const at::Tensor prediction_is_finite = at::isfinite(prediction).flatten(1).all(1).to(at::kCPU);
  const at::Tensor losses = network_.heads()[head].task->per_image_loss(prediction, batch).to(at::kCPU, at::kFloat);
  std::vector<std::int64_t> culprits;
  // A NaN of an image whose prediction is sound means "no label" and is none of the causes.
  for (std::int64_t i = 0; i < std::min<std::int64_t>(losses.numel(), static_cast<std::int64_t>(batch.indices.size())); ++i) {
    const float loss = losses[i].item<float>();
    if (std::isinf(loss) || (std::isnan(loss) && !prediction_is_finite[i].item<bool>())) {
      culprits.push_back(batch.indices[static_cast<std::size_t>(i)]);
    }
  }
  fail(ErrorCode::kNumeric,
       "the loss of the task '{}' is {} at step {} ({}); look at these labels, lower learning_rate ({}) or set clip_norm", task_name(head),
       std::isnan(value) ? "NaN" : "infinite", step_ + 1, sample_names(culprits.empty() ? batch.indices : culprits), options_.learning_rate);
}

}  // namespace affinis::train
