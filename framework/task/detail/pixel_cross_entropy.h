#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Tensor.h>

namespace affinis::task::detail {

/// The label that cross-entropy leaves out.
constexpr std::int64_t kIgnoredLabel = -100;

/// cross_entropy of losses.h for maps of classes on the CPU, by loops that write no tensor of log-probabilities: [N, K, ...] -> [N]. Nothing
/// where LibTorch's is needed: other devices and types, autocast, one label an image, masks of another shape than the labels'. The same bits
/// for an image whatever the number of threads and the batch around it. Throws Error(kData) for a label that is no class.
std::optional<at::Tensor> cpu_cross_entropy(const at::Tensor& logits, const at::Tensor& labels, const at::Tensor& mask,
                                            const at::Tensor& class_weights);

}  // namespace affinis::task::detail
