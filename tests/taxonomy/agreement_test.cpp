#include "taxonomy/agreement.h"

#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/random.h"

namespace affinis::taxonomy {
namespace {

const std::vector<std::string> kSources = {"a", "b", "c", "d", "e"};

/// Source number i loses by i steps, under noise of `spread`.
LossTable losses(double spread) {
  LossTable table{"t", {"self"}, {}, {}};
  RandomStream random(7, "agreement test");
  for (std::int64_t i = 0; i < 300; ++i) table.images.push_back(i);
  std::vector<double> levels = {0};
  for (std::size_t s = 0; s < kSources.size(); ++s) {
    table.networks.push_back(kSources[s]);
    levels.push_back(1 + static_cast<double>(s));
  }
  table.networks.emplace_back("a+b");
  levels.push_back(0.5);
  for (const double level : levels) {
    for (std::size_t i = 0; i < table.images.size(); ++i) table.losses.push_back(level + spread * random.normal());
  }
  return table;
}

FirstOrder reference(std::vector<double> values) { return {kSources, {"t"}, std::move(values)}; }

std::string same(const std::string& name) { return name; }

AgreementIntervals agree(double spread, const FirstOrder& other) {
  const std::vector<LossTable> tables = {losses(spread)};
  BootstrapOptions options;
  options.draws = 200;
  return agreement_intervals(tables, test_units(tables), other, same, {}, options);
}

TEST(Agreement, ClearRankingsHaveNarrowIntervals) {
  const AgreementIntervals found = agree(0.01, reference({5, 4, 3, 2, 1}));
  ASSERT_EQ(found.targets.size(), 1U);
  EXPECT_EQ(found.targets[0].sources, 5U);
  EXPECT_DOUBLE_EQ(found.targets[0].spearman.value, 1);
  EXPECT_DOUBLE_EQ(found.targets[0].spearman.low, 1);
  EXPECT_DOUBLE_EQ(found.targets[0].repeatability.value, 1);
  EXPECT_DOUBLE_EQ(found.mean.value, 1);
  EXPECT_DOUBLE_EQ(agree(0.01, reference({1, 2, 3, 4, 5})).targets[0].spearman.high, -1);
}

TEST(Agreement, NoiseWidensThemAndShowsInRepeatability) {
  const AgreementIntervals found = agree(60, reference({5, 4, 3, 2, 1}));
  const AgreementInterval& target = found.targets.at(0);
  EXPECT_LT(target.spearman.low, target.spearman.high - 0.3);
  EXPECT_LE(target.spearman.low, target.spearman.value);
  EXPECT_GE(target.spearman.high, target.spearman.value);
  EXPECT_LT(target.repeatability.value, 0.95);
  EXPECT_EQ(found.mean.low, target.spearman.low);
}

TEST(Agreement, WhatTheReferenceLacksIsLeftOut) {
  const double missing = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(agree(0.01, reference({5, missing, 3, 2, 1})).targets.at(0).sources, 4U);
  EXPECT_TRUE(agree(0.01, {kSources, {"other"}, {5, 4, 3, 2, 1}}).targets.empty());
  EXPECT_TRUE(agree(0.01, reference({5, missing, missing, missing, missing})).targets.empty());
}

TEST(Agreement, NamesAreTranslated) {
  const std::vector<LossTable> tables = {losses(0.01)};
  BootstrapOptions options;
  options.draws = 20;
  FirstOrder other = reference({5, 4, 3, 2, 1});
  other.sources[0] = "first";
  other.targets[0] = "task";
  const auto names = [](const std::string& name) { return name == "a" ? "first" : name == "t" ? "task" : name; };
  const AgreementIntervals found = agreement_intervals(tables, test_units(tables), other, names, {}, options);
  EXPECT_EQ(found.targets.at(0).target, "task");
  EXPECT_EQ(found.targets.at(0).sources, 5U);
}

}  // namespace
}  // namespace affinis::taxonomy
