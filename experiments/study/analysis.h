#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "experiments/study/study_graph.h"
#include "framework/core/log.h"
#include "framework/run/coordinator.h"
#include "taxonomy/affinity.h"
#include "taxonomy/bootstrap.h"
#include "taxonomy/seeds.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {

/// Result folders of finished jobs by job name.
using Results = std::map<std::string, std::filesystem::path>;
Results results_of(const run::RunSummary& summary);

/// Per-image test losses of all that was tried, of all seeds, one table a target: "self", baselines, transfers. Targets without a finished
/// transfer or without their own network are left out, with a warning. A network of which the first training failed is left out, too.
std::vector<taxonomy::LossTable> collect_losses(const StudyGraph& study, const Results& results, Logger& logger);

/// Transfers of `order` sources that are worth trying (Zamir et al. 2018, supplement): for each target all sets of that many among its
/// best first-order sources by affinity, the target itself left out.
std::vector<Candidate> next_order(const StudyGraph& study, const std::vector<taxonomy::LossTable>& tables, std::int64_t order);

/// The baselines that a task's own network is compared with, in the order of reports.
inline constexpr const char* kBaselineRoles[] = {"scratch", "shallow", "constant", transfer::kRandomEncoderRole};

/// Test losses of one task's own network and its baselines alone, those that are done.
taxonomy::LossTable own_losses(const StudyGraph& study, const std::string& task, const Results& results);

/// A network in loss tables and the jobs that trained it: one for each seed, or one alone.
struct NetworkJobs {
  std::string network;
  std::vector<std::string> jobs;
};
/// A task's own network and its baselines.
std::vector<NetworkJobs> own_jobs(const StudyGraph& study, const std::string& task);
/// Those networks whose first training is done, of all seeds; trainings that are missing beyond the first have NaN.
taxonomy::LossTable losses_of(const std::string& target, const std::vector<NetworkJobs>& networks, const Results& results);
/// Says of each of the table's images in which building it was taken.
void add_buildings(const StudyGraph& study, const Results& results, taxonomy::LossTable& table);

/// Affinities of all targets from the tables.
std::vector<taxonomy::TargetAffinity> affinities(const StudyGraph& study, const std::vector<taxonomy::LossTable>& tables);

/// What drawing the test set anew, and other seeds, do to a study's numbers.
struct Intervals {
  taxonomy::TestUnits units;
  taxonomy::BootstrapOptions options;
  std::vector<taxonomy::TargetBootstrap> targets;  ///< one a table; empty without draws, or where there is one image only
  std::vector<taxonomy::SeedIntervals> seeds;      ///< one a table; empty with one seed
};

/// Intervals of the affinities that were computed from the tables, over whole buildings of the test split where it has enough of them.
/// With several seeds there are intervals over these, too. Where drawing anew fails (too many pairs of networks for memory) there are none, with a warning: a study's results do not wait for them.
Intervals intervals(const StudyGraph& study, const Results& results, std::vector<taxonomy::LossTable> tables,
                    const std::vector<taxonomy::TargetAffinity>& affinities, Logger& logger);

}  // namespace affinis::experiments
