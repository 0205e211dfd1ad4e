// Training convolutions of our own against LibTorch's in double precision.
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "framework/core/error.h"
#include "framework/nn/detail/cpu_convolutions.h"

namespace affinis::nn::detail {
namespace {

/// Products are our own with one thread and LibTorch's with several.
class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

struct Shape {
  std::int64_t images;
  std::int64_t in;
  std::int64_t out;
  std::int64_t height;
  std::int64_t width;
  std::int64_t kernel;
};

at::Tensor random_images(at::IntArrayRef shape) { return at::randn(shape).contiguous(at::MemoryFormat::ChannelsLast); }

at::Tensor wide(const at::Tensor& tensor) { return tensor.detach().to(at::kDouble).requires_grad_(); }

/// Largest difference beside the values' root mean square.
double difference(const at::Tensor& ours, const at::Tensor& theirs) {
  EXPECT_EQ(ours.sizes(), theirs.sizes());
  const at::Tensor expected = theirs.detach();
  return ((ours.detach().to(at::kDouble) - expected).abs().max() / expected.square().mean().sqrt()).item<double>();
}

// Sums of k k C products in float32, of which a transform cancels a part.
constexpr double kTolerance = 3e-5;

void expect_same(const Shape& shape, bool with_bias) {
  SCOPED_TRACE(testing::Message() << shape.images << " images " << shape.height << " x " << shape.width << ", " << shape.in << " -> "
                                  << shape.out << ", kernel " << shape.kernel << (with_bias ? ", bias" : ""));
  const at::Tensor input = random_images({shape.images, shape.in, shape.height, shape.width}).requires_grad_();
  const at::Tensor weight = random_images({shape.out, shape.in, shape.kernel, shape.kernel}).requires_grad_();
  const at::Tensor bias = with_bias ? at::randn({shape.out}).requires_grad_() : at::Tensor();
  const at::Tensor gradient = random_images({shape.images, shape.out, shape.height, shape.width});
  const std::optional<at::Tensor> output = cpu_convolution(input, weight, bias, 1);
  ASSERT_TRUE(output.has_value());
  EXPECT_TRUE(output->is_contiguous(at::MemoryFormat::ChannelsLast));

  std::vector<at::Tensor> from = {input, weight};
  std::vector<at::Tensor> wide_from = {wide(input), wide(weight)};
  if (with_bias) {
    from.push_back(bias);
    wide_from.push_back(wide(bias));
  }
  const at::Tensor expected =
      at::conv2d(wide_from[0], wide_from[1], with_bias ? wide_from[2] : at::Tensor(), 1, shape.kernel / 2);
  EXPECT_LE(difference(*output, expected), kTolerance);
  const auto gradients = torch::autograd::grad({*output}, from, {gradient});
  const auto expected_gradients = torch::autograd::grad({expected}, wide_from, {gradient.to(at::kDouble)});
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    EXPECT_LE(difference(gradients[i], expected_gradients[i]), kTolerance) << "gradient " << i;
    // Where it lies as its parameter does, the optimiser needs no copy.
    if (i > 0) {
      EXPECT_EQ(gradients[i].strides(), from[i].strides()) << "gradient " << i;
    }
  }
}

TEST(CpuConvolutions, EqualLibTorchInDoublePrecision) {
  at::manual_seed(1);
  for (const int turn : {0, 1, 2, 3}) {
    const bool with_bias = turn % 2 == 1;
    const Threads threads(1 + turn / 2);
    SCOPED_TRACE(testing::Message() << 1 + turn / 2 << " threads");
    expect_same({16, 16, 256, 4, 4, 3}, with_bias);
    expect_same({5, 256, 128, 4, 4, 3}, with_bias);
    expect_same({1, 3, 7, 2, 2, 3}, with_bias);
    expect_same({3, 1, 1, 2, 16, 3}, with_bias);
    expect_same({2, 8, 8, 6, 10, 3}, with_bias);
    expect_same({4, 33, 47, 16, 16, 3}, with_bias);
    expect_same({16, 64, 256, 4, 4, 1}, with_bias);
    expect_same({2, 3, 5, 7, 9, 1}, with_bias);
    expect_same({3, 17, 1, 1, 1, 1}, with_bias);
    if (with_bias) continue;
    expect_same({9, 8, 8, 32, 32, 3}, false);
    expect_same({3, 8, 8, 9, 16, 3}, false);
    expect_same({2, 4, 8, 16, 10, 3}, false);
    expect_same({5, 8, 4, 11, 7, 3}, false);
    expect_same({1, 4, 4, 1, 70, 3}, false);
  }
}

TEST(CpuConvolutions, DoublingEqualsLibTorchInDoublePrecision) {
  at::manual_seed(2);
  for (const Shape& shape : std::vector<Shape>{{16, 32, 16, 4, 4, 3}, {16, 8, 8, 16, 16, 3}, {1, 1, 3, 1, 5, 3}, {3, 7, 2, 3, 2, 3},
                                                {7, 8, 8, 32, 32, 3}, {5, 8, 4, 9, 13, 3},  {16, 4, 8, 12, 11, 3}, {2, 4, 4, 1, 66, 3}}) {
    SCOPED_TRACE(shape.in);
    const Threads threads(shape.images == 16 ? 1 : 2);
    const at::Tensor input = random_images({shape.images, shape.in, shape.height, shape.width}).requires_grad_();
    const at::Tensor weight = random_images({shape.in, shape.out, 3, 3}).requires_grad_();
    const at::Tensor gradient = random_images({shape.images, shape.out, 2 * shape.height, 2 * shape.width});
    const std::optional<at::Tensor> output = cpu_doubling_convolution(input, weight);
    ASSERT_TRUE(output.has_value());
    const at::Tensor wide_input = wide(input);
    const at::Tensor wide_weight = wide(weight);
    const at::Tensor expected = at::conv_transpose2d(wide_input, wide_weight, {}, 2, 1, 1);
    EXPECT_LE(difference(*output, expected), kTolerance);
    const auto gradients = torch::autograd::grad({*output}, {input, weight}, {gradient});
    const auto expected_gradients = torch::autograd::grad({expected}, {wide_input, wide_weight}, {gradient.to(at::kDouble)});
    EXPECT_LE(difference(gradients[0], expected_gradients[0]), kTolerance);
    EXPECT_LE(difference(gradients[1], expected_gradients[1]), kTolerance);
  }
}

TEST(CpuConvolutions, OnlyWhatWantsAGradientGetsOne) {
  at::manual_seed(3);
  for (const std::int64_t kernel : {1, 3}) {
    const at::Tensor input = random_images({2, 4, 4, 4});
    const at::Tensor weight = random_images({6, 4, kernel, kernel}).requires_grad_();
    const at::Tensor output = *cpu_convolution(input, weight, {}, 1);
    output.sum().backward();
    EXPECT_TRUE(weight.grad().defined());
    EXPECT_FALSE(input.grad().defined());

    const at::Tensor frozen = weight.detach();
    const at::Tensor learning = input.detach().clone().requires_grad_();
    cpu_convolution(learning, frozen, {}, 1)->sum().backward();
    EXPECT_TRUE(learning.grad().defined());
    EXPECT_FALSE(frozen.grad().defined());
  }
}

TEST(CpuConvolutions, LeaveToLibTorchWhatItDoesBetter) {
  const at::Tensor input = random_images({2, 4, 4, 4}).requires_grad_();
  const at::Tensor weight = random_images({4, 4, 3, 3}).requires_grad_();
  EXPECT_TRUE(cpu_convolution(input, weight, {}, 1).has_value());
  EXPECT_TRUE(cpu_doubling_convolution(input, weight).has_value());
  EXPECT_FALSE(cpu_convolution(input, weight, {}, 2).has_value());
  EXPECT_FALSE(cpu_convolution(random_images({2, 4, 5, 5}), weight, {}, 1).has_value()) << "sides that tiles do not fill";
  const at::Tensor wider = random_images({24, 24, 3, 3}).requires_grad_();
  EXPECT_FALSE(cpu_convolution(random_images({2, 24, 16, 16}), wider, {}, 1).has_value()) << "more pixels than 24 channels pay for";
  EXPECT_FALSE(cpu_doubling_convolution(random_images({2, 24, 32, 32}), wider).has_value());
  EXPECT_FALSE(cpu_convolution(wide(input), wide(weight), {}, 1).has_value());
  EXPECT_FALSE(cpu_convolution(random_images({2, 3, 4, 4}), weight, {}, 1).has_value()) << "channels that do not fit: its error is clearer";
  EXPECT_FALSE(cpu_convolution(input, random_images({4, 4, 5, 5}).requires_grad_(), {}, 1).has_value());
  at::autocast::set_autocast_enabled(at::kCPU, true);
  EXPECT_FALSE(cpu_convolution(input, weight, {}, 1).has_value());
  EXPECT_FALSE(cpu_doubling_convolution(input, weight).has_value());
  at::autocast::set_autocast_enabled(at::kCPU, false);
}

TEST(CpuConvolutions, GiveTheSameWithoutGradients) {
  at::manual_seed(5);
  for (const std::int64_t kernel : {1, 3}) {
    const at::Tensor input = random_images({3, 8, 4, 4}).requires_grad_();
    const at::Tensor weight = random_images({8, 8, kernel, kernel}).requires_grad_();
    const at::Tensor output = *cpu_convolution(input, weight, {}, 1);
    const at::NoGradGuard no_gradient;
    EXPECT_TRUE(at::equal(*cpu_convolution(input, weight, {}, 1), output));
  }
}

TEST(CpuConvolutions, RefuseSecondDerivatives) {
  const at::Tensor input = random_images({2, 4, 4, 4}).requires_grad_();
  const at::Tensor weight = random_images({4, 4, 3, 3}).requires_grad_();
  const at::Tensor output = cpu_convolution(input, weight, {}, 1)->sum();
  EXPECT_THROW(torch::autograd::grad({output}, {weight}, {}, true, /*create_graph=*/true), Error);
}

TEST(CpuConvolutions, FewChannelsGiveTheSameBitsWithAnyNumberOfThreadsAndImages) {
  at::manual_seed(6);
  const at::Tensor input = random_images({11, 8, 16, 20}).requires_grad_();
  const at::Tensor weight = random_images({8, 8, 3, 3}).requires_grad_();
  const auto results = [&](int count) {
    const Threads threads(count);
    std::vector<at::Tensor> all;
    for (const at::Tensor& output : {*cpu_convolution(input, weight, {}, 1), *cpu_doubling_convolution(input, weight)}) {
      all.push_back(output);
      for (const at::Tensor& gradient : torch::autograd::grad({output.square().sum()}, {input, weight})) all.push_back(gradient);
    }
    return all;
  };
  const std::vector<at::Tensor> one = results(1);
  const std::vector<at::Tensor> two = results(2);
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(at::equal(one[i], two[i])) << i;
  const at::Tensor alone = input.detach().slice(0, 5, 6).contiguous(at::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(at::equal(*cpu_convolution(alone, weight, {}, 1), one[0].slice(0, 5, 6)));
  EXPECT_TRUE(at::equal(*cpu_doubling_convolution(alone, weight), one[3].slice(0, 5, 6)));
}

TEST(CpuConvolutions, GiveTheSameBitsAgain) {
  at::manual_seed(4);
  const at::Tensor input = random_images({8, 24, 8, 8}).requires_grad_();
  const at::Tensor weight = random_images({40, 24, 3, 3}).requires_grad_();
  const at::Tensor first = *cpu_convolution(input, weight, {}, 1);
  const at::Tensor second = *cpu_convolution(input, weight, {}, 1);
  EXPECT_TRUE(at::equal(first, second));
  const auto gradients = torch::autograd::grad({first.square().sum()}, {input, weight});
  const auto again = torch::autograd::grad({second.square().sum()}, {input, weight});
  EXPECT_TRUE(at::equal(gradients[0], again[0]));
  EXPECT_TRUE(at::equal(gradients[1], again[1]));
}

}  // namespace
}  // namespace affinis::nn::detail
