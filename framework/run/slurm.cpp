#include "framework/run/slurm.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/hash.h"
#include "framework/core/text.h"
#include "framework/run/command.h"
#include "framework/run/ledger.h"
#include "framework/run/schedule.h"
#include "framework/run/slurm_submission.h"
#include "framework/run/stop_signals.h"

namespace affinis::run {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

/// For the script that Slurm hands to a shell.
std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char letter : word) text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return text + "'";
}

std::string script(const SlurmOptions& options, const RunOptions& run,
                   const std::vector<std::string>& command) {
  std::string text = "#!/bin/sh\n";
  const auto line = [&](const std::string& setting) { text += "#SBATCH " + setting + "\n"; };
  if (!options.partition.empty()) line("--partition=" + options.partition);
  if (!options.time.empty()) line("--time=" + options.time);
  if (!options.memory.empty()) line("--mem=" + options.memory);
  if (options.gpus_per_task > 0) line(fmt::format("--gpus-per-task={}", options.gpus_per_task));
  line("--ntasks=1");
  line(fmt::format("--cpus-per-task={}", run.threads_per_worker *
                                             static_cast<std::int64_t>(run.devices.size())));
  line("--requeue");
  line("--open-mode=append");
  line("--kill-on-invalid-dep=yes");
  // To the shell alone, which the program has taken the place of: it tells its workers itself.
  line(fmt::format("--signal=B:USR1@{}", options.warn_seconds));
  for (const std::string& each : options.lines) line(each);
  for (const std::string& each : options.prologue) text += each + "\n";
  text += "exec";
  for (const std::string& word : command) text += " " + quoted(word);
  return text + "\n";
}

std::string first_line(const std::string& text) { return trim(text.substr(0, text.find('\n'))); }

class SlurmCoordinator {
 public:
  SlurmCoordinator(Ledger& ledger, const RunOptions& options, const SlurmOptions& slurm,
                   const std::vector<std::string>& task_command, Logger& logger)
      : ledger_(ledger),
        options_(options),
        slurm_(slurm),
        command_(task_command),
        logger_(logger),
        name_(slurm_name(ledger.folder())),
        blocking_(ledger.graph(), ledger.finished()),
        number_(last_submission(ledger.folder())) {}

  RunSummary run() {
    ledger_.event(LogLevel::kInfo,
                  fmt::format("{} jobs, {} of them done before", ledger_.graph().jobs().size(),
                              ledger_.finished().size()));
    Progress progress(logger_, "run", ledger_.total_weight(), ledger_.done_weight({}));
    if (const auto queue = slurm_queue(ledger_.folder()); queue && !queue->empty()) {
      ledger_.event(LogLevel::kInfo, fmt::format("goes on with {} array tasks that are in the queue",
                                                 queue->size()));
    } else {
      AFFINIS_CHECK(queue, ErrorCode::kDevice,
                    "Slurm's squeue does not answer: run on a machine of the cluster, or without "
                    "--on slurm");
      submit(unsettled());
    }
    while (!unsettled().empty()) {
      wait(slurm_.poll_seconds);
      look(progress);
      const auto queue = slurm_queue(ledger_.folder());
      // A controller that does not answer now says nothing about its tasks.
      if (!queue || !queue->empty()) continue;
      wait_for_late_results(progress);
      hand_in_again();
    }
    look(progress);
    RunSummary& summary = ledger_.summary();
    ledger_.event(summary.complete() ? LogLevel::kInfo : LogLevel::kWarning,
                  "the run has ended: " + ledger_.tally());
    summary.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    return std::move(summary);
  }

 private:
  /// Jobs of which it is not known yet what becomes of them.
  std::set<std::string> unsettled() const {
    std::set<std::string> names;
    for (const Job& job : ledger_.graph().jobs()) {
      if (!ledger_.finished().contains(job.name) && !settled_.contains(job.name))
        names.insert(job.name);
    }
    return names;
  }

  void submit(const std::set<std::string>& pending) {
    if (pending.empty()) return;
    ledger_.require_room();
    Submission submission;
    submission.number = ++number_;
    submission.graph = ledger_.graph();
    submission.options = options_;
    submission.levels = deal_batches(ledger_.graph(), pending, slurm_);
    write_submission(ledger_.folder(), submission);
    std::string before;
    for (std::size_t level = 0; level < submission.levels.size(); ++level) {
      before = submit_level(static_cast<std::int64_t>(level), submission.levels[level].size(), before);
    }
    finished_before_ = ledger_.finished().size();
    ledger_.event(LogLevel::kInfo,
                  fmt::format("{} jobs in {} arrays of Slurm named {}", pending.size(),
                              submission.levels.size(), name_));
  }

