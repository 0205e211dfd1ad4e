#pragma once

#include <cstddef>
#include <vector>

#include "experiments/study/study_graph.h"
#include "taxonomy/loss_table.h"

namespace affinis::experiments {

/// Dropped transfers that might matter, most wanted first, as many as cost what a transfer to each target does. What each may be worth is drawn
/// from what is known of it (Expectations), in many worlds; a transfer matters in a world where an optimal taxonomy of the study chooses it, or
/// where it is clearly better than the `best`-th best measured one of its target (other than the target's own encoder) and among its best so
/// many. One is urgent whose share of worlds is [search] plausible or more, times its cost over the average one's; where one is, those that are
/// so by three fifths are wanted too. A search that trains these and asks again, until none is left, goes by what Thompson sampling goes by (Russo
/// et al. 2018), with many arms at a time.
std::vector<DroppedTransfer> wanted_transfers(const StudyGraph& study, const std::vector<taxonomy::LossTable>& tables, std::size_t best);

}  // namespace affinis::experiments
