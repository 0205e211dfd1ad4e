#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "experiments/study/study.h"
#include "experiments/study/study_options.h"

namespace affinis::experiments {

/// What `run --dry-run` tells of a study before anything starts: {"name", "folder", "jobs", "done", "stages": [{"stage", "jobs", "done",
/// "seconds", "bytes"}], "levels": [jobs of each level], "workers", "seconds", "work_seconds", "efficiency", "critical_seconds",
/// "critical_path", "arrays" (of jobs that are known now, tasks of each; null without Slurm), "adaptive", "disk_bytes", "disk_free_bytes", "worker_bytes", "estimated_from", "measured_jobs"}. Seconds and bytes are of jobs
/// that are not done. Jobs of higher orders are counted and weighed, though it is not known yet which they will be;
/// an adaptive search takes less than this.
/// `measured`: an earlier run's folder to learn costs from; empty: `folder` itself. Touches nothing.
nlohmann::json dry_run(const StudyOptions& options, const std::filesystem::path& folder, RunPlace place,
                       const std::filesystem::path& measured);

/// The same for people.
std::string dry_run_text(const nlohmann::json& plan);

}  // namespace affinis::experiments
