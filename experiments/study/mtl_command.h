#pragma once

#include "experiments/commands/commands.h"

namespace affinis::experiments {

/// Adds `mtl`: one training of several tasks that share an encoder.
void add_mtl_command(CLI::App& app, CommandContext& context);

}  // namespace affinis::experiments
