#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/train/balance/gradient_weights.h"
#include "framework/train/balance/min_norm.h"
#include "framework/train/balance/small_linear.h"

namespace affinis::train {
namespace {

using Rows = std::vector<std::vector<double>>;
using Vector = std::vector<double>;

constexpr double kGolden = 1e-6;

Gramian gramian_of(const Rows& rows) {
  Vector products;
  for (const Vector& a : rows) {
    for (const Vector& b : rows) products.push_back(std::inner_product(a.begin(), a.end(), b.begin(), 0.0));
  }
  return {rows.size(), products};
}

Vector combined(const Rows& rows, const Vector& weights) {
  Vector sum(rows.front().size(), 0.0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += weights[i] * rows[i][k];
  }
  return sum;
}

Rows random_rows(std::size_t tasks, std::size_t size, std::uint64_t seed) {
  RandomStream stream(seed, "rows");
  Rows rows(tasks, Vector(size));
  for (Vector& row : rows) {
    const double scale = std::exp(stream.normal());
    for (double& each : row) each = scale * (stream.normal() + 0.2);
  }
  return rows;
}

void expect_near(const Vector& actual, const Vector& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], tolerance) << "entry " << i;
}

double sum_of(const Vector& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

const Rows kRows = {{1, 2, 0, -1}, {-0.5, 1, 3, 0.5}, {-4, 0.25, 0.5, -1}};
const Vector kLosses = {1, 0.5, 2};

/// Every method on the same gradients, by name.
struct Method {
  std::string name;
  std::function<Vector(const Gramian&, const Vector& losses)> weights;
};
std::vector<Method> methods() {
  return {{"mgda", [](const Gramian& m, const Vector& l) { return mgda_weights(m, l, GradientScale::kNone); }},
          {"mgda l2", [](const Gramian& m, const Vector& l) { return mgda_weights(m, l, GradientScale::kLength); }},
          {"mgda loss+", [](const Gramian& m, const Vector& l) { return mgda_weights(m, l, GradientScale::kLossAndLength); }},
          {"imtl", [](const Gramian& m, const Vector&) { return imtl_weights(m); }},
          {"pcgrad", [](const Gramian& m, const Vector&) { return pcgrad_weights(m, nullptr); }},
          {"gradvac",
           [](const Gramian& m, const Vector&) {
             Vector targets(m.tasks() * m.tasks(), 0.0);
             return gradvac_weights(m, targets, 0.5, nullptr);
           }},
          {"cagrad", [](const Gramian& m, const Vector&) { return cagrad_weights(m, 0.4).weights; }},
          {"nash", [](const Gramian& m, const Vector&) { return nash_weights(m); }},
          {"aligned", [](const Gramian& m, const Vector&) { return aligned_weights(m); }},
          {"upgrad", [](const Gramian& m, const Vector&) { return upgrad_weights(m); }}};
}

TEST(GradientWeights, MgdaGoldenValues) {
  const Gramian m = gramian_of(kRows);
  const Vector none = mgda_weights(m, kLosses, GradientScale::kNone);
  expect_near(none, {0.59423668, 0.17014514, 0.23561818}, kGolden);
  EXPECT_NEAR(m.squared_norm(none), 3.14651976, kGolden);
  expect_near(mgda_weights(m, kLosses, GradientScale::kLength), {0.41247541, 0.19287002, 0.39465457}, kGolden);
  expect_near(mgda_weights(m, kLosses, GradientScale::kLoss), {0.43483557, 0, 0.56516443}, kGolden);
  expect_near(mgda_weights(m, kLosses, GradientScale::kLossAndLength), {0.24921297, 0, 0.75078703}, kGolden);
  const std::vector<std::size_t> first_two = {0, 1};
  const std::vector<std::size_t> outer_two = {0, 2};
  EXPECT_NEAR(mgda_weights(m.of(first_two), kLosses, GradientScale::kNone)[0], 0.65517241, kGolden);
  EXPECT_NEAR(mgda_weights(m.of(outer_two), kLosses, GradientScale::kNone)[0], 0.69977925, kGolden);
}

TEST(GradientWeights, ImtlGoldenValues) {
  const Gramian m = gramian_of(kRows);
  const Vector weights = imtl_weights(m);
  expect_near(weights, {0.5217209, 0.1844106, 0.2938685}, kGolden);
  const Vector products = m.times(weights);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(products[i] / m.norm(i), 1.05330702, kGolden);
}

TEST(GradientWeights, SurgeryGoldenValues) {
  const Gramian m = gramian_of(kRows);
  expect_near(combined(kRows, pcgrad_weights(m, nullptr)), {-3.66095066, 4.11943442, 3.57220217, -2.061071}, kGolden);
  // With targets of zero and none that moves, GradVac is PCGrad.
  Vector targets(9, 0.0);
  expect_near(gradvac_weights(m, targets, 0, nullptr), pcgrad_weights(m, nullptr), 1e-12);
}

TEST(GradientWeights, GradVacRaisesACosineToItsTarget) {
  const Rows rows = {{1, 0}, {-1, 2}};
  const Gramian m = gramian_of(rows);
  Vector targets = {0, 0.5, 0.5, 0};
  const Vector weights = gradvac_weights(m, targets, 0.25, nullptr);
  // The first gradient's share: g_1 + x g_2 with cosine 0.5 to g_2; the second's likewise with g_1.
  const double cosine = m.cosine(0, 1);
  const auto factor = [&](double own, double other) {
    return own * (0.5 * std::sqrt(1 - cosine * cosine) - cosine * std::sqrt(0.75)) / (other * std::sqrt(0.75));
  };
  const double x = factor(m.norm(0), m.norm(1));
  const double y = factor(m.norm(1), m.norm(0));
  expect_near(weights, {1 + y, 1 + x}, 1e-12);
  const Vector repaired = combined(rows, {1, x});
  const double length = std::hypot(repaired[0], repaired[1]);
  EXPECT_NEAR((repaired[0] * rows[1][0] + repaired[1] * rows[1][1]) / (length * m.norm(1)), 0.5, 1e-12);
  EXPECT_NEAR(targets[1], 0.75 * 0.5 + 0.25 * cosine, 1e-12);
  EXPECT_NEAR(targets[2], targets[1], 1e-12);
}

TEST(GradientWeights, CagradGoldenValues) {
  const Gramian m = gramian_of(kRows);
  const CagradResult near = cagrad_weights(m, 0.4);
  expect_near(near.simplex, {1, 0, 0}, kGolden);
  EXPECT_NEAR(near.lambda, 0.33249896, kGolden);
  expect_near(combined(kRows, near.weights), {-0.83416771, 1.74833124, 1.16666667, -0.83249896}, kGolden);
  const CagradResult far = cagrad_weights(m, 0.5);
  expect_near(far.simplex, {1, 0, 0}, kGolden);
  EXPECT_NEAR(far.lambda, 0.41562369, kGolden);
  expect_near(combined(kRows, far.weights), {-0.75104297, 1.91458072, 1.16666667, -0.91562369}, kGolden);
  expect_near(cagrad_weights(m, 0).weights, {1.0 / 3, 1.0 / 3, 1.0 / 3}, 1e-12);
}

TEST(GradientWeights, CagradIsOptimalToEightDigits) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const std::size_t tasks = 2 + seed % 9;
    const Gramian m = gramian_of(random_rows(tasks, 2 + seed % 13, seed));
    const double radius = 0.1 + 0.1 * static_cast<double>(seed % 9);
    const CagradResult result = cagrad_weights(m, radius);
    if (result.lambda == 0) continue;
    // First-order conditions of min b'w + c ||g_0|| ||g_w|| on the simplex: the slope is least, and the same, where w is above 0.
    const Vector mean(tasks, 1.0 / static_cast<double>(tasks));
    const Vector b = m.times(mean);
    const Vector products = m.times(result.simplex);
    Vector slopes;
    for (std::size_t i = 0; i < tasks; ++i) slopes.push_back(b[i] + result.lambda * products[i]);
    const double least = *std::min_element(slopes.begin(), slopes.end());
    double scale = 0;
    for (std::size_t i = 0; i < tasks; ++i) scale = std::max(scale, m(i, i));
    EXPECT_NEAR(sum_of(result.simplex), 1, 1e-12);
    for (std::size_t i = 0; i < tasks; ++i) {
      EXPECT_GE(result.simplex[i], 0);
      if (result.simplex[i] > 1e-9) {
        EXPECT_NEAR(slopes[i], least, 1e-8 * scale) << "seed " << seed << " task " << i;
      }
    }
    // The step lies on the ball around the mean gradient.
    Vector away = result.weights;
    for (double& each : away) each -= mean[0];
    EXPECT_NEAR(std::sqrt(m.squared_norm(away)), radius * std::sqrt(m.squared_norm(mean)), 1e-9 * std::sqrt(scale));
  }
}

