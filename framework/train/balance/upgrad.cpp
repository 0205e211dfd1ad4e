#include <algorithm>
#include <optional>

#include "framework/train/balance/gradient_weights.h"
#include "framework/train/balance/over_gradients.h"
#include "framework/train/balance/small_linear.h"

namespace affinis::train {
namespace {

/// The weights v >= e_task that make ||sum v_i g_i|| least: the task's gradient, projected on the dual cone. By the active-set method of
/// Lawson and Hanson (1974, chapter 23).
std::vector<double> projected(const Gramian& gramian, std::size_t task) {
  constexpr double kRounding = 1e-12;
  const std::size_t tasks = gramian.tasks();
  double scale = 0;
  for (std::size_t i = 0; i < tasks; ++i) scale = std::max(scale, gramian(i, i));
  std::vector<double> added(tasks, 0.0);
  std::vector<std::size_t> free;
  const auto total = [&] {
    std::vector<double> weights = added;
    weights[task] += 1;
    return weights;
  };
  const std::size_t most_rounds = 10 * tasks + 10;
  for (std::size_t round = 0; round < most_rounds; ++round) {
    const std::vector<double> slopes = gramian.times(total());
    std::size_t best = tasks;
    double steepest = -kRounding * scale;
    for (std::size_t i = 0; i < tasks; ++i) {
      if (std::find(free.begin(), free.end(), i) == free.end() && slopes[i] < steepest) {
        steepest = slopes[i];
        best = i;
      }
    }
    if (best == tasks) break;
    free.push_back(best);
    while (!free.empty()) {
      std::vector<double> matrix = gramian.of(free).products();
      std::vector<double> right_side;
      for (std::size_t k = 0; k < free.size(); ++k) {
        matrix[k * free.size() + k] += kRounding * scale;
        right_side.push_back(-gramian(free[k], task));
      }
      const std::optional<std::vector<double>> target = solve_positive_definite(std::move(matrix), std::move(right_side));
      if (!target) return total();
      double share = 1;
      for (std::size_t k = 0; k < free.size(); ++k) {
        const double from = added[free[k]];
        const double to = (*target)[k];
        if (to <= 0) share = std::min(share, from > to ? from / (from - to) : 0.0);
      }
      std::vector<std::size_t> kept;
      for (std::size_t k = 0; k < free.size(); ++k) {
        double& each = added[free[k]];
        each += share * ((*target)[k] - each);
        if ((*target)[k] <= 0 && each <= kRounding) {
          each = 0;
        } else {
          kept.push_back(free[k]);
        }
      }
      const bool whole = kept.size() == free.size();
      free = std::move(kept);
      if (whole) break;
    }
  }
  return total();
}

}  // namespace

std::vector<double> upgrad_weights(const Gramian& gramian) {
  return over_gradients(gramian, [&](const Gramian& own, const std::vector<std::size_t>& tasks) {
    std::vector<double> weights(tasks.size(), 0.0);
    for (std::size_t task = 0; task < tasks.size(); ++task) {
      const std::vector<double> each = projected(own, task);
      for (std::size_t k = 0; k < weights.size(); ++k) weights[k] += each[k] / static_cast<double>(tasks.size());
    }
    return weights;
  });
}

}  // namespace affinis::train
