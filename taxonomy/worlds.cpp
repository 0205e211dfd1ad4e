#include "taxonomy/worlds.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include "taxonomy/vector_loops.h"

namespace affinis::taxonomy {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

/// A multiplier that no step removes: keeps a world's own edges out of those that worlds share.
constexpr float kForbidden = 1e30F;

/// Multipliers of all worlds; two floats each.
constexpr std::size_t kMostMultipliers = 64'000'000;

// Found by experiment on random geometric instances of 200 sources.
constexpr double kFreshShare = 0.04;  // as in Relaxation, but smoother by far
constexpr double kFirstScale = 0.3;
constexpr double kWorldScale = 1.2;
constexpr double kLeastWorldScale = 0.25;
constexpr int kPatience = 120;
constexpr int kWorldPatience = 60;
constexpr int kWorldSteps = 2;  // while a world's matrix is in the cache
constexpr std::int64_t kSortEvery = 20;

double slots_of(const Instance& instance) {
  return std::floor(instance.budget_with_slack() / instance.costs.front());
}

}  // namespace

bool Worlds::suit(const Instance& instance) {
  if (!instance.unit_costs || instance.sources == 0) return false;
  const double slots = slots_of(instance);
  return slots >= 3 && slots < static_cast<double>(instance.sources) &&
         instance.sources * instance.sources * instance.targets() <= kMostMultipliers;
}

Worlds::Worlds(const Instance& instance, const std::vector<double>& multipliers)
    : instance_(instance),
      layout_(instance),
      partners_(static_cast<std::size_t>(slots_of(instance)) - 1),
      bound_(std::numeric_limits<double>::infinity()),
      open_(instance.sources, 1),
      value_(instance.sources, kNever),
      weight_(instance.sources, 0),
      own_(instance.use_source.size()),
      other_(instance.edges()),
      split_(instance.sources * instance.sources, 0),
      case_split_(layout_.cases.size(), 0),
      own_slope_(own_.size()),
      other_slope_(other_.size()),
      split_slope_(split_.size()),
      case_slope_(case_split_.size()),
      own_direction_(own_.size()),
      other_direction_(other_.size()),
      split_direction_(split_.size()),
      case_direction_(case_split_.size()),
      scale_(kFirstScale),
      sorted_(instance.edges()),
      sorted_other_(instance.edges()),
      best_behind_(instance.edges()),
      sorted_use_begin_(instance.edges() + 1, 0),
      multipliers_(instance.sources),
      directions_(instance.sources),
      bundle_multiplier_(layout_.bundles.size(), 0),
      bundle_direction_(layout_.bundles.size(), 0),
      sums_(instance.sources * instance.sources, 0),
      choice_(instance.sources * instance.targets()),
      choice_use_(choice_.size(), kShared),
      partner_(instance.sources * partners_),
      is_partner_(instance.sources * instance.sources, 0),
      case_taken_(layout_.cases.size(), 0),
      world_scale_(instance.sources, kWorldScale),
      world_best_(instance.sources, std::numeric_limits<double>::infinity()),
      world_stale_(instance.sources, 0) {
  const std::size_t sources = instance_.sources;
  const auto slots = static_cast<double>(partners_ + 1);
  for (std::size_t e = 0; e < instance_.edges(); ++e) {
    const std::size_t order = instance_.use_begin[e + 1] - instance_.use_begin[e];
    other_[e] = order > partners_ + 1 ? kNever : instance_.value[e] / slots;
    for (std::size_t u = instance_.use_begin[e]; u < instance_.use_begin[e + 1]; ++u)
      own_[u] = other_[e];
  }
  std::iota(sorted_.begin(), sorted_.end(), 0U);
  tbb::parallel_for(std::size_t{0}, sources, [&](std::size_t world) {
    multipliers_[world].resize(multipliers.size());
    directions_[world].assign(multipliers.size(), 0);
    double* const sums = sums_.data() + world * sources;
    for (std::size_t i = 0; i < multipliers.size(); ++i) {
      float& each = multipliers_[world][i];
      each = static_cast<float>(multipliers[i] / slots);
      if (i % sources == world) each = kForbidden;
      sums[i % sources] += static_cast<double>(each);
    }
  });
}