  /// The array's number.
  std::string submit_level(std::int64_t level, std::size_t tasks, const std::string& before) {
    std::vector<std::string> command = command_;
    command.insert(command.end(), {"--submission", std::to_string(number_), "--level", std::to_string(level)});
    const fs::path stem = submission_folder(number_) / fmt::format("level-{}", level);
    const fs::path path = ledger_.folder() / (stem.string() + ".sh");
    write_file_atomically(path, script(slurm_, options_, command));
    const std::string limit = slurm_.at_once > 0 ? fmt::format("%{}", slurm_.at_once) : "";
    std::vector<std::string> words = {"sbatch", "--parsable", "--job-name=" + name_,
                                      "--chdir=" + ledger_.folder().string(),
                                      "--output=" + stem.string() + ".%a.log",
                                      fmt::format("--array=0-{}{}", tasks - 1, limit)};
    if (!before.empty()) words.push_back("--dependency=afterok:" + before);
    words.push_back(path.string());
    const CommandResult result = run_command(words);
    if (result.code != 0) {
      static_cast<void>(run_command({"scancel", "--name=" + name_}));
      fail(ErrorCode::kDevice,
           "Slurm refuses the array of level {} ({}); mend [slurm] in the experiment file, or see "
           "what {} asks for",
           level, first_line(result.errors), path.string());
    }
    // "12" or "12;cluster"
    return first_line(result.output.substr(0, result.output.find(';')));
  }

  void wait(double seconds) {
    constexpr std::chrono::milliseconds kPause{50};
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    while (Clock::now() < end) {
      AFFINIS_CHECK(signals_.count() == 0, ErrorCode::kCancelled,
                    "no longer watching the run in {} ({}); its arrays stay in Slurm's queue: the "
                    "same command goes on with them, 'scancel --name={}' ends them",
                    ledger_.folder().string(), ledger_.tally(), name_);
      std::this_thread::sleep_for(kPause);
    }
  }

  /// Takes in what array tasks have brought since the last look.
  void look(Progress& progress) {
    for (const std::string& name : unsettled()) {
      std::error_code ignored;
      if (!fs::exists(ledger_.path(name) / "done.json", ignored)) continue;
      if (const auto result = ledger_.result(name)) ledger_.complete(*result);
    }
    const RunState tasks = submission_state(ledger_.folder(), number_);
    for (const FailureNote& failure : tasks.failures) {
      if (ledger_.graph().contains(failure.name)) settle_failed(failure.name, failure.error, failure.log);
    }
    stopped_ = tasks.stopped;
    ledger_.publish(tasks.running);
    progress.set(ledger_.done_weight(tasks.running), ledger_.note(tasks.running));
  }

  void settle_failed(const std::string& name, const std::string& error, const std::string& log) {
    if (ledger_.finished().contains(name) || !settled_.insert(name).second) return;
    std::vector<std::string> blocked;
    for (const std::string& each : blocking_.withhold(name)) {
      if (!ledger_.finished().contains(each) && settled_.insert(each).second) blocked.push_back(each);
    }
    ledger_.fail(name, error, blocked, log);
  }

  /// What a task wrote just before it ended may take a moment to be seen from here.
  void wait_for_late_results(Progress& progress) {
    constexpr int kLooks = 3;
    for (int at = 0; at < kLooks && !unsettled().empty(); ++at) {
      look(progress);
      if (unsettled().empty()) return;
      wait(slurm_.poll_seconds);
    }
    look(progress);
  }

  /// No array task is left, but jobs are.
  void hand_in_again() {
    const std::set<std::string> lost = unsettled();
    if (lost.empty()) return;
    AFFINIS_CHECK(stopped_.empty(), ErrorCode::kDevice,
                  "the run in {} has stopped ({}): array task {}; mend the cause, the same command "
                  "then goes on from there",
                  ledger_.folder().string(), ledger_.tally(), stopped_);
    idle_rounds_ = ledger_.finished().size() > finished_before_ ? 0 : idle_rounds_ + 1;
    if (idle_rounds_ > options_.retries) {
      for (const std::string& name : lost) {
        const std::vector<std::string>& inputs = ledger_.graph().job(name).inputs;
        const bool was_due = std::all_of(inputs.begin(), inputs.end(), [&](const std::string& input) {
          return ledger_.finished().contains(input);
        });
        if (!was_due) continue;
        settle_failed(name,
                      fmt::format("its array task ended {} times without a result: was it out of "
                                  "memory?",
                                  idle_rounds_),
                      task_log(name));
      }
      idle_rounds_ = 0;
    } else {
      ledger_.event(LogLevel::kWarning,
                    fmt::format("array tasks ended before their work was done: {} jobs are handed "
                                "in again",
                                lost.size()));
    }
    submit(unsettled());
  }

