#include "framework/nn/detail/layers.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/var.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "framework/nn/detail/cpu_convolutions.h"
#include "framework/nn/detail/cpu_path.h"
#include "framework/nn/detail/direct_convolution.h"
#include "framework/nn/detail/hyperbolic_tangent.h"
#include "framework/nn/detail/kernels.h"
#include "framework/nn/detail/narrow_convolution.h"
#include "framework/nn/detail/planar_convolution.h"
#include "framework/nn/synchronised_norms.h"

namespace affinis::nn::detail {
namespace {

constexpr double kMomentum = 0.1;
constexpr double kEpsilon = 1e-5;

float slope_of(Activation activation) {
  switch (activation) {
    case Activation::kNone: return 1.0F;
    case Activation::kRelu: return 0.0F;
    case Activation::kLeakyRelu: return 0.2F;
  }
  return 1.0F;
}

/// scale and offset of y = x * scale + offset, [2, C].
torch::Tensor affine_of(const torch::Tensor& weight, const torch::Tensor& bias, const torch::Tensor& mean, const torch::Tensor& variance) {
  const torch::Tensor result = at::empty({2, weight.size(0)}, weight.options().requires_grad(false));
  const auto *w = weight.const_data_ptr<float>(), *b = bias.const_data_ptr<float>(), *m = mean.const_data_ptr<float>(),
             *v = variance.const_data_ptr<float>();
  auto* scale = result.mutable_data_ptr<float>();
  auto* offset = scale + weight.size(0);
  for (std::int64_t c = 0; c < weight.size(0); ++c) {
    scale[c] = static_cast<float>(static_cast<double>(w[c]) / std::sqrt(static_cast<double>(v[c]) + kEpsilon));
    offset[c] = b[c] - m[c] * scale[c];
  }
  return result;
}

torch::Tensor run_affine(const torch::Tensor& input, const torch::Tensor& residual, const torch::Tensor& affine, double slope) {
  torch::Tensor output = at::empty_like(input);
  const std::int64_t channels = input.size(1);
  const float* scale = affine.const_data_ptr<float>();
  scale_and_activate(input.const_data_ptr<float>(), residual.defined() ? residual.const_data_ptr<float>() : nullptr,
                     input.numel() / channels, channels, scale, scale + channels, static_cast<float>(slope),
                     output.mutable_data_ptr<float>());
  return output;
}

/// A collective's place in what autograd saves: it outlives the backward pass (SynchronisedNorms).
std::int64_t address_of(Collective* collective) { return static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(collective)); }
Collective* collective_at(std::int64_t address) { return reinterpret_cast<Collective*>(static_cast<std::intptr_t>(address)); }

void sum_over_ranks(Collective& collective, std::initializer_list<std::vector<double>*> vectors) {
  std::vector<double> joined;
  for (const std::vector<double>* each : vectors) joined.insert(joined.end(), each->begin(), each->end());
  torch::Tensor sums = at::tensor(joined, at::kDouble);
  collective.sum(sums);
  const double* next = sums.const_data_ptr<double>();
  for (std::vector<double>* each : vectors) {
    std::copy(next, next + each->size(), each->begin());
    next += each->size();
  }
}

/// Normalisation by the batch's own statistics, sum with a residual and activation, in one node of the graph.
class FusedNorm : public torch::autograd::Function<FusedNorm> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& input,
                               const std::optional<torch::Tensor>& residual, const torch::Tensor& weight, const torch::Tensor& bias, const torch::Tensor& mean,
                               const torch::Tensor& variance, double rows, double slope) {
    const torch::Tensor affine = affine_of(weight, bias, mean, variance);
    torch::Tensor output = run_affine(input, residual.value_or(torch::Tensor()), affine, slope);
    context->save_for_backward({input, weight, mean, variance, affine, residual ? output : torch::Tensor()});
    context->saved_data["slope"] = slope;
    context->saved_data["rows"] = rows;
    context->saved_data["collective"] = address_of(SynchronisedNorms::current());
    return output;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    refuse_second_derivatives();
    const auto saved = context->get_saved_variables();
    const torch::Tensor &input = saved[0], &weight = saved[1], &mean = saved[2], &variance = saved[3], &affine = saved[4],
                        &output = saved[5];
    const torch::Tensor gradient = as_rows(gradients[0]);
    const std::int64_t channels = input.size(1);
    const float* scale = affine.const_data_ptr<float>();
    NormBackward pass{input.const_data_ptr<float>(),
                      gradient.const_data_ptr<float>(),
                      input.numel() / channels,
                      channels,
                      scale,
                      scale + channels,
                      mean.const_data_ptr<float>(),
                      static_cast<float>(context->saved_data["slope"].toDouble())};
    std::vector<double> sum(static_cast<std::size_t>(channels));
    std::vector<double> products(sum.size());
    torch::Tensor residual_gradient;
    if (output.defined()) {
      residual_gradient = at::empty_like(input);
      residual_gradient_sums(pass, output.const_data_ptr<float>(), residual_gradient.mutable_data_ptr<float>(), sum.data(),
                             products.data());
      pass.gradient = residual_gradient.const_data_ptr<float>();
    } else {
      norm_gradient_sums(pass, sum.data(), products.data());
    }

    torch::Tensor weight_gradient = at::empty_like(weight);
    torch::Tensor bias_gradient = at::empty_like(weight);
    const auto inverse_of = [&](std::size_t c) {
      return 1.0 / std::sqrt(static_cast<double>(variance.const_data_ptr<float>()[c]) + kEpsilon);
    };
    // The weights' gradients are this rank's share; the trainer sums them as all others.
    for (std::size_t c = 0; c < sum.size(); ++c) {
      weight_gradient.mutable_data_ptr<float>()[c] = static_cast<float>(products[c] * inverse_of(c));
      bias_gradient.mutable_data_ptr<float>()[c] = static_cast<float>(sum[c]);
    }
    if (Collective* collective = collective_at(context->saved_data["collective"].toInt())) {
      sum_over_ranks(*collective, {&sum, &products});
    }
    std::vector<float> input_slope(sum.size());
    std::vector<float> shift(sum.size());
    for (std::size_t c = 0; c < sum.size(); ++c) {
      const double rows = context->saved_data["rows"].toDouble();
      const double inverse = inverse_of(c);
      const double own_scale = static_cast<double>(scale[c]);
      input_slope[c] = static_cast<float>(-own_scale * inverse * inverse * products[c] / rows);
      shift[c] = static_cast<float>(-own_scale * sum[c] / rows);
    }
    torch::Tensor input_gradient;
    if (context->needs_input_grad(0)) {
      input_gradient = at::empty_like(input);
      norm_input_gradient(pass, input_slope.data(), shift.data(), !output.defined(), input_gradient.mutable_data_ptr<float>());
    }
    return {input_gradient, residual_gradient, weight_gradient, bias_gradient, {}, {}, {}, {}};
  }
};

