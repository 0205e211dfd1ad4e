#include "taxonomy/halving.h"

#include <algorithm>
#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace affinis::taxonomy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Network i has the loss level[i] plus noise on every image.
LossTable made(const std::vector<double>& levels, double noise, std::int64_t images = 256, std::uint32_t seed = 1) {
  LossTable table;
  table.target = "t";
  std::mt19937 generator(seed);
  for (std::int64_t i = 0; i < images; ++i) table.images.push_back(i);
  for (std::size_t n = 0; n < levels.size(); ++n) {
    table.networks.push_back(std::string(1, static_cast<char>('a' + n)));
    for (std::int64_t i = 0; i < images; ++i) {
      const double uniform = static_cast<double>(generator()) / 4294967296.0;
      table.losses.push_back(levels[n] + noise * (uniform - 0.5));
    }
  }
  return table;
}

TEST(Halving, ClearWinnersGoOnAndLosersAreSaidToBeBeaten) {
  const HalvingResult result = halve(made({5, 1, 4, 2, 6, 3}, 0.1), {.least = 1});
  EXPECT_THAT(result.survivors, ElementsAre(1, 3, 5));
  ASSERT_EQ(result.losers.size(), 3u);
  EXPECT_EQ(result.losers[0].network, 2u) << "best first";
  EXPECT_EQ(result.losers[2].network, 4u);
  for (const Loser& loser : result.losers) {
    EXPECT_EQ(loser.leader, 1u);
    EXPECT_EQ(loser.win_rate, 0);
    EXPECT_EQ(loser.low, 0);
    // Wilson's upper bound for 0 of 256: z^2 / (n + z^2).
    EXPECT_NEAR(loser.high, 3.8414588 / (256 + 3.8414588), 1e-7);
    EXPECT_TRUE(loser.beaten());
  }
}

TEST(Halving, WilsonsIntervalAtOneHalf) {
  LossTable table;
  table.target = "t";
  table.networks = {"a", "b", "c"};
  for (std::int64_t i = 0; i < 100; ++i) table.images.push_back(i);
  // a and b win half of their images each, c none.
  for (int i = 0; i < 100; ++i) table.losses.push_back(i % 2);
  for (int i = 0; i < 100; ++i) table.losses.push_back(1 - i % 2);
  for (int i = 0; i < 100; ++i) table.losses.push_back(2);
  const HalvingResult result = halve(table, {.least = 1});
  EXPECT_THAT(result.survivors, ElementsAre(0, 1));
  ASSERT_EQ(result.losers.size(), 1u);
  EXPECT_EQ(result.losers.front().network, 2u);
}

TEST(Halving, TiesGoOnUpToTwoThirds) {
  const HalvingResult result = halve(made(std::vector<double>(12, 1.0), 1.0, 64), {.least = 1});
  EXPECT_EQ(result.survivors.size(), 8u);
  ASSERT_EQ(result.losers.size(), 4u);
  bool undecided = false;
  for (const Loser& loser : result.losers) undecided = undecided || !loser.beaten();
  EXPECT_TRUE(undecided) << "who is dropped without being beaten is told apart";
}

TEST(Halving, KeepsAtLeastWhatIsAskedFor) {
  const LossTable table = made({1, 2, 3, 4}, 0.1);
  EXPECT_EQ(halve(table, {.least = 3}).survivors.size(), 3u);
  EXPECT_EQ(halve(table, {.least = 9}).survivors.size(), 4u);
  EXPECT_THAT(halve(table, {.least = 9}).losers, IsEmpty());
  EXPECT_THAT(halve(made({1}, 0), {.least = 1}).survivors, ElementsAre(0));
}

TEST(Halving, ImagesWithoutALossAreLeftOut) {
  LossTable table = made({1, 2}, 0.1, 10);
  for (std::size_t i = 10; i < 20; ++i) table.losses[i] = std::numeric_limits<double>::quiet_NaN();
  const HalvingResult result = halve(table, {.least = 1});
  EXPECT_EQ(result.survivors.size(), 1u) << "one of two goes on, though they were never compared";
  EXPECT_EQ(result.losers.front().low, 0);
  EXPECT_EQ(result.losers.front().high, 1);
}

TEST(Halving, StaysBelowHalfOfTheSteps) {
  for (const std::size_t networks : {6u, 9u, 25u, 40u}) {
    for (const double noise : {0.0, 0.5, 100.0}) {
      std::vector<double> levels;
      for (std::size_t i = 0; i < networks; ++i) levels.push_back(static_cast<double>(i) * 0.02);
      std::size_t alive = networks;
      double steps = 0;
      std::int64_t done = 0;
      for (const std::int64_t until : rung_steps({0.125, 0.25, 0.5}, 120)) {
        steps += static_cast<double>(alive) * static_cast<double>(until - done);
        done = until;
        alive = halve(made({levels.begin(), levels.begin() + static_cast<std::ptrdiff_t>(alive)}, noise), {.least = 1}).survivors.size();
      }
      steps += static_cast<double>(alive) * static_cast<double>(120 - done);
      EXPECT_LT(steps, 0.5 * 120 * static_cast<double>(networks)) << networks << " networks, noise " << noise;
    }
  }
}

TEST(Halving, RungsThatMakeNoSenseAreLeftOut) {
  EXPECT_THAT(rung_steps({0.125, 0.25, 0.5}, 120), ElementsAre(15, 30, 60));
  EXPECT_THAT(rung_steps({0.125, 0.25, 0.5}, 3), ElementsAre(1, 2));
  EXPECT_THAT(rung_steps({0.5}, 1), IsEmpty());
}

TEST(Halving, MeansOfBatchesHideHowOftenSingleImagesGoTheOtherWay) {
  // Images: b loses 0.1 more than a on average, with a deviation of 1; batches are means over 16 of them.
  std::mt19937 generator(3);
  std::normal_distribution<double> difference(0.1, 1);
  LossTable batches;
  batches.target = "t";
  batches.networks = {"a", "b"};
  std::vector<double> lost;
  double images_won = 0;
  constexpr int kBatches = 4000;
  for (int i = 0; i < kBatches; ++i) {
    double sum = 0;
    for (int j = 0; j < 16; ++j) {
      const double value = difference(generator);
      sum += value;
      images_won += value > 0 ? 1 : 0;
    }
    lost.push_back(sum / 16);
    batches.images.push_back(i);
  }
  batches.losses.assign(kBatches, 0);
  batches.losses.insert(batches.losses.end(), lost.begin(), lost.end());
  const Loser a = loser_against(batches, 0, 1, 16);
  EXPECT_NEAR(a.win_rate, 0.655, 0.03) << "Phi(0.1 * 4)";
  EXPECT_NEAR(a.per_image, images_won / (16.0 * kBatches), 0.01);
  EXPECT_NEAR(loser_against(batches, 1, 0, 16).per_image, 1 - a.per_image, 1e-12);
  EXPECT_EQ(loser_against(batches, 0, 1).per_image, loser_against(batches, 0, 1).win_rate);
}

TEST(Halving, DifferencesThatDoNotVaryLeaveTheWinRate) {
  const Loser loser = loser_against(made({1, 2}, 0), 1, 0, 16);
  EXPECT_EQ(loser.per_image, 0);
  LossTable diverged = made({1, 2}, 0.5);
  std::fill(diverged.losses.begin() + 256, diverged.losses.end(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(loser_against(diverged, 1, 0, 16).per_image, 0);
}

}  // namespace
}  // namespace affinis::taxonomy
