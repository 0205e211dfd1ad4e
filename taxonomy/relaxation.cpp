#include "taxonomy/relaxation.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "taxonomy/vector_loops.h"

namespace affinis::taxonomy {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

/// Beyond so many multipliers pairs are left out: the relaxation is weaker then, but still fits
/// into memory and caches.
constexpr std::size_t kMostMultipliers = 4'000'000;

/// How much of a step's direction is the new subgradient; the rest is the direction before
/// (Barahona and Anbil 2000, the volume method).
constexpr double kFreshShare = 0.5;

/// A set of free sources as bits, folded into 64: exact for up to 64 of them.
std::uint64_t bit_of(std::uint32_t source) { return std::uint64_t{1} << (source % 64U); }

}  // namespace

std::vector<double> first_multipliers(const Instance& instance, std::vector<char> selected) {
  std::vector<double> multipliers(instance.targets() * instance.sources, 0);
  for (std::size_t t = 0; t < instance.targets(); ++t) {
    const std::size_t chosen = best_edge(instance, selected, t);
    const bool needs_none = instance.use_begin[chosen] == instance.use_begin[chosen + 1];
    double price = instance.value[needs_none ? chosen : instance.target_begin[t + 1] - 1];
    for (std::size_t u = instance.use_begin[chosen]; u < instance.use_begin[chosen + 1]; ++u) {
      char& flag = selected[static_cast<std::size_t>(instance.use_source[u])];
      flag = 0;
      const std::size_t second = best_edge(instance, selected, t);
      flag = 1;
      if (second < instance.edges()) price = std::max(price, instance.value[second]);
    }
    for (std::size_t e = instance.target_begin[t];
         e < instance.target_begin[t + 1] && instance.value[e] > price; ++e) {
      const std::size_t begin = instance.use_begin[e];
      const std::size_t end = instance.use_begin[e + 1];
      for (std::size_t u = begin; u < end; ++u) {
        double& multiplier =
            multipliers[t * instance.sources + static_cast<std::size_t>(instance.use_source[u])];
        multiplier =
            std::max(multiplier, (instance.value[e] - price) / static_cast<double>(end - begin));
      }
    }
  }
  return multipliers;
}

std::optional<Subproblem> whole_problem(const Instance& instance,
                                        const std::vector<double>& multipliers) {
  Subproblem all;
  all.remaining = instance.budget_with_slack();
  all.unit_costs = instance.unit_costs;
  std::vector<Decision> decisions(instance.sources, Decision::kFree);
  for (std::size_t s = 0; s < instance.sources; ++s) {
    all.free.push_back(static_cast<std::int32_t>(s));
    all.costs.push_back(instance.costs[s]);
    if (instance.forced[s] || instance.costs[s] <= 0) decisions[s] = Decision::kIn;
  }
  std::size_t pair_uses = 0;
  for (std::size_t e = 0; e < instance.edges(); ++e) {
    const std::size_t order = instance.use_begin[e + 1] - instance.use_begin[e];
    pair_uses += order * (order - std::min<std::size_t>(order, 1)) / 2;
  }
  const bool pairs = pair_uses <= kMostMultipliers;
  std::vector<std::uint32_t> number(pairs ? instance.sources * instance.sources : instance.sources,
                                    kNone);
  const auto multiplier = [&](std::size_t a, std::size_t b) {
    std::uint32_t& found = number[pairs ? a * instance.sources + b : a];
    if (found == kNone || found < all.multiplier_begin.back()) {
      found = static_cast<std::uint32_t>(all.first.size());
      all.first.push_back(static_cast<std::uint32_t>(a));
      all.second.push_back(static_cast<std::uint32_t>(b));
      all.multipliers.push_back(
          a == b ? multipliers[(all.target_begin.size() - 1) * instance.sources + a] : 0.0);
    }
    all.use.push_back(found);
  };
  all.target_begin.push_back(0);
  all.use_begin.push_back(0);
  all.multiplier_begin.push_back(0);
  for (std::size_t t = 0; t < instance.targets(); ++t) {
    for (std::size_t e = instance.target_begin[t]; e < instance.target_begin[t + 1]; ++e) {
      const auto begin =
          instance.use_source.begin() + static_cast<std::ptrdiff_t>(instance.use_begin[e]);
      const auto end =
          instance.use_source.begin() + static_cast<std::ptrdiff_t>(instance.use_begin[e + 1]);
      for (auto a = begin; a != end; ++a)
        multiplier(static_cast<std::size_t>(*a), static_cast<std::size_t>(*a));
      for (auto a = begin; pairs && a != end; ++a) {
        for (auto b = a + 1; b != end; ++b)
          multiplier(static_cast<std::size_t>(*a), static_cast<std::size_t>(*b));
      }
      all.value.push_back(instance.value[e]);
      all.orders.push_back(static_cast<std::uint32_t>(end - begin));
      all.use_begin.push_back(static_cast<std::uint32_t>(all.use.size()));
    }
    all.target_begin.push_back(static_cast<std::uint32_t>(all.value.size()));
    all.multiplier_begin.push_back(static_cast<std::uint32_t>(all.first.size()));
  }
  all.split.assign(all.free.size() * all.free.size(), 0);
  return reduce(all, decisions, {});
}

