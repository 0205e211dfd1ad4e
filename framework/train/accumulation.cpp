#include "framework/train/accumulation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "framework/core/error.h"
#include "framework/train/gradient_rows.h"
#include "framework/train/task_gradients.h"

namespace affinis::train {
namespace {

class AccumulatedGradients : public StepGradients {
 public:
  AccumulatedGradients(AccumulatedBatch& batch, const Network& network, const DataParallel& parallel)
      : batch_(batch), network_(network), parallel_(parallel), trunk_(learning_trunk(network)), reached_(trunk_.size(), false) {
    for (const at::Tensor& each : trunk_) trunk_size_ += each.numel();
    for (const std::size_t head : batch.heads()) {
      std::vector<at::Tensor> own = learning_head(network.heads()[head]);
      if (trunk_.empty() && own.empty()) continue;
      heads_.push_back(head);
      head_parameters_.push_back(std::move(own));
    }
  }

  const std::vector<std::size_t>& heads() const override { return heads_; }
  bool trunk_learns() const override { return !trunk_.empty() && !heads_.empty(); }
  Gramian gramian(std::int64_t bytes) override;
  Gramian representation_gramian() override;
  at::Tensor trunk_gradient(std::size_t task) override;
  void apply(std::span<const double> trunk_weights, std::span<const double> head_weights) override;
  std::vector<double> apply_and_measure(std::span<const double> trunk_weights, std::span<const double> head_weights,
                                        const at::Tensor& parameter) override;

 private:
  /// `tasks`: the numbers here of the part's tasks, in its order.
  using Use = std::function<void(TaskGradients& part, const std::vector<std::size_t>& tasks)>;

  /// For the tasks from `first` on alone.
  void each_part(std::size_t first, std::size_t count, const Use& use);
  void each_part(const Use& use) { each_part(0, heads_.size(), use); }
  /// Adds up the gradients of these tasks by the trunk, over all ranks. rows: [count, P]
  void sum_rows(std::int64_t first, at::Tensor rows, bool with_heads = false);
  void add_weighted(TaskGradients& part, const std::vector<std::size_t>& tasks, std::span<const double> trunk_weights,
                    std::span<const double> head_weights) const;