/// A channel's statistics of the whole batch: biased variance, values a channel.
struct Moments {
  torch::Tensor mean;
  torch::Tensor variance;
  double rows = 0;
};

/// Of this rank's rows and all others'.
Moments moments_over_ranks(Collective& collective, const Moments& own) {
  const torch::Tensor mean = own.mean.to(at::kDouble);
  const torch::Tensor squares = own.variance.to(at::kDouble) + mean * mean;
  torch::Tensor sums = at::cat({mean * own.rows, squares * own.rows, at::full({1}, own.rows, mean.options())});
  collective.sum(sums);
  const std::int64_t channels = own.mean.size(0);
  const double rows = sums[2 * channels].item<double>();
  const torch::Tensor whole = sums.narrow(0, 0, channels) / rows;
  const torch::Tensor variance = (sums.narrow(0, channels, channels) / rows - whole * whole).clamp_min(0);
  return {whole.to(own.mean.scalar_type()), variance.to(own.mean.scalar_type()), rows};
}

/// Normalisation by given statistics that all ranks share, from LibTorch's operations: any device and type.
class SharedNorm : public torch::autograd::Function<SharedNorm> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& input, const torch::Tensor& weight,
                               const torch::Tensor& bias, const torch::Tensor& mean, const torch::Tensor& variance, double rows) {
    const torch::Tensor inverse = at::rsqrt(variance + kEpsilon);
    const torch::Tensor normalised = (input - along_channels(mean, input)) * along_channels(inverse, input);
    context->save_for_backward({normalised, weight, inverse});
    context->saved_data["rows"] = rows;
    context->saved_data["collective"] = address_of(SynchronisedNorms::current());
    return normalised * along_channels(weight, input) + along_channels(bias, input);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    refuse_second_derivatives();
    const auto saved = context->get_saved_variables();
    const torch::Tensor &normalised = saved[0], &weight = saved[1], &inverse = saved[2];
    const torch::Tensor& gradient = gradients[0];
    std::vector<std::int64_t> rest;
    for (std::int64_t d = 0; d < gradient.dim(); ++d) {
      if (d != 1) rest.push_back(d);
    }
    const torch::Tensor bias_gradient = gradient.sum(rest);
    const torch::Tensor weight_gradient = (gradient * normalised).sum(rest);
    torch::Tensor sums = at::cat({bias_gradient, weight_gradient}).to(at::kDouble);
    if (Collective* collective = collective_at(context->saved_data["collective"].toInt())) collective->sum(sums);
    sums = (sums / context->saved_data["rows"].toDouble()).to(weight.scalar_type());
    const std::int64_t channels = weight.size(0);
    const torch::Tensor centred = gradient - along_channels(sums.narrow(0, 0, channels), gradient) -
                                  normalised * along_channels(sums.narrow(0, channels, channels), gradient);
    return {centred * along_channels(weight * inverse, gradient), weight_gradient, bias_gradient, {}, {}, {}};
  }

 private:
  static torch::Tensor along_channels(const torch::Tensor& values, const torch::Tensor& like) {
    std::vector<std::int64_t> shape(static_cast<std::size_t>(like.dim()), 1);
    shape[1] = values.size(0);
    return values.view(shape);
  }
};