std::optional<Subproblem> reduce(const Subproblem& parent, const std::vector<Decision>& decisions,
                                 const std::vector<char>& dropped) {
  Subproblem child;
  child.constant = parent.constant;
  child.remaining = parent.remaining;
  child.unit_costs = parent.unit_costs;
  child.in = parent.in;
  const std::size_t sources = parent.free.size();
  for (std::size_t s = 0; s < sources; ++s) {
    if (decisions[s] != Decision::kIn) continue;
    child.remaining -= parent.costs[s];
    child.in.push_back(parent.free[s]);
  }
  if (child.remaining < 0) return std::nullopt;

  // A free source that no edge needs any more is left out: `kept` tells, and gets the new numbers
  // afterwards.
  std::vector<std::uint32_t> kept(sources, kNone);
  std::vector<std::uint32_t> number(parent.first.size(), kNone);
  child.value.reserve(parent.value.size());
  child.orders.reserve(parent.value.size());
  child.use_begin.reserve(parent.value.size() + 1);
  child.use.reserve(parent.use.size());
  child.first.reserve(parent.first.size());
  child.second.reserve(parent.first.size());
  child.multipliers.reserve(parent.first.size());
  child.target_begin.push_back(0);
  child.use_begin.push_back(0);
  child.multiplier_begin.push_back(0);
  struct Lighter {
    std::uint64_t bits;
    std::size_t edge;
  };
  std::vector<Lighter>
      lighter;  // edges that a decision has taken sources from: only they can dominate anew
  std::vector<std::uint32_t> singles;
  for (std::size_t t = 0; t < parent.targets(); ++t) {
    const std::size_t first_edge = child.value.size();
    lighter.clear();
    for (std::uint32_t e = parent.target_begin[t]; e < parent.target_begin[t + 1]; ++e) {
      if (!dropped.empty() && dropped[e]) continue;
      const std::uint32_t* const uses = parent.use.data() + parent.use_begin[e];
      bool usable = true;
      double cost = 0;
      std::uint64_t bits = 0;
      std::uint32_t order = 0;
      for (std::uint32_t u = 0; u < parent.orders[e]; ++u) {
        const std::uint32_t source = parent.first[uses[u]];
        if (decisions[source] == Decision::kOut) usable = false;
        if (decisions[source] != Decision::kFree) continue;
        cost += parent.costs[source];
        bits |= bit_of(source);
        ++order;
      }
      if (!usable || cost > child.remaining) continue;
      const bool dominated =
          std::any_of(lighter.begin(), lighter.end(), [&](const Lighter& better) {
            if ((better.bits & ~bits) != 0) return false;
            if (sources <= 64) return true;
            const auto free_sources = [&](std::size_t edge, std::vector<std::uint32_t>& list) {
              for (std::uint32_t u = 0; u < parent.orders[edge]; ++u) {
                const std::uint32_t source = parent.first[parent.use[parent.use_begin[edge] + u]];
                if (decisions[source] == Decision::kFree) list.push_back(source);
              }
            };
            std::vector<std::uint32_t> fewer;
            std::vector<std::uint32_t> more;
            free_sources(better.edge, fewer);
            free_sources(e, more);
            return std::includes(more.begin(), more.end(), fewer.begin(), fewer.end());
          });
      if (dominated) continue;
      if (order < parent.orders[e]) lighter.push_back({bits, e});
      for (std::uint32_t u = parent.use_begin[e]; u < parent.use_begin[e + 1]; ++u) {
        const std::uint32_t old = parent.use[u];
        const std::uint32_t a = parent.first[old];
        const std::uint32_t b = parent.second[old];
        if (decisions[a] != Decision::kFree || decisions[b] != Decision::kFree) continue;
        if (number[old] == kNone) {
          number[old] = static_cast<std::uint32_t>(child.first.size());
          child.first.push_back(a);
          child.second.push_back(b);
          child.multipliers.push_back(parent.multipliers[old]);
          kept[a] = kept[b] = 0;
        }
        child.use.push_back(number[old]);
      }
      child.value.push_back(parent.value[e]);
      child.orders.push_back(order);
      child.use_begin.push_back(static_cast<std::uint32_t>(child.use.size()));
      // Edges come best first: behind one that needs nothing more, none is of use.
      if (order == 0) break;
    }
    if (child.value.size() == first_edge) return std::nullopt;
    if (child.orders[first_edge] == 0) {
      child.constant += child.value[first_edge];
      child.value.pop_back();
      child.orders.pop_back();
      child.use_begin.pop_back();
      continue;
    }
    // A pair of which one source is in now bounds the same edges as the other source alone, more
    // weakly: its multiplier moves there.
    singles.assign(sources, kNone);
    for (std::size_t m = child.multiplier_begin.back(); m < child.first.size(); ++m) {
      if (child.first[m] == child.second[m])
        singles[child.first[m]] = static_cast<std::uint32_t>(m);
    }
    for (std::uint32_t m = parent.multiplier_begin[t]; m < parent.multiplier_begin[t + 1]; ++m) {
      const std::uint32_t a = parent.first[m];
      const std::uint32_t b = parent.second[m];
      if (a == b || parent.multipliers[m] <= 0) continue;
      std::uint32_t single = kNone;
      if (decisions[a] == Decision::kIn && decisions[b] == Decision::kFree) single = singles[b];
      if (decisions[b] == Decision::kIn && decisions[a] == Decision::kFree) single = singles[a];
      if (single != kNone) child.multipliers[single] += parent.multipliers[m];
    }
    child.target_begin.push_back(static_cast<std::uint32_t>(child.value.size()));
    child.multiplier_begin.push_back(static_cast<std::uint32_t>(child.first.size()));
  }

  std::vector<std::uint32_t> old;
  for (std::size_t s = 0; s < sources; ++s) {
    if (kept[s] == kNone) continue;
    kept[s] = static_cast<std::uint32_t>(child.free.size());
    old.push_back(static_cast<std::uint32_t>(s));
    child.free.push_back(parent.free[s]);
    child.costs.push_back(parent.costs[s]);
  }
  for (std::uint32_t& source : child.first) source = kept[source];
  for (std::uint32_t& source : child.second) source = kept[source];
  child.cell.resize(child.first.size());
  for (std::size_t m = 0; m < child.cell.size(); ++m)
    child.cell[m] = child.first[m] * static_cast<std::uint32_t>(old.size()) + child.second[m];
  child.split.resize(old.size() * old.size());
  for (std::size_t a = 0; a < old.size(); ++a) {
    for (std::size_t b = 0; b < old.size(); ++b)
      child.split[a * old.size() + b] = parent.split[old[a] * sources + old[b]];
  }
  return child;
}

