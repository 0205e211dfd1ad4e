#include "framework/run/journal.h"

#include <algorithm>
#include <set>

#include <unistd.h>

#include "framework/core/error.h"
#include "framework/core/json.h"

namespace affinis::run {
namespace fs = std::filesystem;
namespace {

fs::path plan_path(const fs::path& folder) { return folder / "graph.json"; }
fs::path state_path(const fs::path& folder) { return folder / "state.json"; }

[[noreturn]] void damaged(const fs::path& path, const nlohmann::json::exception& error) {
  fail(ErrorCode::kFormat, "{} is not what a run writes ({}): delete it and start the run again",
       path.string(), error.what());
}

RunPlan plan_from_json(const nlohmann::json& value) {
  RunPlan plan;
  plan.workers = value.at("workers").get<std::int64_t>();
  for (const nlohmann::json& job : value.at("jobs")) {
    plan.jobs.push_back({job.at("name").get<std::string>(), job.at("stage").get<std::string>(),
                         job.at("folder").get<std::string>(), job.at("cost").get<double>(),
                         job.at("inputs").get<std::vector<std::string>>()});
  }
  for (const nlohmann::json& later : value.at("expected")) {
    plan.expected.push_back({later.at("stage").get<std::string>(),
                             later.at("jobs").get<std::int64_t>(), later.at("cost").get<double>()});
  }
  return plan;
}

/// What this process handed over in an earlier call and `plan` does not have.
std::vector<JournalJob> earlier_jobs(const fs::path& folder, const RunPlan& plan) {
  std::error_code error;
  if (!fs::exists(plan_path(folder), error)) return {};
  std::vector<JournalJob> kept;
  try {
    const nlohmann::json value = read_json(plan_path(folder));
    if (value.at("process").get<std::int64_t>() != ::getpid()) return {};
    kept = plan_from_json(value).jobs;
  } catch (const Error&) {
    return {};
  } catch (const nlohmann::json::exception&) {
    return {};
  }
  std::set<std::string> present;
  for (const JournalJob& job : plan.jobs) present.insert(job.name);
  std::erase_if(kept, [&](const JournalJob& job) { return present.contains(job.name); });
  return kept;
}

}  // namespace

void write_plan(const fs::path& folder, RunPlan plan) {
  std::vector<JournalJob> jobs = earlier_jobs(folder, plan);
  jobs.insert(jobs.end(), plan.jobs.begin(), plan.jobs.end());
  nlohmann::json listed = nlohmann::json::array();
  for (const JournalJob& job : jobs) {
    listed.push_back({{"name", job.name},
                      {"stage", job.stage},
                      {"folder", job.folder},
                      {"cost", job.cost},
                      {"inputs", job.inputs}});
  }
  nlohmann::json expected = nlohmann::json::array();
  for (const ExpectedJobs& later : plan.expected) {
    expected.push_back({{"stage", later.stage}, {"jobs", later.jobs}, {"cost", later.cost}});
  }
  write_json(plan_path(folder), {{"format", 1},
                                 {"process", ::getpid()},
                                 {"workers", plan.workers},
                                 {"jobs", listed},
                                 {"expected", expected}});
}

RunPlan read_plan(const fs::path& folder) {
  std::error_code error;
  AFFINIS_CHECK(fs::exists(plan_path(folder), error), ErrorCode::kIo,
                "there is no run in {} (it has no graph.json): give the folder that a run wrote to",
                folder.string());
  try {
    return plan_from_json(read_json(plan_path(folder)));
  } catch (const nlohmann::json::exception& problem) {
    damaged(plan_path(folder), problem);
  }
}

double RunningJob::share() const { return total > 0 ? std::clamp(done / total, 0.0, 1.0) : 0; }

void write_state(const fs::path& folder, const RunState& state) {
  nlohmann::json running = nlohmann::json::array();
  for (const RunningJob& job : state.running) {
    running.push_back({{"name", job.name},
                       {"device", job.device},
                       {"done", job.done},
                       {"total", job.total},
                       {"note", job.note}});
  }
  nlohmann::json failures = nlohmann::json::array();
  for (const FailureNote& each : state.failures) {
    failures.push_back({{"name", each.name}, {"error", each.error}, {"log", each.log}});
  }
  write_json(
      state_path(folder),
      {{"format", 1},
              {"process", state.process},
              {"running", running},
              {"failures", failures},
              {"stopped", state.stopped}});
}

RunState read_state(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(state_path(folder), error)) return {};
  try {
    const nlohmann::json value = read_json(state_path(folder));
    RunState state;
    state.process = value.at("process").get<std::int64_t>();
    for (const nlohmann::json& job : value.at("running")) {
      state.running.push_back({job.at("name").get<std::string>(),
                               job.at("device").get<std::string>(), job.at("done").get<double>(),
                               job.at("total").get<double>(), job.at("note").get<std::string>()});
    }
    for (const nlohmann::json& each : value.at("failures")) {
      state.failures.push_back({each.at("name").get<std::string>(),
                                each.at("error").get<std::string>(),
                                each.at("log").get<std::string>()});
    }
    state.stopped = value.value("stopped", "");
    return state;
  } catch (const nlohmann::json::exception& problem) {
    damaged(state_path(folder), problem);
  }
}

}  // namespace affinis::run
