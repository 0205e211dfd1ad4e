#include "taxonomy/ahp.h"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/random.h"

namespace affinis::taxonomy {
namespace {

Tournament golden_tournament() {
  return {"t", {"a", "b", "c", "d"}, {.5, .7, .9, 1, .3, .5, .8, .95, .1, .2, .5, .6, 0, .05, .4, .5}, 1000};
}

Tournament random_tournament(RandomStream& random, std::size_t count) {
  Tournament tournament{"t", {}, std::vector<double>(count * count, 0.5), 500};
  for (std::size_t i = 0; i < count; ++i) tournament.networks.push_back("n" + std::to_string(i));
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) {
      const double extreme = random.uniform();
      const double wins = extreme < 0.2 ? 0.0 : extreme < 0.4 ? 1.0 : random.uniform();
      tournament.wins[i * count + j] = wins;
      tournament.wins[j * count + i] = 1 - wins;
    }
  }
  return tournament;
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-12) << "component " << i;
}

// The expected values were computed with 40 digits.
TEST(Ahp, GoldenEigenvectorWithClipping) {
  const AhpResult result = ahp_affinity(golden_tournament());
  EXPECT_NEAR(result.eigenvalue, 6.33640140692324766, 1e-12);
  expect_near(result.affinity, {0.86899003078089834, 0.10274182879938954, 0.02408315514171333, 0.00418498527799880});
  EXPECT_LE(result.residual, 1e-14);
  EXPECT_GT(result.iterations, 1);
}

TEST(Ahp, GoldenEigenvectorWithLaplaceSmoothing) {
  AhpOptions options;
  options.smoothing = Smoothing::kLaplace;
  const AhpResult result = ahp_affinity(golden_tournament(), options);
  EXPECT_NEAR(result.eigenvalue, 6.35524463210866300, 1e-12);
  expect_near(result.affinity, {0.86933478476140205, 0.10230213940135637, 0.02416560100078980, 0.00419747483645178});
}

TEST(Ahp, GoldenGeometricMeans) {
  AhpOptions options;
  options.geometric_mean = true;
  const AhpResult result = ahp_affinity(golden_tournament(), options);
  expect_near(result.affinity, {0.80486890862628843, 0.15976739618130300, 0.03021524674386361, 0.00514844844854497});
  EXPECT_TRUE(std::isnan(result.eigenvalue));
}

TEST(Ahp, ConsistentTournamentGivesItsOdds) {
  // Strengths 4 : 2 : 1, each beats the other in proportion: the eigenvector is the strengths, the eigenvalue the number of networks.
  const std::vector<double> strength = {4, 2, 1};
  Tournament tournament{"t", {"a", "b", "c"}, {}, 100};
  for (const double row : strength) {
    for (const double column : strength) tournament.wins.push_back(row / (row + column));
  }
  const AhpResult result = ahp_affinity(tournament);
  EXPECT_NEAR(result.eigenvalue, 3, 1e-12);
  expect_near(result.affinity, {4.0 / 7, 2.0 / 7, 1.0 / 7});
}

TEST(Ahp, CyclicTournamentConverges) {
  const Tournament tournament{"t", {"rock", "paper", "scissors"}, {.5, 0, 1, 1, .5, 0, 0, 1, .5}, 100};
  const AhpResult result = ahp_affinity(tournament);
  expect_near(result.affinity, {1.0 / 3, 1.0 / 3, 1.0 / 3});
  EXPECT_NEAR(result.eigenvalue, 1 + 999 + 1.0 / 999, 1e-9);
}

TEST(Ahp, RandomTournamentsConvergeToAPositiveEigenvector) {
  RandomStream random(7, "ahp test");
  for (int round = 0; round < 300; ++round) {
    const std::size_t count = 1 + random.below(60);
    const Tournament tournament = random_tournament(random, count);
    const AhpResult result = ahp_affinity(tournament);
    EXPECT_NEAR(std::accumulate(result.affinity.begin(), result.affinity.end(), 0.0), 1.0, 1e-12);
    EXPECT_GE(result.eigenvalue, static_cast<double>(count) - 1e-9);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_GT(result.affinity[i], 0);
      double product = 0;
      for (std::size_t j = 0; j < count; ++j) {
        const auto clipped = [&](std::size_t r, std::size_t c) { return std::min(std::max(tournament.win(r, c), 0.001), 0.999); };
        product += clipped(i, j) / clipped(j, i) * result.affinity[j];
      }
      ASSERT_NEAR(product / result.eigenvalue, result.affinity[i], 1e-12) << "round " << round;
    }
  }
}

TEST(Ahp, TheIntervalHoldsTheEigenvalue) {
  AhpOptions loose;
  loose.tolerance = 0.5;
  const AhpResult rough = ahp_affinity(golden_tournament(), loose);
  EXPECT_LT(rough.eigenvalue_low, 6.33640140692324766 + 1e-12);
  EXPECT_GT(rough.eigenvalue_high, 6.33640140692324766 - 1e-12);
  EXPECT_GT(rough.eigenvalue_high - rough.eigenvalue_low, 1e-3);
  const AhpResult exact = ahp_affinity(golden_tournament());
  EXPECT_LT(exact.eigenvalue_high - exact.eigenvalue_low, 1e-10);
}

TEST(Ahp, LaplaceSmoothingUsesTheImagesThatTwoShare) {
  Tournament few = golden_tournament();
  few.shared.assign(16, 1000);
  AhpOptions options;
  options.smoothing = Smoothing::kLaplace;
  EXPECT_EQ(ahp_affinity(few, options).affinity, ahp_affinity(golden_tournament(), options).affinity);
  few.shared[3] = few.shared[12] = 8;  // a and d met on 8 images only: their 8 : 0 says less
  EXPECT_LT(ahp_affinity(few, options).affinity[0], ahp_affinity(golden_tournament(), options).affinity[0]);
}

TEST(Ahp, RenamingNetworksPermutesAffinities) {
  RandomStream random(8, "ahp test");
  const std::size_t count = 9;
  const Tournament tournament = random_tournament(random, count);
  Tournament reversed = tournament;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) reversed.wins[i * count + j] = tournament.win(count - 1 - i, count - 1 - j);
  }
  const AhpResult a = ahp_affinity(tournament);
  const AhpResult b = ahp_affinity(reversed);
  for (std::size_t i = 0; i < count; ++i) EXPECT_NEAR(a.affinity[i], b.affinity[count - 1 - i], 1e-12);
}

TEST(Ahp, NamesNetworksThatShareNoImage) {
  const Tournament tournament{"depth", {"a", "b"}, {.5, std::nan(""), std::nan(""), .5}, 10};
  try {
    ahp_affinity(tournament);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_NE(error.sentence().find("'a' and 'b' share no test image"), std::string::npos) << error.what();
    EXPECT_NE(error.sentence().find("depth"), std::string::npos);
  }
}

TEST(Ahp, SaysWhenItDoesNotConverge) {
  AhpOptions options;
  options.max_iterations = 2;
  EXPECT_THROW(ahp_affinity(golden_tournament(), options), Error);
}

}  // namespace
}  // namespace affinis::taxonomy