TEST(GradientWeights, NashGoldenValues) {
  const Gramian m = gramian_of(kRows);
  const Vector weights = nash_weights(m);
  expect_near(weights, {0.43987307, 0.25489272, 0.24829922}, kGolden);
  EXPECT_NEAR(m.squared_norm(weights), 3, kGolden);
  const Vector products = m.times(weights);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(products[i] * weights[i], 1, 1e-7);
}

TEST(GradientWeights, AlignedAndUpgradGoldenValues) {
  const Gramian m = gramian_of(kRows);
  expect_near(aligned_weights(m), {0.96745147, 0.54766441, 0.57152761}, kGolden);
  expect_near(upgrad_weights(m), {0.47222222, 0.33333333, 0.38146811}, kGolden);
}

TEST(GradientWeights, ShortestVectorsAreOptimalForManyTasks) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const std::size_t tasks = 2 + 2 * seed;
    const Gramian m = gramian_of(random_rows(tasks, 3 + 3 * seed, 100 + seed));
    const Vector weights = min_norm_point(m);
    const Vector products = m.times(weights);
    const double value = m.squared_norm(weights);
    EXPECT_NEAR(sum_of(weights), 1, 1e-12);
    double scale = 0;
    for (std::size_t i = 0; i < tasks; ++i) scale = std::max(scale, m(i, i));
    for (std::size_t i = 0; i < tasks; ++i) {
      EXPECT_GE(weights[i], 0);
      EXPECT_GE(products[i], value - 1e-11 * scale) << "seed " << seed;
    }
  }
}

