#include "taxonomy/seeds.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <boost/math/distributions/students_t.hpp>

#include "framework/core/error.h"
#include "taxonomy/known_values.h"
#include "taxonomy/tournament.h"

namespace affinis::taxonomy {
namespace {

/// Half a jackknife interval's length, and the standard error that it is a multiple of.
struct Reach {
  double reach = kMissing;
  double error = kMissing;
};

/// Of a number from what it is without one seed at a time; NaN when one of these is.
Reach jackknife(const std::vector<double>& without_one, double level) {
  const auto seeds = static_cast<double>(without_one.size());
  if (seeds < 2) return {};
  double mean = 0;
  for (const double value : without_one) mean += value / seeds;
  double squares = 0;
  for (const double value : without_one) squares += (value - mean) * (value - mean);
  const double error = std::sqrt((seeds - 1) / seeds * squares);
  if (!std::isfinite(error)) return {};
  const boost::math::students_t distribution(seeds - 1);
  return {boost::math::quantile(distribution, (1 + level) / 2) * error, error};
}

/// A target's numbers, one a network of its tournament.
struct Numbers {
  std::vector<double> log_affinity;  ///< NaN for all where two networks share no image
  std::vector<double> gain;
  std::vector<double> quality;
};

Numbers numbers_of(const LossTable& table, const AffinityOptions& options) {
  Numbers result;
  const std::vector<std::size_t> contestants = contestants_of(table.networks, table.target, options);
  const auto rates_against = [&](const std::string& opponent) {
    const std::size_t position = table.find(opponent);
    std::vector<double> rates;
    for (const std::size_t network : contestants) {
      rates.push_back(position == table.networks.size() ? kMissing
                      : network == position             ? 0.5
                                                        : win_rate(table, network, position));
    }
    return rates;
  };
  result.gain = rates_against(options.gain_against);
  result.quality = rates_against(std::string(kSelf));
  try {
    for (const TransferRow& row : target_affinity(table, options).rows) result.log_affinity.push_back(std::log(row.affinity));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kData) throw;
    result.log_affinity.assign(contestants.size(), kMissing);
  }
  return result;
}

/// The target's numbers without each seed.
std::vector<Numbers> without_each(const LossTable& joined, const AffinityOptions& options) {
  std::vector<Numbers> result;
  if (joined.seeds < 2) return result;
  for (std::size_t left_out = 0; left_out < joined.seeds; ++left_out) {
    std::vector<std::size_t> rest;
    for (std::size_t seed = 0; seed < joined.seeds; ++seed) {
      if (seed != left_out) rest.push_back(seed);
    }
    result.push_back(numbers_of(take_seeds(joined, rest), options));
  }
  return result;
}

/// One number without each seed.
template <typename ValueOf>
Reach reach_of(const std::vector<Numbers>& rest, double level, const ValueOf& value_of) {
  std::vector<double> values;
  for (const Numbers& each : rest) values.push_back(value_of(each));
  return jackknife(values, level);
}

void find_ties(const std::vector<Numbers>& rest, const TargetAffinity& point, SeedIntervals& result) {
  const std::vector<TransferRow>& rows = point.rows;
  std::size_t best = rows.size();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].is_self() && (best == rows.size() || rows[i].affinity > rows[best].affinity)) best = i;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (best == rows.size()) {
      result.tied_with_best.push_back(0);
      continue;
    }
    const double reach =
        reach_of(rest, result.level, [&](const Numbers& each) { return each.log_affinity[best] - each.log_affinity[i]; }).reach;
    // Not a number where nothing is known: nothing tells the two apart then.
    result.tied_with_best.push_back(!(std::abs(std::log(rows[best].affinity / rows[i].affinity)) > reach));
  }
}

}  // namespace

LossTable join_seeds(std::span<const LossTable> seeds) {
  AFFINIS_ASSERT(!seeds.empty());
  LossTable joined = seeds.front();
  if (seeds.size() == 1) return joined;
  joined.seeds = seeds.size();
  joined.images.clear();
  joined.buildings.clear();
  joined.losses.clear();
  for (const LossTable& seed : seeds) {
    AFFINIS_ASSERT(seed.seeds == 1 && seed.target == joined.target && seed.networks == joined.networks);
    joined.images.insert(joined.images.end(), seed.images.begin(), seed.images.end());
    joined.buildings.insert(joined.buildings.end(), seed.buildings.begin(), seed.buildings.end());
  }
  for (std::size_t network = 0; network < joined.networks.size(); ++network) {
    for (const LossTable& seed : seeds) {
      for (std::size_t image = 0; image < seed.images.size(); ++image) joined.losses.push_back(seed.loss(network, image));
    }
  }
  check_loss_table(joined);
  return joined;
}

