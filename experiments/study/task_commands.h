#pragma once

#include "experiments/commands/commands.h"

namespace affinis::experiments {

/// tasks list|show|sheet|new|check
void add_task_commands(CLI::App& app, CommandContext& context);

/// The parts of it, each in a file of its own.
void add_new_task_command(CLI::App& tasks);
void add_show_task_command(CLI::App& tasks, CommandContext& context);
void add_task_sheet_command(CLI::App& tasks, CommandContext& context);
void add_check_task_command(CLI::App& tasks, CommandContext& context);

}  // namespace affinis::experiments
