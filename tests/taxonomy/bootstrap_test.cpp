#include "taxonomy/bootstrap.h"

#include <cmath>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/random.h"
#include "taxonomy/known_values.h"

namespace affinis::taxonomy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <typename Call>
std::string thrown_sentence(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.sentence();
  }
  return "no error";
}

LossTable random_losses(std::size_t images, double spread, double missing = 0) {
  RandomStream random(11, "bootstrap test");
  LossTable table;
  table.target = "depth";
  table.networks = {"self", "a", "b", "a+b", "scratch"};
  const std::vector<double> level = {1, 1.5, 1.5, 1.3, 2};
  for (std::size_t i = 0; i < images; ++i) table.images.push_back(static_cast<std::int64_t>(7 * i));
  for (std::size_t n = 0; n < 5; ++n) {
    for (std::size_t i = 0; i < images; ++i) {
      // Coarse losses, so that there are ties.
      const double loss = std::floor(10 * (level[n] + spread * random.uniform())) / 10;
      table.losses.push_back(random.uniform() < missing ? kMissing : loss);
    }
  }
  return table;
}

struct Drawn {
  TargetAffinity point;
  TestUnits units;
  TargetBootstrap result;
};

Drawn draw(const LossTable& table, const BootstrapOptions& options = {}) {
  Drawn drawn{target_affinity(table), test_units({&table, 1}), {}};
  drawn.result = bootstrap({&table, 1}, {&drawn.point, 1}, drawn.units, {}, options).front();
  return drawn;
}

/// The table in which unit u stands weights[u] times.
LossTable repeated(const LossTable& table, const std::vector<std::uint32_t>& unit_of,
                   const UnitWeights& weights) {
  LossTable result{table.target, table.networks, {}, {}};
  std::vector<std::size_t> taken;
  for (std::size_t i = 0; i < table.images.size(); ++i)
    taken.insert(taken.end(), weights[unit_of[i]], i);
  for (std::size_t i = 0; i < taken.size(); ++i)
    result.images.push_back(static_cast<std::int64_t>(i));
  for (std::size_t n = 0; n < table.networks.size(); ++n) {
    for (const std::size_t i : taken) result.losses.push_back(table.loss(n, i));
  }
  return result;
}

void set_buildings(LossTable& table, std::size_t count) {
  for (std::size_t i = 0; i < table.images.size(); ++i) {
    table.buildings.push_back("house " + std::to_string(i * i % count));
  }
}

TEST(TestUnits, AreBuildingsWhereThereAreEnough) {
  LossTable table = random_losses(40, 2);
  EXPECT_EQ(test_units({&table, 1}).unit, TestUnit::kImages);
  EXPECT_EQ(test_units({&table, 1}).count, 40U);
  for (std::size_t i = 0; i < 40; ++i)
    table.buildings.push_back(std::string(1, static_cast<char>('a' + i % 5)));
  EXPECT_EQ(test_units({&table, 1}).unit, TestUnit::kBuildings);
  EXPECT_EQ(test_units({&table, 1}).count, 5U);
  EXPECT_EQ(test_units({&table, 1}, TestUnit::kImages).count, 40U);
  for (std::string& building : table.buildings) building = building == "e" ? "d" : building;
  EXPECT_EQ(test_units({&table, 1}).unit, TestUnit::kImages);
  EXPECT_EQ(test_units({&table, 1}, TestUnit::kBuildings).count, 4U);
}

TEST(TestUnits, AreTheUnionOfAllTargets) {
  const LossTable a{"a", {"self"}, {3, 1}, {1, 1}, {"x", "y"}};
  const LossTable b{"b", {"self"}, {1, 7}, {1, 1}, {"", "z"}};
  const std::vector<LossTable> tables = {a, b};
  const TestUnits images = test_units(tables);
  EXPECT_EQ(images.count, 3U);
  EXPECT_THAT(images.unit_of[0], ElementsAre(1, 0));
  EXPECT_THAT(images.unit_of[1], ElementsAre(0, 2));
  const TestUnits buildings = test_units(tables, TestUnit::kBuildings);
  EXPECT_THAT(buildings.unit_of[1], ElementsAre(1, 2));
}