void Relaxation::evaluate(const Subproblem& problem) {
  const std::size_t sources = problem.free.size();
  bound_ = problem.constant;
  used_.clear();
  used_by_.assign(sources, 0);
  target_value_.resize(problem.targets());
  const double* const multipliers = problem.multipliers.data();
  for (std::size_t t = 0; t < problem.targets(); ++t) {
    double best = -std::numeric_limits<double>::infinity();
    std::uint32_t best_at = problem.target_begin[t];
    for (std::uint32_t e = problem.target_begin[t];
         e < problem.target_begin[t + 1] && problem.value[e] > best; ++e) {
      double reduced = problem.value[e];
      for (std::uint32_t u = problem.use_begin[e]; u < problem.use_begin[e + 1]; ++u)
        reduced -= multipliers[problem.use[u]];
      if (reduced > best) {
        best = reduced;
        best_at = e;
      }
    }
    target_value_[t] = best;
    bound_ += best;
    const std::uint32_t begin = problem.use_begin[best_at];
    for (std::uint32_t u = begin; u < problem.use_begin[best_at + 1]; ++u) {
      used_.push_back(problem.use[u]);
      if (u - begin < problem.orders[best_at]) ++used_by_[problem.first[problem.use[u]]];
    }
  }
  weights_.assign(sources * sources, 0);
  for (std::size_t m = 0; m < problem.cell.size(); ++m) weights_[problem.cell[m]] += multipliers[m];
  select_sources(problem);
}

