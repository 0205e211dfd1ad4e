#include "framework/train/task_gradients.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "framework/core/error.h"
#include "framework/train/gradient_rows.h"

namespace affinis::train {
namespace {

std::vector<at::Tensor> gradients_of(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& inputs,
                                     const std::vector<at::Tensor>& output_gradients, bool keep_graph) {
  return torch::autograd::grad(outputs, inputs, output_gradients, keep_graph, /*create_graph=*/false, /*allow_unused=*/true);
}

}  // namespace

std::vector<at::Tensor> learning_trunk(const Network& network) {
  std::vector<at::Tensor> result;
  for (const nn::NamedTensor& each : network.parameters()) {
    if (each.name.starts_with("trunk.") && each.tensor.requires_grad()) result.push_back(each.tensor);
  }
  return result;
}

std::vector<at::Tensor> learning_head(const Head& head) {
  std::vector<at::Tensor> result;
  for (const nn::NamedTensor& each : head.module->parameters()) {
    if (each.tensor.requires_grad()) result.push_back(each.tensor);
  }
  return result;
}

TaskGradients::TaskGradients(std::span<const at::Tensor> losses, std::span<const at::Tensor> representations, const Network& network,
                             const DataParallel& parallel, bool keep_graph)
    : parallel_(parallel), keep_graph_(keep_graph), trunk_(learning_trunk(network)) {
  for (const at::Tensor& each : trunk_) trunk_size_ += each.numel();
  reached_.assign(trunk_.size(), false);
  for (std::size_t h = 0; h < losses.size(); ++h) {
    if (!losses[h].defined() || !losses[h].requires_grad()) continue;
    HeadGradients own;
    own.parameters = learning_head(network.heads()[h]);
    std::vector<at::Tensor> inputs = own.parameters;
    const bool through_trunk = representations[h].requires_grad();
    if (through_trunk) inputs.push_back(representations[h]);
    if (inputs.empty()) continue;
    own.gradients = gradients_of({losses[h]}, inputs, {}, keep_graph);
    at::Tensor at_representation;
    if (through_trunk) {
      at_representation = own.gradients.back();
      own.gradients.pop_back();
      if (!at_representation.defined()) at_representation = at::zeros_like(representations[h]);
      representations_.push_back(representations[h]);
      at_representation_.push_back(at_representation);
    }
    heads_.push_back(h);
    head_gradients_.push_back(std::move(own));
  }
  AFFINIS_ASSERT(representations_.empty() || representations_.size() == heads_.size());
}

std::vector<at::Tensor> TaskGradients::through_trunk(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& gradients,
                                                     bool keep) const {
  return gradients_of(outputs, trunk_, gradients, keep);
}

void TaskGradients::put_row(std::size_t task, at::Tensor& row, std::vector<bool>& reached, bool add) const {
  const std::vector<at::Tensor> gradients = through_trunk({representations_[task]}, {at_representation_[task]}, true);
  const at::NoGradGuard no_gradients;
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < trunk_.size(); ++i) {
    at::Tensor part = row.narrow(0, offset, trunk_[i].numel());
    if (gradients[i].defined()) {
      at::Tensor shaped = part.view(trunk_[i].sizes());
      add ? shaped.add_(gradients[i]) : shaped.copy_(gradients[i]);
      reached[i] = true;
    } else if (!add) {
      part.zero_();
    }
    offset += trunk_[i].numel();
  }
}

void TaskGradients::write_row(std::size_t task, at::Tensor row) {
  put_row(task, row, reached_, false);
  parallel_.sum(row);
}

at::Tensor TaskGradients::trunk_gradient(std::size_t task) {
  at::Tensor row = at::empty({trunk_size_}, trunk_.front().options().requires_grad(false));
  write_row(task, row);
  return row;
}

