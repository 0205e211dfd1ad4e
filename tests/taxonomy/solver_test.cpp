#include "taxonomy/solver.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include "framework/core/error.h"
#include "tests/taxonomy/published.h"
#include "tests/taxonomy/published_optima.h"
#include "tests/taxonomy/random_problems.h"

namespace affinis::taxonomy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Checks that the solution is what it says: within budget, one usable edge a target, the best among the sources, sums right.
void expect_consistent(const Problem& problem, const Solution& solution) {
  ASSERT_EQ(solution.choices.size(), problem.targets.size());
  EXPECT_LE(solution.cost(problem), problem.budget + 1e-9);
  double value = 0;
  std::vector<char> used(problem.sources.size(), 0);
  for (std::size_t t = 0; t < solution.choices.size(); ++t) {
    const Edge& edge = problem.edges[solution.choices[t]];
    EXPECT_EQ(edge.target, t);
    value += edge.value;
    for (const std::size_t s : edge.sources) {
      EXPECT_TRUE(std::binary_search(solution.sources.begin(), solution.sources.end(), s));
      used[s] = 1;
    }
  }
  for (const std::size_t s : problem.forced) {
    EXPECT_TRUE(std::binary_search(solution.sources.begin(), solution.sources.end(), s)) << "a forced source is missing";
    used[s] = 1;
  }
  EXPECT_EQ(std::count(used.begin(), used.end(), 1), static_cast<std::ptrdiff_t>(solution.sources.size())) << "an idle source";
  EXPECT_NEAR(value, solution.value, 1e-9 * std::max(1.0, std::abs(value)));
  EXPECT_GE(solution.bound, solution.value);
}

/// A random problem, or nothing where the table makes none.
std::optional<Problem> random_problem(RandomStream& random, int round) {
  const TransferTable table = random_table(random, 3 + random.below(8), 2 + random.below(12), round % 3 == 0);
  ProblemOptions options;
  options.objective = static_cast<Objective>(random.below(3));
  options.max_order = static_cast<std::int64_t>(1 + random.below(4));
  options.budget = static_cast<double>(1 + random.below(7));
  const std::vector<std::string> tasks = table.tasks();
  if (round % 2 == 1) {
    for (const std::string& task : tasks) {
      const double costs[] = {0, 0.5, 1, 1.7, 3, random.uniform()};
      options.costs[task] = costs[random.below(6)];
      options.importances[task] = static_cast<double>(random.below(4));
    }
    options.budget = random.uniform(0, 7);
  }
  for (const std::string& task : tasks) {
    const double role = random.uniform();
    if (role < 0.05) options.exclude.push_back(task);
    if (role > 0.9) options.source_only.push_back(task);
    if (role > 0.8 && role <= 0.9) options.target_only.push_back(task);
    if (role > 0.4 && role <= 0.45) options.forbid.push_back(task);
    if (role > 0.5 && role <= 0.55) options.force.push_back(task);
  }
  if (round % 5 == 0) options.mix = ObjectiveMix{random.uniform(), random.uniform(), 0};
  try {
    return make_problem(table, options);
  } catch (const Error&) {
    return std::nullopt;
  }
}

TEST(Solver, AgreesWithBruteForceOnRandomProblems) {
  RandomStream random(11, "solver test");
  int solved = 0;
  int infeasible = 0;
  for (int round = 0; solved < 500; ++round) {
    ASSERT_LT(round, 20000);
    const std::optional<Problem> problem = random_problem(random, round);
    if (!problem) continue;
    const double expected = brute_force(*problem);
    if (std::isinf(expected)) {
      EXPECT_THROW(solve(*problem), Error) << "round " << round;
      ++infeasible;
      continue;
    }
    const Solution solution = solve(*problem);
    ASSERT_NEAR(solution.value, expected, 1e-9) << "round " << round;
    EXPECT_TRUE(solution.proven);
    EXPECT_EQ(solution.bound, solution.value);
    expect_consistent(*problem, solution);
    ++solved;
  }
  EXPECT_GT(infeasible, 20);
}

