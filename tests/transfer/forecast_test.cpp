#include "transfer/forecast.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "tasks/builtin.h"

namespace affinis::transfer {
namespace {

at::Tensor random(std::vector<std::int64_t> shape, std::uint64_t seed) {
  at::Generator generator = at::globalContext().defaultGenerator(at::kCPU).clone();
  generator.set_current_seed(seed);
  return at::randn(shape, generator, at::TensorOptions().dtype(at::kDouble));
}

std::shared_ptr<const task::Task> make(const std::string& name) {
  task::TaskRegistry registry("task");
  tasks::register_builtin_tasks(registry);
  return registry.get(name)->make({.image_side = 16, .vocabularies = {}, .paper_compatible = false, .soft_labels = false});
}

train::TensorSet labels_of(at::Tensor target, at::Tensor mask = {}) { return {{}, std::move(target), std::move(mask), {}, {}}; }

/// Standardised training rows, test rows in the same units.
struct Standardised {
  at::Tensor training;
  at::Tensor test;
};

Standardised standardised(const at::Tensor& training, const at::Tensor& test) {
  const at::Tensor mean = training.mean(0, true);
  const at::Tensor deviation = training.std(0, false, true);
  return {(training - mean) / deviation, (test - mean) / deviation};
}

/// The normal equations with an intercept.
at::Tensor plain_ridge(const Standardised& rows, const at::Tensor& labels, double penalty) {
  const at::Tensor mean = labels.mean(0, true);
  const at::Tensor gram = rows.training.t().mm(rows.training) + penalty * at::eye(rows.training.size(1), at::kDouble);
  return rows.test.mm(at::linalg_solve(gram, rows.training.t().mm(labels - mean))) + mean;
}

double scale_of(const Standardised& rows) { return rows.training.square().sum().item<double>() / static_cast<double>(std::min(rows.training.size(0), rows.training.size(1))); }

TEST(RidgeReadout, SolvesTheNormalEquations) {
  for (const std::int64_t columns : {6, 40}) {
    const at::Tensor training = random({25, columns}, 1) * 3 + 2;
    const at::Tensor test = random({7, columns}, 2) * 3 + 2;
    const at::Tensor labels = training.narrow(1, 0, 2) + random({25, 2}, 3);
    const RidgeReadout readout(training, test);
    const Standardised rows = standardised(training, test);
    const at::Tensor wanted = plain_ridge(rows, labels, readout.penalty(labels) * scale_of(rows));
    EXPECT_LT((readout.predict(labels) - wanted).abs().max().item<double>(), 1e-9) << columns;
  }
}

TEST(RidgeReadout, ChoosesThePenaltyThatLeavesOneOutBest) {
  const at::Tensor training = random({20, 5}, 4);
  const at::Tensor labels = training.narrow(1, 0, 1) * 0.3 + random({20, 1}, 5);
  // Leaving out means: same units and scale of the whole set, the mean and the weights fitted to the rest.
  const Standardised all = standardised(training, training);
  double least = std::numeric_limits<double>::infinity();
  double best = 0;
  for (int step = 0; step < 13; ++step) {
    const double multiple = std::pow(10.0, -4 + 0.5 * step);
    const double penalty = multiple * scale_of(all);
    double error = 0;
    for (std::int64_t i = 0; i < 20; ++i) {
      const at::Tensor rest = at::cat({all.training.narrow(0, 0, i), all.training.narrow(0, i + 1, 19 - i)});
      const at::Tensor rest_labels = at::cat({labels.narrow(0, 0, i), labels.narrow(0, i + 1, 19 - i)});
      const at::Tensor centre = rest.mean(0, true);
      const at::Tensor mean = rest_labels.mean(0, true);
      const at::Tensor gram = (rest - centre).t().mm(rest - centre) + penalty * at::eye(5, at::kDouble);
      const at::Tensor weights = at::linalg_solve(gram, (rest - centre).t().mm(rest_labels - mean));
      const at::Tensor prediction = (all.training.narrow(0, i, 1) - centre).mm(weights) + mean;
      error += (prediction - labels.narrow(0, i, 1)).square().sum().item<double>();
    }
    if (error < least) {
      least = error;
      best = multiple;
    }
  }
  EXPECT_NEAR(RidgeReadout(training, training).penalty(labels) / best, 1, 1e-9);
}

TEST(RidgeReadout, AColumnThatNeverChangesSaysNothing) {
  at::Tensor training = random({12, 3}, 6);
  const RidgeReadout without(training.narrow(1, 0, 2), training.narrow(1, 0, 2));
  training.select(1, 2).fill_(0.1);
  const at::Tensor labels = random({12, 1}, 7);
  EXPECT_LT((RidgeReadout(training, training).predict(labels) - without.predict(labels)).abs().max().item<double>(), 0.2);
  EXPECT_TRUE(at::isfinite(RidgeReadout(training, training).predict(labels)).all().item<bool>());
}

TEST(ReadoutLabels, DenseValuesAtFixedPixels) {
  const at::Tensor target = random({4, 1, 16, 16}, 8).to(at::kFloat);
  at::Tensor mask = at::ones({4, 1, 16, 16});
  mask[1].fill_(0);
  const ReadoutLabels labels = readout_labels(*make("rgb2depth"), labels_of(target, mask), labels_of(target, mask), {.pixels = 9});
  ASSERT_EQ(labels.training.sizes(), (at::IntArrayRef{4, 9}));
  EXPECT_EQ(labels.error, ReadoutLabels::Error::kAbsolute);
  // The same pixels in both sets and in every image; an image without labels has the others' mean.
  EXPECT_TRUE(labels.training[0].equal(labels.test[0]));
  EXPECT_LT((labels.training[1] * 3 - labels.training[0] - labels.training[2] - labels.training[3]).abs().max().item<double>(), 1e-6);
  const std::vector<double> errors = readout_errors(labels, labels.test + 0.5);
  EXPECT_NEAR(errors[0], 0.5, 1e-6);
  EXPECT_TRUE(std::isnan(errors[1]));
}

TEST(ReadoutLabels, ClassesAreSharesAndSegmentsArePairs) {
  const ReadoutLabels labels = readout_labels(*make("point_match"), labels_of(at::tensor({1, 0, 1}, at::kLong)), labels_of(at::tensor({0, 1}, at::kLong)), {});
  EXPECT_EQ(labels.error, ReadoutLabels::Error::kSquared);
  EXPECT_TRUE(labels.training.equal(at::tensor({0.0, 1.0, 1.0, 0.0, 0.0, 1.0}, at::kDouble).view({3, 2})));
  // Always guessing two thirds and one third: off by 2/3 in both columns, by 1/3 in both.
  EXPECT_NEAR(constant_errors(labels)[0], 4.0 / 9, 1e-12);
  EXPECT_NEAR(constant_errors(labels)[1], 1.0 / 9, 1e-12);

  const at::Tensor one_segment = at::full({2, 16, 16}, 3, at::kLong);
  const ReadoutLabels pairs = readout_labels(*make("segment2d"), labels_of(one_segment, at::ones({2, 16, 16})), labels_of(one_segment, at::ones({2, 16, 16})), {});
  EXPECT_TRUE(pairs.training.equal(at::ones({2, 16}, at::kDouble)));
}

TEST(ReadoutLabels, RefusesATargetWithoutAnyLabel) {
  const at::Tensor target = at::zeros({2, 1, 16, 16});
  try {
    readout_labels(*make("rgb2depth"), labels_of(target, at::zeros({2, 1, 16, 16})), labels_of(target), {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("rgb2depth"), std::string::npos);
  }
}

}  // namespace
}  // namespace affinis::transfer
