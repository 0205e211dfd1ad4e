#include "taxonomy/halving.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "taxonomy/tournament.h"

namespace affinis::taxonomy {
namespace {

constexpr double kDeviations = 1.959963984540054;  // 95 %

/// Images on which both have a loss.
double shared_images(const LossTable& losses, std::size_t a, std::size_t b) {
  const std::size_t images = losses.images.size();
  double shared = 0;
  for (std::size_t i = 0; i < images; ++i) {
    shared += std::isnan(losses.losses[a * images + i]) || std::isnan(losses.losses[b * images + i]) ? 0 : 1;
  }
  return shared;
}

Loser compare(const LossTable& losses, std::size_t network, std::size_t leader) {
  Loser result{network, leader, win_rate(losses, network, leader), 0, 1};
  const double n = shared_images(losses, network, leader);
  if (n == 0 || std::isnan(result.win_rate)) return result;
  const double z2 = kDeviations * kDeviations / n;
  const double centre = (result.win_rate + z2 / 2) / (1 + z2);
  const double reach = kDeviations / (1 + z2) * std::sqrt(result.win_rate * (1 - result.win_rate) / n + z2 / (4 * n));
  result.low = centre - reach;
  result.high = centre + reach;
  return result;
}

std::vector<double> mean_win_rates(const LossTable& losses) {
  const std::size_t count = losses.networks.size();
  std::vector<double> means(count, 0);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) {
      const double rate = i == j ? 0.5 : win_rate(losses, i, j);
      means[i] += std::isnan(rate) ? 0.5 : rate;
    }
    means[i] /= static_cast<double>(count);
  }
  return means;
}

}  // namespace

HalvingResult halve(const LossTable& losses, std::size_t least) {
  const std::size_t count = losses.networks.size();
  std::vector<std::size_t> ranking(count);
  std::iota(ranking.begin(), ranking.end(), std::size_t{0});
  const std::vector<double> means = mean_win_rates(losses);
  std::sort(ranking.begin(), ranking.end(), [&](std::size_t a, std::size_t b) {
    return means[a] != means[b] ? means[a] > means[b] : losses.networks[a] < losses.networks[b];
  });
  const std::size_t half = std::min(count, std::max(least, (count + 1) / 2));
  const std::size_t most = std::max(half, 2 * count / 3);
  HalvingResult result;
  for (std::size_t place = 0; place < count; ++place) {
    const std::size_t network = ranking[place];
    if (place < half) {
      result.survivors.push_back(network);
      continue;
    }
    const Loser loser = compare(losses, network, ranking.front());
    if (result.survivors.size() < most && !loser.beaten()) {
      result.survivors.push_back(network);
    } else {
      result.losers.push_back(loser);
    }
  }
  std::sort(result.survivors.begin(), result.survivors.end());
  return result;
}

std::vector<std::int64_t> rung_steps(const std::vector<double>& shares, std::int64_t steps) {
  std::vector<std::int64_t> result;
  for (const double share : shares) {
    const auto step = static_cast<std::int64_t>(std::ceil(share * static_cast<double>(steps)));
    if (step >= 1 && step < steps && (result.empty() || step > result.back())) result.push_back(step);
  }
  return result;
}

}  // namespace affinis::taxonomy
