#include "framework/run/status.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "framework/core/error.h"
#include "framework/run/index.h"
#include "framework/run/journal.h"
#include "framework/run/result.h"
#include "framework/run/run_lock.h"
#include "framework/run/slurm.h"
#include "framework/run/slurm_submission.h"

namespace affinis::run {
namespace fs = std::filesystem;
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// What a stage's time left is estimated from.
struct StageCosts {
  double cost_done = 0;
  double cost_left = 0;
};

/// Seconds a unit of cost took; unknown while nothing with a cost is done.
double rate(double seconds, double cost) { return cost > 0 ? seconds / cost : kUnknown; }

nlohmann::json finite_or_null(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
}

/// Names of the jobs that wait for a failed one. Inputs come from any place of the list.
std::set<std::string> blocked_jobs(const std::vector<JournalJob>& jobs,
                                   const std::set<std::string>& done,
                                   const std::set<std::string>& failed) {
  std::map<std::string, std::vector<std::string>> dependants;
  for (const JournalJob& job : jobs) {
    for (const std::string& input : job.inputs) dependants[input].push_back(job.name);
  }
  std::set<std::string> blocked;
  std::vector<std::string> open(failed.begin(), failed.end());
  while (!open.empty()) {
    const std::string from = open.back();
    open.pop_back();
    for (const std::string& next : dependants[from]) {
      if (!done.contains(next) && !failed.contains(next) && blocked.insert(next).second)
        open.push_back(next);
    }
  }
  return blocked;
}

/// What array tasks say of themselves, beside what the coordinator wrote when it was there last.
void add_tasks(RunState& state, const RunState& tasks, bool coordinator_alive) {
  // A coordinator has taken in what its tasks say.
  if (coordinator_alive) return;
  state.running = tasks.running;
  std::set<std::string> known;
  for (const FailureNote& failure : state.failures) known.insert(failure.name);
  for (const FailureNote& failure : tasks.failures) {
    if (!known.contains(failure.name)) state.failures.push_back(failure);
  }
}

std::optional<ClusterStatus> cluster_status(const fs::path& folder) {
  const auto queue = slurm_queue(folder);
  if (!queue || queue->empty()) return std::nullopt;
  ClusterStatus status{.name = slurm_name(folder)};
  for (const QueuedTask& task : *queue) ++(task.state == "PENDING" ? status.waiting : status.running);
  return status;
}

}  // namespace

RunStatus read_status(const fs::path& folder) {
  RunStatus status;
  // Before the results are counted: a run that ends meanwhile must not look like a broken one.
  status.coordinator_alive = is_locked(folder);
  const RunPlan plan = read_plan(folder);
  RunState state = read_state(folder);
  if (const std::int64_t submission = last_submission(folder); submission > 0) {
    status.cluster = cluster_status(folder);
    add_tasks(state, submission_state(folder, submission), status.coordinator_alive);
  }

  std::map<std::string, std::size_t> position;
  std::vector<StageCosts> costs;
  const auto stage = [&](const std::string& name) {
    const auto [found, fresh] = position.emplace(name, status.stages.size());
    if (fresh) {
      status.stages.push_back({.stage = name});
      costs.emplace_back();
    }
    return found->second;
  };

  std::set<std::string> done;
  for (const JournalJob& job : plan.jobs) {
    const std::size_t at = stage(job.stage);
    ++status.stages[at].total;
    if (const auto result = read_result(folder / job.folder)) {
      done.insert(job.name);
      ++status.stages[at].done;
      status.stages[at].seconds_spent += result->seconds;
      costs[at].cost_done += job.cost;
    }
  }
  std::set<std::string> failed;
  for (const FailureNote& failure : state.failures) {
    if (done.contains(failure.name)) continue;
    failed.insert(failure.name);
    status.failures.push_back({failure.name, failure.error, folder / failure.log});
  }
  std::map<std::string, double> running;
  if (status.is_alive()) {
    for (const RunningJob& job : state.running) {
      if (!done.contains(job.name)) running[job.name] = job.share();
    }
  }
  const std::set<std::string> blocked = blocked_jobs(plan.jobs, done, failed);
  for (const JournalJob& job : plan.jobs) {
    const std::size_t at = stage(job.stage);
    if (done.contains(job.name)) continue;
    if (failed.contains(job.name)) {
      ++status.stages[at].failed;
    } else if (blocked.contains(job.name)) {
      ++status.stages[at].blocked;
    } else {
      const auto share = running.find(job.name);
      if (share != running.end()) ++status.stages[at].running;
      costs[at].cost_left += job.cost * (share != running.end() ? 1 - share->second : 1);
    }
  }
  for (const ExpectedJobs& later : plan.expected) {
    const std::size_t at = stage(later.stage);
    status.stages[at].total += later.jobs;
    costs[at].cost_left += later.cost;
  }

  double all_seconds = 0;
  double all_cost = 0;
  for (std::size_t at = 0; at < costs.size(); ++at) {
    all_seconds += status.stages[at].seconds_spent;
    all_cost += costs[at].cost_done;
  }
  double work_left = 0;
  for (std::size_t at = 0; at < costs.size(); ++at) {
    const double own_rate = rate(status.stages[at].seconds_spent, costs[at].cost_done);
    const bool nothing_left = costs[at].cost_left <= 0;
    status.stages[at].seconds_left = nothing_left ? 0 : costs[at].cost_left * own_rate;
    // A stage that has not begun goes by the rate of the others: costs are comparable, roughly.
    if (!nothing_left)
      work_left +=
          costs[at].cost_left * (std::isnan(own_rate) ? rate(all_seconds, all_cost) : own_rate);
  }
  const std::int64_t workers =
      std::max(plan.workers, status.cluster ? status.cluster->running : std::int64_t{1});
  status.seconds_left = work_left / static_cast<double>(std::max<std::int64_t>(workers, 1));
  status.finished = std::all_of(status.stages.begin(), status.stages.end(),
                                [](const StageStatus& each) { return each.done == each.total; });
  return status;
}

nlohmann::json to_json(const RunStatus& status) {
  nlohmann::json stages = nlohmann::json::array();
  for (const StageStatus& stage : status.stages) {
    stages.push_back({{"stage", stage.stage},
                      {"done", stage.done},
                      {"total", stage.total},
                      {"running", stage.running},
                      {"failed", stage.failed},
                      {"blocked", stage.blocked},
                      {"seconds_spent", stage.seconds_spent},
                      {"seconds_left", finite_or_null(stage.seconds_left)}});
  }
  nlohmann::json failures = nlohmann::json::array();
  for (const FailedJob& failure : status.failures) {
    failures.push_back(
        {{"name", failure.name}, {"error", failure.error}, {"log", failure.log.string()}});
  }
  nlohmann::json cluster;
  if (status.cluster) {
    cluster = {{"name", status.cluster->name},
               {"running", status.cluster->running},
               {"waiting", status.cluster->waiting}};
  }
  return {{"finished", status.finished},
          {"coordinator_alive", status.coordinator_alive},
          {"cluster", cluster},
          {"stages", stages},
          {"failures", failures},
          {"seconds_left", finite_or_null(status.seconds_left)}};
}

void update_index(const fs::path& folder, Logger& logger) {
  try {
    const RunLock lock(folder, true);
    Index index(folder, {}, logger);
    for (const JournalJob& job : read_plan(folder).jobs) {
      if (const auto result = read_result(folder / job.folder)) index.done(*result, job.folder, job.cost);
    }
  } catch (const Error&) {
    // A coordinator is at work and keeps the index itself, or the folder is another user's.
    return;
  }
}

}  // namespace affinis::run
