#pragma once

#include <map>
#include <string>
#include <vector>

#include "experiments/study/analysis.h"
#include "experiments/study/study_graph.h"
#include "taxonomy/affinity.h"
#include "taxonomy/loss_table.h"
#include "taxonomy/transfer_table.h"

namespace affinis::experiments {

/// What linear readouts say of a target's first-order transfers before any of them is trained.
struct Prospect {
  taxonomy::LossTable errors;              ///< of readouts on test images, one network a source; the target's own encoder by the target's name
  std::map<std::string, double> affinity;  ///< by network
  /// Whether the forecast may choose: the best readout beats the constant guess on 60 % of the images or more. Where labels are relations
  /// between pixels or images it does not, and its ranking is chance.
  bool decides = false;
};

/// By target, from per-image errors of readouts (see forecast_losses()).
std::map<std::string, Prospect> prospects(const std::vector<taxonomy::LossTable>& forecasts);

/// The affinity that each dropped transfer of a target would have if its last comparison held: in the analytic hierarchy process two
/// consistent weights stand to each other as the odds of a win, so it is its leader's affinity times these odds, and the leader's, where that was dropped
/// later, is found in the same way. By sources joined by '+', on the scale of `measured`; transfers that were never compared, or
/// whose leader has no affinity, are left out.
std::map<std::string, double> expected_affinities(const std::vector<DroppedTransfer>& dropped, const taxonomy::TargetAffinity& measured);

/// Scales measured affinities (and their intervals, where there are any) so that they and those expected of dropped transfers sum to 1:
/// a target for which much was dropped would otherwise weigh more in taxonomies than one for which all was trained.
void make_room_for_dropped(const StudyGraph& study, std::vector<taxonomy::TargetAffinity>& affinities, Intervals& intervals);

/// Dropped transfers that optimal taxonomies of the study would choose by the values that are expected of them, and those that would take the
/// place of a choice, of sources that are labelled anyway, if their odds were twice as good as their last comparison says and that made a
/// difference of half a per cent of the taxonomy's worth. A search that trains these to their end and asks again, until nothing
/// is left, ends with taxonomies that no dropped transfer would improve unless it was misjudged by more.
std::vector<DroppedTransfer> wanted_by_taxonomies(const StudyGraph& study, const std::vector<taxonomy::LossTable>& tables);

}  // namespace affinis::experiments
