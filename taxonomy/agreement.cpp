#include "taxonomy/agreement.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "framework/core/error.h"
#include "taxonomy/known_values.h"
#include "taxonomy/ranks.h"

namespace affinis::taxonomy {
namespace {

/// Sources that both sides know: place in the tournament, value in the reference.
struct CommonSources {
  std::vector<std::size_t> networks;
  std::vector<double> values;
};

CommonSources common_sources(const TargetAffinity& measured, const FirstOrder& reference, const std::string& target,
                             const std::function<std::string(const std::string&)>& names) {
  CommonSources result;
  const auto column = std::find(reference.targets.begin(), reference.targets.end(), target);
  if (column == reference.targets.end()) return result;
  for (std::size_t n = 0; n < measured.rows.size(); ++n) {
    const TransferRow& row = measured.rows[n];
    if (row.order != 1 || row.is_self()) continue;
    const std::string source = names(row.sources.front());
    const auto place = std::find(reference.sources.begin(), reference.sources.end(), source);
    if (place == reference.sources.end() || source == target) continue;
    const double value = reference.value(static_cast<std::size_t>(place - reference.sources.begin()),
                                         static_cast<std::size_t>(column - reference.targets.begin()));
    if (std::isnan(value)) continue;
    result.networks.push_back(n);
    result.values.push_back(value);
  }
  return result;
}

std::vector<double> picked(const double* row, const std::vector<std::size_t>& places) {
  std::vector<double> values;
  for (const std::size_t place : places) values.push_back(row[place]);
  return values;
}

bool any_missing(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
}

}  // namespace

AgreementIntervals agreement_intervals(std::span<const LossTable> tables, const TestUnits& units, const FirstOrder& reference,
                                       const std::function<std::string(const std::string&)>& names, const AffinityOptions& affinity,
                                       const BootstrapOptions& options, const std::function<void()>& after_target) {
  AFFINIS_ASSERT(units.unit_of.size() == tables.size());
  const std::vector<UnitWeights> draws = bootstrap_draws(units.count, options.draws, options.seed);
  AgreementIntervals result;
  std::vector<std::vector<double>> all;  // targets x draws
  for (std::size_t t = 0; t < tables.size(); ++t) {
    const TargetAffinity point = target_affinity(tables[t], affinity);
    const std::string target = names(tables[t].target);
    const CommonSources common = common_sources(point, reference, target, names);
    if (common.networks.size() >= 2) {
      std::vector<double> whole;
      for (const std::size_t network : common.networks) whole.push_back(point.rows[network].affinity);
      const ReweighedTarget drawn = reweigh(tables[t], units.unit_of[t], draws, affinity);
      std::vector<double> agreement(draws.size(), kMissing);
      std::vector<double> repeated(draws.size(), kMissing);
      for (std::size_t d = 0; d < draws.size(); ++d) {
        const std::vector<double> values = picked(drawn.affinity.data() + d * drawn.networks.size(), common.networks);
        if (any_missing(values)) continue;
        agreement[d] = spearman(values, common.values);
        repeated[d] = spearman(values, whole);
      }
      result.targets.push_back({target, common.networks.size(), percentile_interval(spearman(whole, common.values), agreement, options.level),
                                percentile_interval(mean_of_known(repeated), repeated, options.level)});
      all.push_back(std::move(agreement));
    }
    if (after_target) after_target();
  }
  std::vector<double> means(draws.size(), kMissing);
  for (std::size_t d = 0; d < draws.size(); ++d) {
    std::vector<double> values;
    for (const std::vector<double>& target : all) values.push_back(target[d]);
    means[d] = mean_of_known(values);
  }
  std::vector<double> points;
  for (const AgreementInterval& target : result.targets) points.push_back(target.spearman.value);
  result.mean = percentile_interval(mean_of_known(points), std::move(means), options.level);
  return result;
}

}  // namespace affinis::taxonomy
