#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "framework/core/random.h"
#include "taxonomy/problem.h"
#include "taxonomy/transfer_table.h"

namespace affinis::taxonomy {

/// A table over `tasks` tasks with random transfers up to order 4 and some missing values. With `coarse` values are multiples of a
/// quarter, so that ties abound.
inline TransferTable random_table(RandomStream& random, std::size_t tasks, std::size_t edges_per_target, bool coarse) {
  TransferTable table;
  table.name = "random table";
  const auto value = [&] {
    if (random.uniform() < 0.05) return std::nan("");
    return coarse ? static_cast<double>(random.below(5)) / 4 : random.uniform(-0.2, 1.0);
  };
  for (std::size_t t = 0; t < tasks; ++t) {
    std::set<std::vector<std::string>> seen;
    const auto add = [&](std::vector<std::string> sources) {
      std::vector<std::string> sorted = sources;
      std::sort(sorted.begin(), sorted.end());
      if (!seen.insert(sorted).second) return;
      TransferRow row;
      row.order = static_cast<std::int64_t>(sources.size());
      row.sources = std::move(sources);
      row.target = "t" + std::to_string(t);
      row.affinity = value();
      row.gain = value();
      row.quality = value();
      table.rows.push_back(std::move(row));
    };
    if (random.uniform() < 0.7) add({"self"});
    for (std::size_t i = 0; i < edges_per_target; ++i) {
      std::set<std::size_t> sources;
      const std::size_t order = std::min<std::size_t>(1 + random.below(4), tasks);
      while (sources.size() < order) sources.insert(random.below(tasks));
      std::vector<std::string> names;
      for (const std::size_t s : sources) names.push_back("t" + std::to_string(s));
      add(std::move(names));
    }
  }
  return table;
}

/// Tasks as points in the unit square; a transfer is the better the nearer its sources, and several sources together are better than
/// any alone (noisy or): many nearly equal taxonomies, hard to tell apart.
inline Problem geometric_problem(std::uint64_t seed, std::size_t tasks, std::size_t edges, double budget) {
  RandomStream random(seed, "geometric");
  Problem problem;
  problem.budget = budget;
  problem.max_order = 4;
  std::vector<std::pair<double, double>> points;
  for (std::size_t i = 0; i < tasks; ++i) {
    problem.sources.push_back("s" + std::to_string(i));
    problem.targets.push_back("t" + std::to_string(i));
    problem.costs.push_back(1);
    problem.importances.push_back(1);
    const double x = random.uniform();
    points.emplace_back(x, random.uniform());
  }
  std::set<std::pair<std::size_t, std::vector<std::size_t>>> seen;
  const auto add = [&](std::size_t target, const std::vector<std::size_t>& sources) {
    if (!seen.emplace(target, sources).second) return;
    double failure = 1;
    for (const std::size_t s : sources) {
      const double distance = std::hypot(points[s].first - points[target].first, points[s].second - points[target].second);
      failure *= 1 - 0.8 * std::exp(-3 * distance);
    }
    Edge edge;
    edge.target = target;
    edge.sources = sources;
    edge.value = edge.affinity = 1 - failure + 0.02 * random.uniform();
    problem.edges.push_back(std::move(edge));
  };
  for (std::size_t t = 0; t < tasks; ++t) {
    for (std::size_t s = 0; s < tasks; ++s) add(t, {s});
  }
  while (problem.edges.size() < edges) {
    const std::size_t target = random.below(tasks);
    const std::size_t order = 2 + random.below(3);
    std::set<std::size_t> sources;
    while (sources.size() < order) sources.insert(random.below(tasks));
    add(target, {sources.begin(), sources.end()});
  }
  std::sort(problem.edges.begin(), problem.edges.end(), [](const Edge& a, const Edge& b) {
    if (a.target != b.target) return a.target < b.target;
    if (a.sources.size() != b.sources.size()) return a.sources.size() < b.sources.size();
    return a.sources < b.sources;
  });
  return problem;
}

/// A set of sources and what it is worth.
struct Candidate {
  std::uint64_t set = 0;
  double value = 0;
};

/// Every set of sources that is within the budget, holds the forced ones and serves every target, best first. For few sources.
inline std::vector<Candidate> all_taxonomies(const Problem& problem) {
  std::vector<std::uint64_t> needs;
  for (const Edge& edge : problem.edges) {
    std::uint64_t mask = 0;
    for (const std::size_t s : edge.sources) mask |= std::uint64_t{1} << s;
    needs.push_back(mask);
  }
  const double none = -std::numeric_limits<double>::infinity();
  std::uint64_t forced = 0;
  for (const std::size_t s : problem.forced) forced |= std::uint64_t{1} << s;
  std::vector<Candidate> found;
  for (std::uint64_t set = 0; set < std::uint64_t{1} << problem.sources.size(); ++set) {
    double cost = 0;
    for (std::size_t s = 0; s < problem.sources.size(); ++s) cost += (set >> s & 1) != 0 ? problem.costs[s] : 0;
    if (cost > problem.budget + 1e-9 || (forced & ~set) != 0) continue;
    std::vector<double> served(problem.targets.size(), none);
    for (std::size_t e = 0; e < problem.edges.size(); ++e) {
      if ((needs[e] & ~set) == 0) served[problem.edges[e].target] = std::max(served[problem.edges[e].target], problem.edges[e].value);
    }
    double value = 0;
    for (const double each : served) value += each;
    if (value > none) found.push_back({set, value});
  }
  std::stable_sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) { return a.value > b.value; });
  return found;
}

/// The value of the best taxonomy, or -infinity when there is none, by trying every set of sources.
inline double brute_force(const Problem& problem) {
  const std::vector<Candidate> found = all_taxonomies(problem);
  return found.empty() ? -std::numeric_limits<double>::infinity() : found.front().value;
}

/// Of all_taxonomies() those that hold every source without cost and lose by giving up any other one that is not forced.
inline std::vector<Candidate> distinct_taxonomies(const Problem& problem) {
  const std::vector<Candidate> all = all_taxonomies(problem);
  std::map<std::uint64_t, double> values;
  for (const Candidate& each : all) values[each.set] = each.value;
  std::vector<Candidate> distinct;
  for (const Candidate& each : all) {
    bool counts = true;
    for (std::size_t s = 0; s < problem.sources.size(); ++s) {
      const std::uint64_t bit = std::uint64_t{1} << s;
      const bool forced = std::find(problem.forced.begin(), problem.forced.end(), s) != problem.forced.end();
      if (problem.costs[s] <= 0) {
        counts = counts && (each.set & bit) != 0;
      } else if ((each.set & bit) != 0 && !forced) {
        const auto without = values.find(each.set & ~bit);
        counts = counts && (without == values.end() || without->second < each.value - 1e-12);
      }
    }
    if (counts) distinct.push_back(each);
  }
  return distinct;
}

}  // namespace affinis::taxonomy
