#include "taxonomy/bootstrap.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/random.h"

namespace affinis::taxonomy {
namespace {

const double kMissing = std::nan("");

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

/// The same draws as documented (stream "bootstrap", indices draw and units), by plain loops over drawn images.
LossTable redrawn(const LossTable& table, const std::vector<std::size_t>& drawn) {
  LossTable result;
  result.target = table.target;
  result.networks = table.networks;
  for (std::size_t i = 0; i < drawn.size(); ++i) result.images.push_back(static_cast<std::int64_t>(i));
  for (std::size_t n = 0; n < table.networks.size(); ++n) {
    for (const std::size_t i : drawn) result.losses.push_back(table.loss(n, i));
  }
  return result;
}

TEST(Bootstrap, EveryDrawIsTheAffinityOfTheDrawnImages) {
  for (const double missing : {0.0, 0.1}) {
    const LossTable table = random_losses(150, 2, missing);
    BootstrapOptions options;
    options.draws = 25;
    options.seed = 5;
    const TargetBootstrap result = bootstrap_target(table, {}, options);
    EXPECT_EQ(result.units, 150);
    for (std::uint64_t d = 0; d < 25; ++d) {
      RandomStream random(5, "bootstrap", {d, 150});
      std::vector<std::size_t> drawn;
      for (std::size_t i = 0; i < 150; ++i) drawn.push_back(static_cast<std::size_t>(random.below(150)));
      const TargetAffinity expected = target_affinity(redrawn(table, drawn));
      for (std::size_t n = 0; n < 4; ++n) {
        EXPECT_NEAR(result.affinity_draws[d * 4 + n], expected.rows[n].affinity, 1e-6);
        EXPECT_NEAR(result.gain_draws[d * 4 + n], expected.rows[n].gain, 1e-6);
        EXPECT_NEAR(result.quality_draws[d * 4 + n], expected.rows[n].quality, 1e-6);
      }
    }
  }
}

TEST(Bootstrap, BuildingsAreDrawnWhole) {
  const LossTable table = random_losses(90, 2, 0.05);
  BootstrapOptions options;
  options.draws = 20;
  std::vector<std::vector<std::size_t>> images_of(9);
  for (std::size_t i = 0; i < 90; ++i) {
    options.building_of[table.images[i]] = "building " + std::to_string(i * i % 9);
    images_of[i * i % 9].push_back(i);
  }
  std::erase_if(images_of, [](const auto& images) { return images.empty(); });
  const TargetBootstrap result = bootstrap_target(table, {}, options);
  const std::size_t units = images_of.size();
  EXPECT_EQ(result.units, static_cast<std::int64_t>(units));
  for (std::uint64_t d = 0; d < 20; ++d) {
    RandomStream random(0, "bootstrap", {d, units});
    std::vector<std::size_t> drawn;
    for (std::size_t i = 0; i < units; ++i) {
      const auto& images = images_of[static_cast<std::size_t>(random.below(units))];
      drawn.insert(drawn.end(), images.begin(), images.end());
    }
    const TargetAffinity expected = target_affinity(redrawn(table, drawn));
    for (std::size_t n = 0; n < 4; ++n) EXPECT_NEAR(result.affinity_draws[d * 4 + n], expected.rows[n].affinity, 1e-6);
  }
}

TEST(Bootstrap, IntervalsCoverAndShrinkWithImages) {
  BootstrapOptions options;
  options.draws = 300;
  const TargetBootstrap few = bootstrap_target(random_losses(60, 3), {}, options);
  const TargetBootstrap many = bootstrap_target(random_losses(6000, 3), {}, options);
  for (std::size_t n = 0; n < 4; ++n) {
    EXPECT_LE(few.gain[n].low, few.gain[n].value);
    EXPECT_GE(few.gain[n].high, few.gain[n].value);
    EXPECT_LT(many.gain[n].deviation, few.gain[n].deviation);
    // The deviation of a share is known: sqrt(p (1 - p) / images), ties aside.
    EXPECT_NEAR(many.gain[n].deviation, std::sqrt(many.gain[n].value * (1 - many.gain[n].value) / 6000), 0.0015);
  }
  EXPECT_EQ(few.quality[0].low, 0.5);  // self against itself
  EXPECT_EQ(few.quality[0].high, 0.5);
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < 4; ++j) {
      EXPECT_NEAR(few.wins[i * 4 + j].low, 1 - few.wins[j * 4 + i].high, 1e-12);
      EXPECT_DOUBLE_EQ(few.wins[i * 4 + j].value + few.wins[j * 4 + i].value, 1);
    }
  }
}

TEST(Bootstrap, TiesAndNoiseAreDeclared) {
  BootstrapOptions options;
  options.draws = 300;
  const TargetBootstrap clear = bootstrap_target(random_losses(2000, 1), {}, options);
  EXPECT_FALSE(clear.noise);
  EXPECT_EQ(clear.networks[clear.ranking[0]], "self");
  EXPECT_FALSE(clear.tied_with_next[0]);
  // a and b are alike by construction: two of three pairs are told apart, these two are not.
  EXPECT_NEAR(clear.told_apart, 2.0 / 3, 1e-12);
  EXPECT_TRUE(clear.tied_with_next[2]);
  EXPECT_FALSE(clear.tied_with_next[3]);  // there is no next
  const TargetBootstrap noisy = bootstrap_target(random_losses(30, 50), {}, options);
  EXPECT_TRUE(noisy.noise);
}

TEST(Bootstrap, DependsOnTheSeedAlone) {
  const LossTable table = random_losses(100, 2);
  BootstrapOptions options;
  options.draws = 50;
  const TargetBootstrap first = bootstrap_target(table, {}, options);
  EXPECT_EQ(bootstrap_target(table, {}, options).affinity_draws, first.affinity_draws);
  options.seed = 1;
  EXPECT_NE(bootstrap_target(table, {}, options).affinity_draws, first.affinity_draws);
}

TEST(Bootstrap, BadOptionsGetOneSentence) {
  const LossTable table = random_losses(10, 2);
  BootstrapOptions options;
  options.draws = 0;
  EXPECT_THROW(bootstrap_target(table, {}, options), Error);
  options = {};
  options.level = 1;
  EXPECT_THROW(bootstrap_target(table, {}, options), Error);
  options = {};
  options.building_of[0] = "a";
  try {
    bootstrap_target(table, {}, options);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.sentence(), "losses of depth: image 7 has no building; add it to the list of buildings");
  }
  for (const std::int64_t image : table.images) options.building_of[image] = "a";
  EXPECT_THROW(bootstrap_target(table, {}, options), Error);
}

}  // namespace
}  // namespace affinis::taxonomy
