#include "taxonomy/seeds.h"

#include <cmath>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/random.h"
#include "taxonomy/known_values.h"
#include "taxonomy/resampling.h"
#include "taxonomy/tournament.h"

namespace affinis::taxonomy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// One training of each network; `self` and `b` are the same whatever the seed.
LossTable training(std::uint64_t seed, std::size_t images, double spread = 0.1) {
  LossTable table;
  table.target = "depth";
  table.networks = {"self", "a", "b", "scratch"};
  const std::vector<double> levels = {1, 1.3, 1.4, 1.5};
  for (std::size_t i = 0; i < images; ++i) table.images.push_back(static_cast<std::int64_t>(3 * i));
  for (std::size_t n = 0; n < levels.size(); ++n) {
    const bool once = n == 0 || n == 2;
    RandomStream random(once ? 0 : seed, "seeds test", {n});
    const double level = levels[n] + (once ? 0 : spread * random.normal());
    for (std::size_t i = 0; i < images; ++i) table.losses.push_back(level + random.uniform());
  }
  return table;
}

LossTable trainings(std::size_t count, std::size_t images, std::uint64_t first = 1, double spread = 0.1) {
  std::vector<LossTable> tables;
  for (std::size_t s = 0; s < count; ++s) tables.push_back(training(first + s, images, spread));
  return join_seeds(tables);
}

void expect_near(const Interval& found, const nlohmann::json& expected, std::size_t i, double tolerance) {
  EXPECT_NEAR(found.value, expected.at("value").at(i).get<double>(), tolerance) << i;
  EXPECT_NEAR(found.low, expected.at("low").at(i).get<double>(), tolerance) << i;
  EXPECT_NEAR(found.high, expected.at("high").at(i).get<double>(), tolerance) << i;
  EXPECT_NEAR(found.deviation, expected.at("deviation").at(i).get<double>(), tolerance) << i;
}

TEST(SeedIntervals, AgreeWithNumPyAndSciPy) {
  const nlohmann::json cases = nlohmann::json::parse(read_file(
      std::filesystem::path(AFFINIS_SOURCE_DIR) / "tests/taxonomy/expected/seeds.json"));
  ASSERT_EQ(cases.size(), 4U);
  for (const nlohmann::json& example : cases) {
    SCOPED_TRACE(example.at("name").get<std::string>());
    std::vector<LossTable> tables;
    for (const nlohmann::json& seed : example.at("losses")) {
      LossTable table{"depth", example.at("networks"), {}, {}};
      for (std::size_t i = 0; i < seed.at(0).size(); ++i) table.images.push_back(static_cast<std::int64_t>(i));
      for (const nlohmann::json& row : seed) {
        for (const nlohmann::json& loss : row) table.losses.push_back(loss.is_null() ? kMissing : loss.get<double>());
      }
      tables.push_back(std::move(table));
    }
    AffinityOptions options;
    if (example.at("laplace")) options.ahp.smoothing = Smoothing::kLaplace;
    const LossTable joined = join_seeds(tables);
    EXPECT_EQ(joined.seeds, tables.size());
    const SeedIntervals found = seed_intervals(joined, target_affinity(joined, options), options, example.at("level"));
    ASSERT_EQ(found.networks.size(), 5U);
    for (std::size_t i = 0; i < found.networks.size(); ++i) {
      expect_near(found.gain[i], example.at("intervals").at("gain"), i, 1e-12);
      expect_near(found.quality[i], example.at("intervals").at("quality"), i, 1e-12);
      expect_near(found.affinity[i], example.at("intervals").at("affinity"), i, 1e-8);
      EXPECT_EQ(found.tied_with_best[i] != 0, example.at("tied_with_best").at(i).get<bool>()) << i;
    }
  }
}

TEST(JoinedSeeds, HaveTheMeanOfTheirWinRates) {
  const LossTable joined = trainings(3, 50);
  double mean = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) mean += win_rate(training(seed, 50), 1, 3) / 3;
  EXPECT_NEAR(win_rate(joined, 1, 3), mean, 1e-12);
  EXPECT_NEAR(make_tournament(joined).win(1, 3), mean, 1e-12);
}

TEST(JoinedSeeds, ComeApartAgain) {
  const LossTable joined = trainings(3, 20);
  const std::vector<std::size_t> second = {1};
  const LossTable taken = take_seeds(joined, second);
  EXPECT_EQ(taken.losses, training(2, 20).losses);
  EXPECT_EQ(taken.images, training(2, 20).images);
  EXPECT_EQ(taken.seeds, 1U);
  const std::vector<std::size_t> two = {0, 2};
  EXPECT_EQ(take_seeds(joined, two).losses, join_seeds(std::vector{training(1, 20), training(3, 20)}).losses);
}

TEST(JoinedSeeds, AreDrawnTogether) {
  LossTable joined = trainings(2, 30);
  const TestUnits units = test_units({&joined, 1});
  EXPECT_EQ(units.count, 30U);
  EXPECT_EQ(units.unit_of[0][4], units.unit_of[0][34]);
  const std::vector<UnitWeights> ones = {UnitWeights(30, 1)};
  const ReweighedTarget same = reweigh(joined, units.unit_of[0], ones);
  const TargetAffinity point = target_affinity(joined);
  for (std::size_t i = 0; i < point.rows.size(); ++i) EXPECT_NEAR(same.gain[i], point.rows[i].gain, 1e-12);
  // Both trainings of one image, and nothing else.
  UnitWeights one(30, 0);
  one[7] = 1;
  const double both = ((joined.loss(1, 7) < joined.loss(3, 7) ? 1.0 : 0.0) + (joined.loss(1, 37) < joined.loss(3, 37) ? 1.0 : 0.0)) / 2;
  const std::vector<UnitWeights> drawn = {one};
  EXPECT_EQ(reweigh(joined, units.unit_of[0], drawn).gain[1], both);
}

