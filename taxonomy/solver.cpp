#include "taxonomy/solver.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "taxonomy/instance.h"
#include "taxonomy/search.h"

namespace affinis::taxonomy {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Outcome {
  std::vector<char> selected;
  std::vector<std::size_t> unserved;  ///< targets that only a stand-in edge serves
  double bound = 0;
  bool proven = false;
  std::int64_t nodes = 0;
};

Outcome search(const Problem& problem, const Instance& instance, double time_limit) {
  Search search(instance, time_limit);
  search.run();
  Outcome outcome{search.incumbent(), {}, search.bound(), search.proven(), search.nodes()};
  for (std::size_t t = 0; t < instance.targets(); ++t) {
    if (instance.origin[best_edge(instance, outcome.selected, t)] == problem.edges.size())
      outcome.unserved.push_back(t);
  }
  return outcome;
}

/// The least budget that serves every target, nearly: a budget that is enough, found by bisection
/// within a few seconds.
double enough_budget(Problem problem) {
  const Clock::time_point start = Clock::now();
  for (Edge& edge : problem.edges) edge.value = 0;
  double enough = std::accumulate(problem.costs.begin(), problem.costs.end(), 0.0);
  double too_little = problem.budget;
  while (enough - too_little > 1e-6 * std::max(1.0, enough) && seconds_since(start) < 2.0) {
    problem.budget = 0.5 * (enough + too_little);
    const Instance instance = make_instance(problem, 1.0);
    const Outcome outcome = search(problem, instance, 1.0);
    if (outcome.unserved.empty()) {
      double cost = 0;
      for (std::size_t s = 0; s < instance.sources; ++s)
        cost += outcome.selected[s] ? problem.costs[s] : 0;
      enough = std::min(enough, std::max(cost, too_little));
    } else {
      too_little = problem.budget;
    }
  }
  return enough;
}

[[noreturn]] void fail_infeasible(const Problem& problem, const Outcome& outcome) {
  const std::string& target = problem.targets[outcome.unserved.front()];
  const std::string others =
      outcome.unserved.size() == 1
          ? ""
          : fmt::format(" and {} other target(s)", outcome.unserved.size() - 1);
  AFFINIS_CHECK(outcome.proven, ErrorCode::kData,
                "no taxonomy that serves every target was found within the time limit; '{}'{} went "
                "unserved; raise the limit or the budget",
                target, others);
  fail(ErrorCode::kData,
       "no choice of sources within a budget of {:g} serves every target: '{}'{} goes unserved; a "
       "budget of {:.6g} is enough, or make the "
       "target source-only",
       problem.budget, target, others, std::ceil(enough_budget(problem) * 1e6 - 1e-3) / 1e6);
}

void check_forced(const Problem& problem) {
  double cost = 0;
  std::vector<std::string> names;
  for (const std::size_t source : problem.forced) {
    cost += problem.costs[source];
    names.push_back(problem.sources[source]);
  }
  AFFINIS_CHECK(cost <= problem.budget + 1e-9 * std::max(1.0, problem.budget), ErrorCode::kData,
                "the forced tasks ({}) cost {:g}, more than the budget of {:g}; raise the budget or "
                "force fewer",
                join(names, ", "), cost, problem.budget);
}

double mean_of(const Problem& problem, const Solution& solution, double Edge::*measure) {
  double sum = 0;
  for (const std::size_t edge : solution.choices) sum += problem.edges[edge].*measure;
  return sum / static_cast<double>(solution.choices.size());
}

}  // namespace

double Solution::mean_gain(const Problem& problem) const {
  return mean_of(problem, *this, &Edge::gain);
}
double Solution::mean_quality(const Problem& problem) const {
  return mean_of(problem, *this, &Edge::quality);
}

double Solution::cost(const Problem& problem) const {
  double cost = 0;
  for (const std::size_t source : sources) cost += problem.costs[source];
  return cost;
}

Solution solve(const Problem& problem, const SolveOptions& options) {
  const Clock::time_point start = Clock::now();
  check_forced(problem);
  const Instance instance = make_instance(problem, stand_in_penalty(problem));
  Outcome outcome = search(problem, instance, options.time_limit);
  if (!outcome.unserved.empty()) fail_infeasible(problem, outcome);
  drop_idle_sources(instance, outcome.selected);

  Solution solution = solution_of(problem, instance, outcome.selected);
  solution.proven = outcome.proven;
  solution.bound = outcome.proven ? solution.value : std::max(solution.value, outcome.bound);
  solution.nodes = outcome.nodes;
  solution.seconds = seconds_since(start);
  return solution;
}

}  // namespace affinis::taxonomy
