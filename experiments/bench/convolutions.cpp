// Training step of single convolutions: LibTorch's own beside those that framework/nn takes while training on small images. What the limits in
// framework/nn/cpu_convolutions.cpp rest on.
#include <cstdio>
#include <functional>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/randn.h>
#include <CLI/CLI.hpp>
#include <torch/csrc/autograd/autograd.h>

#include "experiments/bench/best_milliseconds.h"
#include "framework/nn/detail/layers.h"
#include "framework/nn/detail/cpu_convolutions.h"

namespace {

struct Shape {
  std::int64_t in;
  std::int64_t out;
  std::int64_t side;
  std::int64_t kernel;
};

torch::Tensor images(std::int64_t batch, std::int64_t channels, std::int64_t side) {
  return at::randn({batch, channels, side, side}).contiguous(at::MemoryFormat::ChannelsLast);
}

void compare(const char* what, const Shape& shape, std::int64_t batch, bool doubles, int turns) {
  using affinis::nn::detail::cpu_convolution;
  using affinis::nn::detail::cpu_doubling_convolution;
  const torch::Tensor input = images(batch, shape.in, shape.side).requires_grad_();
  const torch::Tensor weight =
      images(doubles ? shape.in : shape.out, doubles ? shape.out : shape.in, shape.kernel).requires_grad_();
  const torch::Tensor gradient = images(batch, shape.out, doubles ? 2 * shape.side : shape.side);
  const auto step = [&](const torch::Tensor& output) { torch::autograd::grad({output}, {input, weight}, {gradient}); };
  const auto own = [&] { return doubles ? cpu_doubling_convolution(input, weight) : cpu_convolution(input, weight, {}, 1); };
  const double theirs = affinis::bench::best_milliseconds(
      [&] {
        step(doubles ? at::conv_transpose2d(input, weight, {}, 2, 1, 1) : at::conv2d(input, weight, {}, 1, shape.kernel / 2));
      },
      turns);
  std::printf("%-12s %5ld -> %4ld channels, %2ld x %-2ld, kernel %ld: LibTorch %8.3f ms", what, shape.in, shape.out, shape.side, shape.side,
              shape.kernel, theirs);
  if (!own()) {
    std::printf(", which is kept\n");
    return;
  }
  const double ours = affinis::bench::best_milliseconds([&] { step(*own()); }, turns);
  std::printf(", ours %8.3f ms: ratio %.2f\n", ours, theirs / ours);
}

}  // namespace

int main(int count, char** arguments) {
  CLI::App app("Forward and backward pass of single convolutions, LibTorch's and ours");
  int threads = 1;
  int turns = 25;
  std::int64_t batch = 16;
  app.add_option("--threads", threads, "threads of both");
  app.add_option("--turns", turns, "the best of so many counts");
  app.add_option("--batch", batch, "images");
  CLI11_PARSE(app, count, arguments);
  at::set_num_threads(threads);
  for (const Shape& shape : std::vector<Shape>{{16, 256, 4, 3},
                                               {256, 256, 4, 3},
                                               {256, 128, 4, 3},
                                               {128, 64, 4, 3},
                                               {64, 64, 4, 3},
                                               {64, 32, 4, 3},
                                               {8, 8, 4, 3},
                                               {512, 8, 4, 3},
                                               {128, 128, 4, 3},
                                               {16, 16, 8, 3},
                                               {32, 32, 8, 3},
                                               {64, 64, 8, 3},
                                               {8, 8, 16, 3},
                                               {16, 16, 16, 3},
                                               {8, 8, 32, 3},
                                               {16, 16, 32, 3},
                                               {32, 32, 32, 3},
                                               {16, 32, 64, 3},
                                               {32, 32, 16, 3},
                                               {64, 64, 16, 3},
                                               {16, 16, 16, 1},
                                               {16, 64, 16, 1},
                                               {64, 128, 8, 1},
                                               {256, 64, 4, 1},
                                               {128, 512, 4, 1},
                                               {256, 1024, 16, 1},
                                               {64, 256, 64, 1}}) {
    compare("convolution", shape, batch, false, turns);
  }
  for (const Shape& shape : std::vector<Shape>{{32, 16, 4, 3}, {16, 8, 8, 3}, {8, 8, 16, 3}, {8, 8, 32, 3}, {16, 16, 32, 3}, {32, 16, 32, 3}, {128, 64, 16, 3}}) {
    compare("doubling", shape, batch, true, turns);
  }
  return 0;
}
