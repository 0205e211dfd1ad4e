// Cross-entropy of class maps, as a training step (loss and gradient) and as an evaluation (loss alone): LibTorch's operations beside the loops
// of framework/task.
#include <cstdio>
#include <functional>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <CLI/CLI.hpp>
#include <torch/csrc/autograd/autograd.h>

#include "experiments/bench/best_milliseconds.h"
#include "framework/task/losses.h"

namespace {

struct Maps {
  at::Tensor logits;
  at::Tensor labels;
  at::Tensor mask;
  at::Tensor weights;
};

at::Tensor ours(const Maps& maps) { return affinis::task::cross_entropy(maps.logits, maps.labels, maps.mask, maps.weights); }

at::Tensor libtorchs(const Maps& maps) {
  const at::Tensor wanted = maps.labels.masked_fill(maps.mask == 0, -100);
  const at::Tensor errors = at::cross_entropy_loss(maps.logits, wanted, maps.weights, at::Reduction::None, -100);
  return errors.flatten(1).sum(1).div_(maps.mask.flatten(1).sum(1));
}

void compare(const Maps& maps, int turns) {
  using Loss = at::Tensor (*)(const Maps&);
  const auto step = [&](Loss loss) { torch::autograd::grad({loss(maps).sum()}, {maps.logits}); };
  const auto evaluation = [&](Loss loss) {
    const at::AutoGradMode no_gradients(false);
    loss(maps);
  };
  std::printf("%3ld classes, %3ld x %-3ld", maps.logits.size(1), maps.logits.size(2), maps.logits.size(3));
  const auto show = [&](const char* what, const std::function<void(Loss)>& work) {
    const double theirs = affinis::bench::best_milliseconds([&] { work(libtorchs); }, turns);
    const double taken = affinis::bench::best_milliseconds([&] { work(ours); }, turns);
    std::printf("  %s: LibTorch %7.3f ms, ours %7.3f ms, ratio %5.2f", what, theirs, taken, theirs / taken);
  };
  show("step", step);
  show("evaluation", evaluation);
  std::printf("\n");
}

}  // namespace

int main(int count, char** arguments) {
  CLI::App app("Cross-entropy of class maps, LibTorch's and ours");
  int threads = 1;
  int turns = 25;
  std::int64_t batch = 16;
  app.add_option("--threads", threads, "threads of both");
  app.add_option("--turns", turns, "the best of so many counts");
  app.add_option("--batch", batch, "images");
  CLI11_PARSE(app, count, arguments);
  at::set_num_threads(threads);
  for (const std::int64_t side : {64, 256}) {
    for (const std::int64_t classes : {2, 17, 40}) {
      compare({.logits = at::randn({batch, classes, side, side}).requires_grad_(),
               .labels = at::randint(classes, {batch, side, side}, at::kLong),
               .mask = (at::rand({batch, side, side}) < 0.9).to(at::kFloat),
               .weights = at::rand({classes}) + 0.5},
              turns);
    }
  }
  return 0;
}
