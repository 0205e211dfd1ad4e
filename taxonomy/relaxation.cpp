#include "taxonomy/relaxation.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace affinis::taxonomy {
namespace {

std::size_t index(std::int32_t i) { return static_cast<std::size_t>(i); }

}  // namespace

Relaxation::Relaxation(const Instance& instance)
    : instance_(instance),
      pair_mark_(instance.pairs(), 0),
      weight_(instance.sources, 0),
      density_(instance.sources, 0),
      selected_(instance.sources, 0),
      used_by_(instance.sources, 0),
      pair_used_(instance.pairs(), 0) {}

bool Relaxation::load(const std::vector<Decision>& decisions, const std::vector<std::int32_t>& edges) {
  decisions_ = decisions;
  free_.clear();
  remaining_ = instance_.budget_with_slack();
  for (std::size_t s = 0; s < instance_.sources; ++s) {
    if (decisions_[s] == Decision::kFree) free_.push_back(static_cast<std::int32_t>(s));
    if (decisions_[s] == Decision::kIn) remaining_ -= instance_.costs[s];
  }
  if (remaining_ < 0) return false;

  target_begin_.assign(1, 0);
  edge_.clear();
  value_.clear();
  use_begin_.assign(1, 0);
  use_pair_.clear();
  pairs_.clear();
  ++round_;
  auto next = edges.begin();
  for (std::size_t t = 0; t < instance_.targets(); ++t) {
    bool settled = false;
    for (; next != edges.end() && index(*next) < instance_.target_begin[t + 1]; ++next) {
      if (settled) continue;
      const std::size_t e = index(*next);
      double cost = 0;
      bool usable = true;
      const std::size_t uses = use_pair_.size();
      for (std::size_t u = instance_.use_begin[e]; u < instance_.use_begin[e + 1]; ++u) {
        const std::size_t source = index(instance_.use_source[u]);
        if (decisions_[source] == Decision::kOut) usable = false;
        if (decisions_[source] != Decision::kFree) continue;
        cost += instance_.costs[source];
        use_pair_.push_back(instance_.use_pair[u]);
      }
      if (!usable || cost > remaining_) {
        use_pair_.resize(uses);
        continue;
      }
      // Edges come best first: behind one that needs nothing more, none is of use.
      settled = use_pair_.size() == uses;
      edge_.push_back(*next);
      value_.push_back(instance_.value[e]);
      use_begin_.push_back(use_pair_.size());
      for (std::size_t u = uses; u < use_pair_.size(); ++u) {
        std::int32_t& mark = pair_mark_[index(use_pair_[u])];
        if (mark == round_) continue;
        mark = round_;
        pairs_.push_back(use_pair_[u]);
      }
    }
    if (value_.size() == target_begin_.back()) return false;
    target_begin_.push_back(value_.size());
  }
  target_value_.resize(instance_.targets());
  target_edge_.resize(instance_.targets());
  return true;
}

void Relaxation::evaluate(const std::vector<double>& multipliers) {
  bound_ = 0;
  for (const std::int32_t s : free_) {
    weight_[index(s)] = 0;
    used_by_[index(s)] = 0;
  }
  for (const std::int32_t pair : pairs_) {
    weight_[index(instance_.pair_source[index(pair)])] += multipliers[index(pair)];
    pair_used_[index(pair)] = 0;
  }
  for (std::size_t t = 0; t + 1 < target_begin_.size(); ++t) {
    double best = -std::numeric_limits<double>::infinity();
    std::size_t best_at = target_begin_[t];
    for (std::size_t e = target_begin_[t]; e < target_begin_[t + 1] && value_[e] > best; ++e) {
      double reduced = value_[e];
      for (std::size_t u = use_begin_[e]; u < use_begin_[e + 1]; ++u) reduced -= multipliers[index(use_pair_[u])];
      if (reduced > best) {
        best = reduced;
        best_at = e;
      }
    }
    target_value_[t] = best;
    target_edge_[t] = best_at;
    bound_ += best;
    for (std::size_t u = use_begin_[best_at]; u < use_begin_[best_at + 1]; ++u) {
      pair_used_[index(use_pair_[u])] = 1;
      ++used_by_[index(instance_.pair_source[index(use_pair_[u])])];
    }
  }
  select_sources();
}

