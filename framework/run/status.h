#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

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

struct RunStatus {
  bool finished = false;
  bool coordinator_alive = false;
  std::vector<StageStatus> stages;  ///< in the graph's order
  std::vector<FailedJob> failures;
  double seconds_left = 0;
};

/// Reads a run's folder from outside while or after it runs. Throws Error(kIo/kFormat) when there is no run in it.
RunStatus read_status(const std::filesystem::path& folder);
nlohmann::json to_json(const RunStatus& status);

}  // namespace affinis::run
