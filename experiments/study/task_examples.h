#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "framework/core/files.h"
#include "framework/core/log.h"
#include "framework/data/data_set.h"
#include "framework/task/check.h"
#include "framework/task/task.h"

namespace affinis::experiments {

/// A task made for a data set, and the samples of some examples from its train split.
struct TaskExamples {
  std::shared_ptr<const task::Task> task;
  std::vector<task::SampleGroup> groups;
};

/// The data set that examples come from: the one in a folder or, when none is named, a few rooms that are rendered on the spot and
/// removed again.
class ExampleRooms {
 public:
  /// Throws Error(kUsage) for a folder that is no data set.
  ExampleRooms(const std::string& folder, Logger& logger);
  const data::DataSet& data() const { return *data_; }

 private:
  std::optional<TemporaryFolder> rendered_;
  std::optional<data::DataSet> data_;
};

/// Anchors spread evenly over the train split, with the partners that the task asks for. Throws Error(kData) when the data lack a field
/// or partners.
TaskExamples make_task_examples(const task::TaskType& type, const ExampleRooms& rooms, std::int64_t count);

}  // namespace affinis::experiments
