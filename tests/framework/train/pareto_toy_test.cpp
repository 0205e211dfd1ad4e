// The two-task problem of CAGrad's paper (Liu et al. 2021, appendix): basins behind valleys of the two losses, with the Pareto front between the two
// bowls below them.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "framework/train/balance/gradient_weights.h"
#include "framework/train/balance/loss_weights.h"

namespace affinis::train {
namespace {

using Point = std::array<double, 2>;

/// A number and its derivatives by x and y.
struct Dual {
  double value;
  Point slope;
};
Dual operator+(const Dual& a, const Dual& b) { return {a.value + b.value, {a.slope[0] + b.slope[0], a.slope[1] + b.slope[1]}}; }
Dual operator*(const Dual& a, const Dual& b) {
  return {a.value * b.value, {a.slope[0] * b.value + a.value * b.slope[0], a.slope[1] * b.value + a.value * b.slope[1]}};
}
Dual constant(double value) { return {value, {0, 0}}; }
Dual tanh(const Dual& a) {
  const double value = std::tanh(a.value);
  return {value, {a.slope[0] * (1 - value * value), a.slope[1] * (1 - value * value)}};
}
Dual log_of_length(const Dual& a) {
  constexpr double kLeast = 5e-6;
  if (std::abs(a.value) < kLeast) return constant(std::log(kLeast));
  return {std::log(std::abs(a.value)), {a.slope[0] / a.value, a.slope[1] / a.value}};
}
Dual positive(const Dual& a) { return a.value >= 0 ? a : constant(0); }

std::array<Dual, 2> losses_at(const Point& point) {
  const Dual x{point[0], {1, 0}};
  const Dual y{point[1], {0, 1}};
  const Dual minus = constant(-1);
  const Dual half = constant(0.5);
  const Dual above = positive(tanh(half * y));
  const Dual below = positive(tanh(constant(-0.5) * y));
  const Dual bowl = constant(0.1) * (minus * y + constant(-8)) * (minus * y + constant(-8));
  const auto basin = [&](double centre) {
    const Dual distance = minus * x + constant(centre);
    return constant(0.1) * (distance * distance + bowl) + constant(-20);
  };
  const Dual first = log_of_length(half * (minus * x + constant(-7)) + minus * tanh(minus * y)) + constant(6);
  const Dual second = log_of_length(half * (minus * x + constant(3)) + tanh(minus * y) + constant(2)) + constant(6);
  return {first * above + basin(7) * below, second * above + basin(-7) * below};
}

Gramian gramian_of(const std::array<Dual, 2>& losses) {
  std::vector<double> products;
  for (const Dual& a : losses) {
    for (const Dual& b : losses) products.push_back(a.slope[0] * b.slope[0] + a.slope[1] * b.slope[1]);
  }
  return {2, products};
}

using Method = std::function<std::vector<double>(const Gramian&)>;

/// No step lowers both losses any more, and the point lies in the bowls, not in a valley above.
bool on_the_front(const Point& point) {
  const Gramian gramian = gramian_of(losses_at(point));
  const std::vector<double> shortest = mgda_weights(gramian, std::vector<double>{1, 1}, GradientScale::kNone);
  return point[1] < -7 && std::sqrt(gramian.squared_norm(shortest)) < 0.02;
}

/// Until the front, or for a long time.
Point trained(Point point, const Method& method) {
  constexpr int kSteps = 60000;
  constexpr double kRate = 2e-3;
  NumberAdam adam(2);
  for (int step = 0; step < kSteps && !(step % 1000 == 0 && on_the_front(point)); ++step) {
    const std::array<Dual, 2> losses = losses_at(point);
    const std::vector<double> weights = method(gramian_of(losses));
    for (std::size_t k = 0; k < 2; ++k) {
      adam.step(k, point[k], weights[0] * losses[0].slope[k] + weights[1] * losses[1].slope[k], kRate);
    }
  }
  return point;
}

const std::vector<Point> kStarts = {{-8.5, 7.5}, {0, 0}, {9, 9}};

TEST(ParetoToy, MethodsThatPromiseItReachTheFrontFromEverywhere) {
  const std::vector<std::pair<std::string, Method>> methods = {
      {"mgda", [](const Gramian& m) { return mgda_weights(m, std::vector<double>{1, 1}, GradientScale::kNone); }},
      {"cagrad", [](const Gramian& m) { return cagrad_weights(m, 0.4).weights; }},
      {"pcgrad", [](const Gramian& m) { return pcgrad_weights(m, nullptr); }},
      {"imtl", [](const Gramian& m) { return imtl_weights(m); }},
      {"nash", [](const Gramian& m) { return nash_weights(m); }},
      {"aligned", [](const Gramian& m) { return aligned_weights(m); }},
      {"upgrad", [](const Gramian& m) { return upgrad_weights(m); }},
  };
  for (const auto& [name, method] : methods) {
    for (const Point& start : kStarts) {
      const Point end = trained(start, method);
      EXPECT_TRUE(on_the_front(end)) << name << " from (" << start[0] << ", " << start[1] << ") to (" << end[0] << ", " << end[1] << ")";
    }
  }
}

// FAMO works on logarithms of losses above their least value, here -20, and learns its weights from what a step has brought.
TEST(ParetoToy, FamoReachesTheFront) {
  constexpr int kSteps = 60000;
  constexpr double kRate = 2e-3;
  constexpr double kWeightRate = 0.025;
  const auto above_least = [](const Point& point) {
    const std::array<Dual, 2> losses = losses_at(point);
    return std::vector<double>{losses[0].value + 20 + 1e-2, losses[1].value + 20 + 1e-2};
  };
  for (const Point& start : kStarts) {
    Point point = start;
    NumberAdam adam(2);
    NumberAdam weight_adam(2);
    std::vector<double> logits = {0, 0};
    for (int step = 0; step < kSteps && !(step % 1000 == 0 && on_the_front(point)); ++step) {
      const std::array<Dual, 2> losses = losses_at(point);
      const std::vector<double> before = above_least(point);
      const std::vector<double> weights = famo_weights(logits, before);
      for (std::size_t k = 0; k < 2; ++k) {
        adam.step(k, point[k], weights[0] * losses[0].slope[k] + weights[1] * losses[1].slope[k], kRate);
      }
      const std::vector<double> slopes = famo_slopes(logits, before, above_least(point));
      for (std::size_t k = 0; k < 2; ++k) weight_adam.step(k, logits[k], slopes[k], kWeightRate);
    }
    EXPECT_TRUE(on_the_front(point)) << "from (" << start[0] << ", " << start[1] << ") to (" << point[0] << ", " << point[1] << ")";
  }
}

TEST(ParetoToy, TheMeanOfTheLossesDoesNot) {
  const Method mean = [](const Gramian&) { return std::vector<double>{0.5, 0.5}; };
  EXPECT_FALSE(std::all_of(kStarts.begin(), kStarts.end(), [&](const Point& start) { return on_the_front(trained(start, mean)); }));
}

}  // namespace
}  // namespace affinis::train
