#include "taxonomy/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include <tbb/parallel_for.h>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "taxonomy/csv.h"
#include "taxonomy/known_values.h"

namespace affinis::taxonomy {
namespace {

// Networks with equal losses have equal affinities but for rounding.
constexpr double kEqual = 1e-5;

/// Values of one network, from a table weightings x networks.
std::vector<double> column(const std::vector<double>& table, std::size_t networks,
                          std::size_t network) {
  std::vector<double> values;
  values.reserve(table.size() / networks);
  for (std::size_t at = network; at < table.size(); at += networks) values.push_back(table[at]);
  return values;
}

/// Whether `behind` reaches `ahead` in so many draws that their order may be chance.
bool tied(const std::vector<double>& ahead, const std::vector<double>& behind, double level) {
  std::size_t defined = 0;
  std::size_t reached = 0;
  for (std::size_t d = 0; d < ahead.size(); ++d) {
    if (std::isnan(ahead[d]) || std::isnan(behind[d])) continue;
    ++defined;
    reached += behind[d] >= ahead[d] * (1 - kEqual);
  }
  return static_cast<double>(reached) > (1 - level) / 2 * static_cast<double>(defined) ||
         defined == 0;
}

void rank_networks(const ReweighedTarget& draws, double level, TargetBootstrap& result) {
  const std::size_t count = result.networks.size();
  std::vector<std::vector<double>> affinities;
  for (std::size_t i = 0; i < count; ++i) {
    affinities.push_back(column(draws.affinity, count, i));
  }
  result.ranking.resize(count);
  std::iota(result.ranking.begin(), result.ranking.end(), std::size_t{0});
  std::stable_sort(result.ranking.begin(), result.ranking.end(), [&](std::size_t i, std::size_t j) {
    return result.affinity[i].value > result.affinity[j].value;
  });
  const auto is_self = [&](std::size_t i) { return result.networks[i] == kSelf; };
  const auto best = std::find_if_not(result.ranking.begin(), result.ranking.end(), is_self);
  result.best = best == result.ranking.end() ? count : *best;
  result.tied_with_next.assign(count, 0);
  result.tied_with_best.assign(count, 0);
  std::size_t pairs = 0;
  std::size_t apart = 0;
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t s = r + 1; s < count; ++s) {
      const std::size_t ahead = result.ranking[r];
      const std::size_t behind = result.ranking[s];
      const bool tie = tied(affinities[ahead], affinities[behind], level);
      if (s == r + 1) result.tied_with_next[r] = tie;
      if (ahead == result.best) result.tied_with_best[behind] = tie;
      if (behind == result.best) result.tied_with_best[ahead] = tie;
      if (is_self(ahead) || is_self(behind)) continue;
      ++pairs;
      apart += tie ? 0 : 1;
    }
  }
  if (result.best < count) result.tied_with_best[result.best] = 1;
  result.told_apart =
      pairs == 0 ? kMissing : static_cast<double>(apart) / static_cast<double>(pairs);
  result.noise = 2 * apart < pairs;
}

/// Further columns, whose cells `cells_of` gives for a target's network.
template <typename CellsOf>
void add_columns(TransferTable& table, std::span<const NetworkIntervals> targets,
                 const std::vector<std::string>& columns, const CellsOf& cells_of) {
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> cells;
  for (const NetworkIntervals& target : targets) {
    for (std::size_t i = 0; i < target.networks.size(); ++i) {
      cells[{target.target, join(split(target.networks[i], '+'), "+")}] = cells_of(target, i);
    }
  }
  table.extra_columns.insert(table.extra_columns.end(), columns.begin(), columns.end());
  for (TransferRow& row : table.rows) {
    const auto found = cells.find({row.target, row.sources_text()});
    const std::vector<std::string> empty(columns.size());
    const std::vector<std::string>& added = found == cells.end() ? empty : found->second;
    row.extra.insert(row.extra.end(), added.begin(), added.end());
  }
}

}  // namespace

