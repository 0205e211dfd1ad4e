#include <cmath>

#include "framework/train/balance/gradient_weights.h"
#include "framework/train/balance/min_norm.h"
#include "framework/train/balance/over_gradients.h"
#include "framework/train/balance/small_linear.h"

namespace affinis::train {

std::vector<double> imtl_weights(const Gramian& gramian) {
  // Below this the sum is what rounding leaves of weights that cancel.
  constexpr double kSmallestSum = 1e-6;
  return over_gradients(gramian, [&](const Gramian& own, const std::vector<std::size_t>& tasks) {
    const std::size_t count = tasks.size();
    const std::vector<double> inverse = inverse_norms(own);
    const Gramian unit = own.scaled(inverse);
    const SymmetricEigen eigen = eigen_of_symmetric(unit.products(), count);
    const double smallest = smallest_eigenvalue(count, eigen.values.back());
    std::vector<double> weights(count, 0.0);
    for (std::size_t k = 0; k < count; ++k) {
      if (eigen.values[k] <= smallest) continue;
      double sum = 0;
      for (std::size_t i = 0; i < count; ++i) sum += eigen.vectors[i * count + k];
      for (std::size_t i = 0; i < count; ++i) weights[i] += eigen.vectors[i * count + k] * sum / eigen.values[k];
    }
    const auto sum_of = [&](bool absolute) {
      double sum = 0;
      for (std::size_t i = 0; i < count; ++i) sum += absolute ? std::abs(weights[i]) : weights[i];
      return sum;
    };
    double size = sum_of(true);
    for (std::size_t i = 0; i < count; ++i) weights[i] *= inverse[i];
    // Opposite gradients: what is left of the pseudo-inverse says nothing about directions that it left out.
    double worst = 0;
    const std::vector<double> projections = own.times(weights);
    for (std::size_t i = 0; i < count; ++i) worst = std::max(worst, std::abs(projections[i] * inverse[i] - 1));
    if (size == 0 || worst > 0.5 || std::abs(sum_of(false)) <= kSmallestSum * sum_of(true)) {
      weights = min_norm_point(unit);
      for (std::size_t i = 0; i < count; ++i) weights[i] *= inverse[i];
    }
    const double sum = sum_of(false);
    for (double& each : weights) each /= sum;
    return weights;
  });
}

}  // namespace affinis::train
