#include <cmath>

#include "framework/train/balance/gradient_weights.h"
#include "framework/train/balance/over_gradients.h"
#include "framework/train/balance/small_linear.h"

namespace affinis::train {

std::vector<double> aligned_weights(const Gramian& gramian) {
  return over_gradients(gramian, [&](const Gramian& own, const std::vector<std::size_t>& tasks) {
    const std::size_t count = tasks.size();
    const SymmetricEigen eigen = eigen_of_symmetric(own.products(), count);
    const double threshold = smallest_eigenvalue(count, eigen.values.back());
    double least = 0;
    std::vector<double> weights(count, 0.0);
    for (std::size_t k = 0; k < count; ++k) {
      const double value = eigen.values[k];
      if (value <= threshold) continue;
      if (least == 0) least = value;
      double sum = 0;
      for (std::size_t i = 0; i < count; ++i) sum += eigen.vectors[i * count + k];
      for (std::size_t i = 0; i < count; ++i) weights[i] += std::sqrt(least / value) * eigen.vectors[i * count + k] * sum;
    }
    return weights;
  });
}

}  // namespace affinis::train
