#include "experiments/study/dry_run.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <fmt/core.h>

#include "experiments/study/chains.h"
#include "experiments/study/estimate.h"
#include "experiments/study/study.h"
#include "experiments/study/study_graph.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/run/result.h"
#include "framework/run/simulate.h"
#include "framework/run/slurm_submission.h"

namespace affinis::experiments {
namespace {

namespace fs = std::filesystem;

/// As many transfers as the sampling rule will bring, of the first sources in the place of the best ones.
std::vector<Candidate> stand_ins(const StudyGraph& study, std::int64_t order) {
  std::vector<Candidate> result;
  for (const std::string& target : study.targets()) {
    std::vector<std::string> best;
    for (const std::string& source : study.sources()) {
      if (source != target && static_cast<std::int64_t>(best.size()) < study.top(order)) best.push_back(source);
    }
    if (static_cast<std::int64_t>(best.size()) < order) continue;
    std::vector<bool> chosen(best.size(), false);
    std::fill(chosen.begin(), chosen.begin() + order, true);
    do {
      Candidate candidate{{}, target};
      for (std::size_t i = 0; i < best.size(); ++i) {
        if (chosen[i]) candidate.sources.push_back(best[i]);
      }
      result.push_back(std::move(candidate));
    } while (std::prev_permutation(chosen.begin(), chosen.end()));
  }
  return result;
}

std::string stage_of(const run::Job& job) {
  if (job.kind == transfer::kChainKind || job.stage() == "chain") return "chain";
  if (job.kind != transfer::kTransferKind) return job.stage();
  return fmt::format("transfer, order {}", job.spec.at("sources").size());
}

struct StagePlan {
  std::string stage;
  std::int64_t jobs = 0;
  std::int64_t done = 0;
  double seconds = 0;
  double bytes = 0;
};

class Planner {
 public:
  Planner(const StudyOptions& options, const fs::path& folder, RunPlace place, const Estimator& estimator)
      : options_(options),
        folder_(folder),
        estimator_(estimator),
        registry_(load_tasks(options.tasks.plugins)),
        kinds_(study_job_kinds(options, registry_)),
        study_(options, registry_),
        workers_(std::max<std::size_t>(options.run.devices.size(), 1)) {
    study_.add_networks();
    if (options.search.max_order > 0) study_.add_transfers(study_.first_order());
    if (place == RunPlace::kSlurm) plan_arrays();
    take_in(true);
    for (std::int64_t order = 2; order <= options.search.max_order; ++order) {
      const std::vector<Candidate> candidates = stand_ins(study_, order);
      if (candidates.empty()) break;
      study_.add_transfers(candidates);
      take_in(false);
    }
    if (study_.possible_chains().empty()) return;
    study_.add_chains(choose_chains(study_, {}));
    take_in(false);
  }

  nlohmann::json json() const {
    nlohmann::json stages = nlohmann::json::array();
    std::int64_t jobs = 0;
    std::int64_t done = 0;
    double bytes = 0;
    for (const StagePlan& stage : stages_) {
      stages.push_back({{"stage", stage.stage}, {"jobs", stage.jobs}, {"done", stage.done}, {"seconds", stage.seconds}, {"bytes", stage.bytes}});
      jobs += stage.jobs;
      done += stage.done;
      bytes += stage.bytes;
    }
    nlohmann::json levels = nlohmann::json::array();
    for (const std::int64_t count : levels_) levels.push_back(count);
    const auto workers = static_cast<double>(workers_);
    return {{"name", options_.name.name},
            {"folder", folder_.string()},
            {"jobs", jobs},
            {"done", done},
            {"stages", stages},
            {"levels", levels},
            {"workers", workers_},
            {"seconds", total_.seconds},
            {"work_seconds", total_.work_seconds},
            {"efficiency", total_.efficiency(workers_)},
            {"critical_seconds", total_.critical_seconds},
            {"critical_path", total_.critical},
            {"arrays", arrays_},
            {"adaptive", options_.search.adaptive},
            {"disk_bytes", done < jobs ? bytes + workers * estimator_.checkpoint_bytes() : 0},
            {"disk_free_bytes", free_bytes()},
            {"worker_bytes", estimator_.worker_bytes()}};
  }

 private:
  /// As many workers as array tasks run at once: all of a level, when nothing limits them.
  void plan_arrays() {
    const auto identities = study_.graph().identities(kinds_);
    std::set<std::string> pending;
    for (const run::Job& job : study_.graph().jobs()) {
      if (!is_done(job, identities.at(job.name))) pending.insert(job.name);
    }
    arrays_ = nlohmann::json::array();
    std::size_t most = 1;
    for (const run::ArrayBatches& level : run::deal_batches(study_.graph(), pending, options_.slurm)) {
      arrays_.push_back(level.size());
      most = std::max(most, level.size());
    }
    if (options_.slurm.at_once > 0) most = std::min(most, static_cast<std::size_t>(options_.slurm.at_once));
    workers_ = most * static_cast<std::size_t>(std::max<std::int64_t>(options_.slurm.gpus_per_task, 1));
  }

  /// Plans what the graph got since the last call. `known`: these jobs are exactly those that will run.
  void take_in(bool known) {
    const run::JobGraph& graph = study_.graph();
    const auto identities = known ? graph.identities(kinds_) : std::map<std::string, std::string>{};
    std::set<std::string> finished = planned_;
    for (const run::Job& job : graph.jobs()) {
      if (planned_.contains(job.name)) continue;
      const JobEstimate estimate = estimator_.estimate(job);
      seconds_[job.name] = estimate.seconds;
      StagePlan& stage = stage_named(stage_of(job));
      ++stage.jobs;
      if (known && is_done(job, identities.at(job.name))) {
        ++stage.done;
        finished.insert(job.name);
      } else {
        stage.seconds += estimate.seconds;
        stage.bytes += estimate.bytes;
      }
    }
    add_levels(graph, known);
    const run::SimulatedRun part = run::simulate(graph, seconds_, finished, workers_);
    total_.seconds += part.seconds;
    total_.work_seconds += part.work_seconds;
    total_.critical_seconds += part.critical_seconds;
    total_.critical.insert(total_.critical.end(), part.critical.begin(), part.critical.end());
    for (const run::Job& job : graph.jobs()) planned_.insert(job.name);
  }

