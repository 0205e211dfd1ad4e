#pragma once

#include "experiments/commands/commands.h"

namespace affinis::experiments {

/// train TASK, transfer, finetune, mtl: one training outside an experiment file.
void add_train_commands(CLI::App& app, CommandContext& context);
void add_finetune_command(CLI::App& app, CommandContext& context);

}  // namespace affinis::experiments
