#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "framework/data/sample.h"
#include "framework/task/task.h"

namespace affinis::task {

/// One property of a task: whether it holds, and a sentence: what was measured, or what is wrong and where to mend it.
struct CheckResult {
  std::string name;  ///< "shapes", "determinism", ...
  bool passed = false;
  std::string sentence;
};

struct CheckOptions {
  HeadInput head = {.channels = 8, .side = 4, .width = 16};  ///< the side must be a sixteenth of the samples' image side
  std::int64_t batch = 4;       ///< examples made of the samples, going round when there are fewer
  std::int64_t steps = 200;     ///< most steps of the attempt to learn one batch by heart
  double learning_rate = 5e-3;  ///< Adam's, for that attempt
  double overfit_to = 0.5;      ///< share of the first loss that the attempt must reach
  std::uint64_t seed = 1;
};

/// What `affinis tasks check NAME` runs on any task, built-in or plug-in: shapes, finite values, determinism, picture, metrics, per-image
/// loss and loss, mask, gradient against finite differences, gradient to every parameter of the head, overfitting one batch.
/// Never throws for a defect of the task: what a task throws becomes the failed check's sentence, and checks that build on it are left
/// out. The samples need the task's fields; throws Error(kUsage) when there is none. Seeds LibTorch's default generator (dropout).
std::vector<CheckResult> check_task(const Task& task, const std::vector<data::Sample>& samples, const CheckOptions& options = {});

}  // namespace affinis::task
