#include "framework/nn/detail/hyperbolic_tangent.h"

#include <cmath>

#include "framework/nn/detail/exponential.h"
#include "framework/nn/detail/simd.h"

namespace affinis::nn::detail {

AFFINIS_SIMD void hyperbolic_tangent(const float* __restrict values, std::int64_t count, float* __restrict result) {
  constexpr float kSmall = 0.625F;  // where 1 - e^-2x begins to cancel
  AFFINIS_NO_OVERLAP
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = values[i];
    const float size = std::fabs(x);
    const float power = exp_below_zero(-2 * size);
    const float large = std::copysign((1 - power) / (1 + power), x);
    // Coefficients: Cephes' tanhf.
    const float z = x * x;
    float p = -5.70498872745e-3F;
    p = p * z + 2.06390887954e-2F;
    p = p * z - 5.37397155531e-2F;
    p = p * z + 1.33314422036e-1F;
    p = p * z - 3.33332819422e-1F;
    const float small = p * z * x + x;
    result[i] = size < kSmall ? small : large;
  }
}

AFFINIS_SIMD void hyperbolic_tangent_gradient(const float* __restrict gradient, const float* __restrict output, std::int64_t count,
                                              float* __restrict result) {
  AFFINIS_NO_OVERLAP
  for (std::int64_t i = 0; i < count; ++i) result[i] = gradient[i] * (1 - output[i] * output[i]);
}

}  // namespace affinis::nn::detail
