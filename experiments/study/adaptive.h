#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "experiments/study/analysis.h"
#include "experiments/study/study_graph.h"

namespace affinis::experiments {

/// Runs what the graph holds now.
using RunStage = std::function<run::RunSummary()>;

/// Trains one order's candidates as [search] says: all of them to the end, or adaptively, rung by rung, with the losers noted in the
/// study. A transfer whose rung failed goes on, so that its failure is told. Returns the run's summary after the last stage.
run::RunSummary run_order(StudyGraph& study, std::vector<Candidate> candidates, std::int64_t order, const RunStage& run_stage, Logger& logger);

}  // namespace affinis::experiments
