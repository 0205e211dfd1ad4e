#pragma once

#include "experiments/commands/commands.h"

namespace affinis::experiments {

/// Each adds one subcommand to `taxonomy`.
void add_taxonomy_affinity(CLI::App& parent, CommandContext& context);    ///< taxonomy affinity
void add_taxonomy_robustness(CLI::App& parent, CommandContext& context);  ///< taxonomy robustness
void add_taxonomy_tree(CLI::App& parent);                                 ///< taxonomy tree
void add_taxonomy_compare(CLI::App& parent, CommandContext& context);     ///< taxonomy compare A B

}  // namespace affinis::experiments
