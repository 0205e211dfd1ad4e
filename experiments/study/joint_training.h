#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "experiments/study/study_graph.h"
#include "framework/nn/collective.h"

namespace affinis::experiments {

/// Runs a graph's one training job together with the other ranks, in this process, in the run's folder `out` that all of them see; rank 0
/// leaves the result and speaks. A result that is there already is not made again, whatever the number of ranks it was made with.
/// Returns the result's folder. Throws what the job throws.
std::filesystem::path train_together(const StudyGraph& study, const std::string& job, const std::filesystem::path& out,
                                     const std::shared_ptr<nn::Collective>& collective, bool local_norms, Logger& logger);

}  // namespace affinis::experiments
