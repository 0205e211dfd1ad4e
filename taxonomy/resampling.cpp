#include "taxonomy/resampling.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include <tbb/parallel_for.h>

#include "framework/core/error.h"
#include "framework/core/random.h"
#include "taxonomy/known_values.h"

namespace affinis::taxonomy {
namespace {

constexpr std::size_t kBits = 64;
constexpr std::int64_t kMostDraws = 1000000;
constexpr std::size_t kMostRates = std::size_t{1} << 28;
// A block of pairs against a block of weightings: what both need stays in the second-level cache.
constexpr std::size_t kPairsTogether = 16;
constexpr std::size_t kWeightingsTogether = 32;

using Words = std::vector<std::uint64_t>;

std::int64_t common_bits(const std::uint64_t* a, const std::uint64_t* b, std::size_t words) {
  std::int64_t count = 0;
  for (std::size_t w = 0; w < words; ++w) count += std::popcount(a[w] & b[w]);
  return count;
}

#if defined(__x86_64__) && defined(__GNUC__)
// x86-64 alone does not promise the instruction that counts bits, but nearly every processor has
// it.
[[gnu::target("popcnt")]] std::int64_t common_bits_counted(const std::uint64_t* a,
                                                           const std::uint64_t* b,
                                                           std::size_t words) {
  std::int64_t count = 0;
  for (std::size_t w = 0; w < words; ++w) count += __builtin_popcountll(a[w] & b[w]);
  return count;
}
#endif

using CommonBits = std::int64_t (*)(const std::uint64_t*, const std::uint64_t*, std::size_t);

CommonBits fastest_common_bits() {
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("popcnt") != 0) return common_bits_counted;
#endif
  return common_bits;
}

/// Weights as planes of bits (plane p holds bit p of every weight), so that a weighted sum over a
/// set of units is a few counts of common bits.
class BitPlanes {
 public:
  BitPlanes(std::span<const UnitWeights> weightings, std::size_t units)
      : words_((units + kBits - 1) / kBits),
        common_(fastest_common_bits()),
        planes_(weightings.size()) {
    for (std::size_t d = 0; d < weightings.size(); ++d) {
      const UnitWeights& weights = weightings[d];
      const auto most = static_cast<unsigned>(*std::max_element(weights.begin(), weights.end()));
      planes_[d].assign(static_cast<std::size_t>(std::bit_width(most)), Words(words_, 0));
      for (std::size_t u = 0; u < units; ++u) {
        for (std::size_t p = 0; p < planes_[d].size(); ++p) {
          planes_[d][p][u / kBits] |= static_cast<std::uint64_t>(weights[u] >> p & 1U)
                                      << (u % kBits);
        }
      }
    }
  }

  std::size_t words() const { return words_; }

  std::int64_t sum(std::size_t weighting, const Words& set) const {
    std::int64_t total = 0;
    const std::vector<Words>& planes = planes_[weighting];
    for (std::size_t p = 0; p < planes.size(); ++p) {
      total += common_(planes[p].data(), set.data(), words_) << p;
    }
    return total;
  }

 private:
  std::size_t words_;
  CommonBits common_;
  std::vector<std::vector<Words>> planes_;
};

/// Twice the wins of a network over another (a tie counts one) and the images they were compared
/// on.
struct WinCount {
  std::int64_t half_wins = 0;
  std::int64_t shared = 0;

  double rate() const {
    if (shared == 0) return kMissing;
    return static_cast<double>(half_wins) / (2.0 * static_cast<double>(shared));
  }
};

/// Counts where a unit is at most one image of the table: sets of images as bits.
class ImageCounter {
 public:
  ImageCounter(const LossTable& table, std::span<const std::uint32_t> unit_of,
               std::span<const UnitWeights> weightings, std::size_t units)
      : table_(table), unit_of_(unit_of), planes_(weightings, units), all_(planes_.words(), 0) {
    for (const std::uint32_t unit : unit_of)
      all_[unit / kBits] |= std::uint64_t{1} << (unit % kBits);
    for (std::size_t d = 0; d < weightings.size(); ++d) all_drawn_.push_back(planes_.sum(d, all_));
  }

  struct Pair {
    Words wins;
    Words ties;
    Words shared;
    bool any_tie = false;
    bool whole = false;  ///< no image is lacking
  };

