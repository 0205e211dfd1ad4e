#include "taxonomy/tournament.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/random.h"
#include "taxonomy/known_values.h"

namespace affinis::taxonomy {
namespace {

constexpr double kDiverged = std::numeric_limits<double>::infinity();

LossTable random_losses(std::uint64_t seed, std::size_t networks, std::size_t images, double missing, bool coarse) {
  RandomStream random(seed, "tournament test");
  LossTable table;
  table.target = "t";
  for (std::size_t i = 0; i < networks; ++i) table.networks.push_back("n" + std::to_string(i));
  for (std::size_t i = 0; i < images; ++i) table.images.push_back(static_cast<std::int64_t>(i));
  for (std::size_t i = 0; i < networks * images; ++i) {
    const double loss = coarse ? static_cast<double>(random.below(4)) : random.uniform();
    table.losses.push_back(random.uniform() < missing ? kMissing : loss);
  }
  return table;
}

/// What the definition says, pair by pair and image by image.
double plain_win_rate(const LossTable& table, std::size_t row, std::size_t column) {
  double wins = 0;
  double shared = 0;
  for (std::size_t i = 0; i < table.images.size(); ++i) {
    const double a = table.loss(row, i);
    const double b = table.loss(column, i);
    if (std::isnan(a) || std::isnan(b)) continue;
    shared += 1;
    wins += a < b ? 1 : a == b ? 0.5 : 0;
  }
  return shared > 0 ? wins / shared : kMissing;
}

TEST(Tournament, CountsWinsTiesAndMissingImages) {
  LossTable table{"t", {"a", "b"}, {1, 2, 3, 4, 5}, {1, 2, 3, kMissing, kDiverged, 2, 2, 1, 7, 9}};
  const Tournament tournament = make_tournament(table);
  // a wins image 1, ties 2, loses 3 and 5 (where it diverged); image 4 does not count.
  EXPECT_DOUBLE_EQ(tournament.win(0, 1), 1.5 / 4);
  EXPECT_DOUBLE_EQ(tournament.win(1, 0), 2.5 / 4);
  EXPECT_DOUBLE_EQ(tournament.win(0, 0), 0.5);
  EXPECT_EQ(tournament.images, 5);
}

TEST(Tournament, TwoDivergedNetworksTie) {
  const LossTable table{"t", {"a", "b"}, {1}, {kDiverged, kDiverged}};
  EXPECT_DOUBLE_EQ(make_tournament(table).win(0, 1), 0.5);
}

TEST(Tournament, PairsWithoutASharedImageAreUndefined) {
  const LossTable table{"t", {"a", "b"}, {1, 2}, {1, kMissing, kMissing, 1}};
  EXPECT_TRUE(std::isnan(make_tournament(table).win(0, 1)));
}

TEST(Tournament, AgreesWithTheDefinitionAcrossTileBorders) {
  for (const bool coarse : {false, true}) {
    const LossTable table = random_losses(3, 37, 2051, 0.1, coarse);
    const Tournament tournament = make_tournament(table);
    for (std::size_t i = 0; i < 37; ++i) {
      for (std::size_t j = 0; j < 37; ++j) {
        if (i == j) continue;
        ASSERT_NEAR(tournament.win(i, j), plain_win_rate(table, i, j), 1e-15);
        ASSERT_DOUBLE_EQ(tournament.win(i, j) + tournament.win(j, i), 1.0);
        ASSERT_NEAR(win_rate(table, i, j), tournament.win(i, j), 1e-15);
      }
    }
  }
}

TEST(Tournament, SharedImagesAreCounted) {
  const LossTable table = random_losses(9, 21, 1300, 0.2, true);
  const Tournament tournament = make_tournament(table);
  for (std::size_t i = 0; i < 21; ++i) {
    for (std::size_t j = 0; j < 21; ++j) {
      std::int64_t shared = 0;
      for (std::size_t image = 0; image < 1300; ++image) shared += !std::isnan(table.loss(i, image)) && !std::isnan(table.loss(j, image));
      ASSERT_EQ(tournament.shared_images(i, j), shared);
    }
  }
  EXPECT_EQ((Tournament{"t", {"a", "b"}, {.5, 1, 0, .5}, 7}.shared_images(0, 1)), 7);
}

TEST(Tournament, DivergedNetworksTieAndWholeTilesMayBeMissing) {
  LossTable table = random_losses(10, 4, 1200, 0, false);
  for (std::size_t image = 0; image < 1200; ++image) {
    table.losses[0 * 1200 + image] = table.losses[1 * 1200 + image] = kDiverged;
    if (image < 600) table.losses[2 * 1200 + image] = kMissing;
  }
  const Tournament tournament = make_tournament(table);
  EXPECT_EQ(tournament.win(0, 1), 0.5);
  EXPECT_EQ(tournament.win(2, 0), 1.0);
  EXPECT_EQ(tournament.shared_images(2, 3), 600);
  EXPECT_DOUBLE_EQ(tournament.win(2, 3), plain_win_rate(table, 2, 3));
}

TEST(Tournament, OrderOfImagesDoesNotMatter) {
  LossTable table = random_losses(4, 6, 500, 0.05, true);
  const Tournament before = make_tournament(table);
  for (std::size_t n = 0; n < 6; ++n) std::reverse(table.losses.begin() + static_cast<std::ptrdiff_t>(n * 500),
                                                   table.losses.begin() + static_cast<std::ptrdiff_t>((n + 1) * 500));
  EXPECT_EQ(make_tournament(table).wins, before.wins);
}

TEST(Tournament, SelectionTakesThosePositionsInThatOrder) {
  const LossTable table = random_losses(5, 8, 100, 0, false);
  const Tournament all = make_tournament(table);
  const std::vector<std::size_t> positions = {6, 1, 3};
  const Tournament some = make_tournament(table, positions);
  EXPECT_EQ(some.networks, (std::vector<std::string>{"n6", "n1", "n3"}));
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      EXPECT_DOUBLE_EQ(some.win(i, j), i == j ? 0.5 : all.win(positions[i], positions[j]));
    }
  }
}

TEST(Tournament, MonotoneTransformationsOfLossesChangeNothing) {
  LossTable table = random_losses(6, 5, 300, 0.02, false);
  const Tournament before = make_tournament(table);
  for (double& loss : table.losses) loss = std::exp(3 * loss) - 7;
  EXPECT_EQ(make_tournament(table).wins, before.wins);
}

TEST(LossTable, BrokenTablesAreRefused) {
  const LossTable good{"t", {"a", "b"}, {1, 2}, {1, 2, 3, 4}};
  LossTable sizes = good;
  sizes.losses.pop_back();
  LossTable twice = good;
  twice.networks[1] = "a";
  LossTable image = good;
  image.images[1] = 1;
  LossTable negative = good;
  negative.losses[2] = -kDiverged;
  EXPECT_NO_THROW(check_loss_table(good));
  for (const LossTable& bad : {sizes, twice, image, negative}) EXPECT_THROW(make_tournament(bad), Error);
}

}  // namespace
}  // namespace affinis::taxonomy
