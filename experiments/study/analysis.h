#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "experiments/study/study_graph.h"
#include "framework/core/log.h"
#include "framework/run/coordinator.h"
#include "taxonomy/affinity.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {

/// Result folders of finished jobs by job name.
using Results = std::map<std::string, std::filesystem::path>;
Results results_of(const run::RunSummary& summary);

/// Per-image test losses of all that was tried, one table a target: "self", baselines, transfers. Targets without a finished transfer
/// or without their own network are left out, with a warning.
std::vector<taxonomy::LossTable> collect_losses(const StudyGraph& study, const Results& results, Logger& logger);

/// Transfers of `order` sources that are worth trying (Zamir et al. 2018, supplement): for each target all sets of that many among its
/// best first-order sources by affinity, the target itself left out.
std::vector<Candidate> next_order(const StudyGraph& study, const std::vector<taxonomy::LossTable>& tables, std::int64_t order);

/// The baselines that a task's own network is compared with, in the order of reports.
inline constexpr const char* kBaselineRoles[] = {"scratch", "shallow", "constant", transfer::kRandomEncoderRole};

/// Test losses of one task's own network and its baselines alone, those that are done.
taxonomy::LossTable own_losses(const std::string& task, const Results& results);

/// Affinities of all targets from the tables.
std::vector<taxonomy::TargetAffinity> affinities(const StudyGraph& study, const std::vector<taxonomy::LossTable>& tables);

}  // namespace affinis::experiments
