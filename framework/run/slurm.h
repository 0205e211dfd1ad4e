#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/core/log.h"
#include "framework/core/options.h"
#include "framework/run/coordinator.h"
#include "framework/run/graph.h"

namespace affinis::run {

/// How array tasks are asked for. None of it changes results.
struct SlurmOptions {
  std::string partition;                  ///< empty: the cluster's default
  std::string time;                       ///< limit of an array task as Slurm writes it; empty: the partition's
  std::string memory;                     ///< of an array task ("8G"); empty: the cluster's default
  std::int64_t gpus_per_task = 0;         ///< one worker each; 0: one worker on the CPU
  std::int64_t jobs_per_task = 0;         ///< 0: all jobs of a level that share a target
  std::int64_t max_tasks = 1000;          ///< of one array; batches are joined when there would be more
  std::int64_t at_once = 0;               ///< array tasks that run at the same time; 0: no limit
  std::int64_t warn_seconds = 90;         ///< before the time limit a task writes its checkpoints and goes back to the queue
  double poll_seconds = 5;                ///< between looks at the results and the queue
  std::vector<std::string> lines;         ///< further #SBATCH lines ("--account=vision")
  std::vector<std::string> prologue;      ///< shell lines before the program starts ("module load cuda")

  static const std::vector<OptionField>& fields();
};

/// run_graph on a cluster: one array for each level of the jobs that have no result yet, `afterok` between levels, an array task for each
/// batch of jobs that share a group. Array tasks are `task_command... --submission N --level L` and share nothing with this process but
/// the run's folder. Waits for them, keeps the run's log, index and state, and hands in again what array tasks that were killed did not
/// bring, up to `options.retries` times without any progress. Goes on with arrays that an earlier call left in the queue.
///
/// A signal that asks to stop leaves the arrays in the queue and throws Error(kCancelled); the same call goes on with them.
/// Throws Error(kDevice) when Slurm refuses, or when array tasks stop before their jobs (their disk is full), with their sentence.
RunSummary run_graph_on_slurm(const JobGraph& graph, const JobKinds& kinds, const std::filesystem::path& folder, const RunOptions& options,
                              const SlurmOptions& slurm, const std::vector<std::string>& task_command, Logger& logger);

/// The array task's side: carries out its batch with workers of its own, `worker_command` as in run_graph. Which task it is says
/// SLURM_ARRAY_TASK_ID. On SIGUSR1 it lets jobs write their checkpoints and has itself put back into the queue. Jobs that fail are noted
/// for the coordinator and are no failure of the task. Returns the exit code.
int array_task_main(const JobKinds& kinds, const std::filesystem::path& folder, std::int64_t submission, std::int64_t level,
                    const std::vector<std::string>& worker_command, Logger& logger);

/// One array task that Slurm has not ended yet.
struct QueuedTask {
  std::string array;
  std::int64_t task = 0;
  std::string state;  ///< "PENDING", "RUNNING", "COMPLETING", ...
};

/// The run's array tasks that are waiting or running, as squeue says; nothing when it cannot be asked.
std::optional<std::vector<QueuedTask>> slurm_queue(const std::filesystem::path& folder);

/// The name of all arrays of the run in `folder`, for scancel --name.
std::string slurm_name(const std::filesystem::path& folder);

}  // namespace affinis::run
