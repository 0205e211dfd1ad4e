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

/// Trains one order's candidates by successive halving, with the losers noted in the study. At order 1, where [search] allows it, half of each
/// target's candidates are dropped before any step by a forecast from the encoded images, unless it has nothing to say for that target;
/// then, rung by rung, the worse half of those left by the losses of the same training batches, with the forecast as a second
/// opinion. The transfer from a target's own encoder is never trained: its own network stands for it in a taxonomy. A transfer whose rung failed
/// goes on, so that its failure is told. Returns the run's summary after the last stage.
run::RunSummary search_adaptively(StudyGraph& study, std::vector<Candidate> candidates, std::int64_t order, const std::filesystem::path& folder,
                                  const RunStage& run_stage, Logger& logger);

/// Trains to their end those dropped transfers that optimal taxonomies want (wanted_by_taxonomies()), and asks again, until they want nothing
/// but what was trained. Checkpoints of rungs are deleted then. Returns the run's summary.
run::RunSummary train_what_taxonomies_want(StudyGraph& study, run::RunSummary run, const RunStage& run_stage, Logger& logger);

}  // namespace affinis::experiments
