#include "taxonomy/halving.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "framework/core/error.h"
#include "taxonomy/tournament.h"

namespace affinis::taxonomy {
namespace {

constexpr double kDeviations = 1.959963984540054;  // 95 %

/// What `leader` lost more than `network`, where both have a finite loss.
std::vector<double> differences(const LossTable& losses, std::size_t network, std::size_t leader) {
  std::vector<double> result;
  for (std::size_t i = 0; i < losses.images.size(); ++i) {
    const double difference = losses.loss(leader, i) - losses.loss(network, i);
    if (std::isfinite(difference)) result.push_back(difference);
  }
  return result;
}

/// Images on which both have a loss.
double shared_images(const LossTable& losses, std::size_t a, std::size_t b) {
  double shared = 0;
  for (std::size_t i = 0; i < losses.images.size(); ++i) shared += std::isnan(losses.loss(a, i)) || std::isnan(losses.loss(b, i)) ? 0 : 1;
  return shared;
}

/// Share of single images by the normal distribution that the means of batches have; nothing where they do not vary.
std::optional<double> normal_share(const std::vector<double>& means, double images) {
  if (means.size() < 2) return std::nullopt;
  const auto count = static_cast<double>(means.size());
  const double mean = std::accumulate(means.begin(), means.end(), 0.0) / count;
  double squares = 0;
  for (const double value : means) squares += (value - mean) * (value - mean);
  if (squares == 0) return std::nullopt;
  return 0.5 * std::erfc(-mean / std::sqrt(2 * images * squares / (count - 1)));
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

/// Positions, the highest worth first.
std::vector<std::size_t> ranking(const LossTable& losses, const std::vector<double>& worth) {
  std::vector<std::size_t> order(worth.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return worth[a] != worth[b] ? worth[a] > worth[b] : losses.networks[a] < losses.networks[b];
  });
  return order;
}

}  // namespace

Loser loser_against(const LossTable& losses, std::size_t network, std::size_t leader, double images_per_loss) {
  Loser result{network, leader, win_rate(losses, network, leader), 0, 1, 0};
  result.per_image = result.win_rate;
  if (images_per_loss > 1) result.per_image = normal_share(differences(losses, network, leader), images_per_loss).value_or(result.win_rate);
  const double n = shared_images(losses, network, leader);
  if (n == 0 || std::isnan(result.win_rate)) return result;
  const double z2 = kDeviations * kDeviations / n;
  const double centre = (result.win_rate + z2 / 2) / (1 + z2);
  const double reach = kDeviations / (1 + z2) * std::sqrt(result.win_rate * (1 - result.win_rate) / n + z2 / (4 * n));
  result.low = centre - reach;
  result.high = centre + reach;
  return result;
}

HalvingResult halve(const LossTable& losses, const HalvingOptions& options) {
  const std::size_t count = losses.networks.size();
  const std::vector<std::size_t> order = ranking(losses, mean_win_rates(losses));
  const std::size_t half = std::min(count, std::max(options.least, (count + 1) / 2));
  const std::size_t most = std::max(half, 2 * count / 3);
  HalvingResult result;
  for (std::size_t place = 0; place < count; ++place) {
    const std::size_t network = order[place];
    if (place < half) {
      result.survivors.push_back(network);
      continue;
    }
    const Loser loser = loser_against(losses, network, order.front(), options.images_per_loss);
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
