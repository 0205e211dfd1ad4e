#include "taxonomy/bootstrap.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <tbb/parallel_for.h>

#include "framework/core/error.h"
#include "framework/core/random.h"

namespace affinis::taxonomy {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t kBits = 64;
constexpr std::int64_t kMostDraws = 1000000;

using Words = std::vector<std::uint64_t>;

#if defined(__x86_64__) && defined(__GNUC__)
[[gnu::target("popcnt")]] std::int64_t common_bits_popcnt(const std::uint64_t* a, const std::uint64_t* b, std::size_t words) {
  std::int64_t count = 0;
  for (std::size_t w = 0; w < words; ++w) count += __builtin_popcountll(a[w] & b[w]);
  return count;
}
#endif

std::int64_t common_bits(const std::uint64_t* a, const std::uint64_t* b, std::size_t words) {
#if defined(__x86_64__) && defined(__GNUC__)
  static const bool counts_bits = __builtin_cpu_supports("popcnt") != 0;
  if (counts_bits) return common_bits_popcnt(a, b, words);
#endif
  std::int64_t count = 0;
  for (std::size_t w = 0; w < words; ++w) count += std::popcount(a[w] & b[w]);
  return count;
}

/// How often each unit was drawn, once a draw: its counts as numbers, and as planes of bits (plane p holds bit p of every count), so that a
/// weighted sum over a set of images is a few counts of common bits.
struct Draws {
  std::size_t units = 0;
  std::size_t words = 0;                          ///< of a plane
  std::vector<std::vector<std::uint16_t>> counts;
  std::vector<std::vector<Words>> planes;         ///< draw, plane

  std::int64_t sum(std::size_t draw, const Words& set) const {
    std::int64_t total = 0;
    for (std::size_t p = 0; p < planes[draw].size(); ++p) {
      total += common_bits(planes[draw][p].data(), set.data(), words) << p;
    }
    return total;
  }
};

Draws make_draws(std::size_t units, const BootstrapOptions& options) {
  Draws draws;
  draws.units = units;
  draws.words = (units + kBits - 1) / kBits;
  draws.counts.resize(static_cast<std::size_t>(options.draws));
  draws.planes.resize(static_cast<std::size_t>(options.draws));
  tbb::parallel_for(std::size_t{0}, draws.counts.size(), [&](std::size_t d) {
    RandomStream random(options.seed, "bootstrap", {d, units});
    std::vector<std::uint16_t>& counts = draws.counts[d];
    counts.assign(units, 0);
    for (std::size_t i = 0; i < units; ++i) ++counts[static_cast<std::size_t>(random.below(units))];
    const int bits = std::bit_width(static_cast<unsigned>(*std::max_element(counts.begin(), counts.end())));
    draws.planes[d].assign(static_cast<std::size_t>(bits), Words(draws.words, 0));
    for (std::size_t i = 0; i < units; ++i) {
      for (std::size_t p = 0; p < draws.planes[d].size(); ++p) {
        draws.planes[d][p][i / kBits] |= static_cast<std::uint64_t>(counts[i] >> p & 1U) << (i % kBits);
      }
    }
  });
  return draws;
}

/// For every draw the share of drawn images on which network a beats b, ties one half; NaN where no drawn image has both.
class PairRates {
 public:
  PairRates(const LossTable& table, const std::vector<std::size_t>& unit_of, const Draws& draws)
      : table_(table), unit_of_(unit_of), draws_(draws), by_image_(unit_of.empty()) {}

  void compute(std::size_t a, std::size_t b, std::vector<float>& rates) const {
    rates.resize(draws_.counts.size());
    if (by_image_) {
      over_images(a, b, rates);
    } else {
      over_buildings(a, b, rates);
    }
  }

 private:
  void over_images(std::size_t a, std::size_t b, std::vector<float>& rates) const {
    Words wins(draws_.words, 0);
    Words ties(draws_.words, 0);
    Words shared(draws_.words, 0);
    bool any_tie = false;
    std::size_t both = 0;
    for (std::size_t i = 0; i < table_.images.size(); ++i) {
      const double x = table_.loss(a, i);
      const double y = table_.loss(b, i);
      if (std::isnan(x) || std::isnan(y)) continue;
      const std::uint64_t bit = std::uint64_t{1} << (i % kBits);
      shared[i / kBits] |= bit;
      ++both;
      if (x < y) wins[i / kBits] |= bit;
      if (x == y) {
        ties[i / kBits] |= bit;
        any_tie = true;
      }
    }
    const bool whole = both == draws_.units;
    for (std::size_t d = 0; d < rates.size(); ++d) {
      const std::int64_t drawn = whole ? static_cast<std::int64_t>(draws_.units) : draws_.sum(d, shared);
      const std::int64_t half_wins = 2 * draws_.sum(d, wins) + (any_tie ? draws_.sum(d, ties) : 0);
      rates[d] = drawn == 0 ? kMissing : static_cast<float>(static_cast<double>(half_wins) / (2.0 * static_cast<double>(drawn)));
    }
  }

