#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "framework/train/balance/gramian.h"

namespace affinis::train {

/// Runs a method on the tasks that have a gradient; the others' weights are 0. `method(gramian, tasks)` returns one weight a task of `tasks`.
template <typename Method>
std::vector<double> over_gradients(const Gramian& gramian, Method&& method) {
  const std::vector<std::size_t> tasks = gramian.with_gradient();
  std::vector<double> weights(gramian.tasks(), 0.0);
  if (tasks.empty()) return weights;
  const std::vector<double> own = method(gramian.of(tasks), tasks);
  for (std::size_t k = 0; k < tasks.size(); ++k) weights[tasks[k]] = own[k];
  return weights;
}

/// 1 / ||g_i||. Precondition: none is zero.
inline std::vector<double> inverse_norms(const Gramian& gramian) {
  std::vector<double> result;
  for (std::size_t i = 0; i < gramian.tasks(); ++i) result.push_back(1 / gramian.norm(i));
  return result;
}

/// Gradients come in float32: eigenvalues below this share of the greatest are rounding.
inline double smallest_eigenvalue(std::size_t tasks, double greatest) { return static_cast<double>(tasks) * 1.2e-7 * greatest; }

}  // namespace affinis::train
