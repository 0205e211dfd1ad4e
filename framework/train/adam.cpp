#include "framework/train/detail/adam.h"

#include <cmath>

#include "framework/nn/detail/simd.h"

namespace affinis::train::detail {
namespace {

struct Factors {
  float weight_decay;
  float keep_first;
  float take_first;
  float keep_second;
  float take_second;
  float epsilon;
  float step_size;  ///< rate over the first moment's bias correction
  float scale;      ///< 1 over the square root of the second's
};

AFFINIS_SIMD void update(const Factors& factors, std::int64_t count, float* __restrict parameter, const float* __restrict gradient,
                         float* __restrict first, float* __restrict second) {
  const Factors f = factors;
  AFFINIS_NO_OVERLAP
  for (std::int64_t i = 0; i < count; ++i) {
    const float slope = gradient[i] + f.weight_decay * parameter[i];
    const float mean = f.keep_first * first[i] + f.take_first * slope;
    const float square = f.keep_second * second[i] + f.take_second * slope * slope;
    first[i] = mean;
    second[i] = square;
    parameter[i] -= f.step_size * mean / (std::sqrt(square) * f.scale + f.epsilon);
  }
}

}  // namespace

void step_adam(const AdamStep& step, std::int64_t count, float* parameter, const float* gradient, float* first, float* second) {
  const double steps = static_cast<double>(step.step);
  const Factors factors{static_cast<float>(step.weight_decay),
                        static_cast<float>(step.beta1),
                        static_cast<float>(1 - step.beta1),
                        static_cast<float>(step.beta2),
                        static_cast<float>(1 - step.beta2),
                        static_cast<float>(step.epsilon),
                        static_cast<float>(step.rate / (1 - std::pow(step.beta1, steps))),
                        static_cast<float>(1 / std::sqrt(1 - std::pow(step.beta2, steps)))};
  update(factors, count, parameter, gradient, first, second);
}

}  // namespace affinis::train::detail