/// A 3x3 convolution to the channels of a prediction, which leave it as planes.
class Outputs : public torch::autograd::Function<Outputs> {
 public:
  static ConvolutionShape shape_of(const torch::Tensor& input, const torch::Tensor& weight) {
    return {input.size(0), input.size(2), input.size(3), input.size(1), weight.size(0)};
  }

  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& input, const torch::Tensor& weight,
                               const torch::Tensor& bias) {
    context->save_for_backward({input, weight});
    torch::Tensor output = at::empty({input.size(0), weight.size(0), input.size(2), input.size(3)}, input.options());
    const ConvolutionShape shape = shape_of(input, weight);
    (suits_narrow(shape) ? narrow_forward : planar_forward)(shape, input.const_data_ptr<float>(), weight.const_data_ptr<float>(),
                                                         bias.const_data_ptr<float>(), output.mutable_data_ptr<float>());
    return output;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    refuse_second_derivatives();
    const auto saved = context->get_saved_variables();
    const torch::Tensor &input = saved[0], &weight = saved[1];
    const torch::Tensor gradient = gradients[0].contiguous();
    const ConvolutionShape shape = shape_of(input, weight);
    torch::Tensor input_gradient;
    torch::Tensor weight_gradient;
    torch::Tensor bias_gradient;
    if (context->needs_input_grad(0)) {
      input_gradient = at::empty_like(input);
      (suits_narrow(shape) ? direct_input_gradient_of_planes : planar_input_gradient)(shape, gradient.const_data_ptr<float>(), weight.const_data_ptr<float>(),
                                                                                      input_gradient.mutable_data_ptr<float>());
    }
    if (context->needs_input_grad(1) || context->needs_input_grad(2)) {
      weight_gradient = at::empty_like(weight);
      bias_gradient = at::empty({weight.size(0)}, weight.options().requires_grad(false));
      (suits_narrow(shape) ? narrow_weight_gradient : planar_weight_gradient)(shape, input.const_data_ptr<float>(), gradient.const_data_ptr<float>(),
                                                                           weight_gradient.mutable_data_ptr<float>(), bias_gradient.mutable_data_ptr<float>());
    }
    return {input_gradient, weight_gradient, bias_gradient};
  }
};

