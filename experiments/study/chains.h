#pragma once

#include <filesystem>
#include <vector>

#include <nlohmann/json.hpp>

#include "experiments/study/analysis.h"
#include "experiments/study/study_graph.h"

namespace affinis::experiments {

/// The words of search.chains.
inline constexpr const char* kAllChains = "all";
inline constexpr const char* kBestChains = "best";

/// The chains that search.chains means, each once. For "best" (in the spirit of the original's sample of three sources and three destinations a task): for
/// each target its three best first-order sources that are targets too, and for each of these its own three best sources, by affinity;
/// without tables the first ones by name, as many.
std::vector<Chain> choose_chains(const StudyGraph& study, const std::vector<taxonomy::LossTable>& tables);

/// How the study's chains compare with the direct transfers, for summary.json and chains.csv; null where none is done: {"asked", "rows": [{"first",
/// "through", "target", and of "direct" (first -> target), "through" (through -> target) and "chain" each loss_..., gain_..., quality_..., and
/// "win_over_direct", "win_over_through" with _low and _high}]}. Wins are shares of test images; their intervals are over seeds where there are several, else
/// over test sets drawn anew.
nlohmann::json chains_json(const StudyGraph& study, const Results& results, Logger& logger);

void write_chain_table(const std::filesystem::path& folder, const nlohmann::json& chains);

inline constexpr const char* kChainsFile = "chains.csv";

}  // namespace affinis::experiments