/// Selects the `slots` best partners by partner_worth_, those worth nothing aside. Returns what
/// they are worth together. Little changes from one step to the next: the best ones of the last
/// step are where select_best() starts.
double Relaxation::take_best_partners(std::size_t slots, std::size_t source, double* row) {
  const std::size_t sources = worth_.size();
  double* const chosen = chosen_.data() + source * stride_;
  slots = std::min(slots, sources);
  if (fresh_) {
    std::iota(order_.begin(), order_.end(), 0U);
    if (slots < sources) {
      std::nth_element(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(slots),
                       order_.end(), [&](std::uint32_t a, std::uint32_t b) {
                         return partner_worth_[a] != partner_worth_[b]
                                    ? partner_worth_[a] > partner_worth_[b]
                                    : a < b;
                       });
    }
    std::fill(chosen, chosen + stride_, 0.0);
    for (std::size_t i = 0; i < slots; ++i) chosen[order_[i]] = 1;
  }
  return select_best(partner_worth_.data(), chosen, row, stride_);
}

/// The best knapsack of partners for one source, its linear relaxation where costs differ; sets its
/// row of partners_.
double Relaxation::select_partners(const Subproblem& problem, std::size_t source) {
  const std::size_t sources = problem.free.size();
  double* const row = partners_.data() + source * stride_;
  const double* const split = problem.split.data() + source * sources;
  for (std::size_t other = 0; other < source; ++other)
    partner_worth_[other] = 0.5 * weights_[other * sources + source] + split[other];
  partner_worth_[source] = 0;
  for (std::size_t other = source + 1; other < sources; ++other)
    partner_worth_[other] = 0.5 * weights_[source * sources + other] + split[other];
  double left = problem.remaining - problem.costs[source];
  if (problem.unit_costs) {
    const auto slots = static_cast<std::size_t>(std::max(0.0, left / problem.costs[source]));
    return take_best_partners(slots, source, row);
  }
  std::fill(row, row + stride_, 0.0);
  items_.clear();
  for (std::size_t other = 0; other < sources; ++other) {
    if (partner_worth_[other] > 0)
      items_.push_back(
          {partner_worth_[other] / problem.costs[other], static_cast<std::uint32_t>(other)});
  }
  std::sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) {
    return a.rate != b.rate ? a.rate > b.rate : a.source < b.source;
  });
  double sum = 0;
  for (const Item& item : items_) {
    const double cost = problem.costs[item.source];
    if (cost > problem.remaining - problem.costs[source]) continue;
    const double share = std::min(1.0, left / cost);
    if (share <= 0) break;
    row[item.source] = share;
    sum += share * item.rate * cost;
    left -= share * cost;
  }
  return sum;
}

void Relaxation::select_sources(const Subproblem& problem) {
  const std::size_t sources = problem.free.size();
  stride_ = padded(sources);
  partners_.resize(sources * stride_);
  worth_.resize(sources);
  order_.resize(sources);
  partner_worth_.assign(stride_, -std::numeric_limits<double>::infinity());
  if (chosen_.size() != sources * stride_) {
    chosen_.resize(sources * stride_);
    fresh_ = true;
  }
  density_.resize(sources);
  costs_ = problem.costs;
  selected_.assign(sources, 0);
  for (std::size_t s = 0; s < sources; ++s) {
    worth_[s] = weights_[s * sources + s] + select_partners(problem, s);
    density_[s] = worth_[s] / problem.costs[s];
  }
  items_.clear();
  for (std::size_t s = 0; s < sources; ++s)
    items_.push_back({density_[s], static_cast<std::uint32_t>(s)});
  const auto better = [](const Item& a, const Item& b) {
    return a.rate != b.rate ? a.rate > b.rate : a.source < b.source;
  };
  double left = problem.remaining;
  price_in_ = 0;
  price_out_ = 0;
  if (problem.unit_costs && sources > 0) {
    const auto slots = std::min(static_cast<std::size_t>(left / problem.costs.front()), sources);
    if (slots < sources)
      std::nth_element(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(slots),
                       items_.end(), better);
    double lowest = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < slots; ++i) {
      selected_[items_[i].source] = 1;
      bound_ += worth_[items_[i].source];
      lowest = std::min(lowest, items_[i].rate);
    }
    if (slots < sources) {
      price_in_ = lowest;
      price_out_ = items_[slots].rate;
    }
    return;
  }
  std::sort(items_.begin(), items_.end(), better);
  for (const Item& item : items_) {
    const double cost = problem.costs[item.source];
    if (cost > problem.remaining) continue;  // cannot be in at all
    const double share = std::min(1.0, left / cost);
    selected_[item.source] = share;
    bound_ += share * worth_[item.source];
    left -= share * cost;
    if (share < 1) {
      price_in_ = price_out_ = item.rate;
      break;
    }
  }
}

