#include <algorithm>

#include "framework/core/error.h"
#include "framework/train/balance/gradient_weights.h"
#include "framework/train/balance/min_norm.h"
#include "framework/train/balance/over_gradients.h"

namespace affinis::train {

GradientScale parse_gradient_scale(const std::string& name) {
  if (name == "none") return GradientScale::kNone;
  if (name == "l2") return GradientScale::kLength;
  if (name == "loss") return GradientScale::kLoss;
  if (name == "loss+") return GradientScale::kLossAndLength;
  fail(ErrorCode::kUsage, "normalise is '{}'; it must be none, l2, loss or loss+", name);
}

std::vector<double> mgda_weights(const Gramian& gramian, std::span<const double> losses, GradientScale scale) {
  constexpr double kSmallestLoss = 1e-12;
  return over_gradients(gramian, [&](const Gramian& own, const std::vector<std::size_t>& tasks) {
    std::vector<double> factors(tasks.size(), 1.0);
    for (std::size_t k = 0; k < tasks.size(); ++k) {
      if (scale == GradientScale::kLength || scale == GradientScale::kLossAndLength) factors[k] /= own.norm(k);
      if (scale == GradientScale::kLoss || scale == GradientScale::kLossAndLength) factors[k] /= std::max(losses[tasks[k]], kSmallestLoss);
    }
    return min_norm_point(own.scaled(factors));
  });
}

}  // namespace affinis::train
