#include "taxonomy/local_search.h"

#include <algorithm>

namespace affinis::taxonomy {

double LocalSearch::cost_of(const std::vector<char>& selected) const {
  double cost = 0;
  for (std::size_t s = 0; s < instance_.sources; ++s) cost += selected[s] ? instance_.costs[s] : 0;
  return cost;
}

bool LocalSearch::fits(const std::vector<char>& selected) const { return cost_of(selected) <= instance_.budget_with_slack(); }

std::vector<char> LocalSearch::greedy() const {
  std::vector<char> selected(instance_.sources, 0);
  for (std::size_t s = 0; s < instance_.sources; ++s) selected[s] = instance_.costs[s] <= 0;
  double left = instance_.budget_with_slack();
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

double LocalSearch::improve(std::vector<char>& selected) const {
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
        if (!selected[out] || out == in || instance_.costs[in] - instance_.costs[out] > left) continue;
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

}  // namespace affinis::taxonomy
