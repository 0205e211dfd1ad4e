#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "taxonomy/solver.h"
#include "tests/taxonomy/published.h"
#include "tests/taxonomy/random_problems.h"

namespace affinis::taxonomy {
namespace {

bool have_cbc() { return std::system("command -v cbc > /dev/null 2>&1") == 0; }

/// The optimum that CBC proves.
double solve_with_cbc(const Problem& problem) {
  TemporaryFolder folder;
  const std::string lp = (folder.path() / "problem.lp").string();
  const std::string out = (folder.path() / "solution.txt").string();
  write_file_atomically(lp, std::string_view(to_lp(problem)));
  const std::string command = "cbc '" + lp + "' ratioGap 0 allowableGap 1e-9 solve solution '" + out + "' > /dev/null 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::ifstream file(out);
  std::string first;
  std::getline(file, first);
  EXPECT_EQ(first.rfind("Optimal", 0), 0U) << first;
  // CBC's own objective value is rounded: sum the edges it chose.
  double value = 0;
  std::string index;
  std::string name;
  double level = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    if (fields >> index >> name >> level && name[0] == 'x' && level > 0.5) value += problem.edges.at(std::stoul(name.substr(1))).value;
  }
  return value;
}

TEST(SolverAgainstCbc, AgreesOnThePublishedTable) {
  if (!have_cbc()) GTEST_SKIP() << "the program cbc (Debian: coinor-cbc) is not there";
  if (!std::filesystem::exists(published_file("transfers_1k.csv"))) GTEST_SKIP() << "the published table is not there";
  const TransferTable table = read_transfer_table(published_file("transfers_1k.csv"));
  for (const Objective objective : {Objective::kAffinity, Objective::kGain, Objective::kQuality}) {
    for (const double budget : {2.0, 5.0, 9.0, 15.0}) {
      ProblemOptions options;
      options.objective = objective;
      options.budget = budget;
      options.max_order = 4;
      const Problem problem = make_problem(table, options);
      EXPECT_NEAR(solve(problem).value, solve_with_cbc(problem), 1e-6) << objective_name(objective) << " " << budget;
    }
  }
}

TEST(SolverAgainstCbc, AgreesWithCostsAndImportances) {
  if (!have_cbc()) GTEST_SKIP() << "the program cbc (Debian: coinor-cbc) is not there";
  RandomStream random(21, "cbc test");
  for (int round = 0; round < 12; ++round) {
    Problem problem = geometric_problem(100 + static_cast<std::uint64_t>(round), 16, 500, 0);
    for (double& cost : problem.costs) cost = random.uniform(0.2, 3);
    for (Edge& edge : problem.edges) edge.value *= 1.0 + static_cast<double>(edge.target % 3);
    problem.budget = random.uniform(2, 12);
    EXPECT_NEAR(solve(problem).value, solve_with_cbc(problem), 1e-6) << "round " << round;
  }
}

TEST(SolverAgainstCbc, AgreesOnHarderInstances) {
  if (!have_cbc()) GTEST_SKIP() << "the program cbc (Debian: coinor-cbc) is not there";
  for (const double budget : {3.0, 14.0, 18.0}) {
    const Problem problem = geometric_problem(5, 22, 1100, budget);
    EXPECT_NEAR(solve(problem).value, solve_with_cbc(problem), 1e-6) << "budget " << budget;
  }
}

TEST(SolverTimeLimit, IsKeptOnLargeProblems) {
  const Problem problem = geometric_problem(2, 150, 24000, 10);
  for (const double limit : {0.5, 3.0}) {
    const Solution solution = solve(problem, {limit});
    EXPECT_FALSE(solution.proven);
    EXPECT_GT(solution.bound, solution.value);
    EXPECT_LT(solution.bound, 1.25 * solution.value);
    // A busy machine gets some leave beyond the 5 % of an idle one.
    EXPECT_LT(solution.seconds, 1.05 * limit + 0.3);
  }
}

}  // namespace
}  // namespace affinis::taxonomy
