#include "framework/task/losses.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "tests/framework/task/values.h"

namespace affinis::task {
namespace {

using testing::floats;
using testing::integers;
using testing::normal_values;
using testing::random_labels;
using testing::random_mask;

constexpr std::int64_t kImages = 3;
constexpr std::int64_t kChannels = 2;
constexpr std::int64_t kPixels = 35;

/// Mean error per image by a plain loop; power 1 or 2.
std::vector<double> expected_errors(const at::Tensor& prediction, const at::Tensor& target, const at::Tensor& mask, int power) {
  std::vector<double> means;
  for (std::int64_t image = 0; image < kImages; ++image) {
    double sum = 0;
    double count = 0;
    for (std::int64_t channel = 0; channel < kChannels; ++channel) {
      for (std::int64_t i = 0; i < kPixels; ++i) {
        if (mask.defined() && floats(mask)[image * kPixels + i] == 0) continue;
        const std::int64_t at = (image * kChannels + channel) * kPixels + i;
        const double error = std::abs(static_cast<double>(floats(prediction)[at]) - floats(target)[at]);
        sum += power == 1 ? error : error * error;
        ++count;
      }
    }
    means.push_back(sum / count);
  }
  return means;
}

struct Case {
  at::Tensor prediction = normal_values({kImages, kChannels, 5, 7}, 1);
  at::Tensor target = normal_values({kImages, kChannels, 5, 7}, 2);
  at::Tensor mask = random_mask({kImages, 1, 5, 7}, 3);
};

TEST(Losses, AbsoluteErrorAgreesWithALoop) {
  const Case given;
  for (const at::Tensor& mask : {given.mask, at::Tensor()}) {
    const at::Tensor losses = absolute_error(given.prediction, given.target, mask);
    const std::vector<double> wanted = expected_errors(given.prediction, given.target, mask, 1);
    ASSERT_EQ(losses.sizes(), at::IntArrayRef({kImages}));
    for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(floats(losses)[i], wanted[i], 1e-6);
  }
}

TEST(Losses, SquaredErrorAgreesWithALoop) {
  const Case given;
  for (const at::Tensor& mask : {given.mask, at::Tensor()}) {
    const at::Tensor losses = squared_error(given.prediction, given.target, mask);
    const std::vector<double> wanted = expected_errors(given.prediction, given.target, mask, 2);
    for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(floats(losses)[i], wanted[i], 1e-6);
  }
}

TEST(Losses, AMaskMayHaveTheTargetsChannels) {
  const Case given;
  const at::Tensor wide = given.mask.expand({kImages, kChannels, 5, 7}).contiguous();
  EXPECT_TRUE(at::allclose(absolute_error(given.prediction, given.target, given.mask), absolute_error(given.prediction, given.target, wide)));
}

TEST(Losses, CrossEntropyAgreesWithALoop) {
  constexpr std::int64_t kClasses = 4;
  const at::Tensor logits = normal_values({kImages, kClasses, 5, 7}, 4, 3);
  const at::Tensor labels = random_labels({kImages, 5, 7}, kClasses, 5);
  const at::Tensor weights = at::tensor(std::vector<float>{0.5F, 1, 2, 4});
  for (const bool masked : {false, true}) {
    for (const bool weighted : {false, true}) {
      const at::Tensor mask = masked ? random_mask({kImages, 5, 7}, 6) : at::Tensor();
      const at::Tensor losses = cross_entropy(logits, labels, mask, weighted ? weights : at::Tensor());
      for (std::int64_t image = 0; image < kImages; ++image) {
        double sum = 0;
        double count = 0;
        for (std::int64_t i = 0; i < kPixels; ++i) {
          if (masked && floats(mask)[image * kPixels + i] == 0) continue;
          const auto logit = [&](std::int64_t c) { return static_cast<double>(floats(logits)[(image * kClasses + c) * kPixels + i]); };
          double exponentials = 0;
          for (std::int64_t c = 0; c < kClasses; ++c) exponentials += std::exp(logit(c));
          const std::int64_t label = integers(labels)[image * kPixels + i];
          sum += (weighted ? floats(weights)[label] : 1.0) * (std::log(exponentials) - logit(label));
          ++count;
        }
        EXPECT_NEAR(floats(losses)[image], sum / count, 1e-6 * std::max(1.0, sum / count)) << masked << weighted;
      }
    }
  }
}

TEST(Losses, CrossEntropyOfOneLabelAnImage) {
  const at::Tensor logits = at::tensor(std::vector<float>{0, 1, 2, 3, 0, 0}).view({2, 3});
  const at::Tensor labels = at::tensor(std::vector<std::int64_t>{2, 1});
  const at::Tensor losses = cross_entropy(logits, labels, {});
  EXPECT_NEAR(floats(losses)[0], std::log(1 + std::exp(-1.0) + std::exp(-2.0)), 1e-6);
  EXPECT_NEAR(floats(losses)[1], std::log(std::exp(3.0) + 2), 1e-6);
  const at::Tensor second_missing = cross_entropy(logits, labels, at::tensor(std::vector<float>{1, 0}));
  EXPECT_EQ(floats(second_missing)[0], floats(losses)[0]);
  EXPECT_TRUE(std::isnan(floats(second_missing)[1]));
}

TEST(Losses, AnImageWithoutLabelsIsNan) {
  Case given;
  given.mask[1].zero_();
  for (const at::Tensor& losses : {absolute_error(given.prediction, given.target, given.mask),
                                   squared_error(given.prediction, given.target, given.mask),
                                   cross_entropy(given.prediction, at::zeros({kImages, 5, 7}, at::kLong), given.mask.squeeze(1))}) {
    EXPECT_FALSE(std::isnan(floats(losses)[0]));
    EXPECT_TRUE(std::isnan(floats(losses)[1]));
    EXPECT_FALSE(std::isnan(floats(losses)[2]));
  }
}

TEST(Losses, ValuesBehindTheMaskHaveNoInfluence) {
  const Case given;
  const at::Tensor hidden = (given.mask == 0).expand({kImages, kChannels, 5, 7});
  const at::Tensor other = at::where(hidden, given.target + 1000, given.target);
  EXPECT_TRUE(at::equal(absolute_error(given.prediction, given.target, given.mask), absolute_error(given.prediction, other, given.mask)));
  // Labels that do not exist are fine there too.
  const at::Tensor mask = given.mask.squeeze(1);
  const at::Tensor labels = random_labels({kImages, 5, 7}, kChannels, 7);
  const at::Tensor wild = at::where(mask == 0, at::full({1}, 99, at::kLong), labels);
  EXPECT_TRUE(at::equal(cross_entropy(given.prediction, labels, mask), cross_entropy(given.prediction, wild, mask)));
}

TEST(Losses, GradientsAgreeWithFiniteDifferences) {
  const Case given;
  const at::Tensor labels = random_labels({kImages, 5, 7}, kChannels, 8);
  const at::Tensor weights = at::tensor(std::vector<float>{0.5F, 3});
  const std::vector<std::function<at::Tensor(const at::Tensor&)>> losses = {
      [&](const at::Tensor& p) { return absolute_error(p, given.target, given.mask).sum(); },
      [&](const at::Tensor& p) { return squared_error(p, given.target, given.mask).sum(); },
      [&](const at::Tensor& p) { return cross_entropy(p, labels, given.mask.squeeze(1), weights).sum(); }};
  for (std::size_t which = 0; which < losses.size(); ++which) {
    const at::Tensor leaf = given.prediction.clone().set_requires_grad(true);
    losses[which](leaf).backward();
    for (const std::int64_t element : {0, 17, 40, 101, 209}) {
      constexpr float kStep = 1e-2F;
      const auto at_distance = [&](float distance) {
        at::Tensor moved = given.prediction.clone();
        moved.data_ptr<float>()[element] += distance;
        return losses[which](moved).item<double>();
      };
      const double measured = (at_distance(kStep) - at_distance(-kStep)) / (2 * kStep);
      EXPECT_NEAR(floats(leaf.grad())[element], measured, 1e-4) << "loss " << which << " element " << element;
    }
  }
}

TEST(Losses, ShapesThatDoNotFitAreNamed) {
  EXPECT_THROW(absolute_error(at::zeros({2, 1, 4, 4}), at::zeros({2, 3, 4, 4}), {}), Error);
  EXPECT_THROW(cross_entropy(at::zeros({2, 3, 4, 4}), at::zeros({2, 5, 4}, at::kLong), {}), Error);
}

}  // namespace
}  // namespace affinis::task
