#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/train/step_batch.h"

namespace affinis::train {

/// The trunk's parameters that learn at present, in their order.
std::vector<at::Tensor> learning_trunk(const Network& network);

/// The gradients of several heads' losses on one graph, in two stages: back through every head once, to the representation that it was
/// put on; from there through the trunk, as often as is asked for.
///
///     TaskGradients gradients(losses, representations, network, parallel, false);
///     const Gramian gramian = gradients.gramian(std::int64_t{1} << 30);
///     gradients.apply(weights, heads);
class TaskGradients : public StepGradients {
 public:
  /// Heads with an undefined loss take no part. With `keep_graph` a backward pass through everything can follow. The network must outlive it.
  TaskGradients(std::span<const at::Tensor> losses, std::span<const at::Tensor> representations, const Network& network,
                const DataParallel& parallel, bool keep_graph);

  const std::vector<std::size_t>& heads() const override { return heads_; }
  bool trunk_learns() const override { return !trunk_.empty() && !representations_.empty(); }
  /// K tasks of which c fit take about K^2 / 2c + K / 2 passes back through the trunk instead of K.
  Gramian gramian(std::int64_t bytes) override;
  Gramian representation_gramian() override;
  at::Tensor trunk_gradient(std::size_t task) override;
  void apply(std::span<const double> trunk_weights, std::span<const double> head_weights) override { finish(trunk_weights, head_weights, false); }
  std::vector<double> apply_and_measure(std::span<const double> trunk_weights, std::span<const double> head_weights,
                                        const at::Tensor& parameter) override;

  /// A part of a batch adds its share, of this rank alone, to what other parts left:
  ///
  /// as apply(), on top of the gradients that are there.
  void add(std::span<const double> trunk_weights, std::span<const double> head_weights) { finish(trunk_weights, head_weights, true); }
  /// A task's gradient by all of the trunk; marks the parameters that it came to. row: [P]
  void add_trunk_gradient(std::size_t task, at::Tensor& row, std::vector<bool>& reached) const { put_row(task, row, reached, true); }
  /// By the parameters of its head that learn; undefined where nothing came to one.
  const std::vector<at::Tensor>& head_gradients(std::size_t task) const { return head_gradients_[task].gradients; }
  /// By one of the trunk's parameters; undefined when nothing comes to it.
  at::Tensor gradient_at(std::size_t task, const at::Tensor& parameter) const;

 private:
  struct HeadGradients {
    std::vector<at::Tensor> parameters;
    std::vector<at::Tensor> gradients;
  };
  std::vector<at::Tensor> through_trunk(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& gradients, bool keep) const;
  void put_row(std::size_t task, at::Tensor& row, std::vector<bool>& reached, bool add) const;
  void write_row(std::size_t task, at::Tensor row);
  void finish(std::span<const double> trunk_weights, std::span<const double> head_weights, bool add);

  const DataParallel& parallel_;
  bool keep_graph_;
  std::vector<std::size_t> heads_;
  std::vector<at::Tensor> trunk_;
  std::int64_t trunk_size_ = 0;
  std::vector<bool> reached_;                ///< trunk parameters that some task's gradient came to
  std::vector<at::Tensor> representations_;  ///< one a task; empty when none needs a gradient
  std::vector<at::Tensor> at_representation_;
  std::vector<HeadGradients> head_gradients_;
  at::Tensor rows_;  ///< [K, P], when all fitted
};

/// The parameters of a head that learn at present, in their order.
std::vector<at::Tensor> learning_head(const Head& head);

}  // namespace affinis::train
