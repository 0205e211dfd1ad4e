// Our own step of Adam against the formulas in double precision and LibTorch's.
#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "framework/train/detail/adam.h"
#include "framework/train/optimizer.h"

namespace affinis::train {
namespace {

TEST(Adam, FollowsItsFormulasInDoublePrecision) {
  at::manual_seed(1);
  for (const std::int64_t count : {1, 7, 16, 1003}) {
    const at::Tensor start = at::randn({count});
    at::Tensor parameter = start.clone();
    at::Tensor first = at::zeros({count});
    at::Tensor second = at::zeros({count});
    std::vector<double> x(static_cast<std::size_t>(count)), m(x.size()), v(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(start.const_data_ptr<float>()[i]);
    for (std::int64_t step = 1; step <= 20; ++step) {
      const at::Tensor gradient = at::randn({count});
      detail::step_adam({.rate = 1e-2, .weight_decay = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .step = step}, count,
                        parameter.mutable_data_ptr<float>(), gradient.const_data_ptr<float>(), first.mutable_data_ptr<float>(),
                        second.mutable_data_ptr<float>());
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double g = static_cast<double>(gradient.const_data_ptr<float>()[i]) + 1e-3 * x[i];
        m[i] = 0.9 * m[i] + 0.1 * g;
        v[i] = 0.999 * v[i] + 0.001 * g * g;
        const double mean = m[i] / (1 - std::pow(0.9, static_cast<double>(step)));
        const double square = v[i] / (1 - std::pow(0.999, static_cast<double>(step)));
        x[i] -= 1e-2 * mean / (std::sqrt(square) + 1e-8);
      }
    }
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(static_cast<double>(parameter.const_data_ptr<float>()[i]), x[i], 1e-5);
      EXPECT_NEAR(static_cast<double>(first.const_data_ptr<float>()[i]), m[i], 1e-6);
      EXPECT_NEAR(static_cast<double>(second.const_data_ptr<float>()[i]), v[i], 1e-7);
    }
  }
}

/// Weights after some steps, with a number of LibTorch's threads: with one Adam is ours, with several LibTorch's.
std::vector<at::Tensor> after_steps(int threads) {
  const int before = at::get_num_threads();
  at::set_num_threads(threads);
  at::manual_seed(2);
  std::vector<at::Tensor> parameters = {at::randn({24, 8, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast), at::randn({31}), at::randn({4, 6})};
  for (at::Tensor& each : parameters) each.set_requires_grad(true);
  Optimizer optimizer({.weight_decay = 1e-2}, {{"images", parameters[0]}, {"few", parameters[1]}, {"matrix", parameters[2]}});
  for (int step = 0; step < 5; ++step) {
    optimizer.zero_gradients();
    parameters[0].mutable_grad() = at::randn({24, 8, 3, 3}).contiguous(step % 2 == 0 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
    parameters[1].mutable_grad() = at::randn({31});
    // Without a gradient it stays, and its moments with it.
    if (step != 2) parameters[2].mutable_grad() = at::randn({6, 4}).t();
    optimizer.step(1e-2);
  }
  at::set_num_threads(before);
  std::vector<at::Tensor> result;
  for (const at::Tensor& each : parameters) result.push_back(each.detach().clone());
  for (const nn::NamedTensor& each : optimizer.state()) result.push_back(each.tensor.detach().clone());
  return result;
}

TEST(Adam, EqualsLibTorchWhereverAParametersDimensionsLie) {
  const std::vector<at::Tensor> ours = after_steps(1);
  const std::vector<at::Tensor> theirs = after_steps(2);
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_LE((ours[i] - theirs[i]).abs().max().item<double>(), 1e-6) << "tensor " << i;
}

}  // namespace
}  // namespace affinis::train
