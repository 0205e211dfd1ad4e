#include "experiments/study/study.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "experiments/commands/taxonomy_json.h"
#include "experiments/report/report.h"
#include "experiments/study/adaptive.h"
#include "experiments/study/analysis.h"
#include "experiments/study/chains.h"
#include "experiments/study/expected.h"
#include "experiments/study/multi_task.h"
#include "experiments/study/render_job.h"
#include "experiments/study/summary.h"
#include "experiments/study/taxonomies.h"
#include "framework/core/cut_off_files.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json.h"
#include "framework/data/contact_sheet.h"
#include "framework/data/data_set.h"
#include "framework/run/crew.h"
#include "framework/run/run_lock.h"
#include "framework/run/slurm.h"
#include "framework/task/plugin.h"
#include "taxonomy/transfer_table.h"
#include "tasks/builtin.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {
namespace {

constexpr const char* kContactSheetFile = "contact_sheet.png";
constexpr std::int64_t kContactSheetRooms = 6;

/// Runs what the graph holds now; `order` is the highest order in it, so that progress counts the orders that are still to come.
run::RunSummary run_stage(const StudyGraph& study, std::int64_t order, const std::filesystem::path& folder, const run::JobKinds& kinds,
                          RunPlace place, Logger& logger, run::Crew& crew) {
  run::RunOptions options = study.options().run;
  options.expected_later = study.expected_transfers(order + 1);
  if (place == RunPlace::kSlurm)
    return run::run_graph_on_slurm(study.graph(), kinds, folder, options, study.options().slurm, array_task_command(folder), logger);
  return run::run_graph(study.graph(), kinds, folder, options, worker_command(folder), logger, &crew);
}

/// Array tasks that wait or run do so by the settings that they were handed in with, and a local run would do their jobs twice.
void leave_queued_tasks_alone(StudyOptions options, const std::filesystem::path& folder, RunPlace place) {
  if (!std::filesystem::exists(folder / "slurm")) return;
  const auto queue = run::slurm_queue(folder);
  if (!queue || queue->empty()) return;
  const bool same = place == RunPlace::kSlurm && std::filesystem::exists(folder / kExperimentFile) &&
                    read_file(folder / kExperimentFile) == to_toml(options.sections());
  AFFINIS_CHECK(same, ErrorCode::kIo,
                "the run in {} has {} array tasks in Slurm's queue: go on with them by --on slurm and the same settings, or end them first with "
                "'scancel --name={}'",
                folder.string(), queue->size(), run::slurm_name(folder));
}

/// A study of a sweep that is run by itself later finds the results that it shares with the others.
std::filesystem::path place_of_jobs(const StudyOptions& options, const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  const bool shared = fs::exists(folder / "graph.json") && !fs::exists(folder / "jobs") && fs::exists(folder / ".." / "jobs");
  return shared ? fs::path("..") : options.run.jobs_in;
}

void write_taxonomies(const StudyGraph& study, const taxonomy::TransferTable& table, const std::filesystem::path& folder) {
  nlohmann::json sweep = sweep_json(solve_taxonomies(study, table));
  // A run's results are the same bytes whenever they are computed: the clock stays out of them.
  sweep["seconds"] = nullptr;
  for (nlohmann::json& cell : sweep["cells"]) cell["seconds"] = nullptr;
  write_json(folder / kTaxonomyFile, sweep);
}

void write_contact_sheet(const StudyGraph& study, const Results& results, const std::filesystem::path& folder) {
  const auto rendered = results.find(transfer::kDataJob);
  const data::DataSet data(rendered != results.end() ? rendered->second : std::filesystem::path(study.options().data.folder));
  const data::Store& store = data.split(data::kTestSplit);
  std::vector<std::int64_t> positions;
  const std::int64_t rows = std::min(kContactSheetRooms, store.size());
  for (std::int64_t i = 0; i < rows; ++i) positions.push_back(i * store.size() / rows);
  data::write_png(folder / kContactSheetFile, data::contact_sheet(store, positions));
}

void require_complete(const run::RunSummary& run, const std::filesystem::path& folder) {
  if (run.complete()) return;
  std::size_t failed = 0;
  std::string first;
  for (const auto& [name, outcome] : run.jobs) {
    if (outcome.state != run::JobOutcome::State::kFailed) continue;
    if (failed++ == 0) first = name + ": " + outcome.error;
  }
  fail(ErrorCode::kData, "{} of {} jobs failed, first {}; see 'affinis status {}', mend the cause and run the same command again", failed,
       run.jobs.size(), first, folder.string());
}

}  // namespace

std::shared_ptr<const task::TaskRegistry> load_tasks(const std::vector<std::string>& plugins) {
  auto registry = std::make_shared<task::TaskRegistry>("task");
  tasks::register_builtin_tasks(*registry);
  task::load_plugins_from_environment(*registry);
  for (const std::string& plugin : plugins) task::load_plugin(plugin, *registry);
  return registry;
}

