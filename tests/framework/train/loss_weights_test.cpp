#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "framework/train/balance/loss_weights.h"

namespace affinis::train {
namespace {

using Vector = std::vector<double>;

constexpr double kGolden = 1e-6;

void expect_near(const Vector& actual, const Vector& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], tolerance) << "entry " << i;
}

TEST(LossWeights, GradNormGoldenValues) {
  Vector weights = {1, 1, 1};
  const GradNormSlopes slopes =
      gradnorm_slopes(weights, Vector{2.44948974, 3.24037035, 4.16082924}, Vector{1, 0.5, 2}, Vector{2, 1, 2.5}, 1.5);
  expect_near(slopes.lengths, {2.44948974, 3.24037035, 4.16082924}, kGolden);
  expect_near(slopes.rates, {0.83333333, 0.83333333, 1.33333333}, kGolden);
  expect_near(slopes.targets, {2.49789109, 2.49789109, 5.05537612}, kGolden);
  expect_near(slopes.slopes, {-2.44948974, 3.24037035, -4.16082924}, kGolden);
  for (std::size_t i = 0; i < 3; ++i) weights[i] -= 0.025 * slopes.slopes[i];
  renormalise(weights, 3);
  expect_near(weights, {1.0322487, 0.89388778, 1.07386352}, kGolden);
}

TEST(LossWeights, GradNormSlopesAreTheDerivative) {
  const Vector norms = {1.3, 0.2, 2.5};
  const Vector losses = {0.4, 1.5, 0.9};
  const Vector first = {1, 1.7, 0.8};
  const Vector weights = {0.7, 1.1, 1.2};
  const GradNormSlopes slopes = gradnorm_slopes(weights, norms, losses, first, 0.12);
  const auto objective = [&](const Vector& w) {
    double sum = 0;
    for (std::size_t i = 0; i < 3; ++i) sum += std::abs(w[i] * norms[i] - slopes.targets[i]);
    return sum;
  };
  for (std::size_t i = 0; i < 3; ++i) {
    Vector moved = weights;
    moved[i] += 1e-6;
    EXPECT_NEAR((objective(moved) - objective(weights)) / 1e-6, slopes.slopes[i], 1e-6);
  }
}

TEST(LossWeights, DwaGoldenValues) {
  expect_near(dwa_weights(Vector{0.9, 0.5, 2}, Vector{1, 1, 2}, 2), {1.04529549, 0.85581557, 1.09888894}, kGolden);
}

TEST(LossWeights, UncertaintyGoldenValues) {
  const Vector losses = {1, 0.5, 2};
  const Vector s = {0, -0.5, 0.3};
  double total = 0;
  Vector slopes;
  for (std::size_t i = 0; i < 3; ++i) {
    total += uncertainty_term(losses[i], s[i], LossKind::kRegression);
    slopes.push_back(uncertainty_slope(losses[i], s[i], LossKind::kRegression));
  }
  EXPECT_NEAR(total, 1.55299854, kGolden);
  expect_near(slopes, {0, 0.08781968, -0.24081822}, kGolden);
  // The best s is log L for regression and log 2L for classification; the term is negative there once L < 1/e (or 1/2e).
  EXPECT_NEAR(uncertainty_slope(0.3, std::log(0.3), LossKind::kRegression), 0, 1e-12);
  EXPECT_NEAR(uncertainty_slope(0.3, std::log(0.6), LossKind::kClassification), 0, 1e-12);
  EXPECT_LT(uncertainty_term(0.3, std::log(0.3), LossKind::kRegression), 0);
  EXPECT_GT(uncertainty_term(0.4, std::log(0.4), LossKind::kRegression), 0);
}

TEST(LossWeights, DtpGoldenValues) {
  EXPECT_NEAR(dtp_weight(0.7, 1), 0.10700248, kGolden);
  EXPECT_NEAR(dtp_weight(0.4, 1), 0.54977444, kGolden);
  EXPECT_NEAR(dtp_weight(0.7, 2), 0.03210074, kGolden);
  EXPECT_NEAR(dtp_weight(0.4, 2), 0.32986466, kGolden);
  EXPECT_TRUE(std::isfinite(dtp_weight(0, 2)));
  EXPECT_TRUE(std::isfinite(dtp_weight(1, 2)));
  EXPECT_DOUBLE_EQ(mastery(3, 3), 0.5);
  EXPECT_DOUBLE_EQ(mastery(0, 3), 1);
  EXPECT_GT(mastery(1e9, 1), 0);
}