  /// What the array task printed that had the job last.
  std::string task_log(const std::string& job) const {
    const std::vector<ArrayBatches> levels = read_submission(ledger_.folder(), number_).levels;
    for (std::size_t level = 0; level < levels.size(); ++level) {
      for (std::size_t task = 0; task < levels[level].size(); ++task) {
        const std::vector<std::string>& batch = levels[level][task];
        if (std::find(batch.begin(), batch.end(), job) != batch.end())
          return (submission_folder(number_) / fmt::format("level-{}.{}.log", level, task)).string();
      }
    }
    return {};
  }

  Ledger& ledger_;
  const RunOptions& options_;
  const SlurmOptions& slurm_;
  const std::vector<std::string>& command_;
  Logger& logger_;
  const std::string name_;
  const Clock::time_point start_ = Clock::now();
  StopSignals signals_;
  Schedule blocking_;
  std::set<std::string> settled_;  ///< failed and blocked
  std::string stopped_;
  std::int64_t number_;
  std::size_t finished_before_ = 0;
  std::int64_t idle_rounds_ = 0;
};

}  // namespace

const std::vector<OptionField>& SlurmOptions::fields() {
  constexpr OptionLimits kHow{.affects_result = false};
  const auto at_least = [](double minimum) { return OptionLimits{.minimum = minimum, .affects_result = false}; };
  static const std::vector<OptionField> table = {
      option("partition", &SlurmOptions::partition, "partition; empty: the cluster's default", kHow),
      option("time", &SlurmOptions::time,
             "time limit of an array task as Slurm writes it (12:00:00); empty: the partition's; what "
             "does not end in time goes back to the queue with its checkpoints",
             kHow),
      option("memory", &SlurmOptions::memory, "memory of an array task (8G); empty: the cluster's default", kHow),
      option("gpus_per_task", &SlurmOptions::gpus_per_task,
             "GPUs of an array task, one worker each; 0: one worker on the CPU", at_least(0)),
      option("jobs_per_task", &SlurmOptions::jobs_per_task,
             "jobs of an array task; 0: all of a level that share a target", at_least(0)),
      option("max_tasks", &SlurmOptions::max_tasks,
             "array tasks of one array; batches are joined when there would be more (Slurm's MaxArraySize)",
             at_least(1)),
      option("at_once", &SlurmOptions::at_once, "array tasks that run at the same time; 0: no limit", at_least(0)),
      option("warn_seconds", &SlurmOptions::warn_seconds,
             "seconds before the time limit at which jobs write their checkpoints and the task is requeued",
             at_least(1)),
      option("poll_seconds", &SlurmOptions::poll_seconds, "seconds between looks at the results and the queue",
             at_least(0.1)),
      option("lines", &SlurmOptions::lines, "further #SBATCH lines (--account=vision)", kHow),
      option("prologue", &SlurmOptions::prologue, "shell lines before the program starts (module load cuda)", kHow),
  };
  return table;
}

RunSummary run_graph_on_slurm(const JobGraph& graph, const JobKinds& kinds, const fs::path& folder,
                              const RunOptions& options, const SlurmOptions& slurm,
                              const std::vector<std::string>& task_command, Logger& logger) {
  require_writable_folder(folder);
  RunOptions on_tasks = options;
  on_tasks.devices.clear();
  for (std::int64_t at = 0; at < slurm.gpus_per_task; ++at)
    on_tasks.devices.push_back(fmt::format("cuda:{}", at));
  if (on_tasks.devices.empty()) on_tasks.devices = {"cpu:0"};
  constexpr double kToRequeue = 20;
  on_tasks.stop_patience_seconds = std::max(options.stop_patience_seconds,
                                            static_cast<double>(slurm.warn_seconds) - kToRequeue);
  Ledger ledger(graph, kinds, fs::absolute(folder), options, logger);
  return SlurmCoordinator(ledger, on_tasks, slurm, task_command, logger).run();
}

std::string slurm_name(const fs::path& folder) {
  return fmt::format("affinis-{:012x}", hash64(fs::weakly_canonical(folder).string()) >> 16);
}

std::optional<std::vector<QueuedTask>> slurm_queue(const fs::path& folder) {
  CommandResult result;
  try {
    result = run_command({"squeue", "--noheader", "--array", "--name=" + slurm_name(folder), "--format=%F %K %T"});
  } catch (const Error&) {
    return std::nullopt;
  }
  if (result.code != 0) return std::nullopt;
  std::vector<QueuedTask> tasks;
  for (const std::string& line : split(result.output, '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    if (words.size() != 3) continue;
    tasks.push_back({words[0], parse_integer(words[1]).value_or(0), words[2]});
  }
  return tasks;
}

}  // namespace affinis::run
