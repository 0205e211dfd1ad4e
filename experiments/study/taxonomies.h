#pragma once

#include <vector>

#include "experiments/study/study_graph.h"
#include "taxonomy/solver.h"
#include "taxonomy/transfer_table.h"

namespace affinis::experiments {

/// The taxonomies that [taxonomy] asks for, from a transfer table of the study: every budget with every order. Targets that are no source
/// cannot be labelled; targets that the table lacks (all of their jobs failed) are left out. Throws as taxonomy::sweep().
std::vector<taxonomy::SweepCell> solve_taxonomies(const StudyGraph& study, const taxonomy::TransferTable& table);

}  // namespace affinis::experiments
