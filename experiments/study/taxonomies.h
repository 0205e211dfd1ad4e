#pragma once

#include <cstdint>
#include <vector>

#include "experiments/study/study_graph.h"
#include "taxonomy/problem.h"
#include "taxonomy/solver.h"
#include "taxonomy/transfer_table.h"

namespace affinis::experiments {

/// Budgets and orders that [taxonomy] asks for: those given, or 1 to as many as there are.
std::vector<double> taxonomy_budgets(const StudyGraph& study);
std::vector<std::int64_t> taxonomy_orders(const StudyGraph& study);

/// The problem behind the study's taxonomies of one order, its budget left open. Throws as taxonomy::make_problem().
taxonomy::Problem taxonomy_problem(const StudyGraph& study, const taxonomy::TransferTable& table, std::int64_t order);

/// The taxonomies that [taxonomy] asks for, from a transfer table of the study: every budget with every order. Targets that are no source
/// cannot be labelled; targets that the table lacks (all of their jobs failed) are left out. Throws as taxonomy::sweep().
std::vector<taxonomy::SweepCell> solve_taxonomies(const StudyGraph& study, const taxonomy::TransferTable& table);

}  // namespace affinis::experiments