/// tanh of any dense float32 tensor on the CPU.
class HyperbolicTangent : public torch::autograd::Function<HyperbolicTangent> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& input) {
    torch::Tensor output = at::empty_like(input);
    hyperbolic_tangent(input.const_data_ptr<float>(), input.numel(), output.mutable_data_ptr<float>());
    context->save_for_backward({output});
    return output;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    refuse_second_derivatives();
    const torch::Tensor output = context->get_saved_variables()[0];
    torch::Tensor result = at::empty_like(output);
    torch::Tensor gradient = gradients[0];
    if (gradient.strides() != output.strides()) gradient = at::empty_like(output).copy_(gradient);
    hyperbolic_tangent_gradient(gradient.const_data_ptr<float>(), output.const_data_ptr<float>(), output.numel(), result.mutable_data_ptr<float>());
    return {result};
  }
};

bool is_plain_vector(const torch::Tensor& tensor) { return tensor.is_cpu() && tensor.scalar_type() == at::kFloat && tensor.is_contiguous(); }

/// A running statistic's step, without LibTorch, which needs longer to find out what a few channels are than this takes.
void move_towards(const torch::Tensor& running, const torch::Tensor& batch, double factor) {
  float* const to = running.mutable_data_ptr<float>();
  const float* const from = batch.const_data_ptr<float>();
  const auto keep = static_cast<float>(1 - kMomentum);
  const auto take = static_cast<float>(kMomentum * factor);
  for (std::int64_t i = 0; i < running.numel(); ++i) to[i] = keep * to[i] + take * from[i];
}

}  // namespace

torch::Tensor bounded(const torch::Tensor& values) {
  // LibTorch shares its own out.
  const bool ours = values.is_cpu() && values.scalar_type() == at::kFloat && values.is_non_overlapping_and_dense() && at::get_num_threads() == 1;
  return ours ? HyperbolicTangent::apply(values) : at::tanh(values);
}

ConvolutionImpl::ConvolutionImpl(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride_, bool with_bias)
    : stride(stride_), weight(register_parameter("weight", at::zeros({out, in, kernel, kernel}))) {
  if (with_bias) bias = register_parameter("bias", at::zeros({out}));
}

torch::Tensor ConvolutionImpl::forward(const torch::Tensor& input) {
  if (std::optional<torch::Tensor> output = cpu_convolution(input, weight, bias, stride)) return *std::move(output);
  return at::conv2d(input, weight, bias, stride, weight.size(2) / 2);
}

DoublingConvolutionImpl::DoublingConvolutionImpl(std::int64_t in, std::int64_t out)
    : weight(register_parameter("weight", at::zeros({in, out, 3, 3}))) {}

