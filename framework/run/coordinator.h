#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "framework/core/log.h"
#include "framework/core/options.h"
#include "framework/run/graph.h"

namespace affinis::run {

/// How a run is executed; nothing here changes results except threads_per_worker (part of every job's identity through the caller).
struct RunOptions {
  std::vector<std::string> devices = {"cpu:0", "cpu:1"};  ///< one worker process each
  std::int64_t threads_per_worker = 1;
  std::int64_t retries = 2;           ///< attempts after the first for a job whose worker died or failed
  double worker_memory_gib = 1.5;     ///< what each worker keeps from job to job

  static const std::vector<OptionField>& fields();
};

/// What became of one job.
struct JobOutcome {
  enum class State { kDone, kReused, kFailed, kBlocked };
  State state = State::kDone;
  std::filesystem::path folder;  ///< of the result, when there is one
  double seconds = 0;
  std::string error;  ///< the sentence, for failed and blocked ("blocked by ...")
};

struct RunSummary {
  std::map<std::string, JobOutcome> jobs;
  double seconds = 0;
  bool complete() const;
};

/// Runs every job of the graph that has no result yet in `folder`, on worker processes started as
/// `worker_command... --device cpu:0 --threads 1` (the hidden command `affinis worker --run DIR`), which speak JSON lines over their
/// standard input and output. A worker that dies costs its job only. A failed job blocks only what needs it. Called again, goes on
/// where it stopped. Writes index.sqlite, log.jsonl and state.json (for `status`).
RunSummary run_graph(const JobGraph& graph, const JobKinds& kinds, const std::filesystem::path& folder, const RunOptions& options,
                     const std::vector<std::string>& worker_command, Logger& logger);

/// The worker's side: reads jobs from standard input until it closes, writes progress and results to standard output. Dies with its
/// coordinator. Returns the exit code.
int worker_main(const JobKinds& kinds, const std::filesystem::path& run_folder, const std::string& device, int threads,
                double memory_gib, Logger& logger);

/// Runs one job in this process (tests, `affinis train`): same folders, same identity.
JobOutcome run_job_here(const JobGraph& graph, const std::string& name, const JobKinds& kinds, const std::filesystem::path& folder,
                        const std::string& device, int threads, Logger& logger);

}  // namespace affinis::run