/// Edges in the order of what they are worth in other worlds: a target stops looking when no edge
/// behind can be better.
void Worlds::sort_edges() {
  if (iterations_ % kSortEvery == 0) {
    sorted_use_.clear();
    for (std::size_t t = 0; t < instance_.targets(); ++t) {
      std::sort(sorted_.begin() + static_cast<std::ptrdiff_t>(instance_.target_begin[t]),
                sorted_.begin() + static_cast<std::ptrdiff_t>(instance_.target_begin[t + 1]),
                [&](std::uint32_t a, std::uint32_t b) {
                  return other_[a] != other_[b] ? other_[a] > other_[b] : a < b;
                });
    }
    for (std::size_t i = 0; i < sorted_.size(); ++i) {
      const std::uint32_t e = sorted_[i];
      for (std::size_t u = instance_.use_begin[e]; u < instance_.use_begin[e + 1]; ++u)
        sorted_use_.push_back(static_cast<std::uint32_t>(instance_.use_source[u]));
      sorted_use_begin_[i + 1] = static_cast<std::uint32_t>(sorted_use_.size());
    }
  }
  for (std::size_t t = 0; t < instance_.targets(); ++t) {
    double best = kNever;
    for (std::size_t i = instance_.target_begin[t + 1]; i-- > instance_.target_begin[t];) {
      sorted_other_[i] = other_[sorted_[i]];
      best = std::max(best, sorted_other_[i]);
      best_behind_[i] = best;
    }
  }
}

void Worlds::choose_edges(std::size_t world, Scratch& scratch) {
  const std::size_t sources = instance_.sources;
  const float* const multipliers = multipliers_[world].data();
  std::uint32_t* const choice = choice_.data() + world * instance_.targets();
  std::uint32_t* const choice_use = choice_use_.data() + world * instance_.targets();
  scratch.best.assign(instance_.targets(), kNever);
  // The last choice is mostly still a good one: few others need a look then.
  for (std::size_t t = 0; t < instance_.targets() && iterations_ > 0; ++t) {
    if (choice_use[t] != kShared) continue;
    double value = other_[choice[t]];
    for (std::size_t u = instance_.use_begin[choice[t]]; u < instance_.use_begin[choice[t] + 1];
         ++u)
      value -= static_cast<double>(
          multipliers[t * sources + static_cast<std::size_t>(instance_.use_source[u])]);
    scratch.best[t] = value;
  }
  for (std::uint32_t i = layout_.own_begin[world]; i < layout_.own_begin[world + 1]; ++i) {
    const WorldsLayout::Own& own = layout_.own[i];
    double value = own_[own.use];
    if (value <= scratch.best[own.target]) continue;
    const float* const row = multipliers + own.target * sources;
    for (std::size_t u = instance_.use_begin[own.edge]; u < instance_.use_begin[own.edge + 1];
         ++u) {
      if (u != own.use) value -= static_cast<double>(row[instance_.use_source[u]]);
    }
    for (std::uint32_t m = layout_.member_begin[own.use]; m < layout_.member_begin[own.use + 1];
         ++m)
      value -= static_cast<double>(bundle_multiplier_[layout_.member[m]]);
    if (value <= scratch.best[own.target]) continue;
    scratch.best[own.target] = value;
    choice[own.target] = own.edge;
    choice_use[own.target] = own.use;
  }
  for (std::size_t t = 0; t < instance_.targets(); ++t) {
    const float* const row = multipliers + t * sources;
    double best = scratch.best[t];
    for (std::size_t i = instance_.target_begin[t];
         i < instance_.target_begin[t + 1] && best_behind_[i] > best; ++i) {
      double value = sorted_other_[i];
      if (value <= best) continue;
      for (std::uint32_t u = sorted_use_begin_[i]; u < sorted_use_begin_[i + 1]; ++u)
        value -= static_cast<double>(row[sorted_use_[u]]);
      if (value <= best) continue;
      best = value;
      choice[t] = sorted_[i];
      choice_use[t] = kShared;
    }
    scratch.best[t] = best;
  }
}