Gramian TaskGradients::gramian(std::int64_t bytes) {
  const at::NoGradGuard no_gradients;
  const auto tasks = static_cast<std::int64_t>(heads_.size());
  const at::TensorOptions options = trunk_.front().options().requires_grad(false);
  const std::int64_t row_bytes = trunk_size_ * static_cast<std::int64_t>(trunk_.front().element_size());
  if (tasks * row_bytes <= bytes) {
    rows_ = at::empty({tasks, trunk_size_}, options);
    for (std::int64_t k = 0; k < tasks; ++k) write_row(static_cast<std::size_t>(k), rows_.select(0, k));
    return upper_gramian(row_products(rows_, rows_));
  }
  // A block of rows is kept while the gradients after it pass by, one at a time.
  const std::int64_t kept = std::max<std::int64_t>(1, bytes / row_bytes - 1);
  at::Tensor products = at::zeros({tasks, tasks}, options.dtype(at::kDouble));
  at::Tensor block = at::empty({std::min(kept, tasks), trunk_size_}, options);
  at::Tensor passing = at::empty({1, trunk_size_}, options);
  for (std::int64_t first = 0; first < tasks; first += kept) {
    const std::int64_t count = std::min(kept, tasks - first);
    const at::Tensor rows = block.narrow(0, 0, count);
    for (std::int64_t k = 0; k < count; ++k) write_row(static_cast<std::size_t>(first + k), rows.select(0, k));
    products.narrow(0, first, count).narrow(1, first, count).copy_(row_products(rows, rows));
    for (std::int64_t other = first + count; other < tasks; ++other) {
      write_row(static_cast<std::size_t>(other), passing.select(0, 0));
      products.narrow(0, first, count).narrow(1, other, 1).copy_(row_products(rows, passing));
    }
  }
  return upper_gramian(products);
}

Gramian TaskGradients::representation_gramian() {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> rows;
  for (std::size_t k = 0; k < heads_.size(); ++k) {
    AFFINIS_CHECK(representations_[k].is_same(representations_.front()), ErrorCode::kUsage,
                  "gradients by the representation need heads on one representation, but the heads' inputs differ; train tasks with equal "
                  "inputs, or weigh the trunk's gradients (balancer mgda instead of mgda-ub, gradients = trunk)");
    rows.push_back(at_representation_[k].reshape({-1}));
  }
  const at::Tensor all = at::stack(rows);
  at::Tensor products = row_products(all, all);
  // Each rank has rows of the batch of its own: their inner products add up.
  parallel_.sum(products);
  return upper_gramian(products);
}

at::Tensor TaskGradients::gradient_at(std::size_t task, const at::Tensor& parameter) const {
  return gradients_of({representations_[task]}, {parameter}, {at_representation_[task]}, true).front();
}

std::vector<double> TaskGradients::apply_and_measure(std::span<const double> trunk_weights, std::span<const double> head_weights,
                                                     const at::Tensor& parameter) {
  std::vector<double> norms;
  for (std::size_t k = 0; k < heads_.size(); ++k) {
    at::Tensor gradient = gradient_at(k, parameter);
    const at::NoGradGuard no_gradients;
    gradient = gradient.defined() ? gradient.contiguous() : at::zeros_like(parameter);
    parallel_.sum(gradient);
    norms.push_back(gradient.to(at::kDouble).norm().item<double>());
  }
  apply(trunk_weights, head_weights);
  return norms;
}

void TaskGradients::finish(std::span<const double> trunk_weights, std::span<const double> head_weights, bool add) {
  const at::NoGradGuard no_gradients;
  const auto leave = [add](const at::Tensor& parameter, const at::Tensor& gradient) {
    if (!add) parameter.mutable_grad().reset();
    add_to(parameter.mutable_grad(), gradient);
  };
  for (std::size_t k = 0; k < heads_.size(); ++k) {
    HeadGradients& own = head_gradients_[k];
    for (std::size_t i = 0; i < own.parameters.size(); ++i) {
      if (!own.gradients[i].defined()) continue;
      leave(own.parameters[i], head_weights[k] == 1 ? own.gradients[i] : own.gradients[i] * head_weights[k]);
    }
  }
  if (!trunk_learns()) return;
  if (rows_.defined() && parallel_.alone()) {
    set_gradients(trunk_, reached_, weighted_sum(rows_, trunk_weights));
    return;
  }
  // One pass with the weighted sum at every representation.
  std::vector<at::Tensor> outputs;
  std::vector<at::Tensor> sums;
  for (std::size_t k = 0; k < heads_.size(); ++k) {
    const at::Tensor weighted = at_representation_[k] * trunk_weights[k];
    std::size_t place = 0;
    while (place < outputs.size() && !outputs[place].is_same(representations_[k])) ++place;
    if (place == outputs.size()) {
      outputs.push_back(representations_[k]);
      sums.push_back(weighted);
    } else {
      sums[place] = sums[place] + weighted;
    }
  }
  const std::vector<at::Tensor> gradients = through_trunk(outputs, sums, keep_graph_);
  for (std::size_t i = 0; i < trunk_.size(); ++i) {
    if (gradients[i].defined()) leave(trunk_[i], gradients[i]);
  }
}

}  // namespace affinis::train
