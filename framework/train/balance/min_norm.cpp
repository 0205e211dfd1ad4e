#include "framework/train/balance/min_norm.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "framework/core/error.h"
#include "framework/train/balance/small_linear.h"

namespace affinis::train {
namespace {

constexpr double kRounding = 1e-13;

/// Weights, 1 in all but perhaps below 0, of the shortest vector in the affine hull of these gradients; nothing when they do not span one.
std::optional<std::vector<double>> affine_point(const Gramian& gramian, const std::vector<std::size_t>& corral) {
  const std::size_t count = corral.size();
  const Gramian own = gramian.of(corral);
  double scale = 0;
  for (std::size_t i = 0; i < count; ++i) scale = std::max(scale, own(i, i));
  // M x = m 1 and 1'x = 1: adding a multiple of 11' to M moves m alone, and makes the matrix definite.
  std::vector<double> matrix = own.products();
  for (double& each : matrix) each += scale;
  std::optional<std::vector<double>> weights = solve_positive_definite(std::move(matrix), std::vector<double>(count, scale));
  if (!weights) return std::nullopt;
  double sum = 0;
  for (const double each : *weights) sum += each;
  for (double& each : *weights) each /= sum;
  return weights;
}

}  // namespace

std::vector<double> min_norm_point(const Gramian& gramian, std::span<const double> start) {
  const std::size_t tasks = gramian.tasks();
  AFFINIS_ASSERT(tasks > 0);
  std::vector<double> weights(tasks, 0.0);
  std::vector<std::size_t> corral;
  if (!start.empty()) {
    for (std::size_t i = 0; i < tasks; ++i) {
      if (start[i] > 0) corral.push_back(i);
    }
    std::copy(start.begin(), start.end(), weights.begin());
  }
  if (corral.empty()) {
    std::size_t shortest = 0;
    for (std::size_t i = 1; i < tasks; ++i) {
      if (gramian(i, i) < gramian(shortest, shortest)) shortest = i;
    }
    weights.assign(tasks, 0.0);
    weights[shortest] = 1;
    corral = {shortest};
  }

  // Every round ends at the shortest vector of another corral's hull, each shorter than the one before; the bound is for rounding's sake.
  const std::size_t most_rounds = 20 * tasks + 20;
  bool at_hull_point = start.empty();
  for (std::size_t round = 0; round < most_rounds; ++round) {
    if (at_hull_point) {
      const std::vector<double> slopes = gramian.times(weights);
      const double value = gramian.squared_norm(weights);
      std::size_t best = tasks;
      double gain = 0;
      for (std::size_t i = 0; i < tasks; ++i) {
        if (weights[i] > 0) continue;
        const double own_gain = value - slopes[i] - kRounding * std::sqrt(value * gramian(i, i));
        if (own_gain > gain) {
          gain = own_gain;
          best = i;
        }
      }
      if (best == tasks) return weights;
      corral.push_back(best);
    }
    for (;;) {
      const std::optional<std::vector<double>> target = affine_point(gramian, corral);
      if (!target) {
        // The newest gradient lies in the others' affine hull up to rounding: nothing can be gained by it.
        if (corral.size() == 1 || weights[corral.back()] > 0) {
          if (start.empty()) return weights;
          return min_norm_point(gramian);
        }
        return weights;
      }
      double share = 1;
      for (std::size_t k = 0; k < corral.size(); ++k) {
        const double from = weights[corral[k]];
        const double to = (*target)[k];
        if (to <= kRounding) share = std::min(share, from > to ? from / (from - to) : 0.0);
      }
      double sum = 0;
      std::vector<std::size_t> kept;
      for (std::size_t k = 0; k < corral.size(); ++k) {
        double& weight = weights[corral[k]];
        weight = (1 - share) * weight + share * (*target)[k];
        if ((*target)[k] <= kRounding && weight <= kRounding) {
          weight = 0;
          continue;
        }
        kept.push_back(corral[k]);
        sum += weight;
      }
      for (const std::size_t each : kept) weights[each] /= sum;
      const bool whole = kept.size() == corral.size();
      corral = std::move(kept);
      if (whole) break;
    }
    at_hull_point = true;
  }
  return weights;
}

}  // namespace affinis::train
