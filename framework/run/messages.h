#pragma once

#include <map>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "framework/run/job.h"

namespace affinis::run {

/// What passes between coordinator and worker, one JSON object a line.
///
/// To the worker: a RunMessage; {"stop": true} (checkpoint and end); the end of the stream (end when idle).
/// From the worker: {"event": "ready"}; {"event": "progress", "done", "total", "note"}; {"event": "log", "level", "message"};
/// {"event": "done", "name", "seconds"}; {"event": "failed", "name", "code", "error", "foreign"}, foreign: not an affinis::Error, so
/// the process may be in any state.
struct RunMessage {
  Job job;
  std::string identity;
  std::string folder;                         ///< of the result, below the run's folder
  std::map<std::string, std::string> inputs;  ///< finished result folders below the run's folder, by job name
  std::optional<double> memory_gib;           ///< what the worker may keep from job to job
};

nlohmann::json to_json(const RunMessage& message);
/// Throws Error(kFormat) when the message is not one.
RunMessage run_message_from_json(const nlohmann::json& message);

/// The environment variable with the number of the inherited descriptor that holds the run's lock.
inline constexpr const char* kLockVariable = "AFFINIS_RUN_LOCK";

}  // namespace affinis::run
