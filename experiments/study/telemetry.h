#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace affinis::experiments {

/// What a joint training wrote of itself in `folder`, thinned out for the report: {"steps", "weight", "loss", "gradient_norm": {task:
/// [...]}, "conflict": {"steps", "mean_cosine", "conflicting"}, "cosine": tasks x tasks, means over time}. Parts whose file is missing
/// are left out; null when all are. Throws Error as the csv reader does.
nlohmann::json telemetry_json(const std::filesystem::path& folder, const std::vector<std::string>& tasks);

/// A measured inter-task affinity (TAG, Fifty et al. 2021), the mean over the training.
struct TaskAffinity {
  std::string task;
  std::string helper;
  double affinity = 0;
};
/// Of every ordered pair in the training's tag.csv; empty without one.
std::vector<TaskAffinity> read_task_affinities(const std::filesystem::path& folder);

}  // namespace affinis::experiments