  void over_buildings(std::size_t a, std::size_t b, std::vector<float>& rates) const {
    std::vector<std::int64_t> half_wins(draws_.units, 0);
    std::vector<std::int64_t> shared(draws_.units, 0);
    for (std::size_t i = 0; i < table_.images.size(); ++i) {
      const double x = table_.loss(a, i);
      const double y = table_.loss(b, i);
      if (std::isnan(x) || std::isnan(y)) continue;
      half_wins[unit_of_[i]] += 2 * (x < y) + (x == y);
      ++shared[unit_of_[i]];
    }
    for (std::size_t d = 0; d < rates.size(); ++d) {
      std::int64_t won = 0;
      std::int64_t drawn = 0;
      for (std::size_t u = 0; u < draws_.units; ++u) {
        won += draws_.counts[d][u] * half_wins[u];
        drawn += draws_.counts[d][u] * shared[u];
      }
      rates[d] = drawn == 0 ? kMissing : static_cast<float>(static_cast<double>(won) / (2.0 * static_cast<double>(drawn)));
    }
  }

  const LossTable& table_;
  const std::vector<std::size_t>& unit_of_;
  const Draws& draws_;
  bool by_image_;
};

Interval interval_of(double value, std::vector<float> draws, double level) {
  std::erase_if(draws, [](float draw) { return std::isnan(draw); });
  Interval result{value, kMissing, kMissing, kMissing};
  if (draws.empty()) return result;
  std::sort(draws.begin(), draws.end());
  const double last = static_cast<double>(draws.size() - 1);
  // Linear between neighbours, as NumPy's percentile has it.
  const auto percentile = [&](double share) {
    const double at = share * last;
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, draws.size() - 1);
    return draws[below] + (at - static_cast<double>(below)) * (static_cast<double>(draws[above]) - draws[below]);
  };
  result.low = percentile((1 - level) / 2);
  result.high = percentile((1 + level) / 2);
  const double mean = std::accumulate(draws.begin(), draws.end(), 0.0) / static_cast<double>(draws.size());
  double square = 0;
  for (const float draw : draws) square += (draw - mean) * (draw - mean);
  result.deviation = draws.size() < 2 ? 0 : std::sqrt(square / last);
  return result;
}

/// Column `network` of a draws x networks table.
std::vector<float> column(const std::vector<float>& table, std::size_t networks, std::size_t network) {
  std::vector<float> values;
  for (std::size_t at = network; at < table.size(); at += networks) values.push_back(table[at]);
  return values;
}

/// The building of every image as a number, in order of name; empty when images are drawn.
std::vector<std::size_t> units_of(const LossTable& table, const BootstrapOptions& options, std::size_t& units) {
  units = table.images.size();
  if (options.building_of.empty()) return {};
  std::map<std::string, std::size_t> numbers;
  for (const std::int64_t image : table.images) {
    const auto found = options.building_of.find(image);
    AFFINIS_CHECK(found != options.building_of.end(), ErrorCode::kData, "losses of {}: image {} has no building; add it to the list of buildings",
                  table.target, image);
    numbers.emplace(found->second, 0);
  }
  std::size_t next = 0;
  for (auto& [name, number] : numbers) number = next++;
  units = numbers.size();
  AFFINIS_CHECK(units >= 2, ErrorCode::kData, "losses of {}: all images are of one building, so that buildings cannot be drawn",
                table.target);
  std::vector<std::size_t> unit_of;
  for (const std::int64_t image : table.images) unit_of.push_back(numbers.at(options.building_of.at(image)));
  return unit_of;
}

/// Affinities of every draw; rates holds one list of draws a pair (row < column) of networks.
std::vector<float> redrawn_affinities(const Tournament& tournament, const std::vector<std::vector<float>>& rates, std::size_t draws,
                                      const AhpOptions& ahp) {
  const std::size_t count = tournament.networks.size();
  std::vector<float> affinities(draws * count, kMissing);
  // A draw's eigenvector is blurred by the draw itself: single precision is plenty.
  AhpOptions rough = ahp;
  rough.tolerance = std::max(ahp.tolerance, 1e-8);
  tbb::parallel_for(std::size_t{0}, draws, [&](std::size_t d) {
    Tournament drawn{tournament.target, tournament.networks, std::vector<double>(count * count, 0.5), tournament.images, tournament.shared};
    std::size_t pair = 0;
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = i + 1; j < count; ++j, ++pair) {
        const float rate = rates[pair][d];
        if (std::isnan(rate)) return;
        drawn.wins[i * count + j] = rate;
        drawn.wins[j * count + i] = 1.0 - rate;
      }
    }
    const AhpResult result = ahp_affinity(drawn, rough);
    for (std::size_t i = 0; i < count; ++i) affinities[d * count + i] = static_cast<float>(result.affinity[i]);
  });
  return affinities;
}

