#include "taxonomy/delta_m.h"

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "framework/core/error.h"

namespace affinis::taxonomy {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Nine metrics of three tasks on NYUv2: mIoU, pixel accuracy; absolute and relative depth error; mean and median angle, shares within 11.25,
/// 22.5 and 30 degrees.
using Row = std::array<double, 9>;
constexpr Row kSingle = {38.30, 63.76, 0.6754, 0.2780, 25.01, 19.21, 30.14, 57.20, 69.15};
constexpr std::array<bool, 9> kHigher = {true, true, false, false, false, false, true, true, true};
constexpr std::array<std::size_t, 9> kTask = {0, 0, 1, 1, 2, 2, 2, 2, 2};

std::vector<std::vector<MetricPair>> tasks_of(const Row& joint) {
  std::vector<std::vector<MetricPair>> tasks(3);
  for (std::size_t m = 0; m < joint.size(); ++m) tasks[kTask[m]].push_back({joint[m], kSingle[m], kHigher[m]});
  return tasks;
}

struct PublishedMean {
  const char* method;
  Row row;
  double metrics;  ///< delta-m as Navon et al. 2022 (table 2) print it, over all metrics
  double tasks;    ///< over each task's metrics first
};

/// Rows of NYUv2 in Liu et al. 2021 (CAGrad) and Navon et al. 2022 (Nash-MTL).
const std::vector<PublishedMean> kRows = {
    {"linear scalarisation", {39.29, 65.33, 0.5493, 0.2263, 28.15, 23.96, 22.09, 47.50, 61.08}, 5.59, -0.88},
    {"RLW", {37.17, 63.77, 0.5759, 0.2410, 28.27, 24.18, 22.26, 47.05, 60.62}, 7.78, 2.16},
    {"DWA", {39.11, 65.31, 0.5510, 0.2285, 27.61, 23.18, 24.17, 50.18, 62.39}, 3.57, -1.93},
    {"uncertainty", {36.87, 63.17, 0.5446, 0.2260, 27.04, 22.61, 23.54, 49.05, 63.65}, 4.06, -0.91},
    {"MGDA", {30.47, 59.90, 0.6070, 0.2555, 24.88, 19.45, 29.18, 56.88, 69.36}, 1.38, 1.66},
    {"PCGrad", {38.06, 64.64, 0.5550, 0.2325, 27.41, 22.80, 23.86, 49.83, 63.14}, 3.97, -1.11},
    {"CAGrad", {39.79, 65.49, 0.5486, 0.2250, 26.31, 21.58, 25.61, 52.36, 65.58}, 0.19, -4.33},
    {"Nash", {40.13, 65.93, 0.5261, 0.2171, 25.26, 20.08, 28.40, 55.47, 68.15}, -4.05, -7.65},
};

TEST(DeltaM, PublishedRowsInBothAverages) {
  for (const PublishedMean& published : kRows) {
    const auto tasks = tasks_of(published.row);
    EXPECT_NEAR(delta_m(tasks, ChangeAverage::kMetrics), published.metrics, 0.006) << published.method;
    EXPECT_NEAR(delta_m(tasks, ChangeAverage::kTasks), published.tasks, 0.006) << published.method;
  }
}

TEST(DeltaM, NegativeIsBetterWhicheverWayAMetricRuns) {
  EXPECT_DOUBLE_EQ(relative_change({0.5, 1.0, false}), -50);
  EXPECT_DOUBLE_EQ(relative_change({1.5, 1.0, true}), -50);
  EXPECT_DOUBLE_EQ(relative_change({0.5, 1.0, true}), 50);
  EXPECT_DOUBLE_EQ(relative_change({-1.5, -1.0, true}), 50);
}

TEST(DeltaM, WhatIsUndefinedIsLeftOut) {
  EXPECT_TRUE(std::isnan(relative_change({1, 0, false})));
  EXPECT_TRUE(std::isnan(relative_change({kNan, 1, false})));
  const std::vector<std::vector<MetricPair>> tasks = {{{2, 1, false}, {1, 0, false}}, {{kNan, 1, true}}, {}};
  EXPECT_DOUBLE_EQ(delta_m(tasks, ChangeAverage::kMetrics), 100);
  EXPECT_DOUBLE_EQ(delta_m(tasks, ChangeAverage::kTasks), 100);
  EXPECT_TRUE(std::isnan(delta_m({}, ChangeAverage::kTasks)));
}

TEST(StudentInterval, KnownValues) {
  // t(0.975; 2) = 4.302653, deviation of 1, 2, 3 is 1.
  const std::vector<double> three = {1, 2, 3};
  const Interval interval = student_interval(three);
  EXPECT_DOUBLE_EQ(interval.value, 2);
  EXPECT_NEAR(interval.low, 2 - 4.302653 / std::sqrt(3.0), 1e-6);
  EXPECT_NEAR(interval.high, 2 + 4.302653 / std::sqrt(3.0), 1e-6);
  const std::vector<double> one = {kNan, 5};
  EXPECT_DOUBLE_EQ(student_interval(one).value, 5);
  EXPECT_TRUE(std::isnan(student_interval(one).low));
  // 41 values: 40 degrees of freedom, t = 2.021075.
  std::vector<double> many;
  for (int i = 0; i < 41; ++i) many.push_back(i % 2);
  const Interval wide = student_interval(many);
  EXPECT_NEAR((wide.high - wide.value) * std::sqrt(41.0) / wide.deviation, 2.021075, 2e-6);
}

/// Two seeds each; the joint network loses `factor` times as much on every image.
LossTable scaled_table(const std::string& task, double factor, std::size_t images) {
  LossTable table;
  table.target = task;
  table.networks = {"joint@0", "joint@1", "self@2", "self@3"};
  for (std::size_t i = 0; i < images; ++i) table.images.push_back(static_cast<std::int64_t>(i));
  for (const double scale : {0.9 * factor, 1.1 * factor, 0.9, 1.1}) {
    for (std::size_t i = 0; i < images; ++i) table.losses.push_back(scale * (1 + static_cast<double>(i % 7)));
  }
  return table;
}

TEST(LossChanges, AConstantFactorHasAnIntervalOfNoWidth) {
  const std::vector<LossTable> tables = {scaled_table("a", 0.8, 40), scaled_table("b", 1.1, 40)};
  const TestUnits units = test_units(tables);
  const LossChanges changes = loss_changes(tables, units, {.draws = 200});
  ASSERT_EQ(changes.tasks.size(), 2U);
  for (const auto& [t, change, win] : {std::tuple(0, -20.0, 1.0), std::tuple(1, 10.0, 0.0)}) {
    const LossChange& task = changes.tasks[static_cast<std::size_t>(t)];
    EXPECT_NEAR(task.change.value, change, 1e-9);
    EXPECT_NEAR(task.change.low, change, 1e-9);
    EXPECT_NEAR(task.change.high, change, 1e-9);
    EXPECT_EQ(task.win_rate, win);
  }
  EXPECT_NEAR(changes.mean.value, -5, 1e-9);
}

TEST(LossChanges, ImagesWithoutALossCountForNobodyAndNoiseWidens) {
  LossTable table = scaled_table("a", 1.0, 60);
  for (std::size_t i = 0; i < 60; ++i) table.losses[i] *= i % 2 == 0 ? 1.5 : 0.5;
  table.losses[3 * 60 + 7] = kNan;
  const std::vector<LossTable> tables = {table};
  const TestUnits units = test_units(tables);
  const LossChanges none = loss_changes(tables, units, {.draws = 0});
  EXPECT_TRUE(std::isnan(none.tasks[0].change.low));
  const LossChanges drawn = loss_changes(tables, units, {.draws = 500, .seed = 3});
  EXPECT_EQ(drawn.tasks[0].change.value, none.tasks[0].change.value);
  EXPECT_LT(drawn.tasks[0].change.low, drawn.tasks[0].change.value - 1);
  EXPECT_GT(drawn.tasks[0].change.high, drawn.tasks[0].change.value + 1);
  double joint = 0;
  double single = 0;
  for (std::size_t i = 0; i < 60; ++i) {
    if (i == 7) continue;
    joint += (table.loss(0, i) + table.loss(1, i)) / 2;
    single += (table.loss(2, i) + table.loss(3, i)) / 2;
  }
  EXPECT_NEAR(none.tasks[0].change.value, 100 * (joint / single - 1), 1e-9);
}

TEST(LossChanges, RefusesAnOddNumberOfNetworks) {
  LossTable table = scaled_table("a", 1.0, 4);
  table.networks.pop_back();
  table.losses.resize(12);
  const std::vector<LossTable> tables = {table};
  EXPECT_THROW(loss_changes(tables, test_units(tables), {.draws = 0}), Error);
}

}  // namespace
}  // namespace affinis::taxonomy
