#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/train/balance/gramian.h"
#include "framework/train/data_parallel.h"
#include "framework/train/network.h"

namespace affinis::train {

/// The trunk's parameters that learn at present, in their order.
std::vector<at::Tensor> learning_trunk(const Network& network);

/// The gradients of several heads' losses on one batch, in two stages: back through every head once, to the representation that it was
/// put on; from there through the trunk, as often as is asked for. Nothing is left in any parameter before apply().
///
///     TaskGradients gradients(losses, representations, network, parallel, false);
///     const Gramian gramian = gradients.gramian(std::int64_t{1} << 30);
///     gradients.apply(weights, heads);
class TaskGradients {
 public:
  /// Heads with an undefined loss take no part. With `keep_graph` a backward pass through everything can follow. The network must outlive it.
  TaskGradients(std::span<const at::Tensor> losses, std::span<const at::Tensor> representations, const Network& network,
                const DataParallel& parallel, bool keep_graph);

  /// The heads that take part; all other members number them from 0 in this order.
  const std::vector<std::size_t>& heads() const { return heads_; }
  /// Whether there is a trunk that learns, and more than nothing to balance.
  bool trunk_learns() const { return !trunk_.empty() && !representations_.empty(); }

  /// Inner products of the trunk's gradients, summed over ranks first; in double. Where `bytes` do not hold all gradients they are made in
  /// blocks: K tasks of which c fit take about K^2 / 2c + K / 2 passes instead of K.
  Gramian gramian(std::int64_t bytes);
  /// Of the gradients by the representation: one of batch x channels x height x width numbers a task, no pass through the trunk.
  /// Throws Error(kUsage) when the heads are not all put on one representation.
  Gramian representation_gramian() const;
  /// Lengths of the gradients by one of the trunk's parameters.
  std::vector<double> norms_at(const at::Tensor& parameter) const;
  /// A task's gradient by all of the trunk, one parameter behind the other, summed over ranks. [P]
  at::Tensor trunk_gradient(std::size_t task);

  /// Leaves sum w_i g_i in the trunk's parameters and v_i g_i in the heads', one weight of each a task. Heads and parameters that nothing
  /// comes to keep an undefined gradient: an optimiser leaves them alone.
  void apply(std::span<const double> trunk_weights, std::span<const double> head_weights);

 private:
  struct HeadGradients {
    std::vector<at::Tensor> parameters;
    std::vector<at::Tensor> gradients;
  };
  std::vector<at::Tensor> through_trunk(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& gradients, bool keep) const;
  void write_row(std::size_t task, at::Tensor row);

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

}  // namespace affinis::train
