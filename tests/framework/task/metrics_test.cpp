#include "framework/task/metrics.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "tests/framework/task/values.h"

namespace affinis::task {
namespace {

using testing::floats;
using testing::integers;
using testing::normal_values;
using testing::random_labels;
using testing::random_mask;

/// The metrics after the batch was added in two uneven parts, by name.
std::map<std::string, double> measure(const MetricSet& set, const at::Tensor& prediction, const at::Tensor& target, const at::Tensor& mask) {
  const std::unique_ptr<MetricAccumulator> accumulator = set.make();
  for (const double each : accumulator->result()) EXPECT_TRUE(std::isnan(each));
  for (const auto& [first, last] : {std::pair<std::int64_t, std::int64_t>{0, 1}, {1, prediction.size(0)}}) {
    Batch part;
    part.target = target.slice(0, first, last);
    if (mask.defined()) part.mask = mask.slice(0, first, last);
    accumulator->add(prediction.slice(0, first, last), part);
  }
  const std::vector<double> values = accumulator->result();
  EXPECT_EQ(values.size(), set.infos.size());
  std::map<std::string, double> named;
  for (std::size_t i = 0; i < values.size(); ++i) named[set.infos[i].name] = values[i];
  return named;
}

TEST(Metrics, ErrorsAgreeWithALoop) {
  const at::Tensor prediction = normal_values({3, 1, 6, 5}, 1);
  const at::Tensor target = normal_values({3, 1, 6, 5}, 2);
  // Uneven masks, so that a mean of means would differ.
  at::Tensor mask = random_mask({3, 1, 6, 5}, 3, 0.5);
  mask[0].fill_(1);
  double absolute = 0;
  double squared = 0;
  double count = 0;
  for (std::int64_t i = 0; i < 90; ++i) {
    if (floats(mask)[i] == 0) continue;
    const double error = static_cast<double>(floats(prediction)[i]) - floats(target)[i];
    absolute += std::abs(error);
    squared += error * error;
    ++count;
  }
  const auto values = measure(error_metrics(0.5), prediction, target, mask);
  EXPECT_NEAR(values.at("mae"), 0.5 * absolute / count, 1e-12);
  EXPECT_NEAR(values.at("rmse"), 0.5 * std::sqrt(squared / count), 1e-12);
}

TEST(Metrics, DepthAgreesWithALoop) {
  const at::Tensor prediction = at::rand({3, 1, 6, 5}) * 5;
  const at::Tensor target = prediction * (1 + normal_values({3, 1, 6, 5}, 2, 0.2)).clamp_min(0.1);
  const at::Tensor mask = random_mask({3, 1, 6, 5}, 3);
  double relative = 0;
  double squared = 0;
  double near = 0;
  double count = 0;
  for (std::int64_t i = 0; i < 90; ++i) {
    if (floats(mask)[i] == 0) continue;
    const double p = std::max(2.0 * floats(prediction)[i], 1.0 / 512);
    const double t = std::max(2.0 * floats(target)[i], 1.0 / 512);
    relative += std::abs(p - t) / t;
    squared += (p - t) * (p - t);
    near += p / t < 1.25 && t / p < 1.25 ? 1 : 0;
    ++count;
  }
  ASSERT_GT(near, 0);
  ASSERT_LT(near, count);
  const auto values = measure(depth_metrics([](float value) { return 2.0 * value; }), prediction, target, mask);
  EXPECT_NEAR(values.at("abs_rel"), relative / count, 1e-9);
  EXPECT_NEAR(values.at("rmse"), std::sqrt(squared / count), 1e-9);
  EXPECT_NEAR(values.at("delta_1.25"), near / count, 1e-12);
}

TEST(Metrics, NormalsAgreeWithALoop) {
  const at::Tensor target = normal_values({3, 3, 6, 5}, 1);
  const at::Tensor prediction = target * 3 + normal_values({3, 3, 6, 5}, 2, 1.5);
  const at::Tensor mask = random_mask({3, 1, 6, 5}, 3);
  std::vector<double> angles;
  for (std::int64_t image = 0; image < 3; ++image) {
    for (std::int64_t i = 0; i < 30; ++i) {
      if (floats(mask)[image * 30 + i] == 0) continue;
      double dot = 0;
      double length_p = 0;
      double length_t = 0;
      for (std::int64_t c = 0; c < 3; ++c) {
        const double p = floats(prediction)[(image * 3 + c) * 30 + i];
        const double t = floats(target)[(image * 3 + c) * 30 + i];
        dot += p * t;
        length_p += p * p;
        length_t += t * t;
      }
      angles.push_back(std::acos(dot / std::sqrt(length_p * length_t)) * 180 / std::numbers::pi);
    }
  }
  std::sort(angles.begin(), angles.end());
  double sum = 0;
  for (const double angle : angles) sum += angle;
  const auto within = [&](double limit) {
    return static_cast<double>(std::count_if(angles.begin(), angles.end(), [&](double angle) { return angle < limit; })) /
           static_cast<double>(angles.size());
  };
  const auto values = measure(normal_metrics(), prediction, target, mask);
  EXPECT_NEAR(values.at("angular_error_mean"), sum / static_cast<double>(angles.size()), 1e-9);
  EXPECT_NEAR(values.at("angular_error_median"), angles[(angles.size() - 1) / 2], 0.0051);
  EXPECT_NEAR(values.at("within_11.25"), within(11.25), 1e-12);
  EXPECT_NEAR(values.at("within_22.5"), within(22.5), 1e-12);
  EXPECT_NEAR(values.at("within_30"), within(30), 1e-12);
  const auto perfect = measure(normal_metrics(), target * 0.1, target, mask);
  EXPECT_NEAR(perfect.at("angular_error_mean"), 0, 1e-4);
  const auto nothing = measure(normal_metrics(), target * 0, target, mask);
  EXPECT_NEAR(nothing.at("angular_error_mean"), 90, 1e-9);
}

TEST(Metrics, SegmentationAgreesWithALoop) {
  constexpr std::int64_t kClasses = 5;
  at::Tensor logits = normal_values({3, kClasses, 6, 5}, 1);
  // Class 4 occurs in neither: it must not count.
  logits.slice(1, 4, 5).fill_(-100);
  const at::Tensor labels = random_labels({3, 6, 5}, kClasses - 1, 2);
  const at::Tensor mask = random_mask({3, 6, 5}, 3);
  std::vector<double> both(kClasses);
  std::vector<double> either(kClasses);
  double right = 0;
  double count = 0;
  for (std::int64_t image = 0; image < 3; ++image) {
    for (std::int64_t i = 0; i < 30; ++i) {
      if (floats(mask)[image * 30 + i] == 0) continue;
      std::int64_t best = 0;
      for (std::int64_t c = 1; c < kClasses; ++c) {
        if (floats(logits)[(image * kClasses + c) * 30 + i] > floats(logits)[(image * kClasses + best) * 30 + i]) best = c;
      }
      const std::int64_t label = integers(labels)[image * 30 + i];
      ++count;
      if (best == label) {
        ++right;
        ++both[label];
        ++either[label];
      } else {
        ++either[label];
        ++either[best];
      }
    }
  }
  double overlap = 0;
  for (std::int64_t c = 0; c < 4; ++c) overlap += both[c] / either[c];
  const auto values = measure(segmentation_metrics(kClasses), logits, labels, mask);
  EXPECT_NEAR(values.at("miou"), overlap / 4, 1e-12);
  EXPECT_NEAR(values.at("pixel_accuracy"), right / count, 1e-12);
}

TEST(Metrics, ClassificationAgreesWithALoop) {
  const at::Tensor logits = normal_values({40, 8}, 1);
  const at::Tensor labels = random_labels({40}, 8, 2);
  const at::Tensor mask = random_mask({40}, 3);
  double first = 0;
  double five = 0;
  double count = 0;
  for (std::int64_t image = 0; image < 40; ++image) {
    if (floats(mask)[image] == 0) continue;
    std::vector<std::pair<float, std::int64_t>> order;
    for (std::int64_t c = 0; c < 8; ++c) order.emplace_back(-floats(logits)[image * 8 + c], c);
    std::sort(order.begin(), order.end());
    for (std::size_t rank = 0; rank < 5; ++rank) {
      if (order[rank].second != integers(labels)[image]) continue;
      ++five;
      first += rank == 0 ? 1 : 0;
    }
    ++count;
  }
  const auto values = measure(classification_metrics(8), logits, labels, mask);
  EXPECT_NEAR(values.at("top1"), first / count, 1e-12);
  EXPECT_NEAR(values.at("top5"), five / count, 1e-12);
  EXPECT_EQ(classification_metrics(5).infos.size(), 1U);
}

/// SSIM of two luma images by the definition: a Gaussian window around every pixel that has a whole one.
double expected_similarity(const std::vector<double>& a, const std::vector<double>& b, int side) {
  double weights[11];
  double total = 0;
  for (int i = 0; i < 11; ++i) total += weights[i] = std::exp(-0.5 * (i - 5) * (i - 5) / (1.5 * 1.5));
  double sum = 0;
  int count = 0;
  for (int y = 5; y < side - 5; ++y) {
    for (int x = 5; x < side - 5; ++x) {
      double ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
      for (int dy = -5; dy <= 5; ++dy) {
        for (int dx = -5; dx <= 5; ++dx) {
          const double w = weights[dy + 5] * weights[dx + 5] / (total * total);
          const auto at = static_cast<std::size_t>((y + dy) * side + x + dx);
          ma += w * a[at];
          mb += w * b[at];
          aa += w * a[at] * a[at];
          bb += w * b[at] * b[at];
          ab += w * a[at] * b[at];
        }
      }
      sum += (2 * ma * mb + 1e-4) * (2 * (ab - ma * mb) + 9e-4) /
             ((ma * ma + mb * mb + 1e-4) * (aa - ma * ma + bb - mb * mb + 9e-4));
      ++count;
    }
  }
  return sum / count;
}

TEST(Metrics, ImagesAgreeWithALoop) {
  constexpr int kSide = 16;
  constexpr std::int64_t kPlane = kSide * kSide;
  const at::Tensor target = normal_values({2, 3, kSide, kSide}, 1, 0.4).clamp(-1, 1);
  const at::Tensor prediction = (target + normal_values({2, 3, kSide, kSide}, 2, 0.1)).clamp(-1, 1);
  double squared = 0;
  double similarity = 0;
  for (std::int64_t i = 0; i < target.numel(); ++i) squared += std::pow(0.5 * (floats(prediction)[i] - floats(target)[i]), 2);
  for (std::int64_t image = 0; image < 2; ++image) {
    const auto luma = [&](const at::Tensor& values) {
      std::vector<double> grey;
      for (std::int64_t i = 0; i < kPlane; ++i) {
        const auto channel = [&](std::int64_t c) { return 0.5 * floats(values)[(image * 3 + c) * kPlane + i] + 0.5; };
        grey.push_back(0.299 * channel(0) + 0.587 * channel(1) + 0.114 * channel(2));
      }
      return grey;
    };
    similarity += expected_similarity(luma(prediction), luma(target), kSide);
  }
  const auto values = measure(image_metrics(), prediction, target, {});
  EXPECT_NEAR(values.at("psnr"), -10 * std::log10(squared / static_cast<double>(target.numel())), 1e-6);
  EXPECT_NEAR(values.at("ssim"), similarity / 2, 1e-4);
  EXPECT_LT(values.at("ssim"), 0.999);
  EXPECT_NEAR(measure(image_metrics(), target, target, {}).at("ssim"), 1, 1e-5);
}

}  // namespace
}  // namespace affinis::task
