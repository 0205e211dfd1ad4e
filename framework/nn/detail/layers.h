#pragma once

#include <cstdint>
#include <string>

#include "framework/nn/detail/torch_module.h"

namespace affinis::nn::detail {

/// What follows a normalisation.
enum class Activation { kNone, kRelu, kLeakyRelu };  // slope 0.2, as TF-slim's default in Taskonomy

/// A square convolution that keeps the side (padding kernel / 2) divided by the stride. Unlike torch::nn::Conv2d it draws nothing when
/// constructed, which at paper scale takes longer than everything else.
struct ConvolutionImpl : torch::nn::Module {
  ConvolutionImpl(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride = 1, bool bias = false);
  torch::Tensor forward(const torch::Tensor& input);

  std::int64_t stride;
  torch::Tensor weight;
  torch::Tensor bias;
};
TORCH_MODULE(Convolution);

/// A 3x3 transposed convolution with stride 2, without bias, that doubles the side exactly: output pixel 2 i + k - 1 gets weight k of
/// input pixel i. (TF SAME's is the mirror image of this: 2 i + k.)
struct DoublingConvolutionImpl : torch::nn::Module, StatesInitialRule {
  DoublingConvolutionImpl(std::int64_t in, std::int64_t out);
  torch::Tensor forward(const torch::Tensor& input);
  /// He normal over the outputs, which are the second dimension of a transposed convolution's weight.
  InitialRule initial_rule(const std::string& parameter, const at::Tensor& value) const override;

  torch::Tensor weight;
};
TORCH_MODULE(DoublingConvolution);

/// A decoder's last convolution, with bias; gives a contiguous output. With few outputs the CPU's general convolution pads them to a whole
/// vector, so that this layer alone would take an eighth of the decoder's time.
struct OutputConvolutionImpl : torch::nn::Module, StatesInitialRule {
  OutputConvolutionImpl(std::int64_t in, std::int64_t out, std::int64_t kernel);
  torch::Tensor forward(const torch::Tensor& input);
  /// Small weights: He's rule over one to three outputs would start every network far outside its targets' range, saturating a tanh.
  InitialRule initial_rule(const std::string& parameter, const at::Tensor& value) const override;

  torch::Tensor weight;
  torch::Tensor bias;
};
TORCH_MODULE(OutputConvolution);

/// BatchNorm over dimension 1 (eps 1e-5, momentum 0.1) and the activation after it, with torch::nn::BatchNorm2d's names. On the CPU
/// normalisation, sum and activation are one pass over memory instead of three, and their backward two instead of four.
struct NormImpl : torch::nn::Module, StatesInitialRule {
  explicit NormImpl(std::int64_t channels, Activation activation = Activation::kNone);
  InitialRule initial_rule(const std::string& parameter, const at::Tensor& value) const override;
  torch::Tensor forward(const torch::Tensor& input) { return forward_with(input, {}); }
  /// activation(norm(input) + residual); an undefined residual counts as 0.
  torch::Tensor forward_with(const torch::Tensor& input, const torch::Tensor& residual);

  Activation activation;
  double initial_scale = 1;  ///< what initialise() gives the weight
  torch::Tensor weight;
  torch::Tensor bias;
  torch::Tensor running_mean;
  torch::Tensor running_var;
  torch::Tensor num_batches_tracked;

 private:
  void count_batch();
  /// Moves the running statistics towards a batch's: biased variance over `rows` values a channel.
  void follow(const torch::Tensor& mean, const torch::Tensor& variance, double rows);
};
TORCH_MODULE(Norm);

/// tanh, as a decoder's output is bounded.
torch::Tensor bounded(const torch::Tensor& values);

/// A dense layer; without bias where a Norm follows.
struct LinearImpl : torch::nn::Module, StatesInitialRule {
  LinearImpl(std::int64_t in, std::int64_t out, bool bias, InitialRule rule);
  torch::Tensor forward(const torch::Tensor& input);
  InitialRule initial_rule(const std::string& parameter, const at::Tensor& value) const override;

  InitialRule rule;
  torch::Tensor weight;
  torch::Tensor bias;
};
TORCH_MODULE(Linear);

}  // namespace affinis::nn::detail
