#include "framework/train/task_gradients.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "framework/core/error.h"

namespace affinis::train {
namespace {

constexpr std::int64_t kBlock = std::int64_t{1} << 15;

std::vector<at::Tensor> gradients_of(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& inputs,
                                     const std::vector<at::Tensor>& output_gradients, bool keep_graph) {
  return torch::autograd::grad(outputs, inputs, output_gradients, keep_graph, /*create_graph=*/false, /*allow_unused=*/true);
}

/// Inner products of the rows of a [m, P] with those of b [n, P], in double, block by block of columns.
at::Tensor products_of(const at::Tensor& a, const at::Tensor& b) {
  at::Tensor sum = at::zeros({a.size(0), b.size(0)}, a.options().dtype(at::kDouble));
  for (std::int64_t first = 0; first < a.size(1); first += kBlock) {
    const std::int64_t count = std::min(kBlock, a.size(1) - first);
    const at::Tensor left = a.narrow(1, first, count).to(at::kDouble);
    const at::Tensor right = a.is_same(b) ? left : b.narrow(1, first, count).to(at::kDouble);
    sum.addmm_(left, right.t());
  }
  return sum;
}

/// Both halves come from different roundings of the same sums: the upper one counts.
Gramian symmetric(const at::Tensor& products) {
  const at::Tensor host = products.to(at::kCPU).contiguous();
  const double* values = host.const_data_ptr<double>();
  const auto tasks = static_cast<std::size_t>(host.size(0));
  std::vector<double> result(tasks * tasks);
  for (std::size_t i = 0; i < tasks; ++i) {
    for (std::size_t j = i; j < tasks; ++j) result[i * tasks + j] = result[j * tasks + i] = values[i * tasks + j];
  }
  return {tasks, std::move(result)};
}

}  // namespace

std::vector<at::Tensor> learning_trunk(const Network& network) {
  std::vector<at::Tensor> result;
  for (const nn::NamedTensor& each : network.parameters()) {
    if (each.name.starts_with("trunk.") && each.tensor.requires_grad()) result.push_back(each.tensor);
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
    for (const nn::NamedTensor& each : network.heads()[h].module->parameters()) {
      if (each.tensor.requires_grad()) own.parameters.push_back(each.tensor);
    }
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

void TaskGradients::write_row(std::size_t task, at::Tensor row) {
  const std::vector<at::Tensor> gradients = through_trunk({representations_[task]}, {at_representation_[task]}, true);
  const at::NoGradGuard no_gradients;
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < trunk_.size(); ++i) {
    at::Tensor part = row.narrow(0, offset, trunk_[i].numel());
    if (gradients[i].defined()) {
      part.view(trunk_[i].sizes()).copy_(gradients[i]);
      reached_[i] = true;
    } else {
      part.zero_();
    }
    offset += trunk_[i].numel();
  }
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
    return symmetric(products_of(rows_, rows_));
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
    products.narrow(0, first, count).narrow(1, first, count).copy_(products_of(rows, rows));
    for (std::int64_t other = first + count; other < tasks; ++other) {
      write_row(static_cast<std::size_t>(other), passing.select(0, 0));
      products.narrow(0, first, count).narrow(1, other, 1).copy_(products_of(rows, passing));
    }
  }
  return symmetric(products);
}

Gramian TaskGradients::representation_gramian() const {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> rows;
  for (std::size_t k = 0; k < heads_.size(); ++k) {
    AFFINIS_CHECK(representations_[k].is_same(representations_.front()), ErrorCode::kUsage,
                  "gradients by the representation need heads on one representation, but the heads' inputs differ; train tasks with equal "
                  "inputs, or weigh the trunk's gradients (balancer mgda instead of mgda-ub, gradients = trunk)");
    rows.push_back(at_representation_[k].reshape({-1}));
  }
  const at::Tensor all = at::stack(rows);
  at::Tensor products = products_of(all, all);
  // Each rank has rows of the batch of its own: their inner products add up.
  parallel_.sum(products);
  return symmetric(products);
}

std::vector<double> TaskGradients::norms_at(const at::Tensor& parameter) const {
  std::vector<double> norms;
  for (std::size_t k = 0; k < heads_.size(); ++k) {
    at::Tensor gradient = gradients_of({representations_[k]}, {parameter}, {at_representation_[k]}, true).front();
    const at::NoGradGuard no_gradients;
    gradient = gradient.defined() ? gradient.contiguous() : at::zeros_like(parameter);
    parallel_.sum(gradient);
    norms.push_back(gradient.to(at::kDouble).norm().item<double>());
  }
  return norms;
}

void TaskGradients::apply(std::span<const double> trunk_weights, std::span<const double> head_weights) {
  for (std::size_t k = 0; k < heads_.size(); ++k) {
    const at::NoGradGuard no_gradients;
    HeadGradients& own = head_gradients_[k];
    for (std::size_t i = 0; i < own.parameters.size(); ++i) {
      if (!own.gradients[i].defined()) continue;
      own.parameters[i].mutable_grad() = head_weights[k] == 1 ? own.gradients[i] : own.gradients[i] * head_weights[k];
    }
  }
  if (!trunk_learns()) return;
  if (rows_.defined() && parallel_.alone()) {
    const at::NoGradGuard no_gradients;
    const at::Tensor weights =
        at::tensor(at::ArrayRef<double>(trunk_weights.data(), trunk_weights.size()), at::kDouble).to(rows_.options());
    const at::Tensor step = at::mv(rows_.t(), weights);
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < trunk_.size(); ++i) {
      if (reached_[i]) trunk_[i].mutable_grad() = step.narrow(0, offset, trunk_[i].numel()).view(trunk_[i].sizes());
      offset += trunk_[i].numel();
    }
    return;
  }
  // One pass with the weighted sum at every representation.
  std::vector<at::Tensor> outputs;
  std::vector<at::Tensor> sums;
  for (std::size_t k = 0; k < heads_.size(); ++k) {
    const at::NoGradGuard no_gradients;
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
    if (gradients[i].defined()) trunk_[i].mutable_grad() = gradients[i];
  }
}

}  // namespace affinis::train
