#pragma once

#include <filesystem>

#include "framework/core/log.h"

namespace affinis::experiments {

/// Writes report.html into `folder` from what is there: transfers.csv (required), taxonomy.json, summary.json, experiment.toml and the
/// pictures they name. Sections without data are left out. One offline file; written whole.
/// Throws Error(kIo/kFormat/kData) that names the file.
void write_report(const std::filesystem::path& folder, Logger& logger);

}  // namespace affinis::experiments
