// Our half of the step bench (step.py drives it and the PyTorch peer): one training step of a task-specific network, over and over.
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <exception>
#include <limits>
#include <string>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/l1_loss.h>
#include <CLI/CLI.hpp>
#include <fmt/core.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "framework/core/error.h"
#include "framework/nn/networks.h"
#include "framework/train/optimizer.h"
#include "framework/train/tensor_memory.h"
#include "framework/train/trainer.h"

namespace {

using namespace affinis;

struct Arguments {
  std::string scale = "desk";
  std::int64_t batch = 16;
  int threads = 1;
  std::int64_t steps = 10;
};

at::Tensor drawn(at::IntArrayRef shape, std::uint64_t seed) {
  return at::empty(shape, at::TensorOptions().dtype(at::kFloat)).uniform_(-1, 1, at::detail::createCPUGenerator(seed));
}

std::vector<nn::NamedTensor> joined(std::vector<nn::NamedTensor> first, const std::vector<nn::NamedTensor>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// Prints the milliseconds of each step: wall clock, processor time.
void time_steps(const Arguments& arguments) {
  train::keep_tensor_memory();
  train::set_threads(arguments.threads);
  const nn::Scale scale = nn::scale_by_name(arguments.scale);
  const auto encoder = nn::make_encoder({.width = scale.width});
  const auto decoder = nn::make_dense_decoder({.output_channels = 3, .width = scale.width, .output = nn::OutputActivation::kTanh});
  std::uint64_t seed = 0;
  for (nn::Module* module : {encoder.get(), decoder.get()}) {
    nn::initialise(*module, ++seed);
    module->set_training(true);
  }
  train::TrainerOptions options;
  train::Optimizer optimizer(options, joined(encoder->parameters(), decoder->parameters()));
  const at::Tensor image = drawn({arguments.batch, 3, scale.image_side, scale.image_side}, 3);
  const at::Tensor target = drawn({arguments.batch, 3, scale.image_side, scale.image_side}, 4);
  for (std::int64_t step = 0; step < arguments.steps; ++step) {
    const auto begin = std::chrono::steady_clock::now();
    const std::clock_t processor = std::clock();
    optimizer.zero_gradients();
    const at::Tensor loss = at::l1_loss(decoder->forward(encoder->forward(image)), target);
    AFFINIS_CHECK(std::isfinite(loss.item<double>()), ErrorCode::kNumeric, "the loss of step {} is not a number", step);
    loss.backward();
    optimizer.step(1e-4);
    const double spent = 1e3 * static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC;
    fmt::print("{:.3f} {:.3f}\n", std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count(), spent);
  }
}

}  // namespace

int main(int argc, char** argv) {
#ifdef __GLIBC__
  // As the program does.
  constexpr int kGrowBy = 64 << 20;
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, kGrowBy);
#endif
  CLI::App app("Times training steps of encoder and decoder; prints milliseconds, wall clock and processor, one line a step");
  Arguments arguments;
  app.add_option("--scale", arguments.scale, "desk or paper");
  app.add_option("--batch", arguments.batch, "images a step");
  app.add_option("--threads", arguments.threads, "threads");
  app.add_option("--steps", arguments.steps, "steps");
  CLI11_PARSE(app, argc, argv);
  try {
    time_steps(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "step bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
