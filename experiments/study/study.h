#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "experiments/study/study_graph.h"
#include "framework/core/log.h"
#include "framework/run/coordinator.h"
#include "framework/task/task.h"

namespace affinis::experiments {

/// The built-in tasks, those of AFFINIS_PLUGIN_PATH and the named plug-ins.
std::shared_ptr<const task::TaskRegistry> load_tasks(const std::vector<std::string>& plugins);

/// The kinds of job that a study is made of.
run::JobKinds study_job_kinds(const StudyOptions& options, std::shared_ptr<const task::TaskRegistry> registry);

/// Command line of a worker for the run in `folder`: this program's hidden command `worker`.
std::vector<std::string> worker_command(const std::filesystem::path& folder);

/// Makes the run's folder and writes experiment.toml into it. Throws Error(kIo) when it cannot be written or another process is at work
/// there, whose settings then stay.
void write_settings(StudyOptions options, const std::filesystem::path& folder);

/// Where the jobs of a study run.
enum class RunPlace {
  kLocal,  ///< on this machine's device slots (run.devices)
  kSlurm,  ///< as array tasks of a cluster ([slurm])
};

/// Command line of an array task of the run in `folder`: this program's hidden command `array-task`.
std::vector<std::string> array_task_command(const std::filesystem::path& folder);

/// Runs a study in `folder`, going on where it stopped, and writes what DESIGN calls a run's folder: experiment.toml, jobs/, transfers.csv,
/// taxonomy.json, summary.json, report.html. What a failed job leaves is still analysed and reported; Error(kData) then says how many
/// failed and where to look. Refuses, with Error(kIo), to disturb array tasks that wait in Slurm's queue.
void run_study(const StudyOptions& options, const std::filesystem::path& folder, RunPlace place, Logger& logger);

/// Writes transfers.csv, taxonomy.json, summary.json, contact_sheet.png and report.html from finished jobs.
void write_study_results(const StudyGraph& study, const run::RunSummary& run, const std::filesystem::path& folder, Logger& logger);

inline constexpr const char* kExperimentFile = "experiment.toml";
inline constexpr const char* kTransfersFile = "transfers.csv";
inline constexpr const char* kTaxonomyFile = "taxonomy.json";
inline constexpr const char* kSummaryFile = "summary.json";

}  // namespace affinis::experiments
