#include "taxonomy/outlook.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "taxonomy/ahp.h"

namespace affinis::taxonomy {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

TEST(Outlook, FollowsTheForecastWithoutMeasurements) {
  const OutlookPrior prior;
  const Outlook outlook({{{.measured = -1, .forecast = 0.5}, {.forecast = 0.1}}});
  EXPECT_EQ(outlook.slope(), prior.slope);
  EXPECT_NEAR(outlook.deviation(), prior.deviation, 1e-12);
  EXPECT_EQ(outlook.expected(0, 0), -1);
  EXPECT_NEAR(outlook.expected(0, 1), -1.4, 1e-12);
}

TEST(Outlook, LearnsHowForecastsAndMeasurementsGoTogether) {
  std::vector<std::vector<Evidence>> targets(2);
  for (int i = 0; i < 200; ++i) {
    targets[0].push_back({.measured = 3 + 0.4 * i * 0.05, .forecast = i * 0.05});
    targets[1].push_back({.measured = -7 + 0.4 * i * 0.05, .forecast = i * 0.05});
  }
  targets[0].push_back({.forecast = 20});
  targets[1].push_back({.forecast = 20});
  const Outlook outlook(targets);
  EXPECT_NEAR(outlook.slope(), 0.4, 1e-3);
  EXPECT_NEAR(outlook.deviation(), 0.35 * std::sqrt(8.0 / (8 + 398)), 2e-3) << "what is left is the prior's share";
  EXPECT_NEAR(outlook.expected(0, 200), 11, 0.02);
  EXPECT_NEAR(outlook.expected(1, 200), 1, 0.02);
}

TEST(Outlook, WeighsPriorAndMeasurementsAsBayesDoes) {
  // By hand in Python: forecasts 0, 1, 3 and measurements 0, 0.2, 1.5; iterated
  //   b = (sxy / v + 1 / 0.09) / (sxx / v + 1 / 0.09); v = (8 * 0.35**2 + sum((y - b x)**2)) / (8 + 2), both about their means.
  const Outlook outlook({{{.measured = 0, .forecast = 0}, {.measured = 0.2, .forecast = 1}, {.measured = 1.5, .forecast = 3}, {.forecast = 2}}});
  double slope = 1;
  double variance = 0.35 * 0.35;
  const double sxx = 42.0 / 9;
  const double sxy = 4.7 - 3 * (4.0 / 3) * (1.7 / 3);
  const double syy = 2.29 - 3 * (1.7 / 3) * (1.7 / 3);
  for (int round = 0; round < 200; ++round) {
    slope = (sxy / variance + 1 / 0.09) / (sxx / variance + 1 / 0.09);
    variance = (8 * 0.35 * 0.35 + syy - 2 * slope * sxy + slope * slope * sxx) / 10;
  }
  EXPECT_NEAR(outlook.slope(), slope, 1e-9);
  EXPECT_NEAR(outlook.deviation(), std::sqrt(variance), 1e-9);
  EXPECT_NEAR(outlook.expected(0, 3), 1.7 / 3 + slope * (2 - 4.0 / 3), 1e-9);
}

TEST(Outlook, ATargetOfLargeSurprisesIsLessCertain) {
  // The first target follows its forecasts exactly, the second's measurements are 1 off by turns.
  std::vector<std::vector<Evidence>> targets(3);
  for (int i = 0; i < 8; ++i) {
    targets[0].push_back({.measured = i * 1.0, .forecast = i * 1.0});
    targets[1].push_back({.measured = i * 1.0 + (i % 4 == 1 || i % 4 == 2 ? 1 : -1), .forecast = i * 1.0});
  }
  targets[2].push_back({.measured = 0, .forecast = 0});
  const OutlookPrior prior;
  const Outlook outlook(targets, prior);
  const double slope = outlook.slope();
  double left[2] = {};
  for (int t = 0; t < 2; ++t) {
    double mean = 0;
    for (const Evidence& each : targets[static_cast<std::size_t>(t)]) mean += each.measured / 8;
    for (const Evidence& each : targets[static_cast<std::size_t>(t)]) left[t] += std::pow(each.measured - mean - slope * (each.forecast - 3.5), 2);
  }
  const double all = std::pow(outlook.deviation(), 2);
  for (std::size_t t = 0; t < 2; ++t) EXPECT_NEAR(outlook.deviation(t), std::sqrt((prior.target_weight * all + left[t]) / (prior.target_weight + 7)), 1e-9);
  EXPECT_LT(outlook.deviation(0), outlook.deviation());
  EXPECT_GT(outlook.deviation(1), outlook.deviation());
  EXPECT_NEAR(outlook.deviation(2), outlook.deviation(), 1e-12) << "one measurement says nothing of surprises";
}

TEST(Outlook, AComparisonSpeaksForItself) {
  const Outlook outlook({{{.measured = -1, .forecast = 0}, {.forecast = 0, .compared = -5}, {}}});
  EXPECT_EQ(outlook.expected(0, 1), -5);
  EXPECT_TRUE(std::isnan(outlook.expected(0, 2))) << "nothing to go by";
}

TEST(Outlook, ATargetWithoutMeasurementsHasNoExpectations) {
  const Outlook outlook({{{.forecast = 1}}, {{.measured = 0, .forecast = 1}}});
  EXPECT_TRUE(std::isnan(outlook.expected(0, 0)));
}

TEST(Outlook, DrawsSpreadAsFarAsIsUnknown) {
  const Outlook outlook({{{.measured = 2, .forecast = 1}, {.forecast = 1}, {.compared = 0}}});
  RandomStream stream(1, "test");
  double sums[2] = {};
  double squares[2] = {};
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    const auto world = outlook.draw(stream);
    ASSERT_EQ(world[0][0], 2) << "what was measured stays";
    for (int j = 0; j < 2; ++j) {
      sums[j] += world[0][static_cast<std::size_t>(j) + 1];
      squares[j] += world[0][static_cast<std::size_t>(j) + 1] * world[0][static_cast<std::size_t>(j) + 1];
    }
  }
  EXPECT_NEAR(sums[0] / kDraws, 2, 0.02);
  EXPECT_NEAR(sums[1] / kDraws, 0, 0.02);
  // Its own deviation and that of the one measured transfer that its target's level rests on.
  EXPECT_NEAR(std::sqrt(squares[0] / kDraws - std::pow(sums[0] / kDraws, 2)), 0.35 * std::sqrt(2.0), 0.02);
  EXPECT_NEAR(std::sqrt(squares[1] / kDraws - std::pow(sums[1] / kDraws, 2)), 0.35, 0.02);
}