TEST(JoinedSeeds, OfDifferentImagesAreRefused) {
  LossTable joined = trainings(2, 4);
  joined.images.back() = 99;
  try {
    check_loss_table(joined);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_THAT(error.sentence(), HasSubstr("depth"));
    EXPECT_THAT(error.sentence(), HasSubstr("different images"));
  }
}

TEST(SeedIntervals, OfTrainingsThatAreAllTheSameHaveNoLength) {
  const LossTable one = training(1, 40);
  const LossTable joined = join_seeds(std::vector{one, one, one});
  const SeedIntervals found = seed_intervals(joined, target_affinity(joined));
  const TargetAffinity alone = target_affinity(one);
  for (std::size_t i = 0; i < found.networks.size(); ++i) {
    EXPECT_NEAR(found.gain[i].low, alone.rows[i].gain, 1e-12);
    EXPECT_NEAR(found.gain[i].high, alone.rows[i].gain, 1e-12);
    EXPECT_NEAR(found.affinity[i].low, alone.rows[i].affinity, 1e-9);
    EXPECT_NEAR(found.affinity[i].high, alone.rows[i].affinity, 1e-9);
    EXPECT_EQ(found.tied_with_best[i] != 0, found.networks[i] == (alone.rows[1].affinity > alone.rows[2].affinity ? "a" : "b")) << found.networks[i];
  }
}

TEST(SeedIntervals, OfOneSeedAreNotKnown) {
  const LossTable one = training(1, 40);
  const TargetAffinity point = target_affinity(one);
  const SeedIntervals found = seed_intervals(one, point);
  for (std::size_t i = 0; i < found.networks.size(); ++i) {
    EXPECT_EQ(found.gain[i].value, point.rows[i].gain);
    EXPECT_TRUE(std::isnan(found.gain[i].low) && std::isnan(found.affinity[i].high));
    EXPECT_NE(found.tied_with_best[i], 0);
  }
}

TEST(SeedIntervals, OfATrainingThatIsMissingAreOfTheOthers) {
  LossTable second = training(2, 40);
  for (std::size_t i = 0; i < 40; ++i) second.losses[40 + i] = kMissing;  // of "a"
  const LossTable joined = join_seeds(std::vector{training(1, 40), second});
  const TargetAffinity point = target_affinity(joined);
  EXPECT_NEAR(point.rows[1].gain, win_rate(training(1, 40), 1, 3), 1e-12);
  const SeedIntervals found = seed_intervals(joined, point);
  EXPECT_TRUE(std::isnan(found.gain[1].low)) << "one value has no interval";
  EXPECT_TRUE(std::isfinite(found.gain[2].low));
}

TEST(SeedIntervals, HoldTheMeanOfManySeedsAsOftenAsTheySay) {
  const LossTable many = trainings(300, 60, 100000, 0.2);
  const double truth = target_affinity(many).rows[1].gain;
  int held = 0;
  constexpr int kStudies = 400;
  for (int study = 0; study < kStudies; ++study) {
    const LossTable joined = trainings(3, 60, static_cast<std::uint64_t>(1 + 3 * study), 0.2);
    const Interval gain = seed_intervals(joined, target_affinity(joined)).gain[1];
    held += gain.low <= truth && truth <= gain.high ? 1 : 0;
  }
  // 95 % within three deviations of a count of 400, and what the mean over 300 seeds is itself uncertain by.
  EXPECT_GE(held, static_cast<int>(0.91 * kStudies));
  EXPECT_LE(held, static_cast<int>(0.985 * kStudies));
}

TEST(SeedIntervals, RefuseALevelThatIsNone) {
  const LossTable joined = trainings(2, 10);
  try {
    seed_intervals(joined, target_affinity(joined), {}, 1);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
  }
}

TEST(SeedColumns, StandWhereReportsLookForIntervals) {
  const LossTable joined = trainings(3, 50);
  const TargetAffinity point = target_affinity(joined);
  const SeedIntervals seeds = seed_intervals(joined, point);
  BootstrapOptions options;
  options.draws = 30;
  const TestUnits units = test_units({&joined, 1});
  const std::vector<TargetBootstrap> redrawn = bootstrap({&joined, 1}, {&point, 1}, units, {}, options);
  TransferTable alone{"table", {}, point.rows};
  add_seed_columns(alone, {&seeds, 1}, {});
  EXPECT_THAT(alone.extra_columns, ElementsAre("affinity_low", "affinity_high", "gain_low", "gain_high", "quality_low", "quality_high", "tied_with_best"));
  EXPECT_EQ(std::stod(alone.rows[1].extra[2]), seeds.gain[1].low);
  TransferTable both{"table", {}, point.rows};
  add_seed_columns(both, {&seeds, 1}, redrawn);
  EXPECT_EQ(both.extra_columns.size(), 13U);
  EXPECT_EQ(both.extra_columns[7], "affinity_test_low");
  for (std::size_t i = 0; i < both.rows.size(); ++i) {
    EXPECT_EQ(std::stod(both.rows[i].extra[9]), redrawn[0].gain[i].low);
    EXPECT_EQ(both.rows[i].extra[6] == "yes", seeds.tied_with_best[i] != 0 || redrawn[0].tied_with_best[i] != 0);
  }
}

}  // namespace
}  // namespace affinis::taxonomy
