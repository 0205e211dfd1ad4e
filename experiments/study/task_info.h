#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "framework/task/task.h"

namespace affinis::experiments {

/// A task as `tasks list --json` prints it (DESIGN section 9).
nlohmann::json info_json(const task::TaskInfo& info);

/// "source, target", "source" or "target".
std::string role_of(const task::TaskInfo& info);

}  // namespace affinis::experiments
