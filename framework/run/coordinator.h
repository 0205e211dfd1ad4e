#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "framework/core/log.h"
#include "framework/core/options.h"
#include "framework/run/graph.h"

namespace affinis::run {

/// Jobs that a later call of run_graph will bring (second-order transfers are known only after first-order ones): for progress, time
/// left and `status`.
struct ExpectedJobs {
  std::string stage;
  std::int64_t jobs = 0;
  double cost = 0;  ///< of all of them
};

class Crew;

/// How a run is executed; nothing here changes results except threads_per_worker (part of every job's identity through the caller).
struct RunOptions {
  std::vector<std::string> devices = {"cpu:0", "cpu:1"};  ///< one worker process each
  std::int64_t threads_per_worker = 1;
  std::int64_t retries = 2;           ///< attempts after the first for a job whose worker died or failed
  double worker_memory_gib = 1.5;     ///< what each worker keeps from job to job
  bool cuda_graphs = false;           ///< for the jobs to heed that can: recorded kernels instead of single ones
  // No option fields:
  std::vector<ExpectedJobs> expected_later;  ///< beside the graph
  std::filesystem::path jobs_in = ".";       ///< where jobs/ is, from the run's folder: ".." when runs share their results
  double stop_patience_seconds = 8;          ///< that running jobs get to write their checkpoints when the run is stopped

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
/// standard input and output. A worker that dies costs its job only: it is started anew and the job is tried again up to `retries`
/// times, as is a job that throws Error(kIo), Error(kDevice) or something that is no affinis::Error. Every other Error would come
/// again and fails the job at once. A failed job blocks only what needs it. Called again, goes on where it stopped, also with a graph
/// that has grown; failed jobs are then tried again. Writes index.sqlite, log.jsonl, graph.json and state.json (for `status`).
///
/// SIGINT, SIGTERM, SIGHUP and SIGUSR1 ask running jobs to stop (JobContext::progress throws), wait some seconds for their checkpoints and throw
/// Error(kCancelled); a second signal does not wait. Must stay in the thread that called it, which its workers die with.
/// Throws Error(kIo) when the folder cannot be written, when its disk gets full (what is done stays), or when another process is at
/// work in it; Error(kConfig) for a graph with cycles or unknown inputs; Error(kDevice) when no worker can be started.
///
/// With a `crew` idle workers and the folder's lock stay there for the next call.
RunSummary run_graph(const JobGraph& graph, const JobKinds& kinds, const std::filesystem::path& folder, const RunOptions& options,
                     const std::vector<std::string>& worker_command, Logger& logger, Crew* crew = nullptr);

/// A part of a graph that this process carries out beside other processes with other parts: an array task of a cluster.
struct Batch {
  std::vector<std::string> jobs;
  std::filesystem::path books;  ///< below the run's folder: its lock, log.jsonl, state.json and workers/
};

/// run_graph for the jobs of `batch` alone; the others must have their results already, and what needs one that has none is blocked.
/// Writes neither graph.json nor the index: those belong to the run.
RunSummary run_batch(const JobGraph& graph, const JobKinds& kinds, const std::filesystem::path& folder, const Batch& batch,
                     const RunOptions& options, const std::vector<std::string>& worker_command, Logger& logger);

/// The worker's side: reads jobs from standard input until it closes, writes progress and results to standard output (what else is
/// printed there goes to standard error, a file in workers/). Dies with its coordinator. `memory_gib` counts until the coordinator sends
/// its own. `set_threads` is called once with `threads` (train::set_threads: this folder knows no LibTorch); OMP_NUM_THREADS is set by
/// the coordinator. Returns the exit code.
int worker_main(const JobKinds& kinds, const std::filesystem::path& run_folder, const std::string& device, int threads,
                double memory_gib, Logger& logger, const std::function<void(int)>& set_threads = {});

/// Runs one job in this process (tests, `affinis train`): same folders, same identity. Its inputs must have their results. Returns kDone
/// or kReused; throws the job's Error, with the job's name in its context, when it fails, and Error(kData) for a missing input.
JobOutcome run_job_here(const JobGraph& graph, const std::string& name, const JobKinds& kinds, const std::filesystem::path& folder,
                        const std::string& device, int threads, Logger& logger, const std::function<void(int)>& set_threads = {});

}  // namespace affinis::run
