#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "framework/task/task.h"

namespace affinis::transfer {

/// What a task has to put up with in a network that it shares with others.
struct JointTaskOptions {
  std::int64_t input_channels = 3;  ///< of the shared encoder: an image of one channel is shown in three equal ones
  double missing_labels = 0;        ///< share of the images without a label of this task
  std::int64_t missing_seed = 1;    ///< which images those are: drawn from (seed, task, image), the same ones in every epoch
};

/// Channels of the images that an encoder shared by these tasks sees: their own where all agree, else those of colour. Throws
/// Error(kUsage) naming a task that cannot share: its encoder is not to learn, or its images have other channels than grey or colour.
std::int64_t shared_input_channels(std::span<const task::TaskInfo> tasks);

/// The task under these circumstances; the task itself where they change nothing. A label that is missing is masked as a whole: it adds
/// neither loss nor gradient, whether the task makes masks or not.
std::shared_ptr<const task::Task> make_joint_task(std::shared_ptr<const task::Task> task, const JointTaskOptions& options);

}  // namespace affinis::transfer
