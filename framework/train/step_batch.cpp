#include "framework/train/step_batch.h"

#include <utility>

#include <ATen/ATen.h>

#include "framework/train/task_gradients.h"

namespace affinis::train {

WholeBatch::WholeBatch(std::span<const at::Tensor> losses, std::vector<double> values, std::span<const at::Tensor> representations,
                       const Network& network, const DataParallel& parallel, std::function<std::vector<double>()> now)
    : losses_(losses),
      values_(std::move(values)),
      representations_(representations),
      network_(network),
      parallel_(parallel),
      now_(std::move(now)) {
  for (std::size_t h = 0; h < losses_.size(); ++h) {
    if (losses_[h].defined()) heads_.push_back(h);
  }
}

void WholeBatch::backward(const Total& total) {
  const at::Tensor sum = total(losses_);
  if (sum.defined() && sum.requires_grad()) sum.backward();
}

std::unique_ptr<StepGradients> WholeBatch::gradients(bool keep_graph) {
  return std::make_unique<TaskGradients>(losses_, representations_, network_, parallel_, keep_graph);
}

}  // namespace affinis::train
