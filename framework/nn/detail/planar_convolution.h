#pragma once

#include "framework/nn/detail/narrow_convolution.h"

// The same convolution to more outputs, as matrix products over planes of pixels, which waste no lane whatever the number of outputs.
namespace affinis::nn::detail {

/// Whether it is worth it: rows of whole vectors, and few enough channels that their taps fit into a panel.
bool suits_planar(const ConvolutionShape& shape);

void planar_forward(const ConvolutionShape& shape, const float* input, const float* weight, const float* bias, float* output);
void planar_input_gradient(const ConvolutionShape& shape, const float* gradient, const float* weight, float* input_gradient);
/// `bias_gradient` has one value an output.
void planar_weight_gradient(const ConvolutionShape& shape, const float* input, const float* gradient, float* weight_gradient,
                            float* bias_gradient);

}  // namespace affinis::nn::detail
