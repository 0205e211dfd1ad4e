#include "taxonomy/local_search.h"

#include <algorithm>
#include <span>

namespace affinis::taxonomy {

LocalSearch::LocalSearch(const Instance& instance) : instance_(instance), masks_(instance) {}

double LocalSearch::cost_of(const std::vector<char>& selected) const {
  double cost = 0;
  for (std::size_t s = 0; s < instance_.sources; ++s) cost += selected[s] ? instance_.costs[s] : 0;
  return cost;
}

bool LocalSearch::fits(const std::vector<char>& selected) const {
  return cost_of(selected) <= instance_.budget_with_slack();
}

std::vector<char> LocalSearch::greedy() {
  std::vector<char> selected(instance_.sources, 0);
  for (std::size_t s = 0; s < instance_.sources; ++s)
    selected[s] = instance_.costs[s] <= 0 || instance_.forced[s];
  double left = instance_.budget_with_slack() - cost_of(selected);
  double value = value_of(selected);
  std::vector<std::size_t> added;
  std::vector<std::vector<std::size_t>> tried;
  for (;;) {
    double best_rate = 0;
    std::vector<std::size_t> best;
    double best_cost = 0;
    tried.clear();
    for (std::size_t e = 0; e < instance_.edges(); ++e) {
      added.clear();
      double cost = 0;
      for (std::size_t u = instance_.use_begin[e]; u < instance_.use_begin[e + 1]; ++u) {
        const auto s = static_cast<std::size_t>(instance_.use_source[u]);
        if (selected[s]) continue;
        added.push_back(s);
        cost += instance_.costs[s];
      }
      if (added.empty() || cost > left) continue;
      tried.push_back(added);
    }
    std::sort(tried.begin(), tried.end());
    tried.erase(std::unique(tried.begin(), tried.end()), tried.end());
    for (const std::vector<std::size_t>& each : tried) {
      double cost = 0;
      for (const std::size_t s : each) {
        selected[s] = 1;
        cost += instance_.costs[s];
      }
      const double rate = (value_of(selected) - value) / cost;
      for (const std::size_t s : each) selected[s] = 0;
      if (rate > best_rate) {
        best_rate = rate;
        best = each;
        best_cost = cost;
      }
    }
    if (best.empty()) return selected;
    for (const std::size_t s : best) selected[s] = 1;
    left -= best_cost;
    value = value_of(selected);
  }
}

double LocalSearch::improve(std::vector<char>& selected) {
  double value = value_of(selected);
  double left = instance_.budget_with_slack() - cost_of(selected);
  const auto accept = [&](double change_of_cost) {
    if (change_of_cost > left) return false;
    const double found = value_of(selected);
    if (found <= value) return false;
    value = found;
    left -= change_of_cost;
    return true;
  };
  for (bool better = true; better;) {
    better = false;
    for (std::size_t in = 0; in < instance_.sources; ++in) {
      if (selected[in] || instance_.costs[in] > instance_.budget_with_slack()) continue;
      selected[in] = 1;
      bool taken = accept(instance_.costs[in]);
      for (std::size_t out = 0; !taken && out < instance_.sources; ++out) {
        if (!selected[out] || instance_.forced[out] || out == in ||
            instance_.costs[in] - instance_.costs[out] > left)
          continue;
        selected[out] = 0;
        taken = accept(instance_.costs[in] - instance_.costs[out]);
        if (!taken) selected[out] = 1;
      }
      if (!taken) selected[in] = 0;
      better = better || taken;
    }
  }
  return value;
}

double LocalSearch::perturb(std::vector<char>& selected, int rounds, RandomStream& random) {
  double value = value_of(selected);
  std::vector<char> trial;
  std::vector<std::size_t> inside;
  std::vector<std::size_t> outside;
  for (int round = 0; round < rounds; ++round) {
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
    const double found = improve(trial);
    if (found < value) continue;
    value = found;
    selected = trial;
  }
  return value;
}

}  // namespace affinis::taxonomy