  void add_levels(const run::JobGraph& graph, bool known) {
    if (known) {
      for (const auto& level : graph.levels()) levels_.push_back(static_cast<std::int64_t>(level.size()));
      return;
    }
    // Which sets are tried is known only after all of the order before.
    levels_.push_back(static_cast<std::int64_t>(graph.jobs().size() - planned_.size()));
  }

  bool is_done(const run::Job& job, const std::string& identity) const {
    const auto result = run::read_result(folder_ / options_.run.jobs_in / run::job_folder_name(job, identity));
    return result && result->identity == identity;
  }

  StagePlan& stage_named(const std::string& name) {
    const auto found = std::find_if(stages_.begin(), stages_.end(), [&](const StagePlan& each) { return each.stage == name; });
    if (found != stages_.end()) return *found;
    stages_.push_back({name});
    return stages_.back();
  }

  nlohmann::json free_bytes() const {
    fs::path existing = fs::absolute(folder_);
    std::error_code error;
    while (!fs::exists(existing, error) && existing.has_relative_path()) existing = existing.parent_path();
    const fs::space_info space = fs::space(existing, error);
    return error ? nlohmann::json(nullptr) : nlohmann::json(space.available);
  }

  const StudyOptions& options_;
  const fs::path& folder_;
  const Estimator& estimator_;
  std::shared_ptr<const task::TaskRegistry> registry_;
  run::JobKinds kinds_;
  StudyGraph study_;
  std::size_t workers_;
  std::map<std::string, double> seconds_;
  std::set<std::string> planned_;
  std::vector<StagePlan> stages_;
  std::vector<std::int64_t> levels_;
  nlohmann::json arrays_;
  run::SimulatedRun total_;
};

}  // namespace

nlohmann::json dry_run(const StudyOptions& options, const fs::path& folder, RunPlace place, const fs::path& measured) {
  Estimator estimator(options, load_tasks(options.tasks.plugins));
  const fs::path& from = measured.empty() ? folder : measured;
  const std::size_t learnt = estimator.measure(from);
  AFFINIS_CHECK(learnt > 0 || measured.empty(), ErrorCode::kData, "{} holds no finished jobs to learn costs from; name a run's folder",
                measured.string());
  nlohmann::json plan = Planner(options, folder, place, estimator).json();
  plan["estimated_from"] = learnt > 0 ? from.string() : "model";
  plan["measured_jobs"] = learnt;
  return plan;
}

std::string dry_run_text(const nlohmann::json& plan) {
  std::string text = fmt::format("{}: {} jobs, {} of them done, in {}\n", plan.at("name").get<std::string>(), plan.at("jobs").dump(),
                                 plan.at("done").dump(), plan.at("folder").get<std::string>());
  text += fmt::format("{:<20} {:>6} {:>6} {:>12} {:>12}\n", "stage", "jobs", "done", "work", "disk");
  for (const nlohmann::json& stage : plan.at("stages")) {
    text += fmt::format("{:<20} {:>6} {:>6} {:>12} {:>12}\n", stage.at("stage").get<std::string>(), stage.at("jobs").get<std::int64_t>(),
                        stage.at("done").get<std::int64_t>(), format_duration(stage.at("seconds").get<double>()),
                        format_bytes(stage.at("bytes").get<double>()));
  }
  std::vector<std::string> levels;
  for (const nlohmann::json& count : plan.at("levels")) levels.push_back(count.dump());
  text += fmt::format("levels: {} jobs\n", join(levels, " -> "));
  if (!plan.at("arrays").is_null()) {
    std::vector<std::string> tasks;
    for (const nlohmann::json& count : plan.at("arrays")) tasks.push_back(count.dump());
    text += fmt::format("arrays of Slurm: {} tasks, and those of higher orders\n", join(tasks, " -> "));
  }
  const std::int64_t learnt = plan.at("measured_jobs").get<std::int64_t>();
  text += fmt::format("time: {} on {} workers ({} of work, {:.0f} % of the workers' time; {} on any number of them), {}\n",
                      format_duration(plan.at("seconds").get<double>()), plan.at("workers").dump(),
                      format_duration(plan.at("work_seconds").get<double>()), 100 * plan.at("efficiency").get<double>(),
                      format_duration(plan.at("critical_seconds").get<double>()),
                      learnt > 0 ? fmt::format("from what {} jobs took in {}", learnt, plan.at("estimated_from").get<std::string>())
                                 : "from a model of steps, image side and width on one CPU core, which may be off by three; a run that has "
                                   "begun, or --measured DIR, tells better");
  if (plan.at("adaptive").get<bool>()) text += "transfers are counted to their end; an adaptive search drops many of them before\n";
  text += fmt::format("disk: {} more, checkpoints included; free: {}\n", format_bytes(plan.at("disk_bytes").get<double>()),
                      plan.at("disk_free_bytes").is_null() ? "unknown" : format_bytes(plan.at("disk_free_bytes").get<double>()));
  text += fmt::format("memory: up to {} a worker\n", format_bytes(plan.at("worker_bytes").get<double>()));
  return text;
}

}  // namespace affinis::experiments