TEST(TestUnits, RefuseWhatCannotBeDrawn) {
  LossTable table{"depth", {"self"}, {3, 4}, {1, 1}, {"x", ""}};
  const auto units = [&] { test_units({&table, 1}, TestUnit::kBuildings); };
  EXPECT_THAT(thrown_sentence(units), HasSubstr("image 4 has no building"));
  table.buildings = {"x", "x"};
  EXPECT_THAT(thrown_sentence(units), HasSubstr("one building"));
  std::vector<LossTable> two = {table, table};
  two[1].buildings = {"x", "y"};
  EXPECT_THAT(thrown_sentence([&] { test_units(two); }),
              HasSubstr("image 4 is of building 'y' here and of 'x'"));
}

TEST(Draws, AreWithReplacementAndOfTheSeed) {
  const std::vector<UnitWeights> draws = bootstrap_draws(20, 30, 5);
  ASSERT_EQ(draws.size(), 30U);
  bool any_twice = false;
  for (const UnitWeights& weights : draws) {
    std::size_t sum = 0;
    for (const std::uint16_t weight : weights) {
      sum += weight;
      any_twice = any_twice || weight > 1;
    }
    EXPECT_EQ(sum, 20U);
  }
  EXPECT_TRUE(any_twice);
  EXPECT_EQ(bootstrap_draws(20, 30, 5), draws);
  EXPECT_NE(bootstrap_draws(20, 30, 6), draws);
  EXPECT_THAT(thrown_sentence([] { bootstrap_draws(20, 0, 0); }), HasSubstr("draws is 0"));
}

TEST(Draws, HalvesAreDisjoint) {
  const std::vector<UnitWeights> halves = random_halves(9, 4, 0);
  ASSERT_EQ(halves.size(), 8U);
  for (std::size_t s = 0; s < 8; s += 2) {
    std::size_t first = 0;
    for (std::size_t u = 0; u < 9; ++u) {
      EXPECT_EQ(halves[s][u] + halves[s + 1][u], 1);
      first += halves[s][u];
    }
    EXPECT_EQ(first, 4U);
  }
  EXPECT_NE(halves[0], halves[2]);
  EXPECT_THAT(thrown_sentence([] { random_halves(1, 4, 0); }), HasSubstr("cannot be halved"));
}

