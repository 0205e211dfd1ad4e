#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "framework/core/log.h"

namespace affinis::experiments {

/// All that the page shows, from what is in a run's folder: {"name", "version", "transfers", "fingerprint", "families", "cells", "computed",
/// "no_taxonomy", "random", "tree", "left_out", "forecast", "summary", "settings", "images", "pictures"}; keys without data are absent. "cells" come from taxonomy.json or, where that is missing, from a
/// sweep over every budget and order of the table ("computed"; "no_taxonomy" is the sentence that says why there is none).
/// "forecast" is what forecast_quality() makes of the run's forecast.csv.
/// "random" and "tree" are those of report_statistics.h, "left_out" sentences about what could not be computed; transfers carry the intervals
/// that further columns of the table hold. "images" are data URIs, "pictures" maps a path to a position in them. Pictures that are missing or damaged are left out with a warning.
/// Throws Error(kIo/kFormat/kData) that names the file and the place in it.
nlohmann::json report_data(const std::filesystem::path& folder, Logger& logger);

}  // namespace affinis::experiments