TEST(GradientWeights, UpgradProjectsOnTheDualCone) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::size_t tasks = 2 + seed % 7;
    const Gramian m = gramian_of(random_rows(tasks, tasks + 2, 300 + seed));
    const Vector weights = upgrad_weights(m);
    const Vector products = m.times(weights);
    double scale = 0;
    for (std::size_t i = 0; i < tasks; ++i) scale = std::max(scale, m(i, i));
    // The step hurts no task.
    for (std::size_t i = 0; i < tasks; ++i) EXPECT_GE(products[i], -1e-9 * scale) << "seed " << seed;
  }
}

TEST(GradientWeights, OneTaskGetsItsOwnDirection) {
  const Gramian m = gramian_of({{3, -4}});
  for (const Method& method : methods()) {
    const Vector weights = method.weights(m, {2});
    ASSERT_EQ(weights.size(), 1u) << method.name;
    EXPECT_GT(weights[0], 0) << method.name;
    EXPECT_TRUE(std::isfinite(weights[0])) << method.name;
  }
}

TEST(GradientWeights, IdenticalGradientsKeepTheirDirection) {
  const Rows rows = {{1, 2, -1}, {1, 2, -1}, {1, 2, -1}, {1, 2, -1}};
  const Gramian m = gramian_of(rows);
  for (const Method& method : methods()) {
    const Vector weights = method.weights(m, {1, 1, 1, 1});
    const double total = sum_of(weights);
    EXPECT_TRUE(std::isfinite(total)) << method.name;
    EXPECT_GT(total, 0.1) << method.name;
    EXPECT_LT(total, 10) << method.name;
  }
}

TEST(GradientWeights, ATaskWithoutGradientIsLeftOut) {
  Rows with = kRows;
  with.insert(with.begin() + 1, Vector(4, 0.0));
  for (const Method& method : methods()) {
    const Vector expected = method.weights(gramian_of(kRows), kLosses);
    const Vector weights = method.weights(gramian_of(with), {1, 7, 0.5, 2});
    expect_near({weights[0], weights[2], weights[3]}, expected, 1e-12);
    EXPECT_EQ(weights[1], 0) << method.name;
    expect_near(method.weights(gramian_of(Rows(3, Vector(4, 0.0))), kLosses), {0, 0, 0}, 0);
  }
}

