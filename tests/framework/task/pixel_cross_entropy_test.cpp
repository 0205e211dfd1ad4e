// Cross-entropy of class maps by loops of our own against LibTorch's in double precision.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "framework/core/error.h"
#include "framework/task/detail/class_pixels.h"
#include "framework/task/detail/pixel_cross_entropy.h"
#include "framework/task/losses.h"
#include "tests/framework/task/values.h"

namespace affinis::task {
namespace {

using detail::cpu_cross_entropy;
using testing::floats;
using testing::normal_values;
using testing::random_labels;
using testing::random_mask;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNotANumber = std::numeric_limits<float>::quiet_NaN();

/// Class maps and what they are compared with.
struct Maps {
  at::Tensor logits;
  at::Tensor labels;
  at::Tensor mask;
  at::Tensor weights;

  std::int64_t classes() const { return logits.size(1); }
};

Maps maps_of(const std::vector<std::int64_t>& shape, bool masked, bool weighted, double deviation = 3) {
  std::vector<std::int64_t> places = shape;
  places.erase(places.begin() + 1);
  return {normal_values(shape, 1, deviation), random_labels(places, shape[1], 2), masked ? random_mask(places, 3) : at::Tensor(),
          weighted ? normal_values({shape[1]}, 4).abs() + 0.1 : at::Tensor()};
}

struct LossAndGradient {
  at::Tensor loss;
  at::Tensor gradient;
};

/// By LibTorch, in the precision of `type`.
LossAndGradient by_libtorch(const Maps& maps, const at::Tensor& arriving, at::ScalarType type) {
  const at::Tensor leaf = maps.logits.detach().to(type, false, true).contiguous().requires_grad_();
  const at::Tensor labels = maps.mask.defined() ? maps.labels.masked_fill(maps.mask == 0, -100) : maps.labels;
  const at::Tensor errors =
      at::cross_entropy_loss(leaf, labels, maps.weights.defined() ? maps.weights.to(type) : maps.weights, at::Reduction::None, -100);
  const at::Tensor sums = errors.flatten(1).sum(1);
  const at::Tensor loss = maps.mask.defined() ? sums / maps.mask.flatten(1).sum(1) : errors.flatten(1).mean(1);
  return {loss.detach(), torch::autograd::grad({loss}, {leaf}, {arriving.to(type)})[0]};
}

LossAndGradient by_our_loops(const Maps& maps, const at::Tensor& arriving) {
  const at::Tensor leaf = maps.logits.detach().requires_grad_();
  EXPECT_TRUE(cpu_cross_entropy(leaf, maps.labels, maps.mask, maps.weights).has_value());
  const at::Tensor loss = cross_entropy(leaf, maps.labels, maps.mask, maps.weights);
  return {loss.detach(), torch::autograd::grad({loss}, {leaf}, {arriving})[0]};
}

double largest(const at::Tensor& difference) { return difference.abs().max().item<double>(); }

void expect_as_exact_as_libtorch(const Maps& maps) {
  SCOPED_TRACE(::testing::Message() << c10::str(maps.logits.sizes()) << (maps.mask.defined() ? " masked" : "")
                                    << (maps.weights.defined() ? " weighted" : ""));
  const at::Tensor arriving = normal_values({maps.logits.size(0)}, 5);
  const LossAndGradient wanted = by_libtorch(maps, arriving, at::kDouble);
  const LossAndGradient theirs = by_libtorch(maps, arriving, at::kFloat);
  const LossAndGradient ours = by_our_loops(maps, arriving);
  ASSERT_EQ(ours.loss.sizes(), wanted.loss.sizes());
  ASSERT_EQ(ours.gradient.sizes(), wanted.gradient.sizes());
  const double loss_size = std::max(1.0, largest(wanted.loss));
  const double gradient_size = largest(wanted.gradient);
  EXPECT_LE(largest(ours.loss - wanted.loss), 2 * largest(theirs.loss - wanted.loss) + 1e-7 * loss_size);
  EXPECT_LE(largest(ours.gradient - wanted.gradient), 2 * largest(theirs.gradient - wanted.gradient) + 1e-8 * gradient_size);
}

/// Sets how many threads LibTorch takes, for as long as it lives.
class ThreadsFor {
 public:
  explicit ThreadsFor(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~ThreadsFor() { at::set_num_threads(before_); }
  ThreadsFor(const ThreadsFor&) = delete;
  ThreadsFor& operator=(const ThreadsFor&) = delete;

 private:
  int before_;
};

TEST(PixelCrossEntropy, IsAsExactAsLibTorch) {
  for (const bool masked : {false, true}) {
    for (const bool weighted : {false, true}) {
      for (const std::vector<std::int64_t>& shape : std::vector<std::vector<std::int64_t>>{
               {2, 17, 64, 64}, {3, 40, 7, 5}, {2, 1, 3, 3}, {2, 2, 16, 17}, {1, 5, 1, 1}, {4, 3, 257, 1}, {2, 6, 300}, {2, 3, 4, 5, 6}}) {
        Maps maps = maps_of(shape, masked, weighted);
        // Every image keeps a label: NaN is compared elsewhere.
        if (masked) maps.mask.flatten(1).select(1, 0).fill_(1);
        expect_as_exact_as_libtorch(maps);
      }
    }
  }
}

TEST(PixelCrossEntropy, IsAsExactForLogitsFarFromOneAnotherOrFromZero) {
  for (const double deviation : {0.01, 30.0, 1000.0}) expect_as_exact_as_libtorch(maps_of({2, 9, 12, 12}, true, true, deviation));
  Maps far = maps_of({2, 9, 12, 12}, true, false, 2);
  far.logits += 1000;
  expect_as_exact_as_libtorch(far);
}

TEST(PixelCrossEntropy, LogitsMayLieInAnyOrder) {
  const Maps plain = maps_of({2, 7, 12, 10}, true, true);
  const at::Tensor arriving = normal_values({2}, 5);
  const LossAndGradient wanted = by_our_loops(plain, arriving);
  for (const at::Tensor& logits : {plain.logits.contiguous(at::MemoryFormat::ChannelsLast), plain.logits.transpose(2, 3).contiguous().transpose(2, 3),
                                   at::cat({plain.logits, plain.logits}, 1).narrow(1, 7, 7)}) {
    Maps maps = plain;
    maps.logits = logits;
    maps.labels = plain.labels.transpose(1, 2).contiguous().transpose(1, 2);
    maps.mask = plain.mask.transpose(1, 2).contiguous().transpose(1, 2);
    const LossAndGradient ours = by_our_loops(maps, arriving);
    EXPECT_TRUE(at::equal(ours.loss, wanted.loss));
    EXPECT_TRUE(at::equal(ours.gradient, wanted.gradient));
  }
}

TEST(PixelCrossEntropy, TakesLabelsOfAnyIntegerType) {
  const Maps maps = maps_of({2, 7, 12, 10}, true, false);
  const at::Tensor wanted = cross_entropy(maps.logits, maps.labels, maps.mask);
  for (const at::ScalarType type : {at::kByte, at::kChar, at::kShort, at::kInt}) {
    EXPECT_TRUE(at::equal(cross_entropy(maps.logits, maps.labels.to(type), maps.mask), wanted));
  }
  EXPECT_TRUE(at::equal(cross_entropy(maps.logits, maps.labels, maps.mask.to(at::kBool)), wanted));
}

TEST(PixelCrossEntropy, DoesNotDependOnTheNumberOfThreads) {
  const Maps maps = maps_of({5, 17, 50, 30}, true, true);
  const at::Tensor arriving = normal_values({5}, 5);
  std::vector<LossAndGradient> results;
  for (const int count : {1, 2, 3}) {
    const ThreadsFor threads(count);
    results.push_back(by_our_loops(maps, arriving));
  }
  for (const LossAndGradient& each : results) {
    EXPECT_TRUE(at::equal(each.loss, results[0].loss));
    EXPECT_TRUE(at::equal(each.gradient, results[0].gradient));
  }
}

TEST(PixelCrossEntropy, AnImageDoesNotDependOnTheBatchAroundIt) {
  const Maps maps = maps_of({5, 17, 20, 30}, true, true);
  const at::Tensor all = cross_entropy(maps.logits, maps.labels, maps.mask, maps.weights);
  for (std::int64_t i = 0; i < 5; ++i) {
    const at::Tensor alone =
        cross_entropy(maps.logits.narrow(0, i, 1), maps.labels.narrow(0, i, 1), maps.mask.narrow(0, i, 1), maps.weights);
    EXPECT_EQ(floats(alone)[0], floats(all)[static_cast<std::size_t>(i)]);
  }
}

TEST(PixelCrossEntropy, LossesThatAreNotNumbersShow) {
  for (const float value : {kNotANumber, kInfinity}) {
    for (const std::int64_t spoilt : {0, 3}) {
      Maps maps = maps_of({2, 4, 20, 20}, false, false);
      maps.labels.fill_(1);
      maps.logits.select(0, 1).select(0, spoilt).view(-1)[390] = value;
      const at::Tensor losses = cross_entropy(maps.logits, maps.labels, {});
      EXPECT_TRUE(std::isfinite(floats(losses)[0]));
      EXPECT_FALSE(std::isfinite(floats(losses)[1])) << value << " as logit " << spoilt;
    }
  }
  Maps maps = maps_of({1, 4, 20, 20}, false, false);
  maps.logits.fill_(-kInfinity);
  EXPECT_FALSE(std::isfinite(floats(cross_entropy(maps.logits, maps.labels, {}))[0]));
}

TEST(PixelCrossEntropy, AnImpossibleClassHasNoShare) {
  Maps maps = maps_of({1, 4, 5, 5}, false, false);
  maps.labels.fill_(1);
  maps.logits.select(1, 2).fill_(-kInfinity);
  maps.logits.select(1, 3).fill_(-2000);
  const LossAndGradient ours = by_our_loops(maps, at::ones({1}));
  EXPECT_TRUE(std::isfinite(floats(ours.loss)[0]));
  EXPECT_EQ(largest(ours.gradient.narrow(1, 2, 2)), 0);
  EXPECT_TRUE(at::isfinite(ours.gradient).all().item<bool>());
  maps.labels.view(-1)[24] = 2;
  EXPECT_EQ(floats(cross_entropy(maps.logits, maps.labels, {}))[0], kInfinity);
}

TEST(PixelCrossEntropy, ImagesAndPixelsWithoutLabelsHaveNoGradient) {
  Maps maps = maps_of({3, 6, 9, 9}, true, true);
  maps.mask[1].zero_();
  // What the trainer lets arrive at an image whose loss is NaN.
  const LossAndGradient ours = by_our_loops(maps, at::tensor(std::vector<float>{1, 0, 2}));
  EXPECT_TRUE(std::isnan(floats(ours.loss)[1]));
  EXPECT_TRUE(std::isfinite(floats(ours.loss)[0]) && std::isfinite(floats(ours.loss)[2]));
  EXPECT_EQ(largest(ours.gradient * (maps.mask == 0).unsqueeze(1)), 0);
  EXPECT_GT(largest(ours.gradient[2]), 0);
}

TEST(PixelCrossEntropy, LeavesOutTheLabelForNothing) {
  Maps maps = maps_of({3, 6, 9, 9}, false, false);
  maps.labels.masked_fill_(random_mask({3, 9, 9}, 8) == 0, -100);
  expect_as_exact_as_libtorch(maps);
}

TEST(PixelCrossEntropy, LabelsThatDoNotExistAreNamed) {
  for (const std::int64_t wrong : {std::int64_t{-1}, std::int64_t{6}, std::int64_t{1} << 33}) {
    for (const int count : {1, 2}) {
      const ThreadsFor threads(count);
      Maps maps = maps_of({40, 6, 40, 40}, false, false);
      maps.labels.view(-1)[64000 - 3] = wrong;
      try {
        cross_entropy(maps.logits, maps.labels, {});
        ADD_FAILURE() << "no error for the label " << wrong;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kData);
        EXPECT_THAT(error.what(), ::testing::HasSubstr("label " + std::to_string(wrong)));
        EXPECT_THAT(error.what(), ::testing::HasSubstr("6 classes"));
      }
    }
  }
}

TEST(PixelCrossEntropy, ABackwardPassMayBeRepeated) {
  const Maps maps = maps_of({2, 7, 12, 10}, true, true);
  const at::Tensor leaf = maps.logits.detach().requires_grad_();
  const at::Tensor loss = cross_entropy(leaf, maps.labels, maps.mask, maps.weights).sum();
  const at::Tensor first = torch::autograd::grad({loss}, {leaf}, {}, /*retain_graph=*/true)[0];
  EXPECT_TRUE(at::equal(torch::autograd::grad({loss}, {leaf})[0], first));
}

TEST(PixelCrossEntropy, HasSecondDerivatives) {
  Maps maps = maps_of({2, 5, 4, 3}, true, true);
  const at::Tensor direction = normal_values({2, 5, 4, 3}, 6);
  const auto second = [&](const at::Tensor& logits, const at::Tensor& loss) {
    const at::Tensor first = torch::autograd::grad({loss.square().sum()}, {logits}, {}, true, /*create_graph=*/true)[0];
    return torch::autograd::grad({(first * direction).sum()}, {logits})[0];
  };
  const at::Tensor ours = maps.logits.detach().requires_grad_();
  const at::Tensor wide = maps.logits.to(at::kDouble).requires_grad_();
  const at::Tensor errors = at::cross_entropy_loss(wide, maps.labels.masked_fill(maps.mask == 0, -100), maps.weights.to(at::kDouble),
                                                   at::Reduction::None, -100);
  const at::Tensor wanted = second(wide, errors.flatten(1).sum(1) / maps.mask.flatten(1).sum(1));
  EXPECT_LE(largest(second(ours, cross_entropy(ours, maps.labels, maps.mask, maps.weights)) - wanted), 1e-6 * largest(wanted));
}

TEST(PixelCrossEntropy, LikeliestClassesAreTheFirstOfTheGreatest) {
  for (const std::int64_t classes : {1, 2, 40}) {
    // Few different values, so that many are equal.
    const at::Tensor logits = at::round(normal_values({classes, 2500}, 7));
    std::vector<std::int32_t> likeliest(2500);
    detail::likeliest_classes(logits.const_data_ptr<float>(), 2500, classes, 2500, likeliest.data());
    for (std::int64_t i = 0; i < 2500; ++i) {
      std::int64_t wanted = 0;
      for (std::int64_t c = 1; c < classes; ++c) {
        if (floats(logits)[static_cast<std::size_t>(c * 2500 + i)] > floats(logits)[static_cast<std::size_t>(wanted * 2500 + i)]) wanted = c;
      }
      ASSERT_EQ(likeliest[static_cast<std::size_t>(i)], wanted) << classes << " classes, pixel " << i;
    }
  }
}

TEST(PixelCrossEntropy, LeavesToLibTorchWhatItDoesNotTake) {
  const Maps maps = maps_of({2, 5, 4, 3}, true, false);
  EXPECT_TRUE(cpu_cross_entropy(maps.logits, maps.labels, maps.mask, {}).has_value());
  EXPECT_FALSE(cpu_cross_entropy(maps.logits.to(at::kDouble), maps.labels, maps.mask, {}).has_value());
  EXPECT_FALSE(cpu_cross_entropy(at::zeros({2, 5}), at::zeros({2}, at::kLong), {}, {}).has_value()) << "one label an image";
  EXPECT_FALSE(cpu_cross_entropy(maps.logits, maps.labels, maps.mask.narrow(0, 0, 1), {}).has_value()) << "a mask for all images";
  EXPECT_FALSE(cpu_cross_entropy(maps.logits.narrow(0, 0, 0), maps.labels.narrow(0, 0, 0), {}, {}).has_value()) << "no image";
  const at::Tensor learning = maps.mask.clone().requires_grad_();
  EXPECT_FALSE(cpu_cross_entropy(maps.logits, maps.labels, learning, {}).has_value()) << "a mask with a gradient";
  at::autocast::set_autocast_enabled(at::kCPU, true);
  EXPECT_FALSE(cpu_cross_entropy(maps.logits, maps.labels, maps.mask, {}).has_value()) << "autocast";
  at::autocast::set_autocast_enabled(at::kCPU, false);
}

}  // namespace
}  // namespace affinis::task