TEST(LossWeights, GeometricWeightsAreTheDerivativeOfTheGeometricMean) {
  const Vector losses = {0.2, 3, 1.1};
  const Vector weights = geometric_weights(losses);
  const auto geometric = [](const Vector& l) { return std::cbrt(l[0] * l[1] * l[2]); };
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(weights[i], geometric(losses) / 3 / losses[i], 1e-12);
    Vector higher = losses;
    Vector lower = losses;
    higher[i] += 1e-4;
    lower[i] -= 1e-4;
    EXPECT_NEAR((geometric(higher) - geometric(lower)) / 2e-4, weights[i], 1e-6);
  }
  for (const double each : geometric_weights(Vector(400, 1e-3))) EXPECT_NEAR(each, 1.0 / 400, 1e-12);
}

TEST(LossWeights, RandomWeightsSumToOneAndComeFromTheStream) {
  RandomStream a(1, "rlw", {7});
  RandomStream b(1, "rlw", {7});
  const Vector weights = random_weights(5, a);
  EXPECT_EQ(weights, random_weights(5, b));
  double sum = 0;
  for (const double each : weights) {
    EXPECT_GT(each, 0);
    sum += each;
  }
  EXPECT_NEAR(sum, 1, 1e-12);
}

TEST(LossWeights, FamoFollowsItsFormulas) {
  const Vector logits = {0.1, -0.3, 0.2};
  const Vector losses = {1, 0.5, 2};
  Vector z;
  double sum = 0;
  for (const double each : logits) z.push_back(std::exp(each));
  for (double& each : z) sum += each;
  for (double& each : z) each /= sum;
  const double c = 1 / (z[0] / 1 + z[1] / 0.5 + z[2] / 2);
  expect_near(famo_weights(logits, losses), {c * z[0] / 1, c * z[1] / 0.5, c * z[2] / 2}, 1e-12);
  // Half the derivative of the step's objective sum z_i log(before / after) by the logits, numerically.
  const Vector after = {0.9, 0.5, 2.1};
  const Vector slopes = famo_slopes(logits, losses, after);
  const auto objective = [&](const Vector& x) {
    double total = 0;
    double value = 0;
    for (std::size_t i = 0; i < 3; ++i) total += std::exp(x[i]);
    for (std::size_t i = 0; i < 3; ++i) value += std::exp(x[i]) / total * std::log(losses[i] / after[i]);
    return value;
  };
  for (std::size_t i = 0; i < 3; ++i) {
    Vector moved = logits;
    moved[i] += 1e-6;
    EXPECT_NEAR((objective(moved) - objective(logits)) / 1e-6, slopes[i], 1e-6);
  }
}

TEST(LossWeights, NumberAdamIsAdamAndLeavesOthersAlone) {
  NumberAdam adam(2);
  double value = 1;
  double other = 5;
  adam.step(0, value, 0.3, 0.1);
  EXPECT_NEAR(value, 0.9, 1e-6);  // the first step is as long as the rate
  adam.step(0, value, -0.3, 0.1);
  const double mean = (0.9 * 0.1 * 0.3 - 0.1 * 0.3) / (1 - 0.81);
  EXPECT_NEAR(value, 0.9 - 0.1 * mean / 0.3, 1e-6);
  NumberAdam restored(2);
  restored.load_state(nlohmann::json::parse(adam.state().dump()));
  double same = value;
  adam.step(0, value, 0.7, 0.1);
  restored.step(0, same, 0.7, 0.1);
  EXPECT_EQ(value, same);
  adam.step(1, other, 0.3, 0.1);
  EXPECT_NEAR(other, 4.9, 1e-6);
}

}  // namespace
}  // namespace affinis::train