LossTable take_seeds(const LossTable& joined, std::span<const std::size_t> positions) {
  const std::size_t part = joined.images.size() / joined.seeds;
  LossTable taken;
  taken.target = joined.target;
  taken.networks = joined.networks;
  taken.seeds = positions.size();
  for (const std::size_t position : positions) {
    AFFINIS_ASSERT(position < joined.seeds);
    const auto begin = static_cast<std::ptrdiff_t>(position * part);
    const auto end = begin + static_cast<std::ptrdiff_t>(part);
    taken.images.insert(taken.images.end(), joined.images.begin() + begin, joined.images.begin() + end);
    if (joined.buildings.empty()) continue;
    taken.buildings.insert(taken.buildings.end(), joined.buildings.begin() + begin, joined.buildings.begin() + end);
  }
  for (std::size_t network = 0; network < joined.networks.size(); ++network) {
    for (const std::size_t position : positions) {
      for (std::size_t image = 0; image < part; ++image) taken.losses.push_back(joined.loss(network, position * part + image));
    }
  }
  return taken;
}

SeedIntervals seed_intervals(const LossTable& joined, const TargetAffinity& point,
                             const AffinityOptions& options, double level) {
  AFFINIS_CHECK(level > 0 && level < 1, ErrorCode::kUsage,
                "the level of the intervals is {}, but must lie between 0 and 1", level);
  AFFINIS_ASSERT(contestants_of(joined.networks, joined.target, options).size() == point.tournament.networks.size());
  const std::vector<Numbers> rest = without_each(joined, options);
  SeedIntervals result;
  result.target = point.tournament.target;
  result.networks = point.tournament.networks;
  result.seeds = joined.seeds;
  result.level = level;
  const auto rate = [&](double value, const Reach& found) {
    if (std::isnan(found.reach)) return Interval{value, kMissing, kMissing, kMissing};
    return Interval{value, std::max(0.0, value - found.reach), std::min(1.0, value + found.reach), found.error};
  };
  for (std::size_t i = 0; i < point.rows.size(); ++i) {
    const double affinity = point.rows[i].affinity;
    const Reach found = reach_of(rest, level, [&](const Numbers& each) { return each.log_affinity[i]; });
    result.affinity.push_back({affinity, affinity * std::exp(-found.reach),
                               std::isnan(found.reach) ? kMissing : std::min(1.0, affinity * std::exp(found.reach)),
                               affinity * found.error});
    result.gain.push_back(rate(point.rows[i].gain, reach_of(rest, level, [&](const Numbers& each) { return each.gain[i]; })));
    result.quality.push_back(rate(point.rows[i].quality, reach_of(rest, level, [&](const Numbers& each) { return each.quality[i]; })));
  }
  find_ties(rest, point, result);
  return result;
}

void add_seed_columns(TransferTable& table, std::span<const SeedIntervals> seeds,
                      std::span<const TargetBootstrap> redrawn) {
  const std::vector<NetworkIntervals> over_seeds(seeds.begin(), seeds.end());
  const std::vector<NetworkIntervals> over_tests(redrawn.begin(), redrawn.end());
  AFFINIS_ASSERT(over_tests.empty() || over_tests.size() == over_seeds.size());
  std::vector<NetworkIntervals> ties = over_seeds;
  for (std::size_t t = 0; t < over_tests.size(); ++t) {
    AFFINIS_ASSERT(over_tests[t].networks == over_seeds[t].networks);
    for (std::size_t i = 0; i < ties[t].tied_with_best.size(); ++i) {
      ties[t].tied_with_best[i] = ties[t].tied_with_best[i] != 0 || over_tests[t].tied_with_best[i] != 0;
    }
  }
  add_end_columns(table, over_seeds);
  add_tie_column(table, ties);
  if (!over_tests.empty()) add_end_columns(table, over_tests, "_test");
}

}  // namespace affinis::taxonomy