  Pair compare(std::size_t a, std::size_t b) const {
    Pair pair{Words(all_.size(), 0), Words(all_.size(), 0), Words(all_.size(), 0)};
    for (std::size_t i = 0; i < unit_of_.size(); ++i) {
      const double x = table_.loss(a, i);
      const double y = table_.loss(b, i);
      if (std::isnan(x) || std::isnan(y)) continue;
      const std::uint64_t bit = std::uint64_t{1} << (unit_of_[i] % kBits);
      const std::size_t word = unit_of_[i] / kBits;
      pair.shared[word] |= bit;
      if (x < y) pair.wins[word] |= bit;
      if (x == y) pair.ties[word] |= bit;
      pair.any_tie = pair.any_tie || x == y;
    }
    pair.whole = pair.shared == all_;
    return pair;
  }

  WinCount count(const Pair& pair, std::size_t d) const {
    return {2 * planes_.sum(d, pair.wins) + (pair.any_tie ? planes_.sum(d, pair.ties) : 0),
            pair.whole ? all_drawn_[d] : planes_.sum(d, pair.shared)};
  }

 private:
  const LossTable& table_;
  std::span<const std::uint32_t> unit_of_;
  BitPlanes planes_;
  Words all_;
  std::vector<std::int64_t> all_drawn_;  ///< images, by weighting
};

/// Counts where a unit is several images: what each unit contributes.
class BuildingCounter {
 public:
  BuildingCounter(const LossTable& table, std::span<const std::uint32_t> unit_of,
                  std::span<const UnitWeights> weightings, std::size_t units)
      : table_(table), unit_of_(unit_of), weightings_(weightings), units_(units) {}

  using Pair = std::vector<WinCount>;

  Pair compare(std::size_t a, std::size_t b) const {
    Pair pair(units_);
    for (std::size_t i = 0; i < unit_of_.size(); ++i) {
      const double x = table_.loss(a, i);
      const double y = table_.loss(b, i);
      if (std::isnan(x) || std::isnan(y)) continue;
      pair[unit_of_[i]].half_wins += 2 * (x < y) + (x == y);
      ++pair[unit_of_[i]].shared;
    }
    return pair;
  }

  WinCount count(const Pair& pair, std::size_t d) const {
    WinCount total;
    const UnitWeights& weights = weightings_[d];
    for (std::size_t u = 0; u < units_; ++u) {
      total.half_wins += weights[u] * pair[u].half_wins;
      total.shared += weights[u] * pair[u].shared;
    }
    return total;
  }

 private:
  const LossTable& table_;
  std::span<const std::uint32_t> unit_of_;
  std::span<const UnitWeights> weightings_;
  std::size_t units_;
};

/// Two networks by position in the loss table.
using Pairing = std::pair<std::size_t, std::size_t>;

/// Rates of pairings under weightings, a row each; where asked for, the images behind each rate
/// too.
struct Rates {
  std::vector<double> rates;
  std::vector<std::int32_t> shared;
};

template <typename Counter>
Rates count_pairings(const Counter& counter, std::span<const Pairing> pairings,
                     std::size_t weightings, bool with_shared) {
  Rates result;
  result.rates.assign(pairings.size() * weightings, kMissing);
  if (with_shared) result.shared.assign(pairings.size() * weightings, 0);
  const std::size_t blocks = (pairings.size() + kPairsTogether - 1) / kPairsTogether;
  tbb::parallel_for(std::size_t{0}, blocks, [&](std::size_t block) {
    const std::size_t first = block * kPairsTogether;
    const std::size_t last = std::min(first + kPairsTogether, pairings.size());
    std::vector<typename Counter::Pair> pairs;
    for (std::size_t p = first; p < last; ++p) {
      pairs.push_back(counter.compare(pairings[p].first, pairings[p].second));
    }
    for (std::size_t start = 0; start < weightings; start += kWeightingsTogether) {
      const std::size_t end = std::min(start + kWeightingsTogether, weightings);
      for (std::size_t p = first; p < last; ++p) {
        for (std::size_t d = start; d < end; ++d) {
          const WinCount count = counter.count(pairs[p - first], d);
          result.rates[p * weightings + d] = count.rate();
          if (with_shared) {
            result.shared[p * weightings + d] = static_cast<std::int32_t>(count.shared);
          }
        }
      }
    }
  });
  return result;
}

Rates count_pairings(const LossTable& table, std::span<const std::uint32_t> unit_of,
                     std::span<const UnitWeights> weightings, std::span<const Pairing> pairings,
                     bool with_shared) {
  const std::size_t units = weightings.front().size();
  std::vector<char> seen(units, 0);
  bool one_image_each = true;
  for (const std::uint32_t unit : unit_of) {
    AFFINIS_ASSERT(unit < units);
    one_image_each = one_image_each && seen[unit] == 0;
    seen[unit] = 1;
  }
  if (one_image_each) {
    const ImageCounter counter(table, unit_of, weightings, units);
    return count_pairings(counter, pairings, weightings.size(), with_shared);
  }
  const BuildingCounter counter(table, unit_of, weightings, units);
  return count_pairings(counter, pairings, weightings.size(), with_shared);
}

/// Affinities under every weighting; the first rows of `rates` are the pairs i < j.
std::vector<double> affinities(const Rates& rates, const std::string& target,
                              const std::vector<std::string>& networks, std::size_t weightings,
                              AhpOptions ahp) {
  const std::size_t count = networks.size();
  std::vector<double> result(weightings * count, kMissing);
  // What an eigenvector lacks behind the eighth digit is nothing beside what the draw itself
  // changes.
  ahp.tolerance = std::max(ahp.tolerance, 1e-8);
  tbb::parallel_for(std::size_t{0}, weightings, [&](std::size_t d) {
    Tournament drawn{target, networks, std::vector<double>(count * count, 0.5)};
    if (!rates.shared.empty()) drawn.shared.assign(count * count, 0);
    std::size_t pair = 0;
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = i + 1; j < count; ++j, ++pair) {
        const double rate = rates.rates[pair * weightings + d];
        if (std::isnan(rate)) return;
        drawn.wins[i * count + j] = rate;
        drawn.wins[j * count + i] = 1.0 - rate;
        if (rates.shared.empty()) continue;
        drawn.shared[i * count + j] = drawn.shared[j * count + i] =
            rates.shared[pair * weightings + d];
      }
    }
    const AhpResult found = ahp_affinity(drawn, ahp);
    for (std::size_t i = 0; i < count; ++i) {
      result[d * count + i] = found.affinity[i];
    }
  });
  return result;
}

}  // namespace