/// A partner is worth its multipliers, what the pair is credited with, and its best cases: at most
/// as many third sources as there are slots left.
void Worlds::choose_partners(std::size_t world, Scratch& scratch) {
  const std::size_t sources = instance_.sources;
  scratch.worth.resize(sources);
  for (std::size_t s = 0; s < sources; ++s)
    scratch.worth[s] = sums_[world * sources + s] + split_[world * sources + s];

  const std::uint32_t first = layout_.case_begin[world];
  const std::uint32_t last = layout_.case_begin[world + 1];
  scratch.case_value.assign(case_split_.begin() + first, case_split_.begin() + last);
  std::fill(case_taken_.begin() + first, case_taken_.begin() + last, char{0});
  for (std::uint32_t b = layout_.bundle_begin[world]; b < layout_.bundle_begin[world + 1]; ++b) {
    const double half = 0.5 * static_cast<double>(bundle_multiplier_[b]);
    if (half <= 0) continue;
    for (const std::uint32_t each : layout_.bundles[b]) scratch.case_value[each - first] += half;
  }
  for (std::uint32_t begin = first; begin < last;) {
    const std::uint32_t second = layout_.cases[begin].second;
    scratch.best_cases.clear();
    std::uint32_t end = begin;
    for (; end < last && layout_.cases[end].second == second; ++end) {
      if (scratch.case_value[end - first] > 0 && open_[layout_.cases[end].third])
        scratch.best_cases.push_back(end);
    }
    if (scratch.best_cases.size() > partners_ - 1) {
      const auto more = [&](std::uint32_t a, std::uint32_t b) {
        const double left = scratch.case_value[a - first];
        const double right = scratch.case_value[b - first];
        return left != right ? left > right : a < b;
      };
      const auto middle = scratch.best_cases.begin() + static_cast<std::ptrdiff_t>(partners_ - 1);
      std::nth_element(scratch.best_cases.begin(), middle, scratch.best_cases.end(), more);
      scratch.best_cases.resize(partners_ - 1);
    }
    for (const std::uint32_t each : scratch.best_cases) {
      scratch.worth[second] += scratch.case_value[each - first];
      case_taken_[each] = 1;
    }
    begin = end;
  }

  scratch.order.clear();
  for (std::uint32_t s = 0; s < sources; ++s) {
    if (s != world && open_[s]) scratch.order.push_back(s);
  }
  std::uint32_t* const partner = partner_.data() + world * partners_;
  char* const is_partner = is_partner_.data() + world * sources;
  std::fill(is_partner, is_partner + sources, char{0});
  if (scratch.order.size() > partners_) {
    std::nth_element(
        scratch.order.begin(), scratch.order.begin() + static_cast<std::ptrdiff_t>(partners_),
        scratch.order.end(), [&](std::uint32_t a, std::uint32_t b) {
          return scratch.worth[a] != scratch.worth[b] ? scratch.worth[a] > scratch.worth[b] : a < b;
        });
  }
  for (std::size_t i = 0; i < partners_; ++i) {
    partner[i] = scratch.order[i];
    is_partner[partner[i]] = 1;
    value_[world] += scratch.worth[partner[i]];
  }
  for (std::uint32_t i = first; i < last; ++i)
    case_taken_[i] =
        static_cast<char>(case_taken_[i] != 0 && is_partner[layout_.cases[i].second] != 0);
}

void Worlds::evaluate(std::size_t world, Scratch& scratch) {
  choose_edges(world, scratch);
  value_[world] = std::accumulate(scratch.best.begin(), scratch.best.end(), 0.0);
  choose_partners(world, scratch);
}

