#include "taxonomy/ahp.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "framework/core/error.h"

namespace affinis::taxonomy {
namespace {

/// Odds that the row network wins against the column network, from win rates kept away from 0 and 1.
std::vector<double> odds_matrix(const Tournament& tournament, const AhpOptions& options) {
  const std::size_t count = tournament.networks.size();
  const auto smoothed = [&](double wins, double images) {
    if (options.smoothing == Smoothing::kLaplace) return (wins * images + 1.0) / (images + 2.0);
    return std::clamp(wins, options.clip, 1.0 - options.clip);
  };
  std::vector<double> odds(count * count, 1.0);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) {
      if (i == j) continue;
      const double wins = tournament.win(i, j);
      AFFINIS_CHECK(!std::isnan(wins), ErrorCode::kData,
                    "target {}: the networks '{}' and '{}' share no test image, so they cannot be compared; evaluate both on the same images",
                    tournament.target, tournament.networks[i], tournament.networks[j]);
      const double images = static_cast<double>(tournament.shared_images(i, j));
      odds[i * count + j] = smoothed(wins, images) / smoothed(tournament.win(j, i), images);
    }
  }
  return odds;
}

AhpResult geometric_means(const std::vector<double>& odds, std::size_t count) {
  AhpResult result;
  result.eigenvalue = result.residual = result.eigenvalue_low = result.eigenvalue_high = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t i = 0; i < count; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < count; ++j) sum += std::log(odds[i * count + j]);
    result.affinity.push_back(std::exp(sum / static_cast<double>(count)));
  }
  const double total = std::accumulate(result.affinity.begin(), result.affinity.end(), 0.0);
  for (double& affinity : result.affinity) affinity /= total;
  return result;
}

}  // namespace

AhpResult ahp_affinity(const Tournament& tournament, const AhpOptions& options) {
  AFFINIS_CHECK(options.clip > 0 && options.clip < 0.5, ErrorCode::kUsage, "the AHP clip is {}, but must lie between 0 and 0.5",
                options.clip);
  const std::size_t count = tournament.networks.size();
  AFFINIS_CHECK(count > 0, ErrorCode::kData, "target {}: there is no network to compare", tournament.target);
  const std::vector<double> odds = odds_matrix(tournament, options);
  if (options.geometric_mean) return geometric_means(odds, count);

  AhpResult result;
  std::vector<double> weights(count, 1.0 / static_cast<double>(count));
  std::vector<double> product(count);
  while (result.iterations < options.max_iterations) {
    ++result.iterations;
    for (std::size_t i = 0; i < count; ++i) {
      const double* row = odds.data() + i * count;
      product[i] = std::inner_product(row, row + count, weights.begin(), 0.0);
    }
    // With weights that sum to 1, the product's sum estimates the eigenvalue.
    const double eigenvalue = std::accumulate(product.begin(), product.end(), 0.0);
    double worst = 0;
    for (std::size_t i = 0; i < count; ++i) worst = std::max(worst, std::abs(product[i] - eigenvalue * weights[i]));
    result.eigenvalue = eigenvalue;
    result.eigenvalue_low = std::numeric_limits<double>::infinity();
    result.eigenvalue_high = 0;
    for (std::size_t i = 0; i < count; ++i) {
      result.eigenvalue_low = std::min(result.eigenvalue_low, product[i] / weights[i]);
      result.eigenvalue_high = std::max(result.eigenvalue_high, product[i] / weights[i]);
    }
    result.residual = worst / (eigenvalue * *std::max_element(weights.begin(), weights.end()));
    if (result.residual <= options.tolerance) break;
    // In a cyclic tournament the other eigenvalues are as large as the principal one but complex; half of it added to all makes them smaller.
    const double shift = eigenvalue / 2;
    double total = 0;
    for (std::size_t i = 0; i < count; ++i) total += weights[i] = product[i] + shift * weights[i];
    for (double& weight : weights) weight /= total;
  }
  AFFINIS_CHECK(result.residual <= options.tolerance, ErrorCode::kNumeric,
                "target {}: the AHP eigenvector still has a residual of {:.3g} after {} iterations; raise the tolerance ({:.3g})",
                tournament.target, result.residual, result.iterations, options.tolerance);
  result.affinity = std::move(weights);
  return result;
}

}  // namespace affinis::taxonomy