const char* test_unit_name(TestUnit unit) {
  return unit == TestUnit::kImages ? "images" : "buildings";
}

TestUnit parse_test_unit(std::string_view name) {
  if (name == "images") return TestUnit::kImages;
  if (name == "buildings") return TestUnit::kBuildings;
  fail(ErrorCode::kUsage, "'{}' cannot be drawn; choose images or buildings", name);
}

TestUnits test_units(std::span<const LossTable> tables, std::optional<TestUnit> unit) {
  std::map<std::int64_t, std::string> building_of;
  std::map<std::string, std::uint32_t> buildings;
  std::optional<std::int64_t> without;
  for (const LossTable& table : tables) {
    for (std::size_t i = 0; i < table.images.size(); ++i) {
      const std::string building = table.buildings.empty() ? "" : table.buildings[i];
      const auto [place, fresh] = building_of.emplace(table.images[i], building);
      if (!building.empty()) buildings.emplace(building, 0);
      if (!fresh && place->second.empty()) place->second = building;
      AFFINIS_CHECK(building.empty() || place->second == building, ErrorCode::kData,
                    "losses of {}: image {} is of building '{}' here and of '{}' elsewhere; make "
                    "the two agree",
                    table.target, table.images[i], building, place->second);
    }
  }
  for (const auto& [image, building] : building_of) {
    if (building.empty() && !without) without = image;
  }
  TestUnits result;
  const bool enough = !without && buildings.size() >= kFewestBuildings;
  result.unit = unit.value_or(enough ? TestUnit::kBuildings : TestUnit::kImages);
  std::map<std::int64_t, std::uint32_t> numbers;
  if (result.unit == TestUnit::kBuildings) {
    AFFINIS_CHECK(!without, ErrorCode::kData,
                  "image {} has no building; say the building of every image, or draw images",
                  without.value_or(0));
    AFFINIS_CHECK(buildings.size() >= 2, ErrorCode::kData,
                  "all images are of one building, so that buildings cannot be drawn; draw images");
    for (auto& [name, number] : buildings) number = static_cast<std::uint32_t>(result.count++);
    for (const auto& [image, building] : building_of) numbers[image] = buildings.at(building);
  } else {
    for (const auto& [image, building] : building_of) {
      numbers[image] = static_cast<std::uint32_t>(result.count++);
    }
  }
  for (const LossTable& table : tables) {
    std::vector<std::uint32_t>& unit_of = result.unit_of.emplace_back();
    for (const std::int64_t image : table.images) unit_of.push_back(numbers.at(image));
  }
  return result;
}