TEST(Solver, FindsThePublishedOptima) {
  if (!std::filesystem::exists(published_file("transfers_1k.csv"))) GTEST_SKIP() << "the published table is not there";
  const TransferTable table = read_transfer_table(published_file("transfers_1k.csv"));
  for (const PublishedOptimum& optimum : kPublishedOptima) {
    ProblemOptions options;
    options.exclude = {"class_selected"};
    options.budget = optimum.budget;
    options.max_order = optimum.max_order;
    const Problem problem = make_problem(table, options);
    const Solution solution = solve(problem);
    const std::string cell = "budget " + std::to_string(optimum.budget) + " order " + std::to_string(optimum.max_order);
    EXPECT_TRUE(solution.proven) << cell;
    EXPECT_NEAR(solution.value, optimum.affinity, 1e-6) << cell;
    EXPECT_NEAR(solution.mean_gain(problem), optimum.mean_gain, 5.1e-5) << cell;
    EXPECT_NEAR(solution.mean_quality(problem), optimum.mean_quality, 5.1e-5) << cell;
    EXPECT_EQ(solution.sources.size(), optimum.sources) << cell;
    expect_consistent(problem, solution);
  }
}

/// Exact for every budget at once: best[t][set] is the best edge within a set of sources, by a maximum over subsets (zeta transform).
TEST(Solver, AgreesWithTheSubsetMaximumForEveryBudget) {
  for (const std::uint64_t seed : {1U, 2U}) {
    const std::size_t sources = 16;
    Problem problem = geometric_problem(seed, sources, 700, 1);
    const std::size_t sets = std::size_t{1} << sources;
    std::vector<double> total(sets, 0);
    std::vector<double> best(sets);
    for (std::size_t t = 0; t < problem.targets.size(); ++t) {
      std::fill(best.begin(), best.end(), -std::numeric_limits<double>::infinity());
      for (const Edge& edge : problem.edges) {
        if (edge.target != t) continue;
        std::size_t set = 0;
        for (const std::size_t s : edge.sources) set |= std::size_t{1} << s;
        best[set] = std::max(best[set], edge.value);
      }
      for (std::size_t s = 0; s < sources; ++s) {
        for (std::size_t set = 0; set < sets; ++set) {
          if ((set >> s & 1) != 0) best[set] = std::max(best[set], best[set ^ (std::size_t{1} << s)]);
        }
      }
      for (std::size_t set = 0; set < sets; ++set) total[set] += best[set];
    }
    for (std::size_t budget = 1; budget <= sources; ++budget) {
      double expected = -std::numeric_limits<double>::infinity();
      for (std::size_t set = 0; set < sets; ++set) {
        if (static_cast<std::size_t>(__builtin_popcountll(set)) <= budget) expected = std::max(expected, total[set]);
      }
      problem.budget = static_cast<double>(budget);
      const Solution solution = solve(problem);
      EXPECT_NEAR(solution.value, expected, 1e-9) << "seed " << seed << " budget " << budget;
      EXPECT_TRUE(solution.proven);
    }
  }
}

TEST(Solver, HandlesMoreSourcesThanAMachineWordHasBits) {
  // 300 tasks in 100 groups of three; the first of a group serves it all, at 1.0 against 0.1 from anywhere else.
  Problem problem;
  problem.max_order = 1;
  for (std::size_t i = 0; i < 300; ++i) {
    problem.sources.push_back(std::to_string(i));
    problem.targets.push_back(std::to_string(i));
    problem.costs.push_back(1);
    problem.importances.push_back(1);
  }
  for (std::size_t t = 0; t < 300; ++t) {
    for (std::size_t s = 0; s < 300; s += 3) {
      Edge edge;
      edge.target = t;
      edge.sources = {s};
      edge.value = s == t / 3 * 3 ? 1.0 : 0.1;
      problem.edges.push_back(edge);
    }
  }
  problem.budget = 40;
  const Solution solution = solve(problem);
  EXPECT_TRUE(solution.proven);
  EXPECT_NEAR(solution.value, 40 * 3 * 1.0 + 60 * 3 * 0.1, 1e-9);
}

TEST(Solver, IsDeterministicAndBlindToTheOrderOfRows) {
  RandomStream random(12, "solver test");
  for (int round = 0; round < 60; ++round) {
    TransferTable table = random_table(random, 8, 14, true);  // coarse values: ties everywhere
    ProblemOptions options;
    options.budget = 4;
    options.max_order = 3;
    Problem problem;
    try {
      problem = make_problem(table, options);
    } catch (const Error&) {
      continue;
    }
    Solution first;
    try {
      first = solve(problem);
    } catch (const Error&) {
      continue;
    }
    random.shuffle(std::span(table.rows));
    const Solution second = solve(make_problem(table, options));
    EXPECT_EQ(first.sources, second.sources);
    EXPECT_EQ(first.choices, second.choices);
    EXPECT_EQ(first.nodes, second.nodes);
    EXPECT_EQ(first.value, second.value);
  }
}

