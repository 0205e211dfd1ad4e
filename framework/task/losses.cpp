#include "framework/task/losses.h"

#include <limits>

#include <ATen/ATen.h>

#include "framework/core/error.h"
#include "framework/task/detail/pixel_cross_entropy.h"

namespace affinis::task {
namespace {

void check_same_shape(const at::Tensor& prediction, const at::Tensor& target) {
  AFFINIS_CHECK(prediction.sizes() == target.sizes(), ErrorCode::kData,
                "the prediction has the shape {} and the target {}; the task's head and example() must agree",
                c10::str(prediction.sizes()), c10::str(target.sizes()));
}

/// [N, ...] errors -> [N] means over what the mask leaves; 0 / 0 makes the NaN of an image without labels.
at::Tensor mean_of_valid(const at::Tensor& errors, const at::Tensor& mask) {
  const at::Tensor rows = errors.flatten(1);
  if (!mask.defined()) return rows.mean(1);
  const std::int64_t repeats = errors.numel() / std::max<std::int64_t>(mask.numel(), 1);
  const at::Tensor count = mask.flatten(1).sum(1, false, at::kFloat).mul_(static_cast<double>(repeats));
  return (errors * mask).flatten(1).sum(1).div_(count);
}

/// [N] values, NaN where no element of the row's mask is set.
at::Tensor without_unlabelled(const at::Tensor& values, const at::Tensor& mask) {
  return values.masked_fill((mask != 0).any(1).logical_not(), std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

at::Tensor absolute_error(const at::Tensor& prediction, const at::Tensor& target, const at::Tensor& mask) {
  check_same_shape(prediction, target);
  return mean_of_valid(at::l1_loss(prediction.to(at::kFloat), target, at::Reduction::None), mask);
}

at::Tensor squared_error(const at::Tensor& prediction, const at::Tensor& target, const at::Tensor& mask) {
  check_same_shape(prediction, target);
  return mean_of_valid(at::mse_loss(prediction.to(at::kFloat), target, at::Reduction::None), mask);
}

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels, const at::Tensor& mask, const at::Tensor& class_weights) {
  AFFINIS_CHECK(logits.dim() == labels.dim() + 1 && logits.size(0) == labels.size(0) && logits.sizes().slice(2) == labels.sizes().slice(1),
                ErrorCode::kData, "logits of the shape {} do not fit labels of the shape {}; the task's head and example() must agree",
                c10::str(logits.sizes()), c10::str(labels.sizes()));
  const at::Tensor numbers = logits.to(at::kFloat);
  if (const auto losses = detail::cpu_cross_entropy(numbers, labels, mask, class_weights)) return *losses;
  at::Tensor wanted = labels.to(at::kLong);
  if (mask.defined()) wanted = wanted.masked_fill(mask == 0, detail::kIgnoredLabel);
  const at::Tensor weights = class_weights.defined() ? class_weights.to(logits.device(), at::kFloat) : class_weights;
  const at::Tensor errors = at::cross_entropy_loss(numbers, wanted, weights, at::Reduction::None, detail::kIgnoredLabel);
  if (errors.dim() == 1) return mask.defined() ? errors / mask : errors;
  if (!mask.defined()) return errors.flatten(1).mean(1);
  return errors.flatten(1).sum(1).div_(mask.flatten(1).sum(1, false, at::kFloat));
}

at::Tensor soft_cross_entropy(const at::Tensor& logits, const at::Tensor& shares, const at::Tensor& mask) {
  check_same_shape(logits, shares);
  at::Tensor terms = at::log_softmax(logits.to(at::kFloat), 1) * shares;
  if (!mask.defined()) return terms.sum(1).neg();
  const at::Tensor valid = mask.dim() == 1 ? mask.unsqueeze(1) : mask;
  terms = at::where(valid != 0, terms, at::zeros({}, terms.options()));
  return without_unlabelled(terms.sum(1).neg(), valid);
}

at::Tensor euclidean_distance(const at::Tensor& prediction, const at::Tensor& target, const at::Tensor& mask) {
  constexpr double kSmooth = 1e-14;
  check_same_shape(prediction, target);
  const at::Tensor difference = prediction.to(at::kFloat) - target;
  if (!mask.defined()) return difference.square().sum(1).add(kSmooth).sqrt();
  return without_unlabelled((difference * mask).square().sum(1).add(kSmooth).sqrt(), mask);
}

}  // namespace affinis::task
