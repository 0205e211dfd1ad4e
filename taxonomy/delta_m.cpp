#include "taxonomy/delta_m.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "framework/core/error.h"
#include "taxonomy/known_values.h"

namespace affinis::taxonomy {
namespace {

constexpr double kPercent = 100;

/// The 0.975 quantile of Student's distribution (tabulated to 30 degrees of freedom; beyond, Cornish and Fisher's expansion around the
/// normal one is as exact as the table).
double student_quantile(std::size_t degrees) {
  constexpr std::array<double, 30> kTable = {12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004,
                                             2.262157,  2.228139, 2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905,
                                             2.109816,  2.100922, 2.093024, 2.085963, 2.079614, 2.073873, 2.068658, 2.063899,
                                             2.059539,  2.055529, 2.051831, 2.048407, 2.045230, 2.042272};
  if (degrees <= kTable.size()) return kTable.at(degrees - 1);
  constexpr double z = 1.959964;
  const auto n = static_cast<double>(degrees);
  const double z2 = z * z;
  const double first = (z2 + 1) * z / 4;
  const double second = ((5 * z2 + 16) * z2 + 3) * z / 96;
  const double third = (((3 * z2 + 19) * z2 + 17) * z2 - 15) * z / 384;
  return z + first / n + second / (n * n) + third / (n * n * n);
}

/// Sums over one unit's images, of one task: losses of joint and own networks, images.
struct UnitSums {
  double joint = 0;
  double single = 0;
  double images = 0;
};

double change_of(const UnitSums& sums) {
  return sums.images > 0 && sums.single != 0 ? kPercent * (sums.joint - sums.single) / std::abs(sums.single) : kMissing;
}

/// One table's sums by unit, and its win rate.
std::vector<UnitSums> sums_of(const LossTable& table, std::span<const std::uint32_t> unit_of, std::size_t units, double& win_rate) {
  AFFINIS_CHECK(table.networks.size() >= 2 && table.networks.size() % 2 == 0, ErrorCode::kInternal,
                "{} networks of task '{}' are not as many joint as task-specific ones", table.networks.size(), table.target);
  const std::size_t seeds = table.networks.size() / 2;
  const std::size_t images = table.images.size();
  std::vector<UnitSums> sums(units);
  MeanOfKnown wins;
  for (std::size_t i = 0; i < images; ++i) {
    double joint = 0;
    double single = 0;
    for (std::size_t s = 0; s < seeds; ++s) {
      joint += table.losses[s * images + i] / static_cast<double>(seeds);
      single += table.losses[(seeds + s) * images + i] / static_cast<double>(seeds);
    }
    if (std::isnan(joint + single)) continue;
    UnitSums& sum = sums[unit_of[i]];
    sum.joint += joint;
    sum.single += single;
    sum.images += 1;
    wins.add(joint < single ? 1.0 : joint == single ? 0.5 : 0.0);
  }
  win_rate = wins.value();
  return sums;
}

UnitSums total_of(const std::vector<UnitSums>& sums, const UnitWeights* weights) {
  UnitSums total;
  for (std::size_t u = 0; u < sums.size(); ++u) {
    const double weight = weights == nullptr ? 1.0 : static_cast<double>((*weights)[u]);
    total.joint += weight * sums[u].joint;
    total.single += weight * sums[u].single;
    total.images += weight * sums[u].images;
  }
  return total;
}

Interval without_draws(double value) { return {value, kMissing, kMissing, kMissing}; }

}  // namespace

double relative_change(const MetricPair& metric) {
  if (std::isnan(metric.joint) || std::isnan(metric.single) || metric.single == 0) return kMissing;
  const double change = kPercent * (metric.joint - metric.single) / std::abs(metric.single);
  return metric.higher_is_better ? -change : change;
}

double delta_m(std::span<const std::vector<MetricPair>> tasks, ChangeAverage average) {
  MeanOfKnown all;
  for (const std::vector<MetricPair>& task : tasks) {
    MeanOfKnown own;
    for (const MetricPair& metric : task) {
      const double change = relative_change(metric);
      own.add(change);
      if (average == ChangeAverage::kMetrics) all.add(change);
    }
    if (average == ChangeAverage::kTasks) all.add(own.value());
  }
  return all.value();
}

Interval student_interval(std::span<const double> values) {
  MeanOfKnown mean;
  std::size_t count = 0;
  for (const double value : values) {
    mean.add(value);
    count += std::isnan(value) ? 0 : 1;
  }
  if (count < 2) return without_draws(mean.value());
  double squares = 0;
  for (const double value : values) {
    if (!std::isnan(value)) squares += (value - mean.value()) * (value - mean.value());
  }
  const double deviation = std::sqrt(squares / static_cast<double>(count - 1));
  const double reach = student_quantile(count - 1) * deviation / std::sqrt(static_cast<double>(count));
  return {mean.value(), mean.value() - reach, mean.value() + reach, deviation};
}

LossChanges loss_changes(std::span<const LossTable> tables, const TestUnits& units, const BootstrapOptions& options) {
  LossChanges result;
  std::vector<std::vector<UnitSums>> sums;
  MeanOfKnown mean;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    LossChange change;
    change.task = tables[t].target;
    sums.push_back(sums_of(tables[t], units.unit_of[t], units.count, change.win_rate));
    change.change = without_draws(change_of(total_of(sums.back(), nullptr)));
    mean.add(change.change.value);
    result.tasks.push_back(std::move(change));
  }
  result.mean = without_draws(mean.value());
  if (options.draws == 0 || units.count < 2) return result;
  std::vector<std::vector<double>> drawn(tables.size());
  std::vector<double> drawn_mean;
  for (const UnitWeights& weights : bootstrap_draws(units.count, options.draws, options.seed)) {
    MeanOfKnown one;
    for (std::size_t t = 0; t < tables.size(); ++t) {
      drawn[t].push_back(change_of(total_of(sums[t], &weights)));
      one.add(drawn[t].back());
    }
    drawn_mean.push_back(one.value());
  }
  for (std::size_t t = 0; t < tables.size(); ++t) {
    result.tasks[t].change = percentile_interval(result.tasks[t].change.value, std::move(drawn[t]), options.level);
  }
  result.mean = percentile_interval(result.mean.value, std::move(drawn_mean), options.level);
  return result;
}

}  // namespace affinis::taxonomy
