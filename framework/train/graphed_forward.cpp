#include "framework/train/graphed_forward.h"

#include <cstdint>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "framework/core/error.h"
#include "framework/train/forward_passes.h"

namespace affinis::train {
namespace {

/// Autocast keeps its bfloat16 copies of weights from call to call: a recording that used one would never see the weights change.
class NoAutocastCache {
 public:
  NoAutocastCache() : before_(at::autocast::is_autocast_cache_enabled()) { at::autocast::set_autocast_cache_enabled(false); }
  ~NoAutocastCache() { at::autocast::set_autocast_cache_enabled(before_); }
  NoAutocastCache(const NoAutocastCache&) = delete;
  NoAutocastCache& operator=(const NoAutocastCache&) = delete;

 private:
  bool before_;
};

/// Backward passes run outside of autocast, as the trainer's do: gradients follow the types of the forward pass.
class NoAutocast {
 public:
  explicit NoAutocast(c10::DeviceType device) : device_(device), before_(at::autocast::is_autocast_enabled(device)) {
    at::autocast::set_autocast_enabled(device_, false);
  }
  ~NoAutocast() { at::autocast::set_autocast_enabled(device_, before_); }
  NoAutocast(const NoAutocast&) = delete;
  NoAutocast& operator=(const NoAutocast&) = delete;

 private:
  c10::DeviceType device_;
  bool before_;
};

}  // namespace

struct GraphedForward::Recording {
  Recording(Network& the_network, WorkRecorder& recorder, const at::Tensor& sample) : network(the_network), input(sample.detach().clone()) {
    for (const nn::NamedTensor& each : network.parameters()) {
      if (each.tensor.requires_grad()) parameters.push_back(each.tensor);
    }
    // Warming up is no step: the running statistics must not hear of it.
    const BuffersStay stay(network);
    const NoAutocastCache no_cache;
    recorder.warm_up([this] {
      forward();
      output_gradient = at::zeros_like(output);
      backward();
      output = at::Tensor();
      gradients.clear();
    });
    replay_forward = recorder.record([this] { forward(); });
    output_gradient = at::zeros_like(output);
    replay_backward = recorder.record([this] { backward(); });
  }

  void forward() {
    const c10::AutoGradMode gradients_on(true);
    output = network.forward(input, 0);
  }

  void backward() {
    const NoAutocast off(input.device().type());
    gradients = torch::autograd::grad({output}, parameters, {output_gradient}, /*retain_graph=*/false, /*create_graph=*/false,
                                      /*allow_unused=*/true);
  }

  Network& network;
  at::Tensor input;
  std::vector<at::Tensor> parameters;
  at::Tensor output;
  at::Tensor output_gradient;
  std::vector<at::Tensor> gradients;  ///< one a parameter; undefined where the output does not depend on it
  std::function<void()> replay_forward;
  std::function<void()> replay_backward;
};

namespace {

class ReplayedPass : public torch::autograd::Function<ReplayedPass> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, std::int64_t address, const at::Tensor& input,
                               const at::TensorList& /*parameters*/) {
    GraphedForward::Recording& recording = recording_at(address);
    context->saved_data["recording"] = address;
    recording.input.copy_(input);
    recording.replay_forward();
    return recording.output.detach();
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    GraphedForward::Recording& recording = recording_at(context->saved_data["recording"].toInt());
    recording.output_gradient.copy_(gradients[0]);
    recording.replay_backward();
    // Neither the address nor the input has a gradient.
    torch::autograd::variable_list result(2);
    for (const at::Tensor& each : recording.gradients) result.push_back(each.defined() ? each.detach() : each);
    return result;
  }

 private:
  static GraphedForward::Recording& recording_at(std::int64_t address) {
    return *reinterpret_cast<GraphedForward::Recording*>(static_cast<std::intptr_t>(address));
  }
};

}  // namespace

GraphedForward::GraphedForward(Network& network, std::unique_ptr<WorkRecorder> recorder) : network_(network), recorder_(std::move(recorder)) {
  AFFINIS_ASSERT(recorder_ != nullptr);
}

GraphedForward::~GraphedForward() = default;

at::Tensor GraphedForward::operator()(const at::Tensor& input) {
  AFFINIS_ASSERT(!input.requires_grad());
  if (!recording_) {
    try {
      recording_ = std::make_unique<Recording>(network_, *recorder_, input);
    } catch (const c10::Error& error) {
      const std::string what = error.what_without_backtrace();
      fail(ErrorCode::kInternal, "the network's passes cannot be recorded as CUDA graphs ({}); set run.cuda_graphs to false",
           what.substr(0, what.find('\n')));
    }
  }
  if (input.sizes() != recording_->input.sizes() || input.scalar_type() != recording_->input.scalar_type()) return network_.forward(input, 0);
  const at::TensorList parameters(recording_->parameters);
  return ReplayedPass::apply(static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(recording_.get())), input, parameters);
}

std::string why_not_graphed(const Network& network, const c10::Device& device, bool alone, const TrainerOptions& options) {
  if (!device.is_cuda()) return "it is on the CPU";
  if (network.heads().size() > 1) return "its network has several heads";
  if (!alone) return "several processes train it together";
  // Micro-batches add up their gradients, which a replay overwrites.
  if (options.accumulate > 1) return "a step's batch is taken in micro-batches";
  if (options.adaptation != AdaptationOptions()) return "parts of its network are frozen or held back";
  return {};
}

}  // namespace affinis::train
