#pragma once

#include <filesystem>
#include <vector>

#include <nlohmann/json.hpp>

#include "experiments/study/analysis.h"
#include "experiments/study/expected.h"
#include "experiments/study/study_graph.h"
#include "taxonomy/affinity.h"

namespace affinis::experiments {

/// summary.json of a run's folder: what was learnt, compared and spent, for the report and for scripts. Paths in it are relative to
/// `folder`. `affinities`, and the intervals where there are any, belong to `tables`, one by one; `expected` are those of dropped transfers.
nlohmann::json study_summary(const StudyGraph& study, const run::RunSummary& run, const std::filesystem::path& folder,
                             const std::vector<taxonomy::LossTable>& tables,
                             const std::vector<taxonomy::TargetAffinity>& affinities, const Intervals& intervals, const AffinityMap& expected);

}  // namespace affinis::experiments
