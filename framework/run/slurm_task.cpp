#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <set>
#include <thread>

#include <unistd.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/run/command.h"
#include "framework/run/journal.h"
#include "framework/run/result.h"
#include "framework/run/slurm.h"
#include "framework/run/slurm_submission.h"
#include "framework/run/stop_signals.h"

namespace affinis::run {
namespace fs = std::filesystem;
namespace {

/// The jobs and all that their identities depend on.
JobGraph part_of(const JobGraph& graph, const std::vector<std::string>& jobs) {
  std::set<std::string> wanted;
  std::vector<std::string> open = jobs;
  while (!open.empty()) {
    const std::string name = open.back();
    open.pop_back();
    if (!wanted.insert(name).second) continue;
    const std::vector<std::string>& inputs = graph.job(name).inputs;
    open.insert(open.end(), inputs.begin(), inputs.end());
  }
  JobGraph part;
  for (const Job& job : graph.jobs()) {
    if (wanted.contains(job.name)) part.add(job);
  }
  return part;
}

/// Results of other machines' tasks may take a while to be seen here (a network file system's attribute cache). What a failed job
/// left out does not come.
void wait_for_inputs(const JobGraph& graph, const std::map<std::string, std::string>& identities,
                     const Submission& submission, const std::vector<std::string>& jobs,
                     const fs::path& folder) {
  constexpr std::chrono::seconds kPatience{60};
  constexpr std::chrono::milliseconds kPause{500};
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  const std::set<std::string> ours(jobs.begin(), jobs.end());
  std::set<std::string> failed;
  for (const FailureNote& failure : submission_state(folder, submission.number).failures)
    failed.insert(failure.name);
  std::set<std::string> awaited;
  for (const std::string& job : jobs) {
    for (const std::string& input : graph.job(job).inputs) {
      if (!ours.contains(input)) awaited.insert(input);
    }
  }
  const auto is_settled = [&](const std::string& name) {
    const auto result = read_result(folder / submission.options.jobs_in /
                                    job_folder_name(graph.job(name), identities.at(name)));
    if (result && result->identity == identities.at(name)) return true;
    // Failed itself, or waiting for something that did.
    const JobGraph before = part_of(graph, {name});
    return std::any_of(before.jobs().begin(), before.jobs().end(),
                       [&](const Job& job) { return failed.contains(job.name); });
  };
  for (;;) {
    std::erase_if(awaited, is_settled);
    if (awaited.empty() || std::chrono::steady_clock::now() > give_up) return;
    std::this_thread::sleep_for(kPause);
  }
}

/// Returns only when Slurm does not end this process, as it does with what goes back to the queue.
void requeue(const std::string& id, Logger& logger) {
  const CommandResult result = run_command({"scontrol", "requeue", id});
  if (result.code != 0) {
    logger.warning("array task {} cannot go back to the queue: {}", id, trim(result.errors));
    return;
  }
  constexpr std::chrono::seconds kPatience{60};
  std::this_thread::sleep_for(kPatience);
}

}  // namespace

int array_task_main(const JobKinds& kinds, const fs::path& folder, std::int64_t submission_number,
                    std::int64_t level, const std::vector<std::string>& worker_command,
                    Logger& logger) {
  const char* task_text = std::getenv("SLURM_ARRAY_TASK_ID");
  const auto task = parse_integer(task_text ? task_text : "");
  AFFINIS_CHECK(task, ErrorCode::kUsage,
                "SLURM_ARRAY_TASK_ID is not set: array tasks are started by Slurm, not by hand");
  const Submission submission = read_submission(folder, submission_number);
  const auto in_range = [](std::int64_t at, std::size_t count) {
    return at >= 0 && at < static_cast<std::int64_t>(count);
  };
  AFFINIS_CHECK(in_range(level, submission.levels.size()) &&
                    in_range(*task, submission.levels[static_cast<std::size_t>(level)].size()),
                ErrorCode::kUsage, "submission {} of the run in {} has no task {} at level {}",
                submission_number, folder.string(), *task, level);
  const std::vector<std::string>& jobs =
      submission.levels[static_cast<std::size_t>(level)][static_cast<std::size_t>(*task)];
  const JobGraph graph = part_of(submission.graph, jobs);
  const fs::path books = task_books(submission_number, level, *task);
  try {
    wait_for_inputs(graph, graph.identities(kinds), submission, jobs, folder);
    run_batch(graph, kinds, folder, {jobs, books}, submission.options, worker_command, logger);
    return 0;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCancelled) {
      make_folder(folder / books);
      RunState state = read_state(folder / books);
      state.running.clear();
      state.stopped = error.what();
      write_state(folder / books, state);
      throw;
    }
    logger.info("{}", error.what());
    if (StopSignals::last() == SIGUSR1) {
      const char* array = std::getenv("SLURM_ARRAY_JOB_ID");
      requeue(fmt::format("{}_{}", array ? array : "", *task), logger);
    }
    return 1;
  }
}

}  // namespace affinis::run
