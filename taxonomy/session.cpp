#include "taxonomy/session.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>
#include <string>

#include <fmt/format.h>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "taxonomy/search.h"
#include "taxonomy/worlds.h"

namespace affinis::taxonomy {
namespace {

/// Nodes of the quick search, which are cheap but have the weaker bound.
constexpr std::int64_t kQuickNodes = 200;

/// From so many sources and so wide a gap on, branching comes to no end: bounds by worlds then.
constexpr std::size_t kManySources = 100;
constexpr double kWideGap = 0.01;
constexpr int kWorldKicks = 600;
constexpr int kSuggestEvery = 50;
/// They stop when so many steps have closed less than that share of the gap.
constexpr int kWorldRound = 400;
constexpr double kWorldProgress = 0.02;

/// Lowers the bound on the value of any selection; replaces the selection by what is better.
double bound_by_worlds(const Instance& instance, LocalSearch& local,
                       const std::vector<double>& multipliers, std::vector<char>& selected,
                       double& value, const Deadline& deadline) {
  RandomStream random(0, "taxonomy worlds");
  value = local.perturb(selected, kWorldKicks, random, deadline);
  Worlds worlds(instance, multipliers);
  double before = std::numeric_limits<double>::infinity();
  for (int i = 1; !deadline.over(); ++i) {
    worlds.iterate(value);
    if (worlds.bound() <= value) break;
    if (i % kSuggestEvery == 0) {
      std::vector<char> trial = worlds.suggestion();
      for (std::size_t s = 0; s < trial.size(); ++s) trial[s] |= instance.forced[s];
      if (local.fits(trial)) {
        const double found = local.improve(trial, deadline);
        if (found > value) {
          value = found;
          selected = std::move(trial);
        }
      }
    }
    if (i % kWorldRound != 0) continue;
    if (before - worlds.bound() < kWorldProgress * (worlds.bound() - value)) break;
    before = worlds.bound();
  }
  return std::max(value, worlds.bound());
}

/// The least budget that serves every target, nearly: a budget that is enough, found by bisection
/// within a few seconds.
double enough_budget(Problem problem, double too_little) {
  const Deadline deadline(2.0);
  for (Edge& edge : problem.edges) edge.value = 0;
  double enough = std::accumulate(problem.costs.begin(), problem.costs.end(), 0.0);
  Session session(problem, enough, 1.0);
  while (enough - too_little > 1e-6 * std::max(1.0, enough) && !deadline.over()) {
    const double budget = 0.5 * (enough + too_little);
    const Session::Outcome outcome = session.search(budget, Deadline(1.0));
    if (outcome.unserved.empty()) {
      double cost = 0;
      for (std::size_t s = 0; s < outcome.selected.size(); ++s)
        cost += outcome.selected[s] ? problem.costs[s] : 0;
      enough = std::min(enough, std::max(cost, too_little));
    } else {
      too_little = budget;
    }
  }
  return enough;
}

[[noreturn]] void fail_infeasible(const Problem& problem, double budget,
                                  const Session::Outcome& outcome) {
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
       budget, target, others, std::ceil(enough_budget(problem, budget) * 1e6 - 1e-3) / 1e6);
}

void check_forced(const Problem& problem, double budget) {
  double cost = 0;
  std::vector<std::string> names;
  for (const std::size_t source : problem.forced) {
    cost += problem.costs[source];
    names.push_back(problem.sources[source]);
  }
  AFFINIS_CHECK(
      cost <= budget + 1e-9 * std::max(1.0, budget), ErrorCode::kData,
      "the forced tasks ({}) cost {:g}, more than the budget of {:g}; raise the budget or "
      "force fewer",
      join(names, ", "), cost, budget);
}

}  // namespace

Session::Session(const Problem& problem)
    : Session(problem, problem.budget, stand_in_penalty(problem)) {}

Session::Session(const Problem& problem, double most_budget, double penalty)
    : problem_(problem),
      instance_(make_instance(problem, most_budget, penalty)),
      local_(instance_),
      quick_(instance_) {
  for (std::size_t t = 0; t < instance_.targets(); ++t)
    highest_ += instance_.value[instance_.target_begin[t]];
  building_ = since_.elapsed();
}

Session::Outcome Session::search(double budget, const Deadline& deadline) {
  instance_.budget = budget;
  Outcome outcome;
  outcome.selected = last_.empty() || !local_.fits(last_) ? local_.greedy() : last_;
  double value = local_.improve(outcome.selected, deadline);
  if (value >= highest_) {
    outcome.bound = value;
    outcome.proven = true;
    outcome.nodes = 1;
  } else if (quick_.run(local_, outcome.selected, value, kQuickNodes, deadline)) {
    outcome.bound = value;
    outcome.proven = true;
    outcome.nodes = quick_.nodes();
  } else {
    outcome.nodes = quick_.nodes();
    double bound = quick_.bound();
    if (instance_.sources >= kManySources && bound - value > kWideGap * std::abs(value) &&
        Worlds::suit(instance_)) {
      bound = std::min(bound, bound_by_worlds(instance_, local_, quick_.multipliers(),
                                              outcome.selected, value, deadline));
    }
    outcome.proven = bound <= value;
    outcome.bound = bound;
    if (!outcome.proven && !deadline.over()) {
      Search search(instance_, deadline);
      search.run(outcome.selected, quick_.multipliers());
      outcome.selected = search.incumbent();
      outcome.bound = std::min(search.bound(), std::max(search.value(), bound));
      outcome.proven = search.proven();
      outcome.nodes += search.nodes();
    }
  }
  last_ = outcome.selected;
  for (std::size_t t = 0; t < instance_.targets(); ++t) {
    if (instance_.is_stand_in(best_edge(instance_, outcome.selected, t)))
      outcome.unserved.push_back(t);
  }
  return outcome;
}

Solution Session::solve(double budget, const SolveOptions& options) {
  const Deadline deadline(options.time_limit);
  check_forced(problem_, budget);
  Outcome outcome = search(budget, deadline);
  if (!outcome.unserved.empty()) fail_infeasible(problem_, budget, outcome);
  drop_idle_sources(instance_, local_, outcome.selected);

  Solution solution = solution_of(problem_, instance_, outcome.selected);
  solution.proven = outcome.proven;
  solution.bound = outcome.proven ? solution.value : std::max(solution.value, outcome.bound);
  solution.nodes = outcome.nodes;
  solution.seconds = deadline.elapsed() + building_;
  building_ = 0;
  return solution;
}

}  // namespace affinis::taxonomy