void rank_networks(TargetBootstrap& result) {
  const std::size_t count = result.networks.size();
  result.ranking.resize(count);
  std::iota(result.ranking.begin(), result.ranking.end(), std::size_t{0});
  std::stable_sort(result.ranking.begin(), result.ranking.end(),
                   [&](std::size_t i, std::size_t j) { return result.affinity[i].value > result.affinity[j].value; });
  const auto tied = [&](std::size_t i, std::size_t j) {
    const Interval& wins = result.wins[i * count + j];
    return !(wins.low > 0.5 || wins.high < 0.5);
  };
  for (std::size_t r = 0; r < count; ++r) {
    result.tied_with_next.push_back(r + 1 < count && tied(result.ranking[r], result.ranking[r + 1]));
  }
  std::size_t pairs = 0;
  std::size_t apart = 0;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) {
      if (result.networks[i] == kSelf || result.networks[j] == kSelf) continue;
      ++pairs;
      apart += !tied(i, j);
    }
  }
  result.told_apart = pairs == 0 ? 1.0 : static_cast<double>(apart) / static_cast<double>(pairs);
  result.noise = pairs > 0 && 2 * apart < pairs;
}

}  // namespace

TargetBootstrap bootstrap_target(const LossTable& table, const AffinityOptions& affinity_options, const BootstrapOptions& options) {
  AFFINIS_CHECK(options.draws > 0 && options.draws <= kMostDraws, ErrorCode::kUsage,
                "the number of bootstrap draws is {}, but must be between 1 and {}", options.draws, kMostDraws);
  AFFINIS_CHECK(options.level > 0 && options.level < 1, ErrorCode::kUsage, "the level of the intervals is {}, but must lie between 0 and 1",
                options.level);
  const TargetAffinity point = target_affinity(table, affinity_options);
  std::size_t units = 0;
  const std::vector<std::size_t> unit_of = units_of(table, options, units);
  const Draws draws = make_draws(units, options);
  const PairRates pair_rates(table, unit_of, draws);

  TargetBootstrap result;
  result.target = table.target;
  result.networks = point.tournament.networks;
  result.images = static_cast<std::int64_t>(table.images.size());
  result.units = static_cast<std::int64_t>(units);
  result.draws = options.draws;
  const std::size_t count = result.networks.size();
  const auto draw_count = static_cast<std::size_t>(options.draws);
  std::vector<std::size_t> positions;
  for (const std::string& network : result.networks) positions.push_back(table.find(network));

  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) pairs.emplace_back(i, j);
  }
  std::vector<std::vector<float>> rates(pairs.size());
  result.wins.resize(count * count);
  for (std::size_t i = 0; i < count; ++i) result.wins[i * count + i] = {0.5, 0.5, 0.5, 0};
  tbb::parallel_for(std::size_t{0}, pairs.size(), [&](std::size_t p) {
    const auto [i, j] = pairs[p];
    pair_rates.compute(positions[i], positions[j], rates[p]);
    const Interval wins = interval_of(point.tournament.win(i, j), rates[p], options.level);
    result.wins[i * count + j] = wins;
    result.wins[j * count + i] = {1 - wins.value, 1 - wins.high, 1 - wins.low, wins.deviation};
  });
  result.affinity_draws = redrawn_affinities(point.tournament, rates, draw_count, affinity_options.ahp);

  const auto against = [&](const std::string& opponent, std::vector<float>& table_of_draws) {
    table_of_draws.assign(draw_count * count, kMissing);
    const std::size_t position = table.find(opponent);
    if (position == table.networks.size()) return;
    tbb::parallel_for(std::size_t{0}, count, [&](std::size_t i) {
      std::vector<float> own(draw_count, 0.5F);
      if (positions[i] != position) pair_rates.compute(positions[i], position, own);
      for (std::size_t d = 0; d < draw_count; ++d) table_of_draws[d * count + i] = own[d];
    });
  };
  against(affinity_options.gain_against, result.gain_draws);
  against(std::string(kSelf), result.quality_draws);
  for (std::size_t i = 0; i < count; ++i) {
    result.affinity.push_back(interval_of(point.rows[i].affinity, column(result.affinity_draws, count, i), options.level));
    result.gain.push_back(interval_of(point.rows[i].gain, column(result.gain_draws, count, i), options.level));
    result.quality.push_back(interval_of(point.rows[i].quality, column(result.quality_draws, count, i), options.level));
  }
  rank_networks(result);
  return result;
}

}  // namespace affinis::taxonomy
