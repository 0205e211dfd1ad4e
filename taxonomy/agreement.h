#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "taxonomy/affinity.h"
#include "taxonomy/bootstrap.h"
#include "taxonomy/first_order.h"
#include "taxonomy/resampling.h"

namespace affinis::taxonomy {

/// How sure the agreement of two rankings is, for one target.
struct AgreementInterval {
  std::string target;
  std::size_t sources = 0;  ///< common first-order sources, the target itself left out
  Interval spearman;        ///< of the losses' affinities with the reference's values
  /// Spearman's rho between a draw's ranking and the whole test set's: what the noise of this test set alone leaves of perfect agreement. Its
  /// value is the mean over the draws.
  Interval repeatability;
};

struct AgreementIntervals {
  std::vector<AgreementInterval> targets;  ///< those with losses and at least two common sources
  Interval mean;                           ///< of the mean Spearman over `targets`
};

/// Redraws the test set behind `tables` and compares each draw's first-order affinities with `reference`. `names` maps a network or target of the
/// losses to what the reference calls it. Depends on the seed alone. `after_target` is for progress. Throws as bootstrap_draws() and reweigh().
AgreementIntervals agreement_intervals(std::span<const LossTable> tables, const TestUnits& units, const FirstOrder& reference,
                                       const std::function<std::string(const std::string&)>& names, const AffinityOptions& affinity = {},
                                       const BootstrapOptions& options = {}, const std::function<void()>& after_target = {});

}  // namespace affinis::taxonomy
