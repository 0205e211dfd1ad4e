#include "taxonomy/outlook.h"

#include <cmath>
#include <utility>

#include "framework/core/error.h"
#include "taxonomy/known_values.h"

namespace affinis::taxonomy {
namespace {

constexpr int kRounds = 20;  ///< slope and deviation depend on each other; three digits take five or six

bool tells(const Evidence& evidence) { return !std::isnan(evidence.measured) && !std::isnan(evidence.forecast); }

}  // namespace

Outlook::Outlook(std::vector<std::vector<Evidence>> targets, const OutlookPrior& prior) : targets_(std::move(targets)) {
  for (const std::vector<Evidence>& target : targets_) {
    Centre centre;
    for (const Evidence& evidence : target) {
      if (!tells(evidence)) continue;
      ++centre.count;
      centre.forecast += evidence.forecast;
      centre.measured += evidence.measured;
    }
    centre.forecast /= centre.count;
    centre.measured /= centre.count;
    centres_.push_back(centre);
  }
  std::vector<Products> each;
  Products sums;
  for (std::size_t t = 0; t < targets_.size(); ++t) sums += each.emplace_back(products(t));
  const double belief = 1 / (prior.slope_deviation * prior.slope_deviation);
  double variance = prior.deviation * prior.deviation;
  for (int round = 0; round < kRounds; ++round) {
    const double precision = sums.forecasts / variance + belief;
    slope_ = (sums.both / variance + prior.slope * belief) / precision;
    slope_deviation_ = 1 / std::sqrt(precision);
    variance = (prior.weight * prior.deviation * prior.deviation + sums.left(slope_)) / (prior.weight + sums.freedom);
  }
  deviation_ = std::sqrt(variance);
  for (const Products& own : each) deviations_.push_back(std::sqrt((prior.target_weight * variance + own.left(slope_)) / (prior.target_weight + own.freedom)));
}

Outlook::Products& Outlook::Products::operator+=(const Products& other) {
  forecasts += other.forecasts;
  both += other.both;
  measurements += other.measurements;
  freedom += other.freedom;
  return *this;
}

Outlook::Products Outlook::products(std::size_t target) const {
  Products sums;
  if (centres_[target].count < 2) return sums;
  sums.freedom = centres_[target].count - 1;
  for (const Evidence& evidence : targets_[target]) {
    if (!tells(evidence)) continue;
    const double forecast = evidence.forecast - centres_[target].forecast;
    const double measured = evidence.measured - centres_[target].measured;
    sums.forecasts += forecast * forecast;
    sums.both += forecast * measured;
    sums.measurements += measured * measured;
  }
  return sums;
}

double Outlook::by_forecast(std::size_t target, double forecast, double slope) const {
  return centres_[target].measured + slope * (forecast - centres_[target].forecast);
}

double Outlook::expected(std::size_t target, std::size_t transfer) const {
  const Evidence& evidence = targets_[target][transfer];
  if (!std::isnan(evidence.measured)) return evidence.measured;
  return std::isnan(evidence.compared) ? by_forecast(target, evidence.forecast, slope_) : evidence.compared;
}

std::vector<std::vector<double>> Outlook::draw(RandomStream& stream) const {
  std::vector<std::vector<double>> world;
  const double slope = stream.normal(slope_, slope_deviation_);
  for (std::size_t t = 0; t < targets_.size(); ++t) {
    const double shift = centres_[t].count > 0 ? stream.normal(0, deviations_[t] / std::sqrt(centres_[t].count)) : kMissing;
    std::vector<double>& values = world.emplace_back();
    for (const Evidence& evidence : targets_[t]) {
      if (!std::isnan(evidence.measured)) {
        values.push_back(evidence.measured);
      } else {
        const double centre = std::isnan(evidence.compared) ? by_forecast(t, evidence.forecast, slope) + shift : evidence.compared;
        values.push_back(stream.normal(centre, deviations_[t]));
      }
    }
  }
  return world;
}

Tournament with_further(const Tournament& measured, std::span<const double> strengths, std::span<const std::string> names,
                        std::span<const double> further) {
  AFFINIS_ASSERT(strengths.size() == measured.networks.size() && names.size() == further.size());
  const std::size_t before = strengths.size();
  Tournament result;
  result.target = measured.target;
  result.images = measured.images;
  result.networks = measured.networks;
  result.networks.insert(result.networks.end(), names.begin(), names.end());
  std::vector<double> all(strengths.begin(), strengths.end());
  all.insert(all.end(), further.begin(), further.end());
  result.wins.reserve(all.size() * all.size());
  for (std::size_t row = 0; row < all.size(); ++row) {
    for (std::size_t column = 0; column < all.size(); ++column) {
      const bool known = row < before && column < before;
      result.wins.push_back(known ? measured.win(row, column) : 1 / (1 + std::exp(all[column] - all[row])));
    }
  }
  return result;
}

}  // namespace affinis::taxonomy