TEST(WithFurther, KeepsWhatWasMeasuredAndFillsTheRestFromStrengths) {
  Tournament measured;
  measured.target = "t";
  measured.networks = {"self", "a"};
  measured.wins = {0.5, 0.9, 0.1, 0.5};
  measured.images = 10;
  const Tournament all = with_further(measured, std::vector<double>{0, -1}, std::vector<std::string>{"b"}, std::vector<double>{-2});
  EXPECT_THAT(all.networks, testing::ElementsAre("self", "a", "b"));
  EXPECT_EQ(all.win(0, 1), 0.9);
  EXPECT_NEAR(all.win(2, 0), 1 / (1 + std::exp(2.0)), 1e-12);
  EXPECT_NEAR(all.win(1, 2), 1 / (1 + std::exp(-1.0)), 1e-12);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(all.win(i, j) + all.win(j, i), 1, 1e-12);
  }
}

TEST(WithFurther, ConsistentStrengthsAreTheLogarithmsOfAffinities) {
  Tournament measured;
  measured.target = "t";
  measured.networks = {"self", "a"};
  measured.wins = {0.5, 0.75, 0.25, 0.5};  // odds of 3
  const AhpResult alone = ahp_affinity(measured, {});
  std::vector<double> strengths;
  for (const double affinity : alone.affinity) strengths.push_back(std::log(affinity));
  const AhpResult all = ahp_affinity(with_further(measured, strengths, std::vector<std::string>{"b"}, std::vector<double>{std::log(0.5)}), {});
  // 0.75 : 0.25 : 0.5
  EXPECT_NEAR(all.affinity[0], 0.5, 1e-9);
  EXPECT_NEAR(all.affinity[1], 1.0 / 6, 1e-9);
  EXPECT_NEAR(all.affinity[2], 1.0 / 3, 1e-9);
}

}  // namespace
}  // namespace affinis::taxonomy
