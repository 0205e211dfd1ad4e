#pragma once

#include <span>
#include <string>
#include <vector>

#include "taxonomy/ahp.h"
#include "taxonomy/loss_table.h"
#include "taxonomy/tournament.h"
#include "taxonomy/transfer_table.h"

namespace affinis::taxonomy {

struct AffinityOptions {
  std::string gain_against = "scratch";  ///< the baseline network that gain is measured against
  /// Networks that are no transfers: never in the tournament, never a row.
  std::vector<std::string> baselines = {"scratch", "shallow", "constant", "random_encoder"};
  AhpOptions ahp;
};

/// What one target's losses say.
struct TargetAffinity {
  Tournament tournament;  ///< all transfers and `self`, in the loss table's order
  AhpResult ahp;
  std::vector<TransferRow> rows;  ///< one a network of the tournament
};

/// Tournament, affinities and rows of one target. affinity: AHP weight among all transfers and `self`; gain: win rate against
/// `gain_against`; quality: win rate against `self` (0.5 for self itself). Gain or quality is missing when that network is.
/// Throws Error(kData) that names the target: no transfer at all, networks that share no image, a repeated set of sources.
TargetAffinity target_affinity(const LossTable& table, const AffinityOptions& options = {});

/// The same from win rates measured elsewhere, baselines among the networks.
TargetAffinity target_affinity(const Tournament& all, const AffinityOptions& options = {});

/// Positions of the networks that take part in the tournament: `self` and what is no baseline. Throws Error(kData) when there are none.
std::vector<std::size_t> contestants_of(const std::vector<std::string>& networks, const std::string& target,
                                        const AffinityOptions& options);

/// The transfer table of all targets, one loss table each.
TransferTable make_transfer_table(std::span<const LossTable> tables, const AffinityOptions& options = {});

}  // namespace affinis::taxonomy
