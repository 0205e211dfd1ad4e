#pragma once

#include "experiments/commands/commands.h"

namespace affinis::experiments {

/// taxonomy forecast: added to the command `taxonomy` where there is LibTorch to read representations and labels with.
void add_forecast_command(CLI::App& taxonomy, CommandContext& context);

}  // namespace affinis::experiments