torch::Tensor DoublingConvolutionImpl::forward(const torch::Tensor& input) {
  if (std::optional<torch::Tensor> output = cpu_doubling_convolution(input, weight)) return *std::move(output);
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

InitialRule NormImpl::initial_rule(const std::string& parameter, const at::Tensor& /*value*/) const {
  return parameter == "weight" ? InitialRule{InitialRule::Kind::kConstant, initial_scale} : InitialRule{};
}

void NormImpl::follow(const torch::Tensor& mean, const torch::Tensor& variance, double rows) {
  const double correction = rows / (rows - 1);
  if (is_plain_vector(running_mean) && is_plain_vector(running_var) && is_plain_vector(mean) && is_plain_vector(variance)) {
    move_towards(running_mean, mean, 1);
    move_towards(running_var, variance, correction);
    return;
  }
  running_mean.mul_(1 - kMomentum).add_(mean, kMomentum);
  running_var.mul_(1 - kMomentum).add_(variance, kMomentum * correction);
}

void NormImpl::count_batch() {
  if (num_batches_tracked.is_cpu() && num_batches_tracked.scalar_type() == at::kLong) {
    ++*num_batches_tracked.mutable_data_ptr<std::int64_t>();
  } else {
    num_batches_tracked.add_(1);
  }
}

torch::Tensor NormImpl::forward_with(const torch::Tensor& input, const torch::Tensor& residual) {
  AFFINIS_CHECK(input.dim() >= 2 && input.size(1) == weight.size(0), ErrorCode::kData,
                "a normalisation of {} channels was given shape {}", weight.size(0), c10::str(input.sizes()));
  const std::int64_t rows = input.numel() / input.size(1);
  Collective* const collective = SynchronisedNorms::current();
  AFFINIS_CHECK(!is_training() || rows > 1 || collective != nullptr, ErrorCode::kData,
                "BatchNorm needs more than one value a channel in training, and the batch of shape {} has {}; use larger batches",
                c10::str(input.sizes()), rows);
  if (is_training()) count_batch();

  const bool learns = wants_gradient({input, residual, weight, bias});
  if (suits_kernels(input) && is_plain_vector(weight) && (is_training() || !learns)) {
    const torch::Tensor other = residual.defined() ? as_rows(residual) : residual;
    const double slope = static_cast<double>(slope_of(activation));
    if (!is_training()) return run_affine(input, other, affine_of(weight, bias, running_mean, running_var), slope);

    const torch::Tensor mean = at::empty({weight.size(0)}, running_mean.options());
    const torch::Tensor variance = at::empty_like(mean);
    channel_moments(input.const_data_ptr<float>(), rows, input.size(1), mean.mutable_data_ptr<float>(),
                    variance.mutable_data_ptr<float>());
    Moments moments{mean, variance, static_cast<double>(rows)};
    if (collective != nullptr) moments = moments_over_ranks(*collective, moments);
    follow(moments.mean, moments.variance, moments.rows);
    return FusedNorm::apply(input, other.defined() ? std::optional<torch::Tensor>(other) : std::nullopt, weight, bias, moments.mean,
                            moments.variance, moments.rows, slope);
  }

  torch::Tensor output;
  if (is_training() && collective != nullptr) {
    std::vector<std::int64_t> rest;
    for (std::int64_t d = 0; d < input.dim(); ++d) {
      if (d != 1) rest.push_back(d);
    }
    const torch::Tensor values = input.detach();
    const Moments moments =
        moments_over_ranks(*collective, {values.mean(rest), values.var(rest, false), static_cast<double>(rows)});
    follow(moments.mean, moments.variance, moments.rows);
    output = SharedNorm::apply(input, weight, bias, moments.mean, moments.variance, moments.rows);
  } else {
    output = at::batch_norm(input, weight, bias, running_mean, running_var, is_training(), kMomentum, kEpsilon, true);
  }
  if (residual.defined()) output.add_(residual);
  if (activation == Activation::kRelu) at::relu_(output);
  if (activation == Activation::kLeakyRelu) at::leaky_relu_(output, slope_of(activation));
  return output;
}

OutputConvolutionImpl::OutputConvolutionImpl(std::int64_t in, std::int64_t out, std::int64_t kernel)
    : weight(register_parameter("weight", at::zeros({out, in, kernel, kernel}))),
      bias(register_parameter("bias", at::zeros({out}))) {}

torch::Tensor OutputConvolutionImpl::forward(const torch::Tensor& input) {
  if (weight.size(2) == 3 && input.dim() == 4 && input.size(1) == weight.size(1) && suits_kernels(input) && suits_kernels(weight)) {
    const ConvolutionShape shape = Outputs::shape_of(input, weight);
    // Planes are one thread's work; LibTorch shares its own out.
    if (suits_narrow(shape) || (at::get_num_threads() == 1 && suits_planar(shape))) return Outputs::apply(input, weight, bias);
  }
  return at::conv2d(input, weight, bias, 1, weight.size(2) / 2).contiguous();
}

InitialRule OutputConvolutionImpl::initial_rule(const std::string& parameter, const at::Tensor& /*value*/) const {
  constexpr double kDeviation = 0.05;
  return parameter == "weight" ? InitialRule{InitialRule::Kind::kNormal, kDeviation} : InitialRule{};
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
