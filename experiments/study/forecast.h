#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "experiments/study/study_graph.h"
#include "framework/core/log.h"
#include "taxonomy/loss_table.h"
#include "transfer/forecast.h"

namespace affinis::experiments {

/// Per-image errors of linear readouts for every target of a run, from the representations that it has encoded so far: networks "self" (the
/// target's own encoder, read out), "constant" (the training set's mean) and every other source. The taxonomy's machinery takes them like
/// measured losses. So many `threads` share the targets, which changes no number. Throws Error(kData) when the run in `folder` has no encodings yet, Error(kIo) when its data set is gone.
std::vector<taxonomy::LossTable> forecast_losses(const StudyGraph& study, const std::filesystem::path& folder,
                                                 const transfer::ForecastOptions& options, std::int64_t threads, Logger& logger);

}  // namespace affinis::experiments
