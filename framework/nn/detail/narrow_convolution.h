#pragma once

#include <cstdint>

// A 3x3 convolution with padding 1 to few channels, for the CPU: a general one pads these to a whole vector. Float32, free of LibTorch; one
// thread, the same bits for the same input. The input's gradient is direct_input_gradient_of_planes().
namespace affinis::nn::detail {

/// Images [N, H, W, C], weight [O, 3, 3, C], output [N, O, H, W].
struct NarrowConvolution {
  std::int64_t images;
  std::int64_t height;
  std::int64_t width;
  std::int64_t channels;
  std::int64_t outputs;

  /// Whether the functions below can do it: at most 4 outputs, and vectors of 16 numbers that hold whole pixels and fill a row.
  bool possible() const {
    return outputs >= 1 && outputs <= 4 && channels >= 1 && 16 % channels == 0 && width * channels % 16 == 0;
  }
};

void narrow_forward(const NarrowConvolution& shape, const float* input, const float* weight, const float* bias, float* output);
/// `bias_gradient` has one value an output.
void narrow_weight_gradient(const NarrowConvolution& shape, const float* input, const float* gradient, float* weight_gradient,
                            float* bias_gradient);

}  // namespace affinis::nn::detail
