#pragma once

#include "experiments/commands/commands.h"

namespace affinis::experiments {

/// Adds `render` to the `data` group.
void add_render_command(CLI::App& data, CommandContext& context);
/// Adds `annotate` to the `data` group.
void add_annotate_command(CLI::App& data, CommandContext& context);

}  // namespace affinis::experiments
