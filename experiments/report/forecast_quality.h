#pragma once

#include <nlohmann/json.hpp>

#include "taxonomy/transfer_table.h"

namespace affinis::experiments {

/// Name of a forecast's transfer table in a run's folder.
inline constexpr const char* kForecastFile = "forecast.csv";

/// How a forecast ranks the first-order sources of each target, beside the measured transfers, and what following it costs:
/// {"targets": [{"target", "sources", "spearman", "kendall", "best_measured", "best_forecast", "gain_of_best", "gain_of_forecast"}],
/// "mean_spearman", "mean_kendall", "mean_gain_of_best", "mean_gain_of_forecast"}; gains are measured ones, what is missing is null. Throws
/// Error(kData) when the tables have no target or no source in common.
nlohmann::json forecast_quality(const taxonomy::TransferTable& measured, const taxonomy::TransferTable& forecast);

}  // namespace affinis::experiments
