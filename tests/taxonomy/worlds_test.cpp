#include "taxonomy/worlds.h"

#include <algorithm>
#include <limits>
#include <vector>

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include "taxonomy/local_search.h"
#include "taxonomy/quick_search.h"
#include "taxonomy/solver.h"
#include "tests/taxonomy/random_problems.h"

namespace affinis::taxonomy {
namespace {

/// Multipliers without pairs or worlds, and the bound that they give.
struct Start {
  std::vector<double> multipliers;
  double bound = 0;
};

Start start_of(const Instance& instance, LocalSearch& local, double below) {
  QuickSearch quick(instance);
  std::vector<char> selected = local.greedy();
  double value = std::min(below, local.value_of(selected));
  quick.run(local, selected, value, 1, Deadline());
  return {quick.multipliers(), quick.bound()};
}

TEST(Worlds, BoundsHoldOnRandomProblems) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const double budget = 3 + static_cast<double>(seed % 4);
    const Problem problem = geometric_problem(seed, 11, 300, budget);
    const double best = brute_force(problem);
    const Instance instance = make_instance(problem, budget, stand_in_penalty(problem));
    ASSERT_TRUE(Worlds::suit(instance));
    LocalSearch local(instance);
    const Start start = start_of(instance, local, best);
    // Steps towards a goal that is too low must not lead below the optimum either.
    for (const double goal : {best, 0.9 * best}) {
      Worlds worlds(instance, start.multipliers);
      for (int i = 0; i < 150; ++i) {
        const double bound = worlds.iterate(goal);
        if (worlds.open_sources() == problem.sources.size()) {
          ASSERT_GE(bound, best - 1e-9) << "seed " << seed << ", step " << i;
        }
        ASSERT_GE(std::max(goal, bound), best - 1e-9) << "seed " << seed << ", step " << i;
        ASSERT_GE(worlds.open_sources(), static_cast<std::size_t>(budget));
      }
      EXPECT_LE(worlds.bound(), std::max(start.bound, best) + 1e-9);
    }
  }
}

TEST(Worlds, CloseMostOfTheGapThatSourcesAloneLeave) {
  double before = 0;
  double after = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const Problem problem = geometric_problem(seed, 14, 700, 5);
    const double best = brute_force(problem);
    const Instance instance = make_instance(problem, 5, stand_in_penalty(problem));
    LocalSearch local(instance);
    const Start start = start_of(instance, local, best);
    Worlds worlds(instance, start.multipliers);
    for (int i = 0; i < 300 && worlds.bound() > best; ++i) worlds.iterate(best);
    before += start.bound - best;
    after += std::max(0.0, worlds.bound() - best);
  }
  EXPECT_GT(before, 0);
  EXPECT_LT(after, 0.5 * before);
}

TEST(Worlds, DoNotDependOnTheNumberOfThreads) {
  const Problem problem = geometric_problem(3, 30, 2000, 6);
  const Instance instance = make_instance(problem, 6, stand_in_penalty(problem));
  LocalSearch local(instance);
  const Start start = start_of(instance, local, std::numeric_limits<double>::infinity());
  const double goal = local.value_of(local.greedy());
  std::vector<std::vector<double>> bounds;
  for (const std::size_t threads : {1, 4}) {
    const tbb::global_control control(tbb::global_control::max_allowed_parallelism, threads);
    Worlds worlds(instance, start.multipliers);
    std::vector<double>& each = bounds.emplace_back();
    for (int i = 0; i < 40; ++i) each.push_back(worlds.iterate(goal));
  }
  EXPECT_EQ(bounds[0], bounds[1]);
}

TEST(Worlds, LeaveOutEdgesOfMoreSourcesThanTheBudget) {
  const Problem problem = geometric_problem(5, 10, 400, 3);
  const double best = brute_force(problem);
  // As in a sweep: edges up to order 4, made for a larger budget.
  Instance instance = make_instance(problem, 8, stand_in_penalty(problem));
  instance.budget = 3;
  LocalSearch local(instance);
  const Start start = start_of(instance, local, best);
  Worlds worlds(instance, start.multipliers);
  for (int i = 0; i < 100; ++i) ASSERT_GE(worlds.iterate(0.9 * best), best - 1e-9);
  EXPECT_LT(worlds.bound(), start.bound + 1e-9);
}

TEST(Worlds, SuggestionsAreWithinTheBudget) {
  const Problem problem = geometric_problem(7, 12, 400, 4);
  const Instance instance = make_instance(problem, 4, stand_in_penalty(problem));
  LocalSearch local(instance);
  const Start start = start_of(instance, local, std::numeric_limits<double>::infinity());
  Worlds worlds(instance, start.multipliers);
  worlds.iterate(0);
  const std::vector<char> suggestion = worlds.suggestion();
  EXPECT_TRUE(local.fits(suggestion));
  EXPECT_EQ(std::count(suggestion.begin(), suggestion.end(), char{1}), 4);
}

TEST(Worlds, NeedEqualCostsAndThreeSlots) {
  Problem problem = geometric_problem(1, 10, 200, 3);
  EXPECT_TRUE(Worlds::suit(make_instance(problem, 3, stand_in_penalty(problem))));
  EXPECT_FALSE(Worlds::suit(make_instance(problem, 2, stand_in_penalty(problem))));
  EXPECT_FALSE(Worlds::suit(make_instance(problem, 10, stand_in_penalty(problem))));
  problem.costs[4] = 2;
  EXPECT_FALSE(Worlds::suit(make_instance(problem, 3, stand_in_penalty(problem))));
}

}  // namespace
}  // namespace affinis::taxonomy