TEST(Reweigh, AgreesWithNumPy) {
  const nlohmann::json cases = nlohmann::json::parse(read_file(
      std::filesystem::path(AFFINIS_SOURCE_DIR) / "tests/taxonomy/expected/bootstrap.json"));
  ASSERT_EQ(cases.size(), 4U);
  for (const nlohmann::json& example : cases) {
    SCOPED_TRACE(example.at("name").get<std::string>());
    LossTable table{"depth", example.at("networks"), {}, {}};
    for (const nlohmann::json& row : example.at("losses")) {
      for (const nlohmann::json& loss : row)
        table.losses.push_back(loss.is_null() ? kMissing : loss.get<double>());
    }
    const std::vector<std::uint32_t> unit_of = example.at("unit_of");
    for (std::size_t i = 0; i < unit_of.size(); ++i)
      table.images.push_back(static_cast<std::int64_t>(i));
    AffinityOptions options;
    if (example.at("laplace")) options.ahp.smoothing = Smoothing::kLaplace;
    const std::vector<UnitWeights> counts = example.at("counts");
    const TargetBootstrap found =
        summarise_draws(target_affinity(table, options), reweigh(table, unit_of, counts, options),
                        example.at("level"));
    const nlohmann::json& intervals = example.at("intervals");
    const auto compare = [&](const char* name, std::size_t i, const Interval& interval,
                             const nlohmann::json& expected) {
      SCOPED_TRACE(std::string(name) + " " + std::to_string(i));
      const auto at = [&](const char* end) {
        const nlohmann::json& list = expected.at(end).at(i);
        return list.get<double>();
      };
      // Eigenvectors are iterated to 1e-8 only.
      const double tolerance = std::string(name) == "affinity" ? 2e-7 : 1e-12;
      EXPECT_NEAR(interval.value, at("value"), 1e-9);
      EXPECT_NEAR(interval.low, at("low"), tolerance);
      EXPECT_NEAR(interval.high, at("high"), tolerance);
      EXPECT_NEAR(interval.deviation, at("deviation"), tolerance);
    };
    const std::size_t count = found.networks.size();
    ASSERT_EQ(count, 5U);
    for (std::size_t i = 0; i < count; ++i) {
      compare("affinity", i, found.affinity[i], intervals.at("affinity"));
      compare("gain", i, found.gain[i], intervals.at("gain"));
      compare("quality", i, found.quality[i], intervals.at("quality"));
      for (std::size_t j = 0; j < count; ++j) {
        nlohmann::json row;
        for (const char* end : {"value", "low", "high", "deviation"})
          row[end] = intervals.at("wins").at(end).at(i);
        compare("wins", j, found.wins[i * count + j], row);
      }
      EXPECT_EQ(found.tied_with_best[i] != 0, example.at("tied_with_best").at(i).get<bool>());
    }
    EXPECT_EQ(found.best, example.at("best").get<std::size_t>());
    EXPECT_NEAR(found.told_apart, example.at("told_apart").get<double>(), 1e-12);
  }
}

TEST(Reweigh, WeightsOfOneAreThePointEstimate) {
  LossTable table = random_losses(130, 2, 0.1);
  for (const bool whole_buildings : {false, true}) {
    if (whole_buildings) set_buildings(table, 11);
    const TestUnits units = test_units({&table, 1});
    const std::vector<UnitWeights> ones = {UnitWeights(units.count, 1)};
    const ReweighedTarget same = reweigh(table, units.unit_of[0], ones);
    const TargetAffinity point = target_affinity(table);
    for (std::size_t n = 0; n < 4; ++n) {
      EXPECT_NEAR(same.affinity[n], point.rows[n].affinity, 1e-7);
      EXPECT_EQ(same.gain[n], point.rows[n].gain);
      EXPECT_EQ(same.quality[n], point.rows[n].quality);
    }
  }
}

TEST(Reweigh, IsTheAffinityOfARepeatedTestSet) {
  for (const bool whole_buildings : {false, true}) {
    for (const double missing : {0.0, 0.1}) {
      LossTable table = random_losses(150, 2, missing);
      if (whole_buildings) set_buildings(table, 13);
      AffinityOptions options;
      if (missing > 0) options.ahp.smoothing = Smoothing::kLaplace;
      const TestUnits units = test_units({&table, 1});
      const std::vector<UnitWeights> draws = bootstrap_draws(units.count, 20, 3);
      const ReweighedTarget found = reweigh(table, units.unit_of[0], draws, options);
      for (std::size_t d = 0; d < draws.size(); ++d) {
        const TargetAffinity expected =
            target_affinity(repeated(table, units.unit_of[0], draws[d]), options);
        for (std::size_t n = 0; n < 4; ++n) {
          EXPECT_NEAR(found.affinity[d * 4 + n], expected.rows[n].affinity, 1e-6);
          EXPECT_NEAR(found.gain[d * 4 + n], expected.rows[n].gain, 1e-6);
          EXPECT_NEAR(found.quality[d * 4 + n], expected.rows[n].quality, 1e-6);
        }
      }
    }
  }
}