/// A subgradient step on a world's own multipliers, which aims at its part of the goal. One pass
/// over the matrix: directions, multipliers and their sums.
void Worlds::step_world(std::size_t world, double goal, Scratch& scratch) {
  const double above = value_[world] - goal;
  if (value_[world] < world_best_[world] - 1e-3 * std::abs(world_best_[world] - goal)) {
    world_best_[world] = value_[world];
    world_stale_[world] = 0;
  } else if (++world_stale_[world] >= kWorldPatience) {
    world_scale_[world] = std::max(kLeastWorldScale, 0.8 * world_scale_[world]);
    world_best_[world] = value_[world];
    world_stale_[world] = 0;
  }
  if (above <= 0) return;

  const std::size_t sources = instance_.sources;
  const std::uint32_t* const choice = choice_.data() + world * instance_.targets();
  const std::uint32_t* const choice_use = choice_use_.data() + world * instance_.targets();
  const std::uint32_t* const partner = partner_.data() + world * partners_;
  const char* const is_partner = is_partner_.data() + world * sources;
  float* const multipliers = multipliers_[world].data();
  float* const directions = directions_[world].data();
  const auto fresh = static_cast<float>(kFreshShare);

  // The length of the subgradient first: its entries are few.
  double squares = 0;
  for (std::size_t t = 0; t < instance_.targets(); ++t) {
    const float* const row = multipliers + t * sources;
    for (std::size_t i = 0; i < partners_; ++i) squares += row[partner[i]] > 0 ? 1 : 0;
    for (std::size_t u = instance_.use_begin[choice[t]]; u < instance_.use_begin[choice[t] + 1];
         ++u) {
      const auto s = static_cast<std::size_t>(instance_.use_source[u]);
      if (s == world) continue;
      squares += is_partner[s] == 0 ? 1 : row[s] > 0 ? -1 : 0;
    }
  }
  const std::uint32_t first = layout_.bundle_begin[world];
  const std::uint32_t last = layout_.bundle_begin[world + 1];
  scratch.bundle_slope.resize(last - first);
  for (std::uint32_t b = first; b < last; ++b) {
    const WorldsLayout::Bundle& bundle = layout_.bundles[b];
    scratch.bundle_slope[b - first] =
        0.5F * static_cast<float>(case_taken_[bundle[0]] + case_taken_[bundle[1]]);
  }
  for (std::size_t t = 0; t < instance_.targets(); ++t) {
    if (choice_use[t] == kShared) continue;
    for (std::uint32_t m = layout_.member_begin[choice_use[t]];
         m < layout_.member_begin[choice_use[t] + 1]; ++m)
      scratch.bundle_slope[layout_.member[m] - first] -= 1;
  }
  for (std::uint32_t b = first; b < last; ++b) {
    const float slope = scratch.bundle_slope[b - first];
    if (slope < 0 || bundle_multiplier_[b] > 0) squares += static_cast<double>(slope * slope);
  }
  if (squares <= 0) return;
  const auto length = static_cast<float>(world_scale_[world] * above / squares);

  for (std::uint32_t b = first; b < last; ++b) {
    bundle_direction_[b] += fresh * (scratch.bundle_slope[b - first] - bundle_direction_[b]);
    bundle_multiplier_[b] = std::max(0.0F, bundle_multiplier_[b] - length * bundle_direction_[b]);
  }
  const float kept = 1 - fresh;
  scratch.taken.assign(is_partner, is_partner + sources);
  double* const sums = sums_.data() + world * sources;
  std::fill(sums, sums + sources, 0.0);
  for (std::size_t t = 0; t < instance_.targets(); ++t) {
    float* const direction = directions + t * sources;
    // What the chosen edge takes is few: it goes off before, so that all else is one loop.
    for (std::size_t u = instance_.use_begin[choice[t]]; u < instance_.use_begin[choice[t] + 1];
         ++u) {
      const auto s = static_cast<std::size_t>(instance_.use_source[u]);
      if (s != world) direction[s] -= fresh / kept;
    }
    step_row(multipliers + t * sources, direction, sums, scratch.taken.data(), sources, kept, fresh,
             length);
  }
}

double Worlds::iterate(double goal) {
  sort_edges();
  const auto slots = static_cast<double>(partners_ + 1);
  tbb::enumerable_thread_specific<Scratch> scratches;
  tbb::parallel_for(std::size_t{0}, instance_.sources, [&](std::size_t world) {
    if (!open_[world]) return;
    Scratch& scratch = scratches.local();
    // The last evaluation is the one that counts, with the same shares as for all other worlds.
    for (int i = 0; i < kWorldSteps; ++i) {
      evaluate(world, scratch);
      step_world(world, goal / slots, scratch);
    }
  });
  std::vector<double> values;
  for (std::size_t a = 0; a < value_.size(); ++a) {
    if (open_[a]) values.push_back(value_[a]);
  }
  std::sort(values.rbegin(), values.rend());
  values.resize(partners_ + 1);
  // Sums of some thousand doubles: the margin covers their rounding.
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  const double bound = sum + 1e-11 * (std::abs(sum) + std::abs(goal));
  stale_ = bound < bound_ - 1e-3 * std::abs(bound_ - goal) ? 0 : stale_ + 1;
  bound_ = std::min(bound_, bound);
  if (stale_ > kPatience) {
    scale_ *= 0.7;
    stale_ = 0;
  }
  close_sources(bound, goal, values.back());
  weigh_worlds(bound, goal);
  share_anew(bound, goal);
  ++iterations_;
  return bound;
}

std::vector<char> Worlds::suggestion() const {
  std::size_t best = 0;
  for (std::size_t a = 0; a < value_.size(); ++a) {
    if (open_[a] && (!open_[best] || value_[a] > value_[best])) best = a;
  }
  std::vector<char> selected(instance_.sources, 0);
  selected[best] = 1;
  for (std::size_t i = 0; i < partners_; ++i) selected[partner_[best * partners_ + i]] = 1;
  return selected;
}

std::size_t Worlds::open_sources() const {
  return static_cast<std::size_t>(std::count(open_.begin(), open_.end(), char{1}));
}

}  // namespace affinis::taxonomy
