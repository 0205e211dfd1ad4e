#pragma once

#include "framework/task/task.h"

namespace affinis::tasks {

/// Registers every built-in task.
void register_builtin_tasks(task::TaskRegistry& registry);

}  // namespace affinis::tasks