TEST(Solver, DoesNotDependOnTheNumberOfThreads) {
  const Problem problem = geometric_problem(3, 30, 2700, 8);
  Solution alone;
  {
    const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
    alone = solve(problem);
  }
  const tbb::global_control four(tbb::global_control::max_allowed_parallelism, 4);
  const Solution together = solve(problem);
  EXPECT_GT(alone.nodes, 1000);  // enough for the rounds that use all processors
  EXPECT_TRUE(alone.proven);
  EXPECT_EQ(alone.nodes, together.nodes);
  EXPECT_EQ(alone.choices, together.choices);
  EXPECT_EQ(alone.value, together.value);
}

TEST(Solver, PrefersFewerSourcesAmongEqualTransfers) {
  const TransferTable table = parse_transfer_table(
      "sources,target,order,affinity,gain,quality\n"
      "a+b,t,2,.5,,\na,t,1,.5,,\nb,t,1,.5,,\n",
      "x");
  ProblemOptions options;
  options.budget = 2;
  options.max_order = 2;
  options.source_only = {};
  const Problem problem = make_problem(table, options);
  const Solution solution = solve(problem);
  ASSERT_EQ(solution.sources.size(), 1U);
  EXPECT_EQ(problem.sources[solution.sources[0]], "a");
}

TEST(Solver, TenTenthsFitIntoOne) {
  Problem problem;
  problem.max_order = 1;
  for (std::size_t i = 0; i < 10; ++i) {
    problem.sources.push_back(std::to_string(i));
    problem.targets.push_back(std::to_string(i));
    problem.costs.push_back(0.1);
    problem.importances.push_back(1);
    for (std::size_t s = 0; s < 10; ++s) {
      Edge edge;
      edge.target = i;
      edge.sources = {s};
      edge.value = s == i ? 1 : 0;
      problem.edges.push_back(edge);
    }
  }
  std::sort(problem.edges.begin(), problem.edges.end(), [](const Edge& a, const Edge& b) { return a.target < b.target; });
  problem.budget = 1;
  EXPECT_DOUBLE_EQ(solve(problem).value, 10);
  problem.budget = 0.95;
  EXPECT_DOUBLE_EQ(solve(problem).value, 9);
}

TEST(Solver, ServesAsManyTargetsWithNegativeValues) {
  const TransferTable table = parse_transfer_table("sources,target,order,affinity,gain,quality\na,t,1,-5,,\nb,t,1,-7,,\nb,u,1,3,,\n", "x");
  const Problem problem = make_problem(table, {});
  EXPECT_DOUBLE_EQ(solve(problem).value, -4);
}

TEST(Solver, InfeasibleProblemsNameATargetAndABudgetThatIsEnough) {
  const TransferTable table = parse_transfer_table(
      "sources,target,order,affinity,gain,quality\n"
      "a,t,1,.5,,\nb,u,1,.5,,\nc+d,v,2,.5,,\n",
      "x");
  ProblemOptions options;
  options.max_order = 2;
  options.budget = 3;
  try {
    solve(make_problem(table, options));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_THAT(error.sentence(), HasSubstr("within a budget of 3 serves every target: '"));
    EXPECT_THAT(error.sentence(), HasSubstr("a budget of 4 is enough"));
  }
  options.budget = 4;
  EXPECT_NO_THROW(solve(make_problem(table, options)));
}

TEST(Solver, ForcedSourcesThatCostMoreThanTheBudgetAreNamed) {
  const TransferTable table = parse_transfer_table("sources,target,order,affinity,gain,quality\na,t,1,.5,,\nb,u,1,.5,,\na,u,1,.1,,\n", "x");
  ProblemOptions options;
  options.budget = 1.5;
  options.force = {"a", "b"};
  try {
    solve(make_problem(table, options));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_THAT(error.sentence(), HasSubstr("the forced tasks (a, b) cost 2, more than the budget of 1.5; raise the budget"));
  }
  options.force = {"a"};
  EXPECT_DOUBLE_EQ(solve(make_problem(table, options)).value, 0.6);
}

TEST(Solver, TimeLimitGivesABoundThatHolds) {
  Problem problem = geometric_problem(3, 26, 1800, 9);
  const Solution quick = solve(problem, {0.0});
  EXPECT_FALSE(quick.proven);
  expect_consistent(problem, quick);
  const Solution full = solve(problem);
  EXPECT_TRUE(full.proven);
  EXPECT_GE(quick.bound, full.value - 1e-9);
  EXPECT_LE(quick.value, full.value + 1e-9);
}