void Relaxation::restart() { fresh_ = true; }

/// partners_ becomes what both rows of a pair select, as far as they are selected themselves; the
/// difference drives the split. weights_ becomes the mean of both rows, what the pairs of edges
/// are held against. Returns the sum of squares of the directions.
double Relaxation::turn_splits(double fresh_share) {
  const std::size_t sources = selected_.size();
  double squares = 0;
  for (std::size_t a = 0; a < sources; ++a) {
    double* const row = partners_.data() + a * stride_;
    for (std::size_t b = 0; b < sources; ++b) row[b] *= selected_[a];
  }
  for (std::size_t a = 0; a < sources; ++a) {
    const double* const row = partners_.data() + a * stride_;
    for (std::size_t b = a + 1; b < sources; ++b) {
      const double back = partners_[b * stride_ + a];
      double& direction = split_direction_[a * sources + b];
      direction += fresh_share * (row[b] - back - direction);
      squares += direction * direction;
      weights_[a * sources + b] = 0.5 * (row[b] + back);
    }
    weights_[a * sources + a] = selected_[a];
  }
  return squares;
}

/// What the best edges use is few: it is taken off afterwards.
double Relaxation::turn_multipliers(const Subproblem& problem, double fresh_share) {
  const double* const multipliers = problem.multipliers.data();
  double squares = turn_directions(direction_.data(), problem.cell.data(), weights_.data(),
                                   multipliers, problem.first.size(), fresh_share);
  for (const std::uint32_t m : used_) {
    squares -= square_of(direction_[m], multipliers[m]);
    direction_[m] -= fresh_share;
    squares += square_of(direction_[m], multipliers[m]);
  }
  return squares;
}

bool Relaxation::step(Subproblem& problem, double goal, double scale) {
  const std::size_t sources = problem.free.size();
  const std::size_t count = problem.first.size();
  if (fresh_) {
    direction_.assign(count, 0);
    split_direction_.assign(sources * sources, 0);
  }
  const double fresh_share = fresh_ ? 1.0 : kFreshShare;
  fresh_ = false;
  const double squares = turn_splits(fresh_share) + turn_multipliers(problem, fresh_share);
  if (squares <= 1e-12) return false;
  const double length = scale * std::max(bound_ - goal, 0.0) / squares;
  move_multipliers(problem.multipliers.data(), direction_.data(), count, length);
  for (std::size_t a = 0; a < sources; ++a) {
    for (std::size_t b = a + 1; b < sources; ++b) {
      const double change = length * split_direction_[a * sources + b];
      problem.split[a * sources + b] -= change;
      problem.split[b * sources + a] += change;
    }
  }
  return true;
}

double Relaxation::drop_with(std::size_t s) const {
  return std::max(0.0, price_in_ * costs_[s] - worth_[s]);
}

double Relaxation::drop_without(std::size_t s) const {
  return std::max(0.0, worth_[s] - price_out_ * costs_[s]);
}

std::size_t Relaxation::drop_edges(const Subproblem& problem, double cutoff,
                                   std::vector<char>& dropped) const {
  dropped.assign(problem.edges(), 0);
  std::size_t count = 0;
  for (std::size_t t = 0; t < problem.targets(); ++t) {
    for (std::uint32_t e = problem.target_begin[t]; e < problem.target_begin[t + 1]; ++e) {
      double bound = bound_ - target_value_[t] + problem.value[e];
      const std::uint32_t begin = problem.use_begin[e];
      for (std::uint32_t u = begin; u < problem.use_begin[e + 1]; ++u) {
        bound -= problem.multipliers[problem.use[u]];
        if (u - begin < problem.orders[e]) bound -= drop_with(problem.first[problem.use[u]]);
      }
      dropped[e] = bound <= cutoff;
      count += dropped[e] ? 1 : 0;
    }
  }
  return count;
}

}  // namespace affinis::taxonomy