TEST(GradientWeights, OppositeGradientsGiveFiniteWeightsAndNoMoveForThoseThatPromiseIt) {
  for (const double length : {1.0, 3.0}) {
    const Rows rows = {{1, -2}, {-length, 2 * length}};
    const Gramian m = gramian_of(rows);
    for (const Method& method : methods()) {
      const Vector weights = method.weights(m, {1, 1});
      const Vector step = combined(rows, weights);
      for (const double each : weights) EXPECT_TRUE(std::isfinite(each)) << method.name;
      const bool promises = method.name == "mgda" || method.name == "mgda l2" || method.name == "imtl" || method.name == "pcgrad" ||
                            method.name == "upgrad" || method.name == "nash";
      if (promises && !(length != 1 && method.name == "mgda l2")) {
        EXPECT_NEAR(std::hypot(step[0], step[1]), 0, 1e-4) << method.name << " " << length;
      }
    }
  }
}

TEST(GradientWeights, TheOrderOfTasksDoesNotMatter) {
  const Rows rows = random_rows(5, 9, 7);
  const Vector losses = {1, 2, 0.5, 3, 0.1};
  const std::vector<std::size_t> order = {3, 0, 4, 2, 1};
  Rows moved;
  Vector moved_losses;
  for (const std::size_t each : order) {
    moved.push_back(rows[each]);
    moved_losses.push_back(losses[each]);
  }
  for (const Method& method : methods()) {
    if (method.name == "pcgrad" || method.name == "gradvac") continue;  // by nature in an order
    const Vector weights = method.weights(gramian_of(rows), losses);
    Vector expected;
    for (const std::size_t each : order) expected.push_back(weights[each]);
    expect_near(method.weights(gramian_of(moved), moved_losses), expected, 1e-7);
  }
}

TEST(GradientWeights, SurgeryIsRandomOnlyThroughItsStream) {
  const Gramian m = gramian_of(random_rows(6, 4, 11));
  const auto weights = [&](std::uint64_t seed) {
    RandomStream stream(seed, "pcgrad");
    return pcgrad_weights(m, &stream);
  };
  EXPECT_EQ(weights(1), weights(1));
  EXPECT_NE(weights(1), weights(2));
}

TEST(GradientWeights, FiftyTasksTakeNoTime) {
  const Rows rows = random_rows(50, 400, 5);
  const Gramian m = gramian_of(rows);
  const Vector losses(50, 1.0);
  for (const Method& method : methods()) {
    const auto begin = std::chrono::steady_clock::now();
    const Vector weights = method.weights(m, losses);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    for (const double each : weights) EXPECT_TRUE(std::isfinite(each)) << method.name;
    EXPECT_LT(seconds, 2) << method.name;
    RecordProperty(method.name, std::to_string(seconds));
  }
}

TEST(GradientWeights, NamesOfScales) {
  EXPECT_EQ(parse_gradient_scale("loss+"), GradientScale::kLossAndLength);
  EXPECT_THROW(parse_gradient_scale("l1"), Error);
}

TEST(SmallLinear, JacobiFindsEigenvaluesAndVectors) {
  const std::size_t size = 12;
  const Gramian m = gramian_of(random_rows(size, 20, 3));
  const SymmetricEigen eigen = eigen_of_symmetric(m.products(), size);
  EXPECT_TRUE(std::is_sorted(eigen.values.begin(), eigen.values.end()));
  for (std::size_t k = 0; k < size; ++k) {
    Vector vector;
    for (std::size_t i = 0; i < size; ++i) vector.push_back(eigen.vectors[i * size + k]);
    const Vector product = m.times(vector);
    for (std::size_t i = 0; i < size; ++i) EXPECT_NEAR(product[i], eigen.values[k] * vector[i], 1e-11 * eigen.values.back());
    EXPECT_NEAR(std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0), 1, 1e-12);
  }
}

TEST(SmallLinear, CholeskySolvesAndRefusesWhatIsNotDefinite) {
  const auto solution = solve_positive_definite({4, 2, 2, 3}, {2, 5});
  ASSERT_TRUE(solution.has_value());
  expect_near(*solution, {-0.5, 2}, 1e-14);
  EXPECT_FALSE(solve_positive_definite({1, 1, 1, 1}, {1, 1}).has_value());
  EXPECT_FALSE(solve_positive_definite({1, 2, 2, 1}, {1, 1}).has_value());
}

}  // namespace
}  // namespace affinis::train
