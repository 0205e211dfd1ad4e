#include "taxonomy/vector_loops.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "framework/core/random.h"

namespace affinis::taxonomy {
namespace {

TEST(VectorLoops, SelectTheBestFromAnyStart) {
  RandomStream random(1, "select best");
  for (int round = 0; round < 400; ++round) {
    const std::size_t size = 1 + random.below(23);
    const std::size_t slots = random.below(size + 1);
    std::vector<double> worth(padded(size), -std::numeric_limits<double>::infinity());
    std::vector<double> chosen(padded(size), 0);
    std::vector<double> taken(padded(size), -1);
    // Some worth the same, and some nothing.
    for (std::size_t i = 0; i < size; ++i)
      worth[i] = round % 3 == 0 ? static_cast<double>(random.below(4)) - 1 : random.uniform(-1, 1);
    std::vector<std::size_t> start(size);
    std::iota(start.begin(), start.end(), std::size_t{0});
    random.shuffle(std::span(start));
    for (std::size_t i = 0; i < slots; ++i) chosen[start[i]] = 1;

    std::vector<double> best(worth.begin(), worth.begin() + static_cast<std::ptrdiff_t>(size));
    std::sort(best.begin(), best.end(), std::greater<>());
    double expected = 0;
    for (std::size_t i = 0; i < slots; ++i) expected += std::max(best[i], 0.0);

    const double found = select_best(worth.data(), chosen.data(), taken.data(), worth.size());
    EXPECT_NEAR(found, expected, 1e-12) << "round " << round;
    EXPECT_EQ(std::accumulate(chosen.begin(), chosen.end(), 0.0), static_cast<double>(slots));
    for (std::size_t i = 0; i < worth.size(); ++i)
      EXPECT_EQ(taken[i], chosen[i] > 0 && worth[i] > 0 ? 1.0 : 0.0) << "round " << round;
  }
}

TEST(VectorLoops, TurnAndMoveAsOneByOne) {
  RandomStream random(2, "directions");
  for (std::size_t count = 0; count < 15; ++count) {
    std::vector<double> weights(7);
    for (double& each : weights) each = random.uniform(-1, 1);
    std::vector<double> direction(count);
    std::vector<double> multipliers(count);
    std::vector<std::uint32_t> cell(count);
    for (std::size_t i = 0; i < count; ++i) {
      direction[i] = random.uniform(-1, 1);
      multipliers[i] = std::max(0.0, random.uniform(-1, 1));
      cell[i] = static_cast<std::uint32_t>(random.below(weights.size()));
    }
    std::vector<double> turned = direction;
    std::vector<double> moved = multipliers;
    double squares = 0;
    for (std::size_t i = 0; i < count; ++i) {
      turned[i] += 0.3 * (weights[cell[i]] - turned[i]);
      if (turned[i] < 0 || multipliers[i] > 0) squares += turned[i] * turned[i];
      moved[i] = std::max(0.0, multipliers[i] - 0.7 * turned[i]);
    }
    EXPECT_NEAR(turn_directions(direction.data(), cell.data(), weights.data(), multipliers.data(),
                                count, 0.3),
                squares, 1e-12);
    EXPECT_EQ(direction, turned);
    move_multipliers(multipliers.data(), direction.data(), count, 0.7);
    EXPECT_EQ(multipliers, moved);
  }
}

TEST(VectorLoops, StepARowAsOneByOne) {
  RandomStream random(3, "rows");
  for (std::size_t count = 0; count < 15; ++count) {
    std::vector<float> multipliers(count);
    std::vector<float> direction(count);
    std::vector<float> taken(count);
    std::vector<double> sums(count);
    for (std::size_t i = 0; i < count; ++i) {
      multipliers[i] = static_cast<float>(std::max(0.0, random.uniform(-1, 1)));
      direction[i] = static_cast<float>(random.uniform(-1, 1));
      taken[i] = static_cast<float>(random.below(2));
      sums[i] = random.uniform();
    }
    std::vector<float> turned = direction;
    std::vector<float> moved = multipliers;
    std::vector<double> added = sums;
    for (std::size_t i = 0; i < count; ++i) {
      turned[i] = 0.75F * turned[i] + 0.25F * taken[i];
      moved[i] = std::max(0.0F, moved[i] - 0.5F * turned[i]);
      added[i] += static_cast<double>(moved[i]);
    }
    step_row(multipliers.data(), direction.data(), sums.data(), taken.data(), count, 0.75F, 0.25F,
             0.5F);
    EXPECT_EQ(direction, turned);
    EXPECT_EQ(multipliers, moved);
    EXPECT_EQ(sums, added);
  }
}

}  // namespace
}  // namespace affinis::taxonomy