  AccumulatedBatch& batch_;
  const Network& network_;
  const DataParallel& parallel_;
  const DataParallel alone_{Ranks{}};  ///< for parts, which are summed over ranks when all of them are there
  std::vector<std::size_t> heads_;
  std::vector<at::Tensor> trunk_;
  std::int64_t trunk_size_ = 0;
  std::vector<bool> reached_;
  std::vector<std::vector<at::Tensor>> head_parameters_;  ///< one list a task
  std::vector<std::vector<at::Tensor>> head_gradients_;   ///< likewise, this rank's, with `rows_`
  at::Tensor rows_;                                       ///< [K, P], when all fitted
};

void AccumulatedGradients::each_part(std::size_t first, std::size_t count, const Use& use) {
  batch_.each_pass([&](const Pass& pass) {
    std::vector<at::Tensor> losses(pass.losses.size());
    for (std::size_t k = first; k < first + count; ++k) losses[heads_[k]] = pass.losses[heads_[k]];
    TaskGradients part(losses, pass.representations, network_, alone_, false);
    std::vector<std::size_t> tasks;
    for (const std::size_t head : part.heads()) {
      tasks.push_back(static_cast<std::size_t>(std::find(heads_.begin(), heads_.end(), head) - heads_.begin()));
    }
    use(part, tasks);
  });
}

void AccumulatedGradients::sum_rows(std::int64_t first, at::Tensor rows, bool with_heads) {
  rows.zero_();
  if (with_heads) {
    head_gradients_.clear();
    for (const std::vector<at::Tensor>& each : head_parameters_) head_gradients_.emplace_back(each.size());
  }
  each_part(static_cast<std::size_t>(first), static_cast<std::size_t>(rows.size(0)), [&](TaskGradients& part, const std::vector<std::size_t>& tasks) {
    for (std::size_t k = 0; k < tasks.size(); ++k) {
      at::Tensor row = rows.select(0, static_cast<std::int64_t>(tasks[k]) - first);
      if (part.trunk_learns()) part.add_trunk_gradient(k, row, reached_);
      if (!with_heads) continue;
      const std::vector<at::Tensor>& own = part.head_gradients(k);
      for (std::size_t i = 0; i < own.size(); ++i) {
        if (own[i].defined()) add_to(head_gradients_[tasks[k]][i], own[i]);
      }
    }
  });
  for (std::int64_t k = 0; k < rows.size(0); ++k) {
    at::Tensor row = rows.select(0, k);
    parallel_.sum(row);
  }
}

Gramian AccumulatedGradients::gramian(std::int64_t bytes) {
  const auto tasks = static_cast<std::int64_t>(heads_.size());
  const at::TensorOptions options = trunk_.front().options().requires_grad(false);
  const AccumulatedRows plan = accumulated_rows(tasks, trunk_size_ * static_cast<std::int64_t>(trunk_.front().element_size()), bytes);
  if (plan.block >= tasks) {
    rows_ = at::empty({tasks, trunk_size_}, options);
    sum_rows(0, rows_, true);
    return upper_gramian(row_products(rows_, rows_));
  }
  at::Tensor products = at::zeros({tasks, tasks}, options.dtype(at::kDouble));
  at::Tensor kept = at::empty({plan.block, trunk_size_}, options);
  at::Tensor passing = at::empty({plan.block, trunk_size_}, options);
  for (std::int64_t first = 0; first < tasks; first += plan.block) {
    const at::Tensor rows = kept.narrow(0, 0, std::min(plan.block, tasks - first));
    sum_rows(first, rows);
    products.narrow(0, first, rows.size(0)).narrow(1, first, rows.size(0)).copy_(row_products(rows, rows));
    for (std::int64_t other = first + plan.block; other < tasks; other += plan.block) {
      const at::Tensor others = passing.narrow(0, 0, std::min(plan.block, tasks - other));
      sum_rows(other, others);
      products.narrow(0, first, rows.size(0)).narrow(1, other, others.size(0)).copy_(row_products(rows, others));
    }
  }
  return upper_gramian(products);
}

Gramian AccumulatedGradients::representation_gramian() {
  const std::size_t tasks = heads_.size();
  std::vector<double> products(tasks * tasks, 0.0);
  each_part([&](TaskGradients& part, const std::vector<std::size_t>& own) {
    if (!part.trunk_learns()) return;
    const Gramian gramian = part.representation_gramian();
    for (std::size_t i = 0; i < own.size(); ++i) {
      for (std::size_t j = 0; j < own.size(); ++j) products[own[i] * tasks + own[j]] += gramian(i, j);
    }
  });
  parallel_.sum(products);
  return {tasks, std::move(products)};
}

at::Tensor AccumulatedGradients::trunk_gradient(std::size_t task) {
  if (rows_.defined()) return rows_.select(0, static_cast<std::int64_t>(task));
  const at::Tensor rows = at::empty({1, trunk_size_}, trunk_.front().options().requires_grad(false));
  sum_rows(static_cast<std::int64_t>(task), rows);
  return rows.select(0, 0);
}

void AccumulatedGradients::add_weighted(TaskGradients& part, const std::vector<std::size_t>& tasks, std::span<const double> trunk_weights,
                                        std::span<const double> head_weights) const {
  std::vector<double> trunk;
  std::vector<double> heads;
  for (const std::size_t task : tasks) {
    if (!trunk_weights.empty()) trunk.push_back(trunk_weights[task]);
    heads.push_back(head_weights[task]);
  }
  part.add(trunk, heads);
}

void AccumulatedGradients::apply(std::span<const double> trunk_weights, std::span<const double> head_weights) {
  if (!rows_.defined()) {
    each_part([&](TaskGradients& part, const std::vector<std::size_t>& tasks) { add_weighted(part, tasks, trunk_weights, head_weights); });
    return;
  }
  const at::NoGradGuard no_gradients;
  for (std::size_t k = 0; k < heads_.size(); ++k) {
    for (std::size_t i = 0; i < head_parameters_[k].size(); ++i) {
      const at::Tensor& gradient = head_gradients_[k][i];
      if (gradient.defined()) head_parameters_[k][i].mutable_grad() = head_weights[k] == 1 ? gradient : gradient * head_weights[k];
    }
  }
  // Every rank has the sum over all ranks in its rows, and the ranks' gradients are to be summed still.
  at::Tensor step = weighted_sum(rows_, trunk_weights);
  set_gradients(trunk_, reached_, parallel_.speaks() ? step : at::zeros_like(step));
}

std::vector<double> AccumulatedGradients::apply_and_measure(std::span<const double> trunk_weights, std::span<const double> head_weights,
                                                            const at::Tensor& parameter) {
  std::vector<at::Tensor> sums;
  for (std::size_t k = 0; k < heads_.size(); ++k) sums.push_back(at::zeros(parameter.sizes(), parameter.options().requires_grad(false)));
  each_part([&](TaskGradients& part, const std::vector<std::size_t>& tasks) {
    for (std::size_t k = 0; k < tasks.size() && part.trunk_learns(); ++k) {
      if (const at::Tensor gradient = part.gradient_at(k, parameter); gradient.defined()) sums[tasks[k]].add_(gradient);
    }
    add_weighted(part, tasks, trunk_weights, head_weights);
  });
  std::vector<double> norms;
  for (at::Tensor& sum : sums) {
    parallel_.sum(sum);
    norms.push_back(sum.to(at::kDouble).norm().item<double>());
  }
  return norms;
}

}  // namespace

AccumulatedBatch::AccumulatedBatch(std::vector<BatchPart> parts, ForwardPasses& passes, Network& network, const DataParallel& parallel,
                                   std::int64_t step)
    : parts_(std::move(parts)), passes_(passes), network_(network), parallel_(parallel), step_(step) {
  for (std::size_t h = 0; h < network.heads().size(); ++h) {
    const bool takes_part = std::any_of(parts_.begin(), parts_.end(), [h](const BatchPart& part) { return part.inputs[h].defined(); });
    if (takes_part) heads_.push_back(h);
  }
}

const std::vector<double>& AccumulatedBatch::values() {
  if (values_.empty()) {
    const at::NoGradGuard no_gradients;
    const BuffersStay stay(network_);
    pass_through([](const Pass&) {});
  }
  return values_;
}

void AccumulatedBatch::backward(const Total& total) {
  each_pass([&](const Pass& pass) {
    const at::Tensor sum = total(pass.losses);
    if (sum.defined() && sum.requires_grad()) sum.backward();
  });
}

std::unique_ptr<StepGradients> AccumulatedBatch::gradients(bool /*keep_graph*/) {
  return std::make_unique<AccumulatedGradients>(*this, network_, parallel_);
}

void AccumulatedBatch::each_pass(const std::function<void(const Pass& pass)>& use) {
  std::optional<BuffersStay> stay;
  if (passed_) stay.emplace(network_);
  pass_through(use);
  passed_ = true;
}

void AccumulatedBatch::pass_through(const std::function<void(const Pass& pass)>& use) {
  std::vector<double> values(network_.heads().size(), std::numeric_limits<double>::quiet_NaN());
  for (const std::size_t head : heads_) values[head] = 0;
  passes_.begin(step_);
  for (const BatchPart& part : parts_) {
    if (part.empty()) continue;
    const Pass pass = passes_.run(part);
    for (const std::size_t head : heads_) {
      if (pass.losses[head].defined()) values[head] += pass.values[head];
    }
    use(pass);
  }
  if (values_.empty()) values_ = std::move(values);
}

AccumulatedRows accumulated_rows(std::int64_t tasks, std::int64_t row_bytes, std::int64_t bytes) {
  if (tasks * row_bytes <= bytes) return {tasks, tasks, 1, tasks};
  AccumulatedRows plan;
  plan.block = std::clamp<std::int64_t>(bytes / row_bytes / 2, 1, tasks);
  plan.held = std::min(2 * plan.block, tasks);
  plan.passes = 1;
  for (std::int64_t first = 0; first < tasks; first += plan.block) {
    plan.passes += tasks - first;
    plan.rounds += (tasks - first + plan.block - 1) / plan.block;
  }
  return plan;
}

}  // namespace affinis::train
