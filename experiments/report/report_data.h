#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "framework/core/log.h"

namespace affinis::experiments {

/// All that the page shows, from what is in a run's folder: {"name", "version", "transfers", "cells", "computed", "no_taxonomy", "summary",
/// "settings", "images", "pictures"}; keys without data are absent. "cells" come from taxonomy.json or, where that is missing, from a
/// sweep over every budget and order of the table ("computed"; "no_taxonomy" is the sentence that says why there is none).
/// "images" are data URIs, "pictures" maps a path to a position in them. Pictures that are missing or damaged are left out with a warning.
/// Throws Error(kIo/kFormat/kData) that names the file and the place in it.
nlohmann::json report_data(const std::filesystem::path& folder, Logger& logger);

}  // namespace affinis::experiments
