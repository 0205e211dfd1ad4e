#pragma once

#include <cstdint>

namespace affinis::train::detail {

/// What one step of Adam does to every value alike (Kingma and Ba 2015, algorithm 1; weight decay as L2 added to the gradient).
struct AdamStep {
  double rate;
  double weight_decay;
  double beta1;
  double beta2;
  double epsilon;
  std::int64_t step;  ///< from 1
};

/// One tensor's values, wherever the dimensions lie, as long as they lie alike in all four. Float32, one thread, free of LibTorch, whose fused kernel
/// copies whatever is not in its default order.
void step_adam(const AdamStep& step, std::int64_t count, float* parameter, const float* gradient, float* first, float* second);

}  // namespace affinis::train::detail