std::vector<UnitWeights> bootstrap_draws(std::size_t units, std::int64_t draws,
                                         std::uint64_t seed) {
  AFFINIS_CHECK(draws > 0 && draws <= kMostDraws, ErrorCode::kUsage,
                "the number of bootstrap draws is {}, but must lie between 1 and {}", draws,
                kMostDraws);
  AFFINIS_CHECK(units > 0, ErrorCode::kData, "there is no test image to draw from");
  std::vector<UnitWeights> result(static_cast<std::size_t>(draws));
  tbb::parallel_for(std::size_t{0}, result.size(), [&](std::size_t d) {
    RandomStream random(seed, "bootstrap", {d, units});
    result[d].assign(units, 0);
    for (std::size_t i = 0; i < units; ++i)
      ++result[d][static_cast<std::size_t>(random.below(units))];
  });
  return result;
}

std::vector<UnitWeights> random_halves(std::size_t units, std::int64_t splits, std::uint64_t seed) {
  AFFINIS_CHECK(splits > 0 && splits <= kMostDraws, ErrorCode::kUsage,
                "the number of random halves is {}, but must lie between 1 and {}", splits,
                kMostDraws);
  AFFINIS_CHECK(units >= 2, ErrorCode::kData, "a test set of {} cannot be halved", units);
  std::vector<UnitWeights> result;
  std::vector<std::size_t> order(units);
  for (std::uint64_t s = 0; s < static_cast<std::uint64_t>(splits); ++s) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    RandomStream random(seed, "halves", {s, units});
    random.shuffle(std::span(order));
    UnitWeights first(units, 0);
    for (std::size_t i = 0; i < units / 2; ++i) first[order[i]] = 1;
    UnitWeights second(units);
    for (std::size_t u = 0; u < units; ++u) second[u] = static_cast<std::uint16_t>(1 - first[u]);
    result.push_back(std::move(first));
    result.push_back(std::move(second));
  }
  return result;
}

ReweighedTarget reweigh(const LossTable& table, std::span<const std::uint32_t> unit_of,
                        std::span<const UnitWeights> weightings, const AffinityOptions& options) {
  check_loss_table(table);
  AFFINIS_ASSERT(unit_of.size() == table.images.size());
  const std::vector<std::size_t> contestants =
      contestants_of(table.networks, table.target, options);
  ReweighedTarget result;
  for (const std::size_t position : contestants)
    result.networks.push_back(table.networks[position]);
  result.weightings = weightings.size();
  const std::size_t count = contestants.size();
  const std::size_t pairs = count * (count - 1) / 2;
  AFFINIS_CHECK(
      pairs <= kMostRates / std::max<std::size_t>(weightings.size(), 1), ErrorCode::kUsage,
      "{} networks for {} are {} pairs, and {} draws of all of them take more than 2 GiB; "
      "draw at most {} times",
      count, table.target, pairs, weightings.size(), kMostRates / pairs);
  if (weightings.empty()) return result;

  std::vector<Pairing> pairings;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j)
      pairings.emplace_back(contestants[i], contestants[j]);
  }
  // Behind the pairs of contestants: all of them against the baseline, then against `self`. Against
  // itself a network ties on every image.
  const std::size_t absent = table.networks.size();
  const std::size_t baseline = table.find(options.gain_against);
  const std::size_t self = table.find(std::string(kSelf));
  for (const std::size_t opponent : {baseline, self}) {
    if (opponent == absent) continue;
    for (const std::size_t network : contestants) pairings.emplace_back(network, opponent);
  }
  Rates rates = count_pairings(table, unit_of, weightings, pairings,
                               options.ahp.smoothing == Smoothing::kLaplace);
  std::size_t row = pairs;
  const auto take = [&](std::size_t opponent, std::vector<double>& values) {
    values.assign(weightings.size() * count, kMissing);
    for (std::size_t i = 0; i < count && opponent != absent; ++i, ++row) {
      for (std::size_t d = 0; d < weightings.size(); ++d) {
        values[d * count + i] = rates.rates[row * weightings.size() + d];
      }
    }
  };
  take(baseline, result.gain);
  take(self, result.quality);
  result.affinity =
      affinities(rates, table.target, result.networks, weightings.size(), options.ahp);
  rates.rates.resize(pairs * weightings.size());
  result.wins = std::move(rates.rates);
  return result;
}

}  // namespace affinis::taxonomy
