#pragma once

#include <cstdint>

namespace affinis::nn::detail {

/// A 3x3 convolution of images [N, H, W, C] with zeros around them.
struct ConvolutionShape {
  std::int64_t images;
  std::int64_t height;
  std::int64_t width;
  std::int64_t channels;
  std::int64_t outputs;
};

}  // namespace affinis::nn::detail
