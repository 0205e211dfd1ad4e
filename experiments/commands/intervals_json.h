#pragma once

#include <nlohmann/json.hpp>

#include "taxonomy/bootstrap.h"
#include "taxonomy/resampling.h"
#include "taxonomy/seeds.h"

namespace affinis::experiments {

/// A target's intervals and ties as `taxonomy affinity --json` and a run's summary.json have them:
/// {"unit", "units", "draws", "seed", "level", "affinity_low", "affinity_high", "gain_low",
/// "gain_high", "quality_low", "quality_high", "wins_low", "wins_high", "best", "tied_with_best",
/// "told_apart", "noise"}; lists run along the tournament's networks, what is missing is null.
nlohmann::json intervals_json(const taxonomy::TargetBootstrap& target,
                              const taxonomy::TestUnits& units,
                              const taxonomy::BootstrapOptions& options);

/// The same over seeds: {"seeds", "level", "affinity_low", "affinity_high", "gain_low", "gain_high",
/// "quality_low", "quality_high", "tied_with_best"}.
nlohmann::json seeds_json(const taxonomy::SeedIntervals& target);

}  // namespace affinis::experiments
