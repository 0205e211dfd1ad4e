#include "taxonomy/local_search.h"

#include <algorithm>
#include <span>

namespace affinis::taxonomy {
namespace {

/// Sets of several sources that a step of greedy() looks at.
constexpr std::size_t kMostAdditions = 64;

}  // namespace

LocalSearch::LocalSearch(const Instance& instance)
    : instance_(instance), masks_(instance), neighbourhood_(instance) {}

double LocalSearch::cost_of(const std::vector<char>& selected) const {
  double cost = 0;
  for (std::size_t s = 0; s < instance_.sources; ++s) cost += selected[s] ? instance_.costs[s] : 0;
  return cost;
}

bool LocalSearch::fits(const std::vector<char>& selected) const {
  return cost_of(selected) <= instance_.budget_with_slack();
}

/// Of the sets of several sources that an edge lacks and that the budget allows, those whose edges
/// promise most.
void LocalSearch::sets_worth_a_try(const std::vector<char>& selected, double left) {
  additions_.clear();
  Addition addition;
  for (std::size_t t = 0; t < instance_.targets(); ++t) {
    const std::size_t served = best_edge(instance_, selected, t);
    for (std::size_t e = instance_.target_begin[t]; e < served; ++e) {
      addition.sources.clear();
      addition.cost = 0;
      addition.direct = instance_.value[e] - instance_.value[served];
      for (std::size_t u = instance_.use_begin[e]; u < instance_.use_begin[e + 1]; ++u) {
        const std::int32_t source = instance_.use_source[u];
        if (selected[static_cast<std::size_t>(source)]) continue;
        addition.sources.push_back(source);
        addition.cost += instance_.costs[static_cast<std::size_t>(source)];
      }
      if (addition.sources.size() > 1 && addition.cost <= left) additions_.push_back(addition);
    }
  }
  std::sort(additions_.begin(), additions_.end(),
            [](const Addition& a, const Addition& b) { return a.sources < b.sources; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < additions_.size(); ++i) {
    if (kept > 0 && additions_[kept - 1].sources == additions_[i].sources) {
      additions_[kept - 1].direct += additions_[i].direct;
    } else {
      if (kept != i) std::swap(additions_[kept], additions_[i]);
      ++kept;
    }
  }
  additions_.resize(kept);
  std::stable_sort(additions_.begin(), additions_.end(), [](const Addition& a, const Addition& b) {
    return a.direct * b.cost > b.direct * a.cost;
  });
  if (additions_.size() > kMostAdditions) additions_.resize(kMostAdditions);
}

std::vector<char> LocalSearch::greedy() {
  std::vector<char> selected(instance_.sources, 0);
  for (std::size_t s = 0; s < instance_.sources; ++s)
    selected[s] = instance_.costs[s] <= 0 || instance_.forced[s];
  double left = instance_.budget_with_slack() - cost_of(selected);
  std::vector<std::int32_t> best;
  for (;;) {
    neighbourhood_.evaluate(selected);
    const double value = neighbourhood_.value();
    double best_rate = 0;
    best.clear();
    for (std::size_t s = 0; s < instance_.sources; ++s) {
      if (selected[s] || instance_.costs[s] > left) continue;
      const double rate = neighbourhood_.gain_of_adding(s) / instance_.costs[s];
      if (rate <= best_rate) continue;
      best_rate = rate;
      best.assign(1, static_cast<std::int32_t>(s));
    }
    sets_worth_a_try(selected, left);
    for (const Addition& each : additions_) {
      for (const std::int32_t s : each.sources) selected[static_cast<std::size_t>(s)] = 1;
      const double rate = (value_of(selected) - value) / each.cost;
      for (const std::int32_t s : each.sources) selected[static_cast<std::size_t>(s)] = 0;
      if (rate <= best_rate) continue;
      best_rate = rate;
      best = each.sources;
    }
    if (best.empty()) return selected;
    for (const std::int32_t s : best) {
      selected[static_cast<std::size_t>(s)] = 1;
      left -= instance_.costs[static_cast<std::size_t>(s)];
    }
  }
}

double LocalSearch::improve(std::vector<char>& selected, const Deadline& deadline) {
  double value = value_of(selected);
  double left = instance_.budget_with_slack() - cost_of(selected);
  while (!deadline.over()) {
    neighbourhood_.evaluate(selected);
    const Neighbourhood::Move move =
        neighbourhood_.best(left, [](std::int32_t, std::int32_t) { return true; });
    if (move.in == Neighbourhood::kNothing || move.gain <= 0) break;
    const auto in = static_cast<std::size_t>(move.in);
    const auto out = static_cast<std::size_t>(std::max(move.out, 0));
    const bool swap = move.out != Neighbourhood::kNothing;
    selected[in] = 1;
    if (swap) selected[out] = 0;
    const double found = value_of(selected);
    if (found <= value) {  // the gain was rounding
      selected[in] = 0;
      if (swap) selected[out] = 1;
      break;
    }
    value = found;
    left -= instance_.costs[in] - (swap ? instance_.costs[out] : 0.0);
  }
  return value;
}

double LocalSearch::perturb(std::vector<char>& selected, int rounds, RandomStream& random,
                            const Deadline& deadline) {
  double value = value_of(selected);
  std::vector<char> trial;
  std::vector<std::size_t> inside;
  std::vector<std::size_t> outside;
  for (int round = 0; round < rounds && !deadline.over(); ++round) {
    trial = selected;
    inside.clear();
    outside.clear();
    for (std::size_t s = 0; s < instance_.sources; ++s) {
      if (!trial[s]) outside.push_back(s);
      if (trial[s] && !instance_.forced[s] && instance_.costs[s] > 0) inside.push_back(s);
    }
    if (inside.empty() || outside.empty()) break;
    random.shuffle(std::span(inside));
    random.shuffle(std::span(outside));
    const std::size_t exchanged =
        std::min(inside.size(), 2 + static_cast<std::size_t>(random.below(3)));
    for (std::size_t i = 0; i < exchanged; ++i) trial[inside[i]] = 0;
    double left = instance_.budget_with_slack() - cost_of(trial);
    for (std::size_t i = 0; i < std::min(exchanged, outside.size()); ++i) {
      if (instance_.costs[outside[i]] > left) continue;
      trial[outside[i]] = 1;
      left -= instance_.costs[outside[i]];
    }
    const double found = improve(trial, deadline);
    if (found < value) continue;
    value = found;
    selected = trial;
  }
  return value;
}

}  // namespace affinis::taxonomy
