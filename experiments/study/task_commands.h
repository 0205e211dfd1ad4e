#pragma once

#include "experiments/commands/commands.h"

namespace affinis::experiments {

/// tasks list|show|check
void add_task_commands(CLI::App& app, CommandContext& context);

}  // namespace affinis::experiments
