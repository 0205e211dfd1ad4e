#include "taxonomy/instance.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace affinis::taxonomy {
namespace {

double slack_of(double budget) { return budget + 1e-9 * std::max(1.0, budget); }

/// A bit a source, folded into 64: a subset's bits are among its superset's, which settles most
/// comparisons.
std::uint64_t fold(const std::vector<std::size_t>& sources) {
  std::uint64_t bits = 0;
  for (const std::size_t source : sources) bits |= std::uint64_t{1} << (source % 64);
  return bits;
}

struct Kept {
  std::size_t edge;
  std::uint64_t bits;
};

}  // namespace

double Instance::budget_with_slack() const { return slack_of(budget); }

Instance make_instance(const Problem& problem, double budget, double penalty) {
  Instance instance;
  instance.sources = problem.sources.size();
  instance.costs = problem.costs;
  instance.budget = budget;
  instance.stand_ins = penalty > 0;
  for (const double cost : problem.costs)
    instance.unit_costs = instance.unit_costs && cost == problem.costs.front() && cost > 0;

  instance.forced.assign(instance.sources, 0);
  double left = instance.budget_with_slack();
  for (const std::size_t source : problem.forced) {
    instance.forced[source] = 1;
    left -= problem.costs[source];
  }

  std::vector<std::vector<std::size_t>> by_target(problem.targets.size());
  for (std::size_t e = 0; e < problem.edges.size(); ++e)
    by_target[problem.edges[e].target].push_back(e);
  instance.target_begin.push_back(0);
  instance.use_begin.push_back(0);
  for (std::size_t t = 0; t < by_target.size(); ++t) {
    std::vector<std::size_t>& edges = by_target[t];
    // Edges come by order, then by name: a stable sort keeps that among equal values.
    std::stable_sort(edges.begin(), edges.end(), [&](std::size_t a, std::size_t b) {
      return problem.edges[a].value > problem.edges[b].value;
    });
    std::vector<Kept> kept;
    for (const std::size_t e : edges) {
      const std::vector<std::size_t>& needs = problem.edges[e].sources;
      double cost = 0;
      for (const std::size_t source : needs)
        cost += instance.forced[source] ? 0 : problem.costs[source];
      if (cost > left) continue;
      const std::uint64_t bits = fold(needs);
      const bool dominated = std::any_of(kept.begin(), kept.end(), [&](const Kept& better) {
        if ((better.bits & ~bits) != 0) return false;
        const std::vector<std::size_t>& fewer = problem.edges[better.edge].sources;
        return std::includes(needs.begin(), needs.end(), fewer.begin(), fewer.end());
      });
      if (!dominated) kept.push_back({e, bits});
    }
    for (const Kept& each : kept) {
      instance.value.push_back(problem.edges[each.edge].value);
      instance.origin.push_back(each.edge);
      for (const std::size_t source : problem.edges[each.edge].sources) {
        instance.use_source.push_back(static_cast<std::int32_t>(source));
      }
      instance.use_begin.push_back(instance.use_source.size());
    }
    if (penalty > 0) {
      instance.value.push_back((edges.empty() ? 0.0 : problem.edges[edges.back()].value) - penalty);
      instance.origin.push_back(problem.edges.size());
      instance.use_begin.push_back(instance.use_source.size());
    }
    instance.target_begin.push_back(instance.value.size());
  }
  return instance;
}

double stand_in_penalty(const Problem& problem) {
  std::vector<double> lowest(problem.targets.size(), std::numeric_limits<double>::infinity());
  std::vector<double> highest(problem.targets.size(), -std::numeric_limits<double>::infinity());
  for (const Edge& edge : problem.edges) {
    lowest[edge.target] = std::min(lowest[edge.target], edge.value);
    highest[edge.target] = std::max(highest[edge.target], edge.value);
  }
  double range = 0;
  for (std::size_t t = 0; t < lowest.size(); ++t) range += std::max(0.0, highest[t] - lowest[t]);
  return range > 0 ? 2 * range : 1.0;
}

EdgeMasks::EdgeMasks(const Instance& instance)
    : instance_(instance),
      words_(std::max<std::size_t>(1, (instance.sources + 63) / 64)),
      masks_(instance.edges() * words_, 0),
      bits_(words_, 0) {
  for (std::size_t e = 0; e < instance.edges(); ++e) {
    for (std::size_t u = instance.use_begin[e]; u < instance.use_begin[e + 1]; ++u) {
      const auto source = static_cast<std::size_t>(instance.use_source[u]);
      masks_[e * words_ + source / 64] |= std::uint64_t{1} << (source % 64);
    }
  }
}

const std::vector<std::uint64_t>& EdgeMasks::bits_of(const std::vector<char>& selected) {
  std::fill(bits_.begin(), bits_.end(), std::uint64_t{0});
  for (std::size_t s = 0; s < selected.size(); ++s)
    bits_[s / 64] |= std::uint64_t{selected[s] ? 1U : 0U} << (s % 64);
  return bits_;
}

double EdgeMasks::value(const std::vector<std::uint64_t>& bits) const {
  double sum = 0;
  for (std::size_t t = 0; t < instance_.targets(); ++t) {
    std::size_t e = instance_.target_begin[t];
    const std::size_t end = instance_.target_begin[t + 1];
    if (words_ == 1) {
      const std::uint64_t without = ~bits[0];
      while (e < end && (masks_[e] & without) != 0) ++e;
    } else {
      const auto usable = [&](std::size_t edge) {
        std::uint64_t missing = 0;
        for (std::size_t w = 0; w < words_; ++w) missing |= masks_[edge * words_ + w] & ~bits[w];
        return missing == 0;
      };
      while (e < end && !usable(e)) ++e;
    }
    if (e == end) return -std::numeric_limits<double>::infinity();
    sum += instance_.value[e];
  }
  return sum;
}

std::size_t best_edge(const Instance& instance, const std::vector<char>& selected,
                      std::size_t target) {
  for (std::size_t e = instance.target_begin[target]; e < instance.target_begin[target + 1]; ++e) {
    bool usable = true;
    for (std::size_t u = instance.use_begin[e]; usable && u < instance.use_begin[e + 1]; ++u) {
      usable = selected[static_cast<std::size_t>(instance.use_source[u])] != 0;
    }
    if (usable) return e;
  }
  return instance.edges();
}

Evaluation evaluate(const Instance& instance, const std::vector<char>& selected) {
  Evaluation result{0, true};
  for (std::size_t t = 0; t < instance.targets(); ++t) {
    const std::size_t edge = best_edge(instance, selected, t);
    if (edge == instance.edges()) return {0, false};
    result.value += instance.value[edge];
  }
  return result;
}

}  // namespace affinis::taxonomy
