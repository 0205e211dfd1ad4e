#pragma once

#include <cstdint>
#include <optional>

#include "framework/nn/detail/torch_module.h"

namespace affinis::nn::detail {

// Training convolutions on the CPU as matrix products: on small images LibTorch's own take up to twice as long and more
// (experiments/bench/convolutions). Each gives nothing where LibTorch's is the better one or needed: other devices and types, autocast, large
// images. An image's results do not depend on the batch around it.

/// A convolution with padding kernel / 2: of one pixel as the product that it is, 3x3 by Winograd's minimal filtering or, between few
/// channels, directly.
/// [N, C, H, W], [O, C, k, k], [O] or undefined -> [N, O, H, W], channels-last.
std::optional<torch::Tensor> cpu_convolution(const torch::Tensor& input, const torch::Tensor& weight, const torch::Tensor& bias,
                                             std::int64_t stride);

/// DoublingConvolution's. [N, C, H, W], [C, O, 3, 3] -> [N, O, 2 H, 2 W], channels-last.
std::optional<torch::Tensor> cpu_doubling_convolution(const torch::Tensor& input, const torch::Tensor& weight);

}  // namespace affinis::nn::detail
