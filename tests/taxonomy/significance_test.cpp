#include "taxonomy/significance.h"

#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "tests/taxonomy/published.h"
#include "tests/taxonomy/random_problems.h"

namespace affinis::taxonomy {
namespace {

TEST(Significance, OptimaAreNeverWorseThanRandomTaxonomies) {
  const Problem problem = geometric_problem(4, 12, 300, 4);
  const SignificanceReport report = significance(problem, solve(problem), {500, 1});
  EXPECT_EQ(report.draws, 500);
  EXPECT_GT(report.value.taxonomy, report.value.random_high);
  EXPECT_LT(report.value.random_low, report.value.random_mean);
  EXPECT_LT(report.value.random_mean, report.value.random_high);
  EXPECT_NEAR(report.value.p_value, 1.0 / 501, 1e-12);
  EXPECT_TRUE(std::isnan(report.gain.p_value)) << "the problem has no gains";
}

TEST(Significance, DependsOnTheSeedAlone) {
  const Problem problem = geometric_problem(4, 12, 300, 4);
  const Solution solution = solve(problem);
  const auto mean = [&](std::uint64_t seed) { return significance(problem, solution, {200, seed}).value.random_mean; };
  EXPECT_EQ(mean(1), mean(1));
  EXPECT_NE(mean(1), mean(2));
}

TEST(Significance, SaysWhenRandomTaxonomiesAreOutOfReach) {
  Problem problem = geometric_problem(4, 12, 300, 4);
  const Solution solution = solve(problem);
  problem.budget = 0;
  EXPECT_THROW(significance(problem, solution), Error);
  EXPECT_THROW(significance(problem, solution, {0, 1}), Error);
}

TEST(Significance, ShowsThatTheAffinityObjectiveIsMisaligned) {
  if (!std::filesystem::exists(published_file("transfers_1k.csv"))) GTEST_SKIP() << "the published table is not there";
  const TransferTable table = read_transfer_table(published_file("transfers_1k.csv"));
  ProblemOptions options;
  options.exclude = {"class_selected"};
  options.budget = 2;
  const Problem by_affinity = make_problem(table, options);
  options.objective = Objective::kGain;
  const Problem by_gain = make_problem(table, options);
  const SignificanceReport affinity = significance(by_affinity, solve(by_affinity));
  const SignificanceReport gain = significance(by_gain, solve(by_gain));
  EXPECT_GT(affinity.gain.p_value, 0.05);
  EXPECT_LT(gain.gain.p_value, 0.05);
  EXPECT_GT(gain.gain.taxonomy, affinity.gain.taxonomy);
}

}  // namespace
}  // namespace affinis::taxonomy
