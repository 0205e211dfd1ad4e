#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "framework/run/coordinator.h"
#include "framework/run/graph.h"
#include "framework/run/journal.h"
#include "framework/run/slurm.h"

namespace affinis::run {

/// One level's array: the jobs of each of its tasks.
using ArrayBatches = std::vector<std::vector<std::string>>;

/// The levels of `pending` among themselves, each dealt into batches: jobs of a group together, a job without a group alone.
std::vector<ArrayBatches> deal_batches(const JobGraph& graph, const std::set<std::string>& pending, const SlurmOptions& options);

/// What is handed to Slurm at once, as its array tasks read it: slurm/<number>/submission.json.
struct Submission {
  std::int64_t number = 1;
  JobGraph graph;
  RunOptions options;
  std::vector<ArrayBatches> levels;
};

void write_submission(const std::filesystem::path& folder, const Submission& submission);
/// Throws Error(kIo/kFormat).
Submission read_submission(const std::filesystem::path& folder, std::int64_t number);
/// The number of the last submission of the run; 0 when there was none.
std::int64_t last_submission(const std::filesystem::path& folder);

/// Places below the run's folder.
std::filesystem::path submission_folder(std::int64_t number);
std::filesystem::path task_books(std::int64_t number, std::int64_t level, std::int64_t task);

/// What the array tasks of a submission say of themselves. Running is what holds its lock.
RunState submission_state(const std::filesystem::path& folder, std::int64_t number);

}  // namespace affinis::run
