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

/// Trains those of one order's candidates that matter; the others are noted in the study. Order 1, for each target about which a forecast from the
/// encoded images has something to say ([search] forecast): the best by forecast (as many as the next order is made of), then whatever might matter
/// by what has been measured since (wanted_transfers()), a few at a time. Other targets and higher orders: successive halving, rung by rung the worse half
/// goes by the losses of the same training batches. The transfer from a target's own encoder is never trained: its own network stands for it in a taxonomy. A
/// transfer whose rung failed goes on, so that its failure is told. Returns the run's summary after the last stage.
run::RunSummary search_adaptively(StudyGraph& study, std::vector<Candidate> candidates, std::int64_t order, const std::filesystem::path& folder,
                                  const RunStage& run_stage, Logger& logger);

/// After the highest order: trains to their end those dropped transfers, of all orders, that might matter after all, and deletes the rungs'
/// checkpoints. Returns the run's summary.
run::RunSummary end_search(StudyGraph& study, run::RunSummary run, const RunStage& run_stage, Logger& logger);

}  // namespace affinis::experiments
