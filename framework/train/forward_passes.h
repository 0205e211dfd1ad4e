#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "framework/train/batch_parts.h"
#include "framework/train/batch_source.h"
#include "framework/train/data_parallel.h"
#include "framework/train/graphed_forward.h"
#include "framework/train/network.h"
#include "framework/train/trainer.h"

namespace affinis::train {

/// What a pass forward makes of a part of a batch: one entry a head, undefined (NaN) for heads that take no part.
struct Pass {
  std::vector<at::Tensor> predictions;      ///< float32
  std::vector<at::Tensor> representations;  ///< what each head was put on
  std::vector<at::Tensor> losses;           ///< scalars: this part's and rank's share of the loss over the whole batch
  std::vector<double> values;               ///< the same, over all ranks
};

/// While it lives running statistics may change; then they are as they were. Autograd does not get to know, so that a step's graph is whole.
class BuffersStay {
 public:
  explicit BuffersStay(const Network& network);
  ~BuffersStay();
  BuffersStay(const BuffersStay&) = delete;
  BuffersStay& operator=(const BuffersStay&) = delete;

 private:
  std::vector<nn::NamedTensor> buffers_;
  std::vector<at::Tensor> before_;
};

/// A training's passes forward. All arguments must outlive it.
class ForwardPasses {
 public:
  ForwardPasses(Network& network, const BatchSource& source, const TrainerOptions& options, const DataParallel& parallel,
                const c10::Device& device);

  /// Dropout and its like draw from LibTorch's generator: seeded per step, it needs no place in a checkpoint. The parts of a batch draw
  /// one after another.
  void begin(std::int64_t step);
  /// Throws Error(kNumeric) naming task, step and samples when a loss is NaN or infinite, on every rank.
  Pass run(const BatchPart& part);
  /// From now on run() replays a recording where it can (see graphed_forward.h): for networks of one head.
  void record_with(std::unique_ptr<WorkRecorder> recorder);
  /// The losses of these parts together, over all ranks, at the weights as they are now, with the step's dropout and whatever they are.
  /// Running statistics stay as they are.
  std::vector<double> losses_now(std::span<const BatchPart> parts);

  /// "samples a, b and 12 more".
  std::string sample_names(const std::vector<std::int64_t>& indices) const;

 private:
  std::vector<at::Tensor> predictions_of(const BatchPart& part, std::vector<at::Tensor>* representations);
  at::Tensor loss_share(std::size_t head, const at::Tensor& prediction, const task::Batch& batch, const DataParallel::Labels& labels) const;
  void seed(std::uint64_t seed) const;
  const std::string& task_name(std::size_t head) const { return network_.heads()[head].task->info().name; }
  [[noreturn]] void refuse(std::size_t head, double value, const at::Tensor& prediction, const task::Batch& batch) const;

  Network& network_;
  const BatchSource& source_;
  const TrainerOptions& options_;
  const DataParallel& parallel_;
  c10::Device device_;
  std::int64_t step_ = 0;
  std::unique_ptr<GraphedForward> graphed_;  ///< null: nothing is recorded
};

}  // namespace affinis::train
