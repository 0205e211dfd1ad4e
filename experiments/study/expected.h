#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "experiments/study/analysis.h"
#include "experiments/study/study_graph.h"
#include "taxonomy/affinity.h"
#include "taxonomy/outlook.h"

namespace affinis::experiments {

/// What the transfers may be worth that an adaptive search did not train, by what their forecasts or last comparisons say and by how well forecasts
/// told what was measured since. Everything is in units of the target's own network.
class Expectations {
 public:
  /// A transfer that was measured, or dropped with something known of it.
  struct Transfer {
    Candidate candidate;
    const taxonomy::TransferRow* row = nullptr;    ///< where it was measured
    const DroppedTransfer* dropped = nullptr;  ///< where not
  };
  /// Both must outlive this, and the study's dropped transfers stay as they are.
  Expectations(const StudyGraph& study, const std::vector<taxonomy::TargetAffinity>& measured);

  /// By target, as in `measured`: the measured ones in the order of their rows, `self` left out, then the dropped ones.
  const std::vector<std::vector<Transfer>>& transfers() const { return transfers_; }
  const taxonomy::Outlook& outlook() const { return outlook_; }
  /// Affinities in one target's tournament in which the dropped transfers take part with these values, those of its transfers: of the networks of
  /// the measured tournament in their order, then of the dropped transfers in theirs.
  std::vector<double> affinities(std::size_t target, const std::vector<double>& values) const;
  /// The same with the values that are expected.
  std::vector<double> expected_affinities(std::size_t target) const;

 private:
  static std::vector<std::vector<Transfer>> collect(const StudyGraph& study, const std::vector<taxonomy::TargetAffinity>& measured);
  std::vector<std::vector<taxonomy::Evidence>> evidence(const StudyGraph& study, const std::vector<taxonomy::TargetAffinity>& measured) const;

  const std::vector<taxonomy::TargetAffinity>& measured_;
  std::vector<std::vector<Transfer>> transfers_;
  taxonomy::Outlook outlook_;
};

/// Affinities by target and by sources joined by '+'.
using AffinityMap = std::map<std::string, std::map<std::string, double>>;

/// Makes measured affinities (and their intervals, where there are any) what they would be if the dropped transfers had been trained and turned out
/// as expected: a target for which much was dropped would otherwise weigh more in taxonomies than one for which all was trained. Returns what is
/// expected of the dropped ones; with the measured ones it sums to 1.
AffinityMap complete_affinities(const StudyGraph& study, std::vector<taxonomy::TargetAffinity>& affinities, Intervals& intervals);

}  // namespace affinis::experiments
