#include <cmath>
#include <optional>

#include "framework/train/balance/gradient_weights.h"
#include "framework/train/balance/over_gradients.h"
#include "framework/train/balance/small_linear.h"

namespace affinis::train {

std::vector<double> nash_weights(const Gramian& gramian) {
  constexpr double kDiagonal = 1e-9;
  constexpr double kConverged = 1e-13;
  constexpr int kMostSteps = 500;
  return over_gradients(gramian, [&](const Gramian& own, const std::vector<std::size_t>& tasks) {
    const std::size_t count = tasks.size();
    const std::vector<double> inverse = inverse_norms(own);
    std::vector<double> unit = own.scaled(inverse).products();
    for (std::size_t i = 0; i < count; ++i) unit[i * count + i] = 1 + kDiagonal;
    std::vector<double> a(count, 1.0);
    for (int step = 0; step < kMostSteps; ++step) {
      std::vector<double> hessian = unit;
      std::vector<double> slope(count, 0.0);
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j < count; ++j) slope[i] += unit[i * count + j] * a[j];
        slope[i] -= 1 / a[i];
        hessian[i * count + i] += 1 / (a[i] * a[i]);
      }
      const std::optional<std::vector<double>> direction = solve_positive_definite(std::move(hessian), slope);
      if (!direction) break;
      double decrement = 0;
      for (std::size_t i = 0; i < count; ++i) decrement += slope[i] * (*direction)[i];
      decrement = std::sqrt(std::max(0.0, decrement));
      // -log is self-concordant: this damping never leaves a > 0, and full steps near the end double the digits.
      const double share = decrement > 0.25 ? 1 / (1 + decrement) : 1;
      for (std::size_t i = 0; i < count; ++i) a[i] -= share * (*direction)[i];
      if (decrement < kConverged) break;
    }
    for (std::size_t i = 0; i < count; ++i) a[i] *= inverse[i];
    return a;
  });
}

}  // namespace affinis::train
