#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/train/balance/gramian.h"
#include "framework/train/data_parallel.h"
#include "framework/train/network.h"

namespace affinis::train {

/// The gradients of several heads' losses on the batch of one step. Nothing is left in any parameter before an apply. Lists of weights
/// have one entry a task, which are numbered from 0 in the order of heads(); those of the trunk are empty when it does not learn.
class StepGradients {
 public:
  virtual ~StepGradients() = default;
  /// The heads that take part.
  virtual const std::vector<std::size_t>& heads() const = 0;
  /// Whether there is a trunk that learns, and more than nothing to balance.
  virtual bool trunk_learns() const = 0;

  /// Inner products of the trunk's gradients over the batches of all ranks together, in double. At most `bytes` are held at once (two
  /// gradients at least): what needs more is made in blocks, with more passes.
  virtual Gramian gramian(std::int64_t bytes) = 0;
  /// Of the gradients by the representation: no pass back through the trunk. Throws Error(kUsage) when the heads are not all put on one.
  virtual Gramian representation_gramian() = 0;
  /// A task's gradient by all of the trunk, one parameter behind the other, over all ranks. [P]
  virtual at::Tensor trunk_gradient(std::size_t task) = 0;

  /// Leaves sum w_i g_i in the trunk's parameters and v_i g_i in the heads', for the sum over ranks that follows. Heads and parameters that
  /// nothing comes to keep an undefined gradient: an optimiser leaves them alone.
  virtual void apply(std::span<const double> trunk_weights, std::span<const double> head_weights) = 0;
  /// apply(), and the lengths of the tasks' gradients by one of the trunk's parameters, over all ranks.
  virtual std::vector<double> apply_and_measure(std::span<const double> trunk_weights, std::span<const double> head_weights,
                                                const at::Tensor& parameter) = 0;
};

/// The batch of one step as a balancer sees it: in one piece, or in micro-batches that go through the network one after another.
class StepBatch {
 public:
  /// A linear function of the heads' losses, undefined where a head takes no part.
  using Total = std::function<at::Tensor(std::span<const at::Tensor> losses)>;

  virtual ~StepBatch() = default;
  /// The heads that take part: those that learn and have a label somewhere in the batch.
  virtual const std::vector<std::size_t>& heads() const = 0;
  /// Every head's loss over the whole batch of all ranks, NaN for those that take no part. Asked for before there was any pass back, it may
  /// cost a pass forward.
  virtual const std::vector<double>& values() = 0;
  /// Leaves the gradient of the total in the parameters. It may be called for each piece, with that piece's share of every loss.
  virtual void backward(const Total& total) = 0;
  /// With `keep_graph` a backward pass through everything can follow. The batch must outlive it.
  virtual std::unique_ptr<StepGradients> gradients(bool keep_graph) = 0;
  /// values() at the weights as they are now. Nothing is changed by it.
  virtual std::vector<double> losses_now() = 0;
};

/// A batch in one piece: its losses are one graph.
class WholeBatch : public StepBatch {
 public:
  /// One entry a head, undefined (NaN) for those that take no part. `losses` are this rank's share, `values` what they are over all ranks,
  /// `representations` what each head was put on. All arguments must outlive it; without `now` nobody may ask for losses_now().
  WholeBatch(std::span<const at::Tensor> losses, std::vector<double> values, std::span<const at::Tensor> representations,
             const Network& network, const DataParallel& parallel, std::function<std::vector<double>()> now = {});

  const std::vector<std::size_t>& heads() const override { return heads_; }
  const std::vector<double>& values() override { return values_; }
  void backward(const Total& total) override;
  std::unique_ptr<StepGradients> gradients(bool keep_graph) override;
  std::vector<double> losses_now() override { return now_(); }

 private:
  std::span<const at::Tensor> losses_;
  std::vector<double> values_;
  std::span<const at::Tensor> representations_;
  const Network& network_;
  const DataParallel& parallel_;
  std::function<std::vector<double>()> now_;
  std::vector<std::size_t> heads_;
};

}  // namespace affinis::train
