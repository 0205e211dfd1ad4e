#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "framework/core/log.h"
#include "framework/task/check.h"
#include "framework/task/task.h"

namespace affinis::experiments {

/// A task made for a data set, and the samples of some examples from its train split.
struct TaskExamples {
  std::shared_ptr<const task::Task> task;
  std::vector<task::SampleGroup> groups;
};

/// Anchors spread evenly over the train split of the data set in `folder`, with the partners that the task asks for. When `folder` is
/// empty a few rooms are rendered first and removed again. Throws Error(kData) when the data lack a field or partners, Error(kUsage) for a
/// folder that is no data set.
TaskExamples make_task_examples(const task::TaskType& type, const std::string& folder, std::int64_t count, Logger& logger);

}  // namespace affinis::experiments
