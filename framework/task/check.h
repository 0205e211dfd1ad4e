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
  /// What the head under test is put on. `channels` are those of one image (a task on several gets arity times as many); the side is taken
  /// from the examples: a sixteenth of their images'.
  std::int64_t channels = 8;
  std::int64_t width = 16;
  std::int64_t batch = 4;       ///< examples made of the groups, going round when there are fewer
  std::int64_t steps = 200;     ///< most steps of the attempt to learn one batch by heart
  double learning_rate = 5e-3;  ///< Adam's, for that attempt
  double overfit_to = 0.5;      ///< share of the first loss that the attempt must reach
  std::uint64_t seed = 1;
};

/// The samples of one example, the anchor first: TaskInfo::sample_count() of them, chosen as TaskInfo::partners says.
using SampleGroup = std::vector<data::Sample>;

/// What `affinis tasks check NAME` runs on any task, built-in or plug-in: its description, shapes, finite values, determinism, the input of
/// its encoder, per-image loss and loss, mask, metrics, pictures, gradient against finite differences, gradient to every parameter of the
/// head and to the representation of every image, overfitting one batch.
/// Never throws for a defect of the task: what a task throws becomes the failed check's sentence, and checks that build on it are left
/// out. The samples need the task's fields; throws Error(kUsage) when there is no group or one of another size than the task's. Seeds
/// LibTorch's default generator (dropout).
std::vector<CheckResult> check_task(const Task& task, const std::vector<SampleGroup>& groups, const CheckOptions& options = {});

/// Each sample as a group of its own.
std::vector<SampleGroup> single_groups(const std::vector<data::Sample>& samples);

}  // namespace affinis::task
