#include "framework/nn/detail/layers.h"

#include <cmath>

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>

namespace affinis::nn::detail {

ConvolutionImpl::ConvolutionImpl(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride_, bool with_bias)
    : stride(stride_), weight(register_parameter("weight", at::zeros({out, in, kernel, kernel}))) {
  if (with_bias) bias = register_parameter("bias", at::zeros({out}));
}

torch::Tensor ConvolutionImpl::forward(const torch::Tensor& input) {
  return at::conv2d(input, weight, bias, stride, weight.size(2) / 2);
}

DoublingConvolutionImpl::DoublingConvolutionImpl(std::int64_t in, std::int64_t out)
    : weight(register_parameter("weight", at::zeros({in, out, 3, 3}))) {}

torch::Tensor DoublingConvolutionImpl::forward(const torch::Tensor& input) {
  return at::conv_transpose2d(input, weight, {}, 2, 1, 1);
}

InitialRule DoublingConvolutionImpl::initial_rule(const std::string& /*parameter*/, const at::Tensor& value) const {
  const double fan_out = static_cast<double>(value.size(1) * value.size(2) * value.size(3));
  return {InitialRule::Kind::kNormal, std::sqrt(2.0 / fan_out)};
}

NormImpl::NormImpl(std::int64_t channels, Activation activation_)
    : activation(activation_),
      weight(register_parameter("weight", at::ones({channels}))),
      bias(register_parameter("bias", at::zeros({channels}))),
      running_mean(register_buffer("running_mean", at::zeros({channels}))),
      running_var(register_buffer("running_var", at::ones({channels}))),
      num_batches_tracked(register_buffer("num_batches_tracked", at::zeros({}, at::kLong))) {}

torch::Tensor NormImpl::forward(const torch::Tensor& input) {
  constexpr double kMomentum = 0.1;
  constexpr double kEpsilon = 1e-5;
  if (is_training()) num_batches_tracked.add_(1);
  torch::Tensor output =
      at::batch_norm(input, weight, bias, running_mean, running_var, is_training(), kMomentum, kEpsilon, true);
  if (activation == Activation::kRelu) at::relu_(output);
  if (activation == Activation::kLeakyRelu) at::leaky_relu_(output, 0.2);
  return output;
}

LinearImpl::LinearImpl(std::int64_t in, std::int64_t out, bool with_bias, InitialRule rule_)
    : rule(rule_), weight(register_parameter("weight", at::zeros({out, in}))) {
  if (with_bias) bias = register_parameter("bias", at::zeros({out}));
}

torch::Tensor LinearImpl::forward(const torch::Tensor& input) { return at::linear(input, weight, bias); }

InitialRule LinearImpl::initial_rule(const std::string& parameter, const at::Tensor& /*value*/) const {
  return parameter == "weight" ? rule : InitialRule{};
}

}  // namespace affinis::nn::detail
