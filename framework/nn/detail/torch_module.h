#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <torch/nn/module.h>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/nn/freezable.h"
#include "framework/nn/module.h"
#include "framework/nn/stage_maps.h"

namespace affinis::nn {

/// A torch::nn module, at any depth of a wrapped one, that states how its own parameters begin.
class StatesInitialRule {
 public:
  virtual ~StatesInitialRule() = default;
  /// `parameter` is the name within this module ("weight"); kDefault leaves the choice to initialise().
  virtual InitialRule initial_rule(const std::string& parameter, const at::Tensor& value) const = 0;
};

namespace detail {

/// Turns LibTorch's exception into ours, with what the module was given.
[[noreturn]] void rethrow_as_error(const c10::Error& error, const torch::nn::Module& module, const at::Tensor& input);
/// Convolution weights in channels-last order, as the forward passes want them.
void use_channels_last(torch::nn::Module& module);
InitialRule initial_rule_of(const torch::nn::Module& module, const std::string& parameter);
std::vector<NamedTensor> named_parameters_of(const torch::nn::Module& module);
std::vector<NamedTensor> named_buffers_of(const torch::nn::Module& module);
/// The module and its submodules, at any depth, that have parameters, all of them among these.
std::vector<std::shared_ptr<torch::nn::Module>> made_of(const torch::nn::Module& module, const std::vector<std::string>& parameters);

template <typename Impl>
class TorchModule final : public Module, public Freezable, public StageMaps {
 public:
  explicit TorchModule(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  at::Tensor forward(const at::Tensor& input) override {
    try {
      return impl_->forward(input);
    } catch (const c10::Error& error) {
      rethrow_as_error(error, *impl_, input);
    }
  }
  std::vector<NamedTensor> parameters() const override { return named_parameters_of(*impl_); }
  std::vector<NamedTensor> buffers() const override { return named_buffers_of(*impl_); }
  void set_training(bool training) override {
    training_ = training;
    impl_->train(training);
    // train() reaches every child, frozen ones too.
    for (const auto& each : held_) each->eval();
  }
  void hold_in_evaluation(const std::vector<std::string>& parameters) override {
    held_ = made_of(*impl_, parameters);
    set_training(training_);
  }
  /// An Impl has stages to show when it has a member std::vector<at::Tensor>* stages_seen and, beside forward(), forward_from(stage, map).
  bool record_stages(std::vector<at::Tensor>* into) override {
    if constexpr (requires { impl_->stages_seen = into; }) {
      impl_->stages_seen = into;
      return true;
    } else {
      return false;
    }
  }
  at::Tensor forward_from(std::size_t stage, const at::Tensor& map) override {
    if constexpr (requires { impl_->forward_from(stage, map); }) {
      try {
        return impl_->forward_from(stage, map);
      } catch (const c10::Error& error) {
        rethrow_as_error(error, *impl_, map);
      }
    } else {
      fail(ErrorCode::kInternal, "a module was to go on from its stage {}, but it has no stages", stage + 1);
    }
  }
  void to(const c10::Device& device) override { impl_->to(device); }
  InitialRule initial_rule(const std::string& parameter) const override { return initial_rule_of(*impl_, parameter); }

 private:
  std::shared_ptr<Impl> impl_;
  std::vector<std::shared_ptr<torch::nn::Module>> held_;  ///< in evaluation mode for good
  bool training_ = true;
};

}  // namespace detail

/// A Module from any torch::nn::Module subclass with `torch::Tensor forward(const torch::Tensor&)`. It starts as initialise(module, 0)
/// leaves it, so that nothing depends on LibTorch's global generator. Modules within may derive from StatesInitialRule.
template <typename Impl>
std::unique_ptr<Module> wrap(std::shared_ptr<Impl> impl) {
  detail::use_channels_last(*impl);
  auto module = std::make_unique<detail::TorchModule<Impl>>(std::move(impl));
  initialise(*module, 0);
  return module;
}

}  // namespace affinis::nn