Interval percentile_interval(double value, std::vector<double> draws, double level) {
  AFFINIS_CHECK(level > 0 && level < 1, ErrorCode::kUsage,
                "the level of the intervals is {}, but must lie between 0 and 1", level);
  std::erase_if(draws, [](double draw) { return std::isnan(draw); });
  Interval result{value, kMissing, kMissing, kMissing};
  if (draws.empty()) return result;
  std::sort(draws.begin(), draws.end());
  const double last = static_cast<double>(draws.size() - 1);
  const auto percentile = [&](double share) {
    const double at = share * last;
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, draws.size() - 1);
    const double low = draws[below];
    return low + (at - static_cast<double>(below)) * (draws[above] - low);
  };
  result.low = percentile((1 - level) / 2);
  result.high = percentile((1 + level) / 2);
  const double mean = std::accumulate(draws.begin(), draws.end(), 0.0) / (last + 1);
  double square = 0;
  for (const double draw : draws) square += (draw - mean) * (draw - mean);
  result.deviation = draws.size() < 2 ? 0 : std::sqrt(square / last);
  return result;
}

TargetBootstrap summarise_draws(const TargetAffinity& point, const ReweighedTarget& draws,
                                double level) {
  const std::size_t count = point.tournament.networks.size();
  AFFINIS_ASSERT(draws.networks == point.tournament.networks);
  TargetBootstrap result;
  result.target = point.tournament.target;
  result.networks = point.tournament.networks;
  for (std::size_t i = 0; i < count; ++i) {
    const TransferRow& row = point.rows[i];
    const auto interval = [&](double value, const std::vector<double>& table) {
      return percentile_interval(value, column(table, count, i), level);
    };
    result.affinity.push_back(interval(row.affinity, draws.affinity));
    result.gain.push_back(interval(row.gain, draws.gain));
    result.quality.push_back(interval(row.quality, draws.quality));
  }
  result.wins.assign(count * count, {0.5, 0.5, 0.5, 0});
  tbb::parallel_for(std::size_t{0}, count, [&](std::size_t i) {
    // Rows of pairs i < j lie one behind the other.
    std::size_t pair = i * count - i * (i + 1) / 2;
    for (std::size_t j = i + 1; j < count; ++j, ++pair) {
      const auto begin = draws.wins.begin() + static_cast<std::ptrdiff_t>(pair * draws.weightings);
      const Interval wins = percentile_interval(
          point.tournament.win(i, j),
          std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(draws.weightings)), level);
      result.wins[i * count + j] = wins;
      result.wins[j * count + i] = {1 - wins.value, 1 - wins.high, 1 - wins.low, wins.deviation};
    }
  });
  rank_networks(draws, level, result);
  return result;
}

std::vector<TargetBootstrap> bootstrap(std::span<const LossTable> tables,
                                       std::span<const TargetAffinity> points,
                                       const TestUnits& units, const AffinityOptions& affinity,
                                       const BootstrapOptions& options,
                                       const std::function<void()>& after_target) {
  AFFINIS_ASSERT(points.size() == tables.size() && units.unit_of.size() == tables.size());
  const std::vector<UnitWeights> draws = bootstrap_draws(units.count, options.draws, options.seed);
  std::vector<TargetBootstrap> result;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    const ReweighedTarget drawn = reweigh(tables[t], units.unit_of[t], draws, affinity);
    result.push_back(summarise_draws(points[t], drawn, options.level));
    if (after_target) after_target();
  }
  return result;
}

void add_end_columns(TransferTable& table, std::span<const NetworkIntervals> targets,
                     const std::string& infix) {
  std::vector<std::string> columns;
  for (const char* measure : {"affinity", "gain", "quality"}) {
    for (const char* end : {"_low", "_high"}) columns.push_back(measure + infix + end);
  }
  add_columns(table, targets, columns, [](const NetworkIntervals& target, std::size_t i) {
    std::vector<std::string> cells;
    for (const Interval* interval : {&target.affinity[i], &target.gain[i], &target.quality[i]}) {
      cells.push_back(csv_number(interval->low));
      cells.push_back(csv_number(interval->high));
    }
    return cells;
  });
}

void add_tie_column(TransferTable& table, std::span<const NetworkIntervals> targets) {
  add_columns(table, targets, {"tied_with_best"}, [](const NetworkIntervals& target, std::size_t i) {
    return std::vector<std::string>{target.tied_with_best[i] != 0 ? "yes" : "no"};
  });
}

void add_interval_columns(TransferTable& table, std::span<const TargetBootstrap> targets) {
  const std::vector<NetworkIntervals> ends(targets.begin(), targets.end());
  add_end_columns(table, ends);
  add_tie_column(table, ends);
}

}  // namespace affinis::taxonomy
