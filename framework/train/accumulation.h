#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "framework/train/batch_parts.h"
#include "framework/train/forward_passes.h"
#include "framework/train/step_batch.h"

namespace affinis::train {

/// A step's batch in micro-batches: each goes forward and back before the next one does, so that the activations of one alone are in memory.
/// What comes out is what one batch would have given, up to rounding, as long as the network treats examples one by one (BatchNorm sees a
/// micro-batch).
///
/// * A total of losses: one pass forward and back. Where its weights are made of the step's own losses, a pass forward comes before.
/// * Gradients by the trunk: one row of all its parameters a task, which the micro-batches add to; no further pass.
/// * By the representation: inner products add up over micro-batches. A second pass, forward and back, follows with the weighted sum.
class AccumulatedBatch : public StepBatch {
 public:
  /// All arguments must outlive it.
  AccumulatedBatch(std::vector<BatchPart> parts, ForwardPasses& passes, Network& network, const DataParallel& parallel, std::int64_t step);

  const std::vector<std::size_t>& heads() const override { return heads_; }
  const std::vector<double>& values() override;
  void backward(const Total& total) override;
  std::unique_ptr<StepGradients> gradients(bool keep_graph) override;
  std::vector<double> losses_now() override { return passes_.losses_now(parts_); }

  /// Passes every micro-batch forward and on to `use`, which must leave nothing behind that holds its graph. Running statistics follow the
  /// first time alone.
  void each_pass(const std::function<void(const Pass& pass)>& use);

 private:
  void pass_through(const std::function<void(const Pass& pass)>& use);

  std::vector<BatchPart> parts_;
  ForwardPasses& passes_;
  Network& network_;
  const DataParallel& parallel_;
  std::int64_t step_;
  std::vector<std::size_t> heads_;
  std::vector<double> values_;  ///< empty: not known yet
  bool passed_ = false;
};

/// How the trunk's gradients of `tasks` tasks are held while micro-batches add to them: all at once, or, where `bytes` do not hold them, in
/// pairs of blocks, for each of which all micro-batches are passed anew.
struct AccumulatedRows {
  std::int64_t block = 0;   ///< rows of one block; `tasks` when all are held
  std::int64_t held = 0;    ///< rows at once
  std::int64_t rounds = 1;  ///< passes forward of every micro-batch, the last one with the weighted sum among them
  std::int64_t passes = 0;  ///< passes back through the trunk for every micro-batch, likewise
};
AccumulatedRows accumulated_rows(std::int64_t tasks, std::int64_t row_bytes, std::int64_t bytes);

}  // namespace affinis::train
