#pragma once

#include "framework/nn/detail/convolution_shape.h"

// A 3x3 convolution with padding 1 to few channels, for the CPU: a general one pads these to a whole vector. Float32, free of LibTorch; one
// thread, the same bits for the same input. The input's gradient is direct_input_gradient_of_planes().
namespace affinis::nn::detail {

/// Whether the functions below can do it: at most 4 outputs, and vectors of 16 numbers that hold whole pixels and fill a row.
inline bool suits_narrow(const ConvolutionShape& shape) {
  return shape.outputs >= 1 && shape.outputs <= 4 && shape.channels >= 1 && 16 % shape.channels == 0 && shape.width * shape.channels % 16 == 0;
}

/// Weight [O, 3, 3, C], output [N, O, H, W].
void narrow_forward(const ConvolutionShape& shape, const float* input, const float* weight, const float* bias, float* output);
/// `bias_gradient` has one value an output.
void narrow_weight_gradient(const ConvolutionShape& shape, const float* input, const float* gradient, float* weight_gradient,
                            float* bias_gradient);

}  // namespace affinis::nn::detail
