#pragma once

#include <string>

#include "framework/task/task.h"

namespace affinis::task {

/// The type with whatever its code throws, of any type, turned into Error(kData) that names task, plug-in and function. Errors keep their
/// code and get the plug-in as their context. `file` is how sentences call the plug-in.
TaskType contain(TaskType type, const std::string& file);

}  // namespace affinis::task
