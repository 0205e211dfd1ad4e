#pragma once

#include <cstdint>

// Loops for the CPU over float32 in channels-last order, free of LibTorch. "Rows" are batch x height x width, one value a channel each. They take one
// thread, sum in blocks whose partial sums are kept in double precision, and give the same bits for the same input.
namespace affinis::nn::detail {

/// Mean and (biased) variance of each channel.
void channel_moments(const float* input, std::int64_t rows, std::int64_t channels, float* mean, float* variance);

/// output = activation(input * scale + offset + residual); the activation multiplies what is negative by `slope` (1: none, 0: ReLU).
/// `residual` may be null.
void scale_and_activate(const float* input, const float* residual, std::int64_t rows, std::int64_t channels, const float* scale,
                        const float* offset, float slope, float* output);

/// What the backward pass of a normalisation reads: the forward's input, scale, offset and mean a channel, and the gradient of its output.
struct NormBackward {
  const float* input;
  const float* gradient;
  std::int64_t rows;
  std::int64_t channels;
  const float* scale;
  const float* offset;
  const float* mean;
  float slope;
};

/// Sums over rows of g and of g * (input - mean), g being the gradient before the activation.
void norm_gradient_sums(const NormBackward& pass, double* sum, double* product_sum);
/// As above where a residual was added: `output` tells which values the activation passed, and g goes to `residual_gradient`.
void residual_gradient_sums(const NormBackward& pass, const float* output, float* residual_gradient, double* sum,
                            double* product_sum);
/// input_gradient = scale * g + slope_a * (input - mean) + shift; with `masked` g is taken before the activation as above.
void norm_input_gradient(const NormBackward& pass, const float* input_slope, const float* shift, bool masked, float* input_gradient);

/// The sum of values, in double precision.
double sum_of(const float* values, std::int64_t count);

}  // namespace affinis::nn::detail
