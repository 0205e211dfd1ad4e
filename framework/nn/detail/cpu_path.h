#pragma once

#include <algorithm>
#include <initializer_list>

#include "framework/core/error.h"
#include "framework/nn/detail/torch_module.h"

// What layers with loops of their own for the CPU ask and require.
namespace affinis::nn::detail {

/// Whether the loops of kernels.h and windows.h can take this tensor: float32 on the CPU, rows of channels without gaps.
inline bool suits_kernels(const torch::Tensor& tensor) {
  return tensor.is_cpu() && tensor.scalar_type() == at::kFloat && tensor.numel() > 0 &&
         (tensor.dim() == 2 ? tensor.is_contiguous() : tensor.dim() == 4 && tensor.is_contiguous(at::MemoryFormat::ChannelsLast));
}

/// The same values in the order that the loops take.
inline torch::Tensor as_rows(const torch::Tensor& tensor) {
  return tensor.dim() == 4 ? tensor.contiguous(at::MemoryFormat::ChannelsLast) : tensor.contiguous();
}

/// Whether a backward pass will follow that reaches one of these.
inline bool wants_gradient(std::initializer_list<torch::Tensor> tensors) {
  return at::GradMode::is_enabled() &&
         std::any_of(tensors.begin(), tensors.end(), [](const torch::Tensor& each) { return each.defined() && each.requires_grad(); });
}

/// To be called at the beginning of a backward pass. Throws kUsage where it is itself to be derived.
inline void refuse_second_derivatives() {
  AFFINIS_CHECK(!at::GradMode::is_enabled(), ErrorCode::kUsage,
                "second derivatives through a network are not available on the CPU; take first derivatives only (create_graph = false)");
}

}  // namespace affinis::nn::detail