TEST(Solver, BoundsHoldAtEveryTimeLimitWhereTheOptimumIsKnown) {
  int unproven = 0;
  for (const std::uint64_t seed : {4U, 5U, 6U}) {
    const Problem problem = geometric_problem(seed, 28, 2200, 8);
    const Solution full = solve(problem);
    ASSERT_TRUE(full.proven);
    for (const double limit : {0.0, 1e-4, 1e-3, 5e-3, 2e-2}) {
      const Solution quick = solve(problem, {limit});
      expect_consistent(problem, quick);
      EXPECT_GE(quick.bound, full.value - 1e-9) << "seed " << seed << " limit " << limit;
      EXPECT_LE(quick.value, full.value + 1e-9) << "seed " << seed << " limit " << limit;
      if (quick.proven) {
        EXPECT_NEAR(quick.value, full.value, 1e-9);
      } else {
        ++unproven;
      }
    }
  }
  EXPECT_GE(unproven, 6);  // otherwise this says little about bounds
}

TEST(Sweep, CellsAreWhatSolvingThemAloneGives) {
  RandomStream random(14, "sweep test");
  const TransferTable table = random_table(random, 14, 30, false);
  ProblemOptions options;
  options.objective = Objective::kGain;
  const std::vector<double> budgets = {5, 2, 9, 3.5, 14};  // in no order
  const std::vector<SweepCell> cells = sweep(table, options, budgets, {1, 3});
  ASSERT_EQ(cells.size(), 10U);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const SweepCell& cell = cells[i];
    EXPECT_EQ(cell.budget, budgets[i % 5]);
    EXPECT_EQ(cell.problem.budget, cell.budget);
    options.budget = cell.budget;
    options.max_order = cell.max_order;
    const Problem problem = make_problem(table, options);
    const double expected = brute_force(problem);
    ASSERT_EQ(cell.infeasible.has_value(), std::isinf(expected));
    if (cell.infeasible) continue;
    EXPECT_TRUE(cell.solution.proven);
    EXPECT_NEAR(cell.solution.value, expected, 1e-9) << cell.budget;
    expect_consistent(cell.problem, cell.solution);
  }
}

TEST(Sweep, RefusesABudgetThatIsNone) {
  const TransferTable table = parse_transfer_table("sources,target,order,affinity,gain,quality\nself,a,1,.5,,\n", "x");
  EXPECT_THROW(sweep(table, {}, {1, -1}, {1}), Error);
  EXPECT_THROW(sweep(table, {}, {std::nan(""), 1}, {1}), Error);
}

TEST(Sweep, GivesEveryCellAndSaysWhichAreInfeasible) {
  const TransferTable table = parse_transfer_table(
      "sources,target,order,affinity,gain,quality\n"
      "self,a,1,.5,,\nb+c,a,2,.75,,\nself,b,1,.5,,\n",
      "x");
  const std::vector<SweepCell> cells = sweep(table, {}, {1, 2, 3}, {1, 2});
  ASSERT_EQ(cells.size(), 6U);
  EXPECT_EQ(cells[0].max_order, 1);
  EXPECT_TRUE(cells[0].infeasible);
  EXPECT_FALSE(cells[1].infeasible);
  EXPECT_DOUBLE_EQ(cells[1].solution.value, 1.0);
  EXPECT_DOUBLE_EQ(cells[4].solution.value, 1.25);  // b and c serve a, b itself
  EXPECT_DOUBLE_EQ(cells[5].solution.value, 1.25);
  // One more unit of budget: nothing is known of an infeasible cell; b and c instead of a and b; nothing beyond.
  EXPECT_FALSE(cells[0].marginal);
  EXPECT_DOUBLE_EQ(*cells[1].marginal, 0.0);
  EXPECT_DOUBLE_EQ(*sweep(table, {}, {2}, {2})[0].marginal, 0.0);
  const TransferTable more = parse_transfer_table("sources,target,order,affinity,gain,quality\nb,a,1,.5,,\nb+c,a,2,.75,,\n", "x");
  EXPECT_DOUBLE_EQ(*sweep(more, {}, {1}, {2})[0].marginal, 0.25);
  EXPECT_DOUBLE_EQ(*sweep(more, {}, {1, 2}, {2})[0].marginal, 0.25);
  EXPECT_DOUBLE_EQ(*sweep(more, {}, {1}, {1})[0].marginal, 0.0);
  EXPECT_THROW(sweep(table, {}, {0, 1}, {1}), Error);
  EXPECT_THROW(sweep(table, {}, {}, {1}), Error);
}

}  // namespace
}  // namespace affinis::taxonomy
