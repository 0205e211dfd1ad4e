#pragma once

#include "experiments/commands/commands.h"

namespace affinis::experiments {

/// Each adds one subcommand to `taxonomy`.
void add_taxonomy_tree(CLI::App& parent);        ///< taxonomy tree

}  // namespace affinis::experiments