void Relaxation::select_sources() {
  for (std::size_t s = 0; s < instance_.sources; ++s) selected_[s] = decisions_[s] == Decision::kIn;
  price_in_ = price_out_ = 0;
  if (instance_.unit_costs) {
    const double cost = instance_.costs.empty() ? 1.0 : instance_.costs.front();
    const auto slots = std::min(static_cast<std::size_t>(std::max(0.0, remaining_ / cost)), free_.size());
    order_ = free_;
    const auto heavier = [&](std::int32_t a, std::int32_t b) {
      const double x = weight_[index(a)];
      const double y = weight_[index(b)];
      return x != y ? x > y : a < b;
    };
    if (slots < order_.size()) {
      std::nth_element(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(slots), order_.end(), heavier);
      price_in_ = weight_[index(order_[slots])] / cost;
      double lightest = std::numeric_limits<double>::infinity();
      for (std::size_t i = 0; i < slots; ++i) lightest = std::min(lightest, weight_[index(order_[i])]);
      price_out_ = slots == 0 ? std::numeric_limits<double>::infinity() : lightest / cost;
    }
    for (std::size_t i = 0; i < slots; ++i) {
      bound_ += weight_[index(order_[i])];
      selected_[index(order_[i])] = 1;
    }
    return;
  }
  // The knapsack's linear relaxation: best weight for its cost first, the last one in part.
  order_ = free_;
  // Sources without cost come first whatever they weigh.
  for (const std::int32_t s : free_) {
    const double cost = instance_.costs[index(s)];
    density_[index(s)] = cost > 0 ? weight_[index(s)] / cost : std::numeric_limits<double>::infinity();
  }
  std::sort(order_.begin(), order_.end(), [&](std::int32_t a, std::int32_t b) {
    const double x = density_[index(a)];
    const double y = density_[index(b)];
    return x != y ? x > y : a < b;
  });
  double left = remaining_;
  bool full = false;
  for (const std::int32_t s : order_) {
    const double cost = instance_.costs[index(s)];
    const double weight = weight_[index(s)];
    if (cost > remaining_) continue;  // cannot be in at all
    if (!full && cost <= left) {
      left -= cost;
      bound_ += weight;
      selected_[index(s)] = 1;
    } else if (!full) {
      full = true;
      bound_ += weight * (left / cost);
      // Without a finite price nothing follows for the other sources: these two values say so to bound_with() and bound_without().
      const bool finite = std::isfinite(density_[index(s)]);
      price_in_ = finite ? density_[index(s)] : std::numeric_limits<double>::infinity();
      price_out_ = finite ? density_[index(s)] : 0;
    } else if (cost <= left) {
      // Not part of the bound, but the selection is a better start for a solution with it.
      left -= cost;
      selected_[index(s)] = 1;
    }
  }
}

bool Relaxation::step(std::vector<double>& multipliers, double goal, double scale) {
  double squares = 0;
  for (const std::int32_t pair : pairs_) {
    const int direction = selected_[index(instance_.pair_source[index(pair)])] - pair_used_[index(pair)];
    if (direction == 0 || (direction > 0 && multipliers[index(pair)] <= 0)) continue;
    squares += 1;
  }
  if (squares == 0) return false;
  const double length = scale * std::max(bound_ - goal, 0.0) / squares;
  for (const std::int32_t pair : pairs_) {
    const int direction = selected_[index(instance_.pair_source[index(pair)])] - pair_used_[index(pair)];
    if (direction == 0) continue;
    double& multiplier = multipliers[index(pair)];
    multiplier = std::max(0.0, multiplier - length * direction);
  }
  return true;
}

double Relaxation::bound_with(std::size_t s) const {
  if (instance_.costs[s] > remaining_) return -std::numeric_limits<double>::infinity();
  if (selected_[s]) return bound_;
  return bound_ - std::max(0.0, price_out_ * instance_.costs[s] - weight_[s]);
}

double Relaxation::bound_without(std::size_t s) const {
  const double price = instance_.costs[s] > 0 ? price_in_ * instance_.costs[s] : 0.0;
  return bound_ - std::max(0.0, weight_[s] - price);
}

void Relaxation::keep_edges_above(double cutoff, const std::vector<double>& multipliers, std::vector<std::int32_t>& kept) const {
  for (std::size_t t = 0; t + 1 < target_begin_.size(); ++t) {
    const double others = bound_ - target_value_[t];
    for (std::size_t e = target_begin_[t]; e < target_begin_[t + 1]; ++e) {
      double reduced = value_[e];
      for (std::size_t u = use_begin_[e]; u < use_begin_[e + 1]; ++u) reduced -= multipliers[index(use_pair_[u])];
      if (others + reduced > cutoff) kept.push_back(edge_[e]);
    }
  }
}

}  // namespace affinis::taxonomy
