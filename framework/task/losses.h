#pragma once

#include <ATen/core/Tensor.h>

namespace affinis::task {

/// The losses that tasks share. Each gives [N] float32, one value an image: the mean over the image's valid elements, NaN for an image
/// without any. `mask` is float, 1 where the label is valid, and may be undefined when all of it is. Differentiable in `prediction`;
/// values behind the mask have no influence, on the gradient neither, as long as they are finite.

/// Mean absolute difference. prediction, target: [N, C, ...]; mask: [N, 1, ...] or [N, C, ...].
at::Tensor absolute_error(const at::Tensor& prediction, const at::Tensor& target, const at::Tensor& mask);

/// Mean squared difference; shapes as above.
at::Tensor squared_error(const at::Tensor& prediction, const at::Tensor& target, const at::Tensor& mask);

/// Softmax cross-entropy in nats. logits: [N, K, ...]; labels: [N, ...] integers below K where the mask is set; mask: [N, ...].
/// With `class_weights` ([K]) every element counts its class's weight times, but the mean still divides by the number of valid
/// elements, so that an image of rare classes weighs more (as Taskonomy's).
at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels, const at::Tensor& mask,
                         const at::Tensor& class_weights = {});

/// Cross-entropy in nats against shares: minus the sum over classes of share * log softmax. logits, shares: [N, K]; mask: [N, K], classes
/// without it do not count, or [N]. NaN for a row without any valid class.
at::Tensor soft_cross_entropy(const at::Tensor& logits, const at::Tensor& shares, const at::Tensor& mask);

/// Length of the difference (not squared, not averaged over the numbers), as sqrt(sum + 1e-14) so that the slope is finite where the
/// prediction is exact. prediction, target: [N, K]; mask: [N, K], numbers without it do not count. NaN for a row without any valid number.
at::Tensor euclidean_distance(const at::Tensor& prediction, const at::Tensor& target, const at::Tensor& mask);

}  // namespace affinis::task