TEST(Reweigh, PairsThatShareNoDrawnImageAreMissing) {
  const LossTable table{
      "depth", {"self", "a", "scratch"}, {0, 1, 2}, {1, 2, kMissing, 2, 1, kMissing, 1, 1, 3}};
  const std::vector<std::uint32_t> unit_of = {0, 1, 2};
  const std::vector<UnitWeights> draws = {{0, 0, 3}, {1, 2, 0}};
  const ReweighedTarget found = reweigh(table, unit_of, draws);
  EXPECT_TRUE(std::isnan(found.wins[0]));
  EXPECT_TRUE(std::isnan(found.affinity[0]));
  EXPECT_TRUE(std::isnan(found.gain[0]));
  EXPECT_DOUBLE_EQ(found.wins[1], 1.0 / 3);
  EXPECT_FALSE(std::isnan(found.affinity[2]));
}

TEST(Reweigh, TooManyPairsAndDrawsAreRefused) {
  LossTable table{"depth", {}, {0}, {}};
  for (int n = 0; n < 300; ++n) {
    table.networks.push_back("n" + std::to_string(n));
    table.losses.push_back(n);
  }
  const std::vector<UnitWeights> draws(20000, UnitWeights{1});
  const std::vector<std::uint32_t> unit_of = {0};
  EXPECT_THAT(thrown_sentence([&] { reweigh(table, unit_of, draws); }),
              HasSubstr("draw at most 5985 times"));
}

TEST(Bootstrap, IntervalsHoldTheEstimateAndShrinkWithImages) {
  BootstrapOptions options;
  options.draws = 300;
  const TargetBootstrap few = draw(random_losses(60, 3), options).result;
  const TargetBootstrap many = draw(random_losses(6000, 3), options).result;
  for (std::size_t n = 0; n < 4; ++n) {
    for (const Interval& interval :
         {few.affinity[n], few.gain[n], few.quality[n], many.affinity[n], many.gain[n]}) {
      EXPECT_LE(interval.low, interval.value);
      EXPECT_GE(interval.high, interval.value);
    }
    EXPECT_LT(many.gain[n].deviation, few.gain[n].deviation);
    // The deviation of a share is known: sqrt(p (1 - p) / images), ties aside.
    EXPECT_NEAR(many.gain[n].deviation,
                std::sqrt(many.gain[n].value * (1 - many.gain[n].value) / 6000), 0.0015);
  }
  EXPECT_EQ(few.quality[0].low, 0.5);  // self against itself
  EXPECT_EQ(few.quality[0].high, 0.5);
}

TEST(Bootstrap, IsSymmetricForMirroredLosses) {
  // On image 2i+1 the two have the losses of image 2i the other way round.
  LossTable table{"depth", {"a", "b"}, {}, {}};
  RandomStream random(1, "mirrored");
  std::vector<double> a;
  std::vector<double> b;
  for (std::int64_t i = 0; i < 400; i += 2) {
    table.images.insert(table.images.end(), {i, i + 1});
    const double x = random.uniform();
    const double y = random.uniform();
    a.insert(a.end(), {x, y});
    b.insert(b.end(), {y, x});
  }
  table.losses = a;
  table.losses.insert(table.losses.end(), b.begin(), b.end());
  const TargetBootstrap result = draw(table).result;
  EXPECT_EQ(result.wins[1].value, 0.5);
  EXPECT_EQ(result.wins[1].low, 1 - result.wins[2].high);
  EXPECT_EQ(result.wins[1].high, 1 - result.wins[2].low);
  EXPECT_NEAR(result.affinity[0].low, 1 - result.affinity[1].high, 1e-6);
  EXPECT_NEAR(result.wins[1].low + result.wins[1].high, 1, 0.01);
  EXPECT_TRUE(result.tied_with_next[0]);
  EXPECT_TRUE(result.noise);
}

