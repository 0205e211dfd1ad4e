#pragma once

#include "framework/nn/detail/convolution_shape.h"

// 3x3 convolutions between few channels for the CPU, as matrix products of the images as they lie in memory: a row of the left matrix is the stretch
// that a few neighbouring pixels see, so that nothing is gathered, and a row of the right one holds as many outputs as fill a vector. Float32, free of
// LibTorch. Each function does the images of one call one after the other on one thread; an image's results do not depend on the others.
namespace affinis::nn::detail {

/// Weight [O, 3, 3, C], output [N, H, W, O].
void direct_forward(const ConvolutionShape& shape, const float* input, const float* weight, float* output);
void direct_input_gradient(const ConvolutionShape& shape, const float* gradient, const float* weight, float* input_gradient);
/// The same of a gradient [N, O, H, W].
void direct_input_gradient_of_planes(const ConvolutionShape& shape, const float* gradient, const float* weight, float* input_gradient);
/// Adds the images' share.
void add_direct_weight_gradient(const ConvolutionShape& shape, const float* input, const float* gradient, float* weight_gradient);

/// The transposed convolution that doubles the side (DoublingConvolution): weight [C, 3, 3, O], output [N, 2 H, 2 W, O].
void doubling_forward(const ConvolutionShape& shape, const float* input, const float* weight, float* output);
void doubling_input_gradient(const ConvolutionShape& shape, const float* gradient, const float* weight, float* input_gradient);
/// Adds the images' share.
void add_doubling_weight_gradient(const ConvolutionShape& shape, const float* input, const float* gradient, float* weight_gradient);

}  // namespace affinis::nn::detail
