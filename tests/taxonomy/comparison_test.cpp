#include "taxonomy/comparison.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "taxonomy/ranks.h"

namespace affinis::taxonomy {
namespace {

using testing::ElementsAre;

TEST(Ranks, AgreeWithSciPy) {
  const auto expected = nlohmann::json::parse(read_file(std::filesystem::path(AFFINIS_SOURCE_DIR) / "tests/taxonomy/expected/ranks.json"));
  ASSERT_EQ(expected["cases"].size(), 8U);
  for (const auto& example : expected["cases"]) {
    const std::vector<double> a = example["a"];
    const std::vector<double> b = example["b"];
    const auto check = [&](double ours, const nlohmann::json& theirs) {
      if (theirs.is_null()) {
        EXPECT_TRUE(std::isnan(ours)) << a.size();
      } else {
        EXPECT_NEAR(ours, theirs.get<double>(), 1e-12) << a.size();
      }
    };
    check(spearman(a, b), example["spearman"]);
    check(kendall_tau_b(a, b), example["kendall"]);
  }
}

TEST(Ranks, TiesAndConstants) {
  EXPECT_THAT(mid_ranks(std::vector<double>{3, 1, 3, 0}), ElementsAre(3.5, 2, 3.5, 1));
  EXPECT_TRUE(std::isnan(spearman(std::vector<double>{1, 1, 1}, std::vector<double>{1, 2, 3})));
  EXPECT_TRUE(std::isnan(kendall_tau_b(std::vector<double>{1, 1, 1}, std::vector<double>{1, 2, 3})));
  EXPECT_TRUE(std::isnan(pearson(std::vector<double>{0.1, 0.1, 0.1}, std::vector<double>{1, 2, 3})));
  EXPECT_TRUE(std::isnan(pearson(std::vector<double>{}, std::vector<double>{})));
}

TransferTable table(const std::string& name, const std::string& rows) {
  return parse_transfer_table("sources,target,order,affinity,gain,quality\n" + rows, name);
}

// In A source a is good for x, b for y; in B the other way round. c and z are only in one.
const char* const kA =
    "self,x,1,0.5,,\nself,y,1,0.5,,\na,x,1,0.4,,\nb,x,1,0.1,,\nd,x,1,0.05,,\na,y,1,0.1,,\nb,y,1,0.4,,\nd,y,1,0.05,,\n"
    "a+b,x,2,0.45,,\nc,x,1,0.2,,\n";
const char* const kB =
    "self,x,1,0.5,,\nself,y,1,0.5,,\na,x,1,0.1,,\nb,x,1,0.4,,\nd,x,1,0.05,,\na,y,1,0.4,,\nb,y,1,0.1,,\nd,y,1,0.05,,\nself,z,1,1,,\n";

TEST(Comparison, OfATableWithItselfIsPerfect) {
  ComparisonOptions options;
  options.budgets = {1, 2, 3};
  options.max_order = 2;
  const Comparison same = compare_tables(table("A", kA), table("A too", kA), options);
  EXPECT_EQ(same.transfers, 10U);
  EXPECT_DOUBLE_EQ(same.mean_spearman, 1);
  EXPECT_DOUBLE_EQ(same.mean_kendall, 1);
  EXPECT_DOUBLE_EQ(same.matrix_pearson, 1);
  for (const BudgetAgreement& budget : same.budgets) {
    EXPECT_EQ(budget.jaccard, 1);
    EXPECT_EQ(budget.under_a.choices, budget.under_a.optimum);
    EXPECT_EQ(budget.under_b.sources, budget.under_b.optimum);
  }
  ASSERT_TRUE(same.trees);
  EXPECT_TRUE(same.trees->missing.empty());
  for (const CutAgreement& cut : same.cuts) EXPECT_EQ(cut.adjusted_rand, 1);
  EXPECT_TRUE(same.only_a.tasks.empty());
  EXPECT_TRUE(same.only_a.transfers.empty());
}

TEST(Comparison, SaysWhatDiffers) {
  ComparisonOptions options;
  options.budgets = {1, 2};
  options.max_order = 2;
  const Comparison comparison = compare_tables(table("A", kA), table("B", kB), options);
  EXPECT_THAT(comparison.sources, ElementsAre("a", "b", "d", "x", "y"));
  EXPECT_THAT(comparison.targets, ElementsAre("x", "y"));
  EXPECT_THAT(comparison.only_a.tasks, ElementsAre("c"));
  EXPECT_THAT(comparison.only_b.tasks, ElementsAre("z"));
  ASSERT_EQ(comparison.only_a.transfers.size(), 1U);
  EXPECT_EQ(comparison.only_a.transfers[0].sources_text(), "a+b");
  EXPECT_EQ(comparison.transfers, 8U);
  ASSERT_EQ(comparison.agreement.size(), 2U);
  EXPECT_EQ(comparison.agreement[0].sources, 3U);
  EXPECT_EQ(comparison.agreement[0].best_a, "a");
  EXPECT_EQ(comparison.agreement[0].best_b, "b");
  EXPECT_DOUBLE_EQ(comparison.agreement[0].spearman, 0.5);
  EXPECT_DOUBLE_EQ(comparison.agreement[0].kendall, 1.0 / 3);

  // Budget 1: from a or b alone both tables reach 0.5. A takes a (first by name): at B's values 0.1 + 0.4.
  EXPECT_DOUBLE_EQ(comparison.budgets[0].under_b.choices, 0.5);
  EXPECT_DOUBLE_EQ(comparison.budgets[0].under_b.optimum, 0.5);
  // Budget 2: self for both, in both tables.
  EXPECT_THAT(comparison.budgets[1].shared, ElementsAre("x", "y"));
  EXPECT_EQ(comparison.budgets[1].jaccard, 1);
}

TEST(Comparison, AChoiceThatWasNotMeasuredIsCounted) {
  ComparisonOptions options;
  options.budgets = {2};
  options.max_order = 2;
  const std::string no_self = "a,x,1,0.4,,\nb,x,1,0.1,,\na+b,x,2,0.9,,\n";
  const Comparison comparison = compare_tables(table("A", no_self), table("B", "a,x,1,0.2,,\nb,x,1,0.3,,\n"), options);
  const BudgetAgreement& budget = comparison.budgets.front();
  EXPECT_EQ(budget.under_b.unmeasured, 1U);
  EXPECT_TRUE(std::isnan(budget.under_b.choices));
  EXPECT_DOUBLE_EQ(budget.under_b.sources, 0.3);
  EXPECT_DOUBLE_EQ(budget.under_a.choices, 0.1);
  EXPECT_FALSE(comparison.trees);
}

TEST(Comparison, NothingInCommonIsAnError) {
  EXPECT_THROW(compare_tables(table("A", "a,x,1,1,,\n"), table("B", "b,y,1,1,,\n")), Error);
}

}  // namespace
}  // namespace affinis::taxonomy
