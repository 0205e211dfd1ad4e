#pragma once

#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "taxonomy/problem.h"
#include "taxonomy/ranking.h"
#include "taxonomy/solver.h"

namespace affinis::experiments {

/// The sources of one edge by name; {"self"} for the target's own network.
std::vector<std::string> choice_sources(const taxonomy::Problem& problem, const taxonomy::Edge& edge);
/// The tasks that the solution labels, by name.
std::vector<std::string> selected_sources(const taxonomy::Problem& problem, const taxonomy::Solution& solution);

/// What `taxonomy solve --json` prints. Values that are missing are null.
nlohmann::json solution_json(const taxonomy::Problem& problem, const taxonomy::Solution& solution);
/// {"complete", "taxonomies": [as solution_json()]}.
nlohmann::json ranking_json(const taxonomy::Problem& problem, const taxonomy::Ranking& ranking);
/// Gives every choice of a solution_json() its "alternatives" (with the "difference" to the choice) and "needs_more" (with the "missing"
/// sources), which is null where the labelled sources allow everything. `targets` holds one a target, in order.
void add_alternatives(const taxonomy::Problem& problem, std::span<const taxonomy::TargetAlternatives> targets, nlohmann::json& solution);
/// What `taxonomy sweep --json` prints: every cell with its budget and order, infeasible ones with the sentence that says why.
nlohmann::json sweep_json(std::span<const taxonomy::SweepCell> cells);

}  // namespace affinis::experiments
