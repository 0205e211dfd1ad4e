#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/core/log.h"

namespace affinis::run {

/// How one stage of a run stands.
struct StageStatus {
  std::string stage;
  std::int64_t done = 0;
  std::int64_t total = 0;
  std::int64_t running = 0;
  std::int64_t failed = 0;
  std::int64_t blocked = 0;
  double seconds_spent = 0;
  double seconds_left = 0;  ///< estimate from finished jobs of the stage and their costs; NaN while there are none
};

struct FailedJob {
  std::string name;
  std::string error;            ///< its sentence
  std::filesystem::path log;
};

/// A run's array tasks that Slurm has not ended yet.
struct ClusterStatus {
  std::string name;  ///< of its arrays, for scancel --name
  std::int64_t running = 0;
  std::int64_t waiting = 0;
};

struct RunStatus {
  bool finished = false;
  bool coordinator_alive = false;
  std::optional<ClusterStatus> cluster;  ///< of a run with --on slurm, while squeue lists tasks of it

  /// Whether anything works on the run, or is going to.
  bool is_alive() const { return coordinator_alive || cluster; }
  std::vector<StageStatus> stages;  ///< in the graph's order
  std::vector<FailedJob> failures;
  double seconds_left = 0;
};

/// Reads a run's folder from outside while or after it runs, asking squeue when it runs on Slurm. Throws Error(kIo/kFormat) when there is no run in it.
RunStatus read_status(const std::filesystem::path& folder);
nlohmann::json to_json(const RunStatus& status);

/// Puts results that came while no coordinator was there (array tasks of a cluster write results only) into index.sqlite. Does nothing
/// while a coordinator is at work or when the folder cannot be written.
void update_index(const std::filesystem::path& folder, Logger& logger);

}  // namespace affinis::run
