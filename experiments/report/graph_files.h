#pragma once

#include <filesystem>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

namespace affinis::experiments {

/// What a task is called and which family it belongs to, by name; tasks that are not in it are shown by name.
struct TaskLabel {
  std::string title;
  std::string family;
};
using TaskLabels = std::map<std::string, TaskLabel>;

/// The taxonomy of one sweep cell (as `taxonomy sweep --json` prints it) as GraphML for yEd, Gephi and networkx. A node a task, a directed edge
/// from source to target; a target's own network is a loop; a transfer from several sources is a junction node with an edge from each
/// source and one to the target. Nodes have name, label, kind ("task", "junction"), family and labelled; edges affinity, gain and quality
/// (absent where missing). yEd finds places, shapes and labels in elements of its own.
std::string taxonomy_graphml(const nlohmann::json& cell, const TaskLabels& labels);
/// The same graph for Graphviz, labelled tasks filled, junctions as points.
std::string taxonomy_dot(const nlohmann::json& cell, const TaskLabels& labels);

/// Writes folder/taxonomy-b<budget>-o<order>.graphml and .dot for every cell that has a taxonomy, removes those of earlier sweeps, and
/// writes all cells as folder/taxonomies.json (its schema: taxonomy.schema.json beside this file). Throws Error(kIo).
void write_graph_files(const std::filesystem::path& folder, const nlohmann::json& cells, const TaskLabels& labels);

}  // namespace affinis::experiments
