#pragma once

#include <filesystem>

#include "framework/core/log.h"

namespace affinis::experiments {

/// Writes report.html into `folder` from what is there: transfers.csv, taxonomy.json, summary.json, experiment.toml and the pictures they
/// name (transfers.csv or summary.json at least). Sections without data are left out; without taxonomy.json the sweep is computed. One
/// offline file, written whole. Beside it, graphs/taxonomy-b<budget>-o<order>.graphml and .dot hold every taxonomy.
/// Throws Error(kIo/kFormat/kData) that names the file.
void write_report(const std::filesystem::path& folder, Logger& logger);

}  // namespace affinis::experiments
