#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "experiments/study/analysis.h"
#include "experiments/study/study_graph.h"

namespace affinis::experiments {

/// What a study's joint trainings gave beside the tasks' own networks: "multi_task" of summary.json. Delta-m in both averages and of
/// losses, each with intervals over seeds and, of losses, over test sets drawn anew; every task's metrics; weights, losses, gradient
/// norms and conflicts over time; points and front for groups of two tasks; what a partner does to a task. Changes are in percent of the
/// own network's value, negative is better. Null where no joint training has finished.
nlohmann::json multi_task_json(const StudyGraph& study, const Results& results, Logger& logger);

/// Writes networks.csv (the network table of `group solve`: joint networks and the tasks' own, means over seeds, labels all there), and
/// affinities.csv (task,helper,affinity, for `group solve --affinities`) where inter-task affinities were measured. Nothing without
/// joint trainings.
void write_group_tables(const StudyGraph& study, const Results& results, const std::filesystem::path& folder);

inline constexpr const char* kNetworkTableFile = "networks.csv";
inline constexpr const char* kTaskAffinityFile = "affinities.csv";

}  // namespace affinis::experiments
