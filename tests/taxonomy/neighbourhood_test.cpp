#include "taxonomy/neighbourhood.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "taxonomy/local_search.h"
#include "tests/taxonomy/random_problems.h"

namespace affinis::taxonomy {
namespace {

TEST(Neighbourhood, KnowsTheBestMoveOfAnySelection) {
  RandomStream random(3, "neighbourhood test");
  int moves = 0;
  for (int round = 0; round < 60; ++round) {
    Problem problem = geometric_problem(static_cast<std::uint64_t>(round), 12, 260, 0);
    for (double& cost : problem.costs) cost = round % 2 == 0 ? 1.0 : random.uniform(0.2, 2);
    problem.forced = {3};
    problem.budget = random.uniform(4, 9);
    const Instance instance = make_instance(problem, problem.budget, stand_in_penalty(problem));
    LocalSearch local(instance);
    std::vector<char> selected(instance.sources, 0);
    selected[3] = 1;
    for (std::size_t s = 0; s < instance.sources; ++s) {
      if (selected[s] || random.uniform() < 0.5) continue;
      selected[s] = 1;
      if (!local.fits(selected)) selected[s] = 0;
    }
    const double value = local.value_of(selected);
    double left = instance.budget_with_slack();
    for (std::size_t s = 0; s < instance.sources; ++s) left -= selected[s] ? instance.costs[s] : 0;

    double best = -std::numeric_limits<double>::infinity();
    std::vector<char> trial = selected;
    for (std::size_t in = 0; in < instance.sources; ++in) {
      if (selected[in]) continue;
      trial[in] = 1;
      if (local.fits(trial)) best = std::max(best, local.value_of(trial) - value);
      for (std::size_t out = 0; out < instance.sources; ++out) {
        if (!selected[out] || instance.forced[out]) continue;
        trial[out] = 0;
        if (local.fits(trial)) best = std::max(best, local.value_of(trial) - value);
        trial[out] = 1;
      }
      trial[in] = 0;
    }

    Neighbourhood neighbourhood(instance);
    neighbourhood.evaluate(selected);
    EXPECT_NEAR(neighbourhood.value(), value, 1e-12);
    const Neighbourhood::Move move = neighbourhood.best(left, [](std::int32_t, std::int32_t) { return true; });
    if (move.in == Neighbourhood::kNothing) {
      EXPECT_TRUE(std::isinf(best));
      continue;
    }
    ++moves;
    EXPECT_NEAR(move.gain, best, 1e-9) << "round " << round;
    trial[static_cast<std::size_t>(move.in)] = 1;
    if (move.out != Neighbourhood::kNothing) trial[static_cast<std::size_t>(move.out)] = 0;
    EXPECT_TRUE(local.fits(trial));
    EXPECT_NEAR(local.value_of(trial) - value, move.gain, 1e-9);
  }
  EXPECT_GT(moves, 30);
}

TEST(LocalSearch, EndsWhereNoMoveIsBetter) {
  const Problem problem = geometric_problem(8, 30, 1500, 7);
  const Instance instance = make_instance(problem, problem.budget, stand_in_penalty(problem));
  LocalSearch local(instance);
  std::vector<char> selected = local.greedy();
  EXPECT_TRUE(local.fits(selected));
  const double greedy = local.value_of(selected);
  const double improved = local.improve(selected);
  EXPECT_GE(improved, greedy);
  EXPECT_EQ(improved, local.value_of(selected));
  EXPECT_EQ(std::count(selected.begin(), selected.end(), 1), 7);
  Neighbourhood neighbourhood(instance);
  neighbourhood.evaluate(selected);
  EXPECT_LE(neighbourhood.best(1e-9, [](std::int32_t, std::int32_t) { return true; }).gain, 1e-12);
}

}  // namespace
}  // namespace affinis::taxonomy