run::JobKinds study_job_kinds(const StudyOptions& options, std::shared_ptr<const task::TaskRegistry> registry) {
  run::JobKinds kinds("kind of job");
  kinds.add(kRenderKind, {}, make_render_kind());
  transfer::StudyEnvironment environment{std::move(registry), options.data.folder};
  if (is_weight_file(options.finetune.source)) environment.start_weights = options.finetune.source;
  transfer::register_job_kinds(kinds, environment);
  return kinds;
}

std::vector<std::string> worker_command(const std::filesystem::path& folder) {
  return {std::filesystem::read_symlink("/proc/self/exe").string(), "worker", "--run", folder.string()};
}

std::vector<std::string> array_task_command(const std::filesystem::path& folder) {
  return {std::filesystem::read_symlink("/proc/self/exe").string(), "array-task", "--run", std::filesystem::absolute(folder).string()};
}

void write_settings(StudyOptions options, const std::filesystem::path& folder) {
  require_writable_folder(folder);
  // Workers of a run that is at work read this file when they start: a second run must not change it under them.
  const run::RunLock lock(folder);
  remove_cut_off_files(folder);
  remove_cut_off_files(folder / "graphs");
  write_file_atomically(folder / kExperimentFile, to_toml(options.sections()));
}

void write_study_results(const StudyGraph& study, const run::RunSummary& run, const std::filesystem::path& folder, Logger& logger) {
  const Results results = results_of(run);
  std::vector<taxonomy::LossTable> tables;
  if (study.options().search.max_order > 0) tables = collect_losses(study, results, logger);
  std::vector<taxonomy::TargetAffinity> computed = affinities(study, tables);
  Intervals drawn = intervals(study, results, tables, computed, logger);
  const AffinityMap expected = complete_affinities(study, computed, drawn);
  if (!tables.empty()) {
    taxonomy::TransferTable table;
    table.name = (folder / kTransfersFile).string();
    for (const taxonomy::TargetAffinity& target : computed) table.rows.insert(table.rows.end(), target.rows.begin(), target.rows.end());
    if (!drawn.seeds.empty()) {
      taxonomy::add_seed_columns(table, drawn.seeds, drawn.targets);
    } else if (!drawn.targets.empty()) {
      taxonomy::add_interval_columns(table, drawn.targets);
    }
    taxonomy::write_transfer_table(folder / kTransfersFile, table);
    write_taxonomies(study, table, folder);
  }
  if (results.contains(transfer::kDataJob) || !study.options().data.folder.empty()) write_contact_sheet(study, results, folder);
  nlohmann::json summary = study_summary(study, run, folder, tables, computed, drawn, expected);
  if (!summary["data"].is_null()) summary["data"]["contact_sheet"] = kContactSheetFile;
  if (nlohmann::json multi_task = multi_task_json(study, results, logger); !multi_task.is_null()) summary["multi_task"] = std::move(multi_task);
  if (nlohmann::json chains = chains_json(study, results, logger); !chains.is_null()) {
    write_chain_table(folder, chains);
    summary["chains"] = std::move(chains);
  }
  write_json(folder / kSummaryFile, summary);
  write_group_tables(study, results, folder);
  write_report(folder, logger);
}

void run_study(const StudyOptions& chosen, const std::filesystem::path& folder, RunPlace place, Logger& logger) {
  StudyOptions options = chosen;
  options.run.jobs_in = place_of_jobs(options, folder);
  const auto registry = load_tasks(options.tasks.plugins);
  StudyGraph study(options, registry);
  leave_queued_tasks_alone(options, folder, place);
  write_settings(options, folder);
  const run::JobKinds kinds = study_job_kinds(options, registry);

  study.add_networks();
  run::Crew crew;
  const auto stage = [&](std::int64_t order) {
    return [&, order] { return run_stage(study, order, folder, kinds, place, logger, crew); };
  };
  const auto search = [&](const std::vector<Candidate>& candidates, std::int64_t order) {
    if (options.search.adaptive) return search_adaptively(study, candidates, order, folder, stage(order), logger);
    study.add_transfers(candidates);
    return stage(order)();
  };
  run::RunSummary run = options.search.max_order == 0 ? stage(0)() : search(study.first_order(), 1);
  for (std::int64_t order = 2; order <= options.search.max_order; ++order) {
    const std::vector<Candidate> candidates = next_order(study, collect_losses(study, results_of(run), logger), order);
    if (candidates.empty()) break;
    run = search(candidates, order);
  }
  if (!study.possible_chains().empty()) {
    study.add_chains(choose_chains(study, collect_losses(study, results_of(run), logger)));
    run = stage(options.search.max_order)();
  }
  if (options.search.adaptive) run = end_search(study, std::move(run), stage(options.search.max_order), logger);
  crew.dismiss();
  write_study_results(study, run, folder, logger);
  require_complete(run, folder);
}

}  // namespace affinis::experiments