TEST(Bootstrap, TiesAndNoiseAreDeclared) {
  BootstrapOptions options;
  options.draws = 300;
  const TargetBootstrap clear = draw(random_losses(2000, 1), options).result;
  EXPECT_FALSE(clear.noise);
  EXPECT_EQ(clear.networks[clear.ranking[0]], "self");
  EXPECT_EQ(clear.networks[clear.best], "a+b");
  // a and b are alike by construction: two of three pairs are told apart, these two are not.
  EXPECT_NEAR(clear.told_apart, 2.0 / 3, 1e-12);
  EXPECT_THAT(clear.tied_with_next, ElementsAre(0, 0, 1, 0));
  EXPECT_THAT(clear.tied_with_best, ElementsAre(0, 0, 0, 1));
  EXPECT_TRUE(draw(random_losses(30, 50), options).result.noise);
}

TEST(Bootstrap, NetworksWithEqualLossesAreTied) {
  LossTable table = random_losses(500, 1);
  for (std::size_t i = 0; i < 500; ++i) table.losses[2 * 500 + i] = table.losses[1 * 500 + i];
  const TargetBootstrap result = draw(table).result;
  EXPECT_THAT(result.tied_with_next, ElementsAre(0, 0, 1, 0));
}

TEST(Bootstrap, SelfAloneHasNoRanking) {
  const TargetBootstrap result =
      draw(LossTable{"depth", {"self", "scratch"}, {1, 2}, {1, 1, 2, 2}}).result;
  EXPECT_EQ(result.best, result.networks.size());
  EXPECT_TRUE(std::isnan(result.told_apart));
  EXPECT_FALSE(result.noise);
  EXPECT_EQ(result.affinity[0].low, 1);
}

TEST(Bootstrap, DependsOnTheSeedAlone) {
  const LossTable table = random_losses(100, 2);
  BootstrapOptions options;
  options.draws = 50;
  const TargetBootstrap first = draw(table, options).result;
  {
    const tbb::global_control one_thread(tbb::global_control::max_allowed_parallelism, 1);
    const TargetBootstrap again = draw(table, options).result;
    for (std::size_t n = 0; n < 4; ++n) {
      EXPECT_EQ(again.affinity[n].low, first.affinity[n].low);
      EXPECT_EQ(again.gain[n].deviation, first.gain[n].deviation);
    }
  }
  options.seed = 1;
  EXPECT_NE(draw(table, options).result.gain[1].deviation, first.gain[1].deviation);
}

TEST(Bootstrap, LevelsOutsideZeroToOneAreRefused) {
  BootstrapOptions options;
  options.level = 1;
  EXPECT_THAT(thrown_sentence([&] { draw(random_losses(10, 2), options); }),
              HasSubstr("level of the intervals is 1"));
}

TEST(IntervalColumns, StandBesideTheirRows) {
  const LossTable table = random_losses(50, 2);
  BootstrapOptions options;
  options.draws = 20;
  const Drawn drawn = draw(table, options);
  TransferTable transfers{"table", {"note"}, drawn.point.rows};
  for (TransferRow& row : transfers.rows) row.extra = {"kept"};
  TransferRow other;
  other.sources = {"a"};
  other.target = "elsewhere";
  other.extra = {"kept"};
  transfers.rows.push_back(other);
  add_interval_columns(transfers, {&drawn.result, 1});
  EXPECT_THAT(transfers.extra_columns,
              ElementsAre("note", "affinity_low", "affinity_high", "gain_low", "gain_high",
                          "quality_low", "quality_high", "tied_with_best"));
  EXPECT_THAT(transfers.rows[4].extra, ElementsAre("kept", "", "", "", "", "", "", ""));
  const TransferTable read = parse_transfer_table(to_csv(transfers), "table");
  ASSERT_EQ(read.rows.size(), 5U);
  for (const TransferRow& row : read.rows) {
    if (row.target != "depth" || row.sources_text() != "a+b") continue;
    EXPECT_EQ(std::stod(row.extra[1]), drawn.result.affinity[3].low);
    EXPECT_EQ(row.extra[7], "yes");
  }
}

}  // namespace
}  // namespace affinis::taxonomy
