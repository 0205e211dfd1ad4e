#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/run/coordinator.h"
#include "framework/run/graph.h"

namespace affinis::run {

/// One job of a run as graph.json names it: what a reader needs who has no JobKinds.
struct JournalJob {
  std::string name;
  std::string stage;
  std::string folder;  ///< of the result, below the run's folder
  double cost = 1;
  std::vector<std::string> inputs;
};

/// graph.json: every job of the run and how many more are expected. Written once a call of run_graph. Jobs that the same process
/// handed to an earlier call and that are not in this graph are kept, in front.
struct RunPlan {
  std::vector<JournalJob> jobs;
  std::vector<ExpectedJobs> expected;
  std::int64_t workers = 1;
};

void write_plan(const std::filesystem::path& folder, RunPlan plan);
/// Throws Error(kIo) when there is none and Error(kFormat) when it is damaged.
RunPlan read_plan(const std::filesystem::path& folder);

/// A job that a worker has now.
struct RunningJob {
  std::string name;
  std::string device;
  double done = 0;
  double total = 0;  ///< 0: not known yet
  std::string note;

  /// Share that is done, 0 to 1.
  double share() const;
};

struct FailureNote {
  std::string name;
  std::string error;
  std::string log;  ///< below the run's folder
};

/// state.json: what changes while the coordinator runs and the results' folders do not say.
struct RunState {
  std::int64_t process = 0;
  std::vector<RunningJob> running;
  std::vector<FailureNote> failures;
  std::string stopped;  ///< why an array task ended before its jobs did; empty otherwise
};

void write_state(const std::filesystem::path& folder, const RunState& state);
/// Nothing but empty fields when the file is missing; throws Error(kFormat) when it is damaged.
RunState read_state(const std::filesystem::path& folder);

}  // namespace affinis::run
