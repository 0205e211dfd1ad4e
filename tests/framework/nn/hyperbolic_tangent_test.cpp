// tanh of our own against the C library's in double precision.
#include <cmath>
#include <limits>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "framework/nn/detail/hyperbolic_tangent.h"
#include "framework/nn/detail/layers.h"

namespace affinis::nn::detail {
namespace {

TEST(HyperbolicTangent, IsExactToTwoInTheLastPlace) {
  std::vector<float> values = {0, -0.0F, 0.625F, -0.625F, 20, -20, 100, -100, 1e-30F, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
  for (float x = -12; x < 12; x += 0.00173F) values.push_back(x);
  for (float x = 1e-8F; x < 1; x *= 1.01F) values.push_back(x);
  std::vector<float> results(values.size());
  hyperbolic_tangent(values.data(), static_cast<std::int64_t>(values.size()), results.data());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double expected = std::tanh(static_cast<double>(values[i]));
    EXPECT_NEAR(static_cast<double>(results[i]), expected, std::abs(expected) * 2.4e-7) << values[i];
    if (values[i] != 0) {
      EXPECT_EQ(std::signbit(results[i]), std::signbit(values[i])) << values[i];
    }
  }
  const float none = std::numeric_limits<float>::quiet_NaN();
  float result = 0;
  hyperbolic_tangent(&none, 1, &result);
  EXPECT_TRUE(std::isnan(result));
}

TEST(HyperbolicTangent, HasLibTorchsGradientInEveryLayout) {
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  at::manual_seed(1);
  for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
    const at::Tensor values = at::randn({3, 5, 7, 9}).contiguous(format).requires_grad_();
    const at::Tensor gradient = at::randn({3, 5, 7, 9});
    const at::Tensor wide = values.detach().to(at::kDouble).requires_grad_();
    const at::Tensor output = bounded(values);
    const at::Tensor expected = wide.tanh();
    EXPECT_LE((output - expected).abs().max().item<double>(), 2e-7);
    const at::Tensor ours = torch::autograd::grad({output}, {values}, {gradient})[0];
    const at::Tensor theirs = torch::autograd::grad({expected}, {wide}, {gradient.to(at::kDouble)})[0];
    EXPECT_LE((ours - theirs).abs().max().item<double>(), 2e-6);
  }
  at::set_num_threads(before);
}

}  // namespace
}  // namespace affinis::nn::detail
