#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "taxonomy/problem.h"
#include "taxonomy/transfer_table.h"

namespace affinis::experiments {

/// Where random feasible taxonomies lie (taxonomy/significance.h), for every cell of a sweep that has a taxonomy: a list of {"budget",
/// "max_order", "draws", "gain", "quality"}, the latter two {"mean", "low", "high", "p"} with null for what the table lacks. Budgets at which
/// random sets never serve every target are left out. `given` cells, which were not solved here, are left out with a sentence in
/// `left_out` when the table alone does not lead to them (other costs, importances, restrictions). Tables so large that drawing would
/// take long give an empty list and a sentence.
nlohmann::json random_taxonomies(const taxonomy::TransferTable& table, const nlohmann::json& cells, bool given,
                                 std::vector<std::string>& left_out);

/// The tree of the sources by what they are worth to every target (taxonomy/task_tree.h): {"nodes": [{"name", "children", "height"}],
/// "newick", "value", "families", "published"}. `families` maps a task to its family; where at least two are known, "families" is {"agreement",
/// "clusters"}. "published" is {"found", "of", "tasks"}: groups of the published tree that this one has, from five common tasks on. Null with a
/// sentence in `left_out` where the table gives no tree.
nlohmann::json task_tree_json(const taxonomy::TransferTable& table, taxonomy::Objective value, const nlohmann::json& families,
                              std::vector<std::string>& left_out);

/// Families of the tasks that Taskonomy's figure of its tree names (under any of their names), for tables that come without a summary; empty unless the table has
/// at least three of these tasks.
nlohmann::json published_families(const taxonomy::TransferTable& table);

}  // namespace affinis::experiments
