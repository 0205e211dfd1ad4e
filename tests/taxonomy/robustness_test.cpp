#include "taxonomy/robustness.h"

#include <cmath>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include "framework/core/error.h"
#include "framework/core/random.h"

namespace affinis::taxonomy {
namespace {

using testing::ElementsAre;

/// Tasks a, b, c learn from each other: a serves the others well, c badly. `spread` is the noise.
std::vector<LossTable> study(std::size_t images, double spread) {
  const std::vector<std::string> tasks = {"a", "b", "c"};
  const std::vector<double> worth = {0, 0.4, 0.8};
  std::vector<LossTable> tables;
  RandomStream random(4, "robustness test");
  for (std::size_t t = 0; t < 3; ++t) {
    LossTable table{tasks[t], {"self"}, {}, {}};
    for (std::size_t i = 0; i < images; ++i) table.images.push_back(static_cast<std::int64_t>(i));
    std::vector<double> levels = {0.9};
    for (std::size_t s = 0; s < 3; ++s) {
      if (s == t) continue;
      table.networks.push_back(tasks[s]);
      levels.push_back(1 + worth[s]);
    }
    table.networks.emplace_back("scratch");
    levels.push_back(2);
    for (const double level : levels) {
      for (std::size_t i = 0; i < images; ++i)
        table.losses.push_back(level + spread * random.uniform());
    }
    tables.push_back(table);
  }
  return tables;
}

Robustness measure(const std::vector<LossTable>& tables, RobustnessOptions options = {}) {
  options.bootstrap.draws = 60;
  options.splits = 20;
  return robustness(tables, test_units(tables), options);
}

TEST(Robustness, WhatIsClearStandsInEveryDraw) {
  const Robustness found = measure(study(400, 0.5));
  EXPECT_EQ(found.draws, 60);
  EXPECT_EQ(found.unsolved, 0);
  ASSERT_EQ(found.sources.size(), 3U);
  EXPECT_EQ(found.sources[0].share, 1);
  EXPECT_TRUE(found.sources[0].chosen);
  EXPECT_FALSE(found.sources[1].chosen);
  EXPECT_EQ(found.sources[1].share, 0);
  EXPECT_EQ(found.same_sources, 1);
  EXPECT_NEAR(found.kept, 1, 1e-12);
  for (const TargetSupport& target : found.targets) {
    EXPECT_EQ(target.share, 1);
    EXPECT_THAT(target.choices, ElementsAre(std::pair(target.choice, 1.0)));
    EXPECT_NEAR(target.rank_correlation, 1, 1e-12);
  }
  EXPECT_LE(found.value.low, found.value.value);
  EXPECT_GE(found.value.high, found.value.value);
  EXPECT_EQ(found.value.value, found.solution.value);
  EXPECT_EQ(found.halves.splits, 20);
  EXPECT_EQ(found.halves.overlap.low, 1);
  EXPECT_EQ(found.halves.same_choice, 1);
  EXPECT_NEAR(found.halves.rank_correlation, 1, 1e-12);
  EXPECT_NEAR(found.halves.kept, 1, 1e-12);
}

TEST(Robustness, NoiseIsSeen) {
  const Robustness found = measure(study(30, 200));
  double shares = 0;
  for (const SourceSupport& source : found.sources) shares += source.share;
  EXPECT_NEAR(shares, 1, 1e-12);  // a budget of one source
  EXPECT_LT(found.sources[0].share, 0.95);
  EXPECT_LT(found.same_sources, 0.95);
  EXPECT_LT(found.halves.overlap.value, 0.9);
  EXPECT_LT(found.halves.rank_correlation, 0.5);
  EXPECT_LT(found.kept, 1);
  EXPECT_GT(found.kept, 0);
  EXPECT_LT(found.halves.kept, found.kept);
  for (const TargetSupport& target : found.targets) {
    double sum = 0;
    for (const auto& [choice, share] : target.choices) sum += share;
    EXPECT_NEAR(sum, 1, 1e-12);
    EXPECT_GE(target.choices.front().second, target.share);
  }
}

TEST(Robustness, DependsOnTheSeedAlone) {
  const std::vector<LossTable> tables = study(40, 20);
  const Robustness first = measure(tables);
  {
    const tbb::global_control one_thread(tbb::global_control::max_allowed_parallelism, 1);
    const Robustness again = measure(tables);
    EXPECT_EQ(again.value.low, first.value.low);
    EXPECT_EQ(again.kept, first.kept);
    EXPECT_EQ(again.halves.overlap.value, first.halves.overlap.value);
    for (std::size_t s = 0; s < 3; ++s) EXPECT_EQ(again.sources[s].share, first.sources[s].share);
  }
  RobustnessOptions other;
  other.bootstrap.seed = 1;
  EXPECT_NE(measure(tables, other).value.low, first.value.low);
}

TEST(Robustness, DrawsWithoutATaxonomyAreCounted) {
  // Target b's only transfer shares image 0 alone with its own network: many draws cannot compare
  // them.
  std::vector<LossTable> tables = study(12, 1);
  LossTable& table = tables[1];
  for (std::size_t n = 1; n < table.networks.size(); ++n) {
    for (std::size_t i = 1; i < 12; ++i) table.losses[n * 12 + i] = std::nan("");
  }
  const Robustness found = measure(tables);
  EXPECT_GT(found.unsolved, 5);
  EXPECT_LT(found.unsolved, 55);
  EXPECT_EQ(found.halves.unsolved, 20);  // image 0 is only ever in one half
  EXPECT_TRUE(std::isnan(found.halves.same_choice));
  double shares = 0;
  for (const SourceSupport& source : found.sources) shares += source.share;
  EXPECT_NEAR(shares, 1, 1e-12);
}

TEST(Robustness, HalvesCanBeLeftOut) {
  const std::vector<LossTable> tables = study(20, 1);
  RobustnessOptions options;
  options.bootstrap.draws = 5;
  options.splits = 0;
  const Robustness found = robustness(tables, test_units(tables), options);
  EXPECT_EQ(found.halves.splits, 0);
  EXPECT_TRUE(std::isnan(found.targets[0].rank_correlation));
  options.splits = -1;
  EXPECT_THROW(robustness(tables, test_units(tables), options), Error);
}

}  // namespace
}  // namespace affinis::taxonomy
