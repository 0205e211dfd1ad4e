#pragma once

#include <nlohmann/json.hpp>

#include "experiments/study/analysis.h"
#include "experiments/study/study_graph.h"

namespace affinis::experiments {

/// Mean of a few measurements and the 95 % interval of that mean by Student's t; low and high are NaN for a single one.
struct MeanInterval {
  double mean = 0;
  double low = 0;
  double high = 0;
};
MeanInterval mean_interval(const std::vector<double>& values);

/// What fine-tuning gave, for summary.json: {"source", "rows": [{"task", "policy", "images" (as asked for; 0: all), "used_images", "seeds",
/// "losses" (one a seed), "mean", "low", "high", "metrics": [{"name", "unit", "higher_is_better", "values", "mean", "low", "high"}],
/// "seconds", "frozen_phases", "proved", "proofs": [{"seed" and what result.json says}]}], "networks": {task: mean loss of its own network}}. Rows without a finished job are left out;
/// "proved" says that the hashes of what was frozen were the same before and after in every phase of every seed, and is null where nothing was
/// frozen.
nlohmann::json finetune_summary(const StudyGraph& study, const Results& results);

}  // namespace affinis::experiments
