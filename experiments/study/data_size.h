#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "framework/core/log.h"

namespace affinis::experiments {

/// Whether the sweep in `folder` is over data.transfer_images, among other settings or alone.
bool sweeps_data_size(const std::filesystem::path& folder);

/// What the studies of such a sweep say together, from those that have results so far: summary.json of the sweep's own folder. Names of
/// tasks and words are the first study's; "data_size" is {"rows": [{"setting", "images", "target", "sources", "order", "kind" (transfer, self,
/// baseline), and affinity, gain, quality and loss with _low and _high}], "seeds", "best": [{"setting", "target", "images", "sources", "tied"}],
/// "combinations": [{"folder", "setting", "images", "finished"}]}. "setting" is what else was swept, "" where nothing was; "images" were used in truth.
/// "best" is the single other source with the highest affinity; "tied" counts those whose affinity has an interval that overlaps with its own.
nlohmann::json data_size_summary(const std::filesystem::path& folder);

/// Writes data_size.csv (the rows), summary.json and report.html into the sweep's folder. Nothing where no study has results yet.
void write_data_size(const std::filesystem::path& folder, Logger& logger);

inline constexpr const char* kDataSizeFile = "data_size.csv";

}  // namespace affinis::experiments
