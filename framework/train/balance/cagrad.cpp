#include <algorithm>
#include <cmath>

#include "framework/train/balance/gradient_weights.h"
#include "framework/train/balance/min_norm.h"

namespace affinis::train {
namespace {

/// Minimises b'w + c ||g_0|| ||g_w|| over the simplex, b_i = <g_i, g_0>. For a given length t of g_w the minimum of b'w + c ||g_0|| ||g_w||^2 / 2t
/// is the shortest vector in the hull of the points g_i + (t / c ||g_0||) g_0; ||g_w|| / t falls with t, and is 1 at the solution.
std::vector<double> simplex_minimum(const Gramian& gramian, double reach) {
  constexpr int kMostSteps = 200;
  constexpr double kPrecision = 1e-14;
  const std::size_t tasks = gramian.tasks();
  const std::vector<double> mean(tasks, 1.0 / static_cast<double>(tasks));
  const std::vector<double> slopes = gramian.times(mean);
  const double square = gramian.squared_norm(mean);
  std::vector<double> weights;
  const auto length_at = [&](double t) {
    const double shift = t / reach;
    std::vector<double> products = gramian.products();
    for (std::size_t i = 0; i < tasks; ++i) {
      for (std::size_t j = 0; j < tasks; ++j) products[i * tasks + j] += shift * (slopes[i] + slopes[j] + shift * square);
    }
    weights = min_norm_point({tasks, std::move(products)}, weights);
    return std::sqrt(gramian.squared_norm(weights));
  };

  double high = 0;
  for (std::size_t i = 0; i < tasks; ++i) high = std::max(high, gramian.norm(i));
  double low = 0;
  double low_excess = length_at(0);
  if (low_excess <= 1e-8 * high) return weights;
  double high_excess = length_at(high) - high;
  if (high_excess >= 0) return weights;
  // Regula falsi in its Illinois form: an end that stays counts half, so that both close in.
  int kept = 0;
  for (int step = 0; step < kMostSteps && high - low > kPrecision * high; ++step) {
    double t = (low * high_excess - high * low_excess) / (high_excess - low_excess);
    if (!(t > low && t < high)) t = (low + high) / 2;
    const double excess = length_at(t) - t;
    if (std::abs(excess) <= kPrecision * high) break;
    if (excess > 0) {
      low = t;
      low_excess = excess;
      if (kept > 0) high_excess /= 2;
      kept = 1;
    } else {
      high = t;
      high_excess = excess;
      if (kept < 0) low_excess /= 2;
      kept = -1;
    }
  }
  return weights;
}

}  // namespace

CagradResult cagrad_weights(const Gramian& gramian, double radius) {
  const std::vector<std::size_t> present = gramian.with_gradient();
  CagradResult result{std::vector<double>(gramian.tasks(), 0.0), std::vector<double>(gramian.tasks(), 0.0), 0};
  if (present.empty()) return result;
  const Gramian own = gramian.of(present);
  const double share = 1 / static_cast<double>(present.size());
  const double reach = radius * std::sqrt(own.squared_norm(std::vector<double>(present.size(), share)));
  std::vector<double> simplex(present.size(), share);
  double longest = 0;
  for (std::size_t k = 0; k < present.size(); ++k) longest = std::max(longest, own.norm(k));
  if (reach > 1e-12 * longest) {
    simplex = simplex_minimum(own, reach);
    const double length = std::sqrt(own.squared_norm(simplex));
    // At a stationary point the direction of g_w is rounding.
    if (length > 1e-7 * longest) result.lambda = reach / length;
  }
  for (std::size_t k = 0; k < present.size(); ++k) {
    result.simplex[present[k]] = simplex[k];
    result.weights[present[k]] = share + result.lambda * simplex[k];
  }
  return result;
}

}  // namespace affinis::train
