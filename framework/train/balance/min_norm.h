#pragma once

#include <span>
#include <vector>

#include "framework/train/balance/gramian.h"

namespace affinis::train {

/// Weights (at least 0, 1 in all) of the shortest vector in the convex hull of the gradients, by Wolfe's algorithm (1976), which ends after
/// finitely many steps with the exact point up to rounding; two tasks' closed form is its first step. `start` (weights) makes it begin
/// near a point that is known. Precondition: at least one task.
std::vector<double> min_norm_point(const Gramian& gramian, std::span<const double> start = {});

}  // namespace affinis::train
