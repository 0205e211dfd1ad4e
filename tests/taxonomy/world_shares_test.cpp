#include "taxonomy/world_shares.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "taxonomy/solver.h"

namespace affinis::taxonomy {
namespace {

TransferRow row(const std::string& source, const std::string& target, double affinity) {
  TransferRow result;
  result.sources = {source};
  result.target = target;
  result.order = 1;
  result.affinity = affinity;
  return result;
}

/// Every task from every other and from itself, order 1.
Problem complete_problem(std::size_t tasks) {
  TransferTable table;
  table.name = "test";
  for (std::size_t t = 0; t < tasks; ++t) {
    const std::string target = "task" + std::to_string(t);
    table.rows.push_back(row(std::string(kSelf), target, 0.5));
    for (std::size_t s = 0; s < tasks; ++s) {
      if (s != t) table.rows.push_back(row("task" + std::to_string(s), target, 0.1));
    }
  }
  return make_problem(table, {});
}

TEST(WorldShares, CountWhatTheSolverChoosesInEachWorld) {
  const Problem problem = complete_problem(5);
  std::mt19937 generator(1);
  std::uniform_real_distribution<double> value(0, 1);
  std::vector<World> worlds(40);
  for (World& world : worlds) {
    for (std::size_t e = 0; e < problem.edges.size(); ++e) world.push_back(value(generator));
  }
  const std::vector<double> budgets = {1, 2, 4};
  const std::vector<double> shares = world_shares(problem, budgets, worlds);
  std::vector<double> expected(problem.edges.size());
  for (const double budget : budgets) {
    std::vector<double> counts(expected.size());
    for (const World& world : worlds) {
      Problem one = problem;
      one.budget = budget;
      for (std::size_t e = 0; e < world.size(); ++e) one.edges[e].value = world[e];
      for (const std::size_t edge : solve(one).choices) ++counts[edge];
    }
    for (std::size_t e = 0; e < expected.size(); ++e) expected[e] = std::max(expected[e], counts[e] / static_cast<double>(worlds.size()));
  }
  EXPECT_EQ(shares, expected);
}

TEST(WorldShares, ABudgetThatServesNobodyCountsForNothing) {
  const Problem problem = complete_problem(3);
  const std::vector<World> worlds(3, World(problem.edges.size(), 1.0));
  const std::vector<double> none = world_shares(problem, std::vector<double>{0}, worlds);
  EXPECT_EQ(*std::max_element(none.begin(), none.end()), 0);
  EXPECT_TRUE(world_shares(problem, std::vector<double>{0, 1}, {}).size() == problem.edges.size());
}

}  // namespace
}  // namespace affinis::taxonomy
