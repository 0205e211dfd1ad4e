#include <algorithm>
#include <cmath>
#include <limits>

#include "taxonomy/worlds.h"

namespace affinis::taxonomy {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
constexpr double kFreshShare = 0.2;  // larger than in a world's own steps
constexpr double kSmoothing = 0.3;   // share of the gap: worlds this close are all chosen a bit

}  // namespace

/// To what share each world is chosen: the k best would do, but all that come near to them give a
/// direction that is good for longer.
void Worlds::weigh_worlds(double bound, double goal) {
  const auto slots = static_cast<double>(partners_ + 1);
  double lowest = std::numeric_limits<double>::infinity();
  double highest = kNever;
  for (std::size_t a = 0; a < value_.size(); ++a) {
    if (!open_[a]) continue;
    lowest = std::min(lowest, value_[a]);
    highest = std::max(highest, value_[a]);
  }
  const double width = std::max(kSmoothing * (bound - goal) / slots, 1e-12 * std::abs(highest));
  const auto share = [&](std::size_t a, double from) {
    return std::clamp((value_[a] - from) / width, 0.0, 1.0);
  };
  double low = lowest - 2 * width;
  double high = highest;
  for (int i = 0; i < 50; ++i) {
    const double middle = 0.5 * (low + high);
    double sum = 0;
    for (std::size_t a = 0; a < value_.size(); ++a) sum += open_[a] ? share(a, middle) : 0;
    (sum > slots ? low : high) = middle;
  }
  for (std::size_t a = 0; a < value_.size(); ++a) weight_[a] = open_[a] ? share(a, low) : 0;
}

/// A source that cannot be among the k of a selection worth more than `goal` is closed, with its
/// edges.
void Worlds::close_sources(double bound, double goal, double lowest) {
  bool closed = false;
  std::size_t left = open_sources();
  for (std::size_t a = 0; a < open_.size() && left > partners_ + 1; ++a) {
    if (!open_[a] || value_[a] >= lowest || bound - lowest + value_[a] > goal) continue;
    open_[a] = 0;
    closed = true;
    --left;
  }
  if (!closed) return;
  for (std::size_t e = 0; e < instance_.edges(); ++e) {
    const std::size_t begin = instance_.use_begin[e];
    const std::size_t end = instance_.use_begin[e + 1];
    bool usable = true;
    for (std::size_t u = begin; u < end; ++u)
      usable = usable && open_[static_cast<std::size_t>(instance_.use_source[u])];
    if (usable) continue;
    other_[e] = kNever;
    for (std::size_t u = begin; u < end; ++u) own_[u] = kNever;
  }
}

/// Slopes of own_ and other_ along what keeps an edge's shares adding up; returns their squares.
double Worlds::slopes_of_shares() {
  const std::size_t targets = instance_.targets();
  std::fill(own_slope_.begin(), own_slope_.end(), 0.0);
  std::fill(other_slope_.begin(), other_slope_.end(), 0.0);
  for (std::size_t a = 0; a < instance_.sources; ++a) {
    if (weight_[a] <= 0) continue;
    for (std::size_t i = a * targets; i < (a + 1) * targets; ++i) {
      if (choice_use_[i] != kShared) {
        own_slope_[choice_use_[i]] += weight_[a];
      } else {
        other_slope_[choice_[i]] += weight_[a];
      }
    }
  }
  double squares = 0;
  for (std::size_t e = 0; e < instance_.edges(); ++e) {
    const std::size_t begin = instance_.use_begin[e];
    const std::size_t end = instance_.use_begin[e + 1];
    const auto order = static_cast<double>(end - begin);
    const double others = static_cast<double>(partners_ + 1) - order;
    double along = others * other_slope_[e];
    for (std::size_t u = begin; u < end; ++u) along += own_slope_[u];
    along /= order + others * others;
    for (std::size_t u = begin; u < end; ++u) {
      own_slope_[u] -= along;
      squares += own_slope_[u] * own_slope_[u];
    }
    other_slope_[e] -= along * others;
    squares += other_slope_[e] * other_slope_[e];
  }
  return squares;
}

double Worlds::slopes_of_partners() {
  const std::size_t sources = instance_.sources;
  std::fill(split_slope_.begin(), split_slope_.end(), 0.0);
  for (std::size_t a = 0; a < sources; ++a) {
    if (weight_[a] <= 0) continue;
    for (std::size_t i = a * partners_; i < (a + 1) * partners_; ++i) {
      split_slope_[a * sources + partner_[i]] += weight_[a];
      split_slope_[partner_[i] * sources + a] -= weight_[a];
    }
  }
  double squares = 0;
  for (const double slope : split_slope_) squares += 0.5 * slope * slope;
  return squares;
}

double Worlds::slopes_of_cases() {
  double squares = 0;
  for (const auto& six : layout_.triples) {
    double mean = 0;
    for (const std::uint32_t each : six) {
      case_slope_[each] = case_taken_[each] != 0 ? weight_[layout_.case_world[each]] : 0.0;
      mean += case_slope_[each] / 6;
    }
    for (const std::uint32_t each : six) {
      case_slope_[each] -= mean;
      squares += case_slope_[each] * case_slope_[each];
    }
  }
  return squares;
}

/// A subgradient step on what worlds share. Afterwards the shares add up again exactly: the bound
/// rests on that.
void Worlds::share_anew(double bound, double goal) {
  const double squares = slopes_of_shares() + slopes_of_partners() + slopes_of_cases();
  const double fresh = iterations_ == 0 ? 1.0 : kFreshShare;
  const double length = squares > 0 ? scale_ * std::max(bound - goal, 0.0) / squares : 0.0;
  const auto turn = [&](std::vector<double>& direction, const std::vector<double>& slope) {
    for (std::size_t i = 0; i < slope.size(); ++i)
      direction[i] += fresh * (slope[i] - direction[i]);
  };
  turn(own_direction_, own_slope_);
  turn(other_direction_, other_slope_);
  turn(split_direction_, split_slope_);
  turn(case_direction_, case_slope_);
  const std::size_t slots = partners_ + 1;
  for (std::size_t e = 0; e < instance_.edges(); ++e) {
    if (other_[e] == kNever) continue;
    const std::size_t begin = instance_.use_begin[e];
    const std::size_t end = instance_.use_begin[e + 1];
    double sum = 0;
    for (std::size_t u = begin; u < end; ++u) {
      own_[u] -= length * own_direction_[u];
      sum += own_[u];
    }
    if (end - begin < slots) {
      other_[e] = (instance_.value[e] - sum) / static_cast<double>(slots - (end - begin));
    } else {
      own_[begin] += instance_.value[e] - sum;
    }
  }
  const std::size_t sources = instance_.sources;
  for (std::size_t a = 0; a < sources; ++a) {
    for (std::size_t b = a + 1; b < sources; ++b) {
      split_[a * sources + b] -= length * split_direction_[a * sources + b];
      split_[b * sources + a] = -split_[a * sources + b];
    }
  }
  for (const auto& six : layout_.triples) {
    double sum = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      case_split_[six[i]] -= length * case_direction_[six[i]];
      sum += case_split_[six[i]];
    }
    case_split_[six[5]] = -sum;
  }
}

}  // namespace affinis::taxonomy
