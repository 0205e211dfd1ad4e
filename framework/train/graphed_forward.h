#pragma once

#include <functional>
#include <memory>
#include <string>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "framework/train/network.h"
#include "framework/train/trainer.h"

namespace affinis::train {

/// Work on tensors that is recorded once and then done again at one call, on whatever the same tensors hold by then.
class WorkRecorder {
 public:
  virtual ~WorkRecorder() = default;
  /// Does the work until libraries have chosen their kernels and need no new memory, in the surroundings that record() gives it.
  virtual void warm_up(const std::function<void()>& work) = 0;
  /// What is returned does the work again. The work reads and writes memory of the recorder's, or such as stays where it is, and never
  /// waits for the device. Throws what the work throws.
  virtual std::function<void()> record(const std::function<void()>& work) = 0;
};

/// Records CUDA graphs on the device; null when it is no GPU, or in a build without CUDA.
std::unique_ptr<WorkRecorder> make_cuda_graph_recorder(const c10::Device& device);

/// The passes of a small network's training, forward and backward, as two recordings. Hundreds of kernels of some microseconds each, as
/// transfers consist of, otherwise take the time that it takes to launch them one by one. Only the passes are recorded: loss, norm and
/// optimiser go on as they are, so that a task's loss may be anything.
///
///     GraphedForward graphed(network, make_cuda_graph_recorder(device));
///     const at::Tensor prediction = graphed(batch.input);
///     loss(prediction).backward();
///
/// The first batch decides the shape: others of that shape are replayed, the rest (an epoch's last batch) take the network's own way.
/// For the first head of a network whose parameters stay where they are and go on needing a gradient, or none, as they do now.
/// What it returns, and the gradients that it leaves, are overwritten by the next call: use them within the step, go back through each
/// prediction once at most.
class GraphedForward {
 public:
  /// `network` must outlive it.
  GraphedForward(Network& network, std::unique_ptr<WorkRecorder> recorder);
  ~GraphedForward();
  GraphedForward(const GraphedForward&) = delete;
  GraphedForward& operator=(const GraphedForward&) = delete;

  /// network.forward(input, 0) with its gradients. The input needs no gradient. Throws Error(kInternal) when the network's passes cannot be
  /// recorded.
  at::Tensor operator()(const at::Tensor& input);

  struct Recording;

 private:
  Network& network_;
  std::unique_ptr<WorkRecorder> recorder_;
  std::unique_ptr<Recording> recording_;
};

/// Why a training cannot use it, as the end of a sentence ("it is on the CPU"); empty when it can.
std::string why_not_graphed(const Network& network, const c10::Device& device, bool alone, const TrainerOptions& options);

}  // namespace affinis::train
