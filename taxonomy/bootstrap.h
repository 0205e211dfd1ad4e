#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "taxonomy/affinity.h"
#include "taxonomy/resampling.h"

namespace affinis::taxonomy {

struct BootstrapOptions {
  std::int64_t draws = 1000;
  std::uint64_t seed = 0;
  double level = 0.95;  ///< of the intervals, between 0 and 1
};

/// A number and what drawing the test set anew does to it.
struct Interval {
  double value = 0;  ///< on the test set as it is; NaN when missing
  double low = 0;    ///< percentiles of the draws in which it is defined; NaN where in none
  double high = 0;
  double deviation = 0;  ///< standard deviation of those draws
};

/// One target's numbers with their uncertainty, whatever that is over.
struct NetworkIntervals {
  std::string target;
  std::vector<std::string> networks;  ///< of the tournament, as in TargetAffinity
  std::vector<Interval> affinity;     ///< one a network
  std::vector<Interval> gain;
  std::vector<Interval> quality;
  std::vector<char> tied_with_best;   ///< one a network; 1 for the best transfer (`self` left out) itself
};

/// What drawing the test set anew does to one target's numbers.
///
/// Two networks are *tied* when the one behind by affinity reaches the other in more than
/// (1 - level) / 2 of the draws (a draw without affinities counts for neither): their order may be
/// chance. A target's ranking is called noise when fewer than half of the pairs of its transfers
/// are told apart in that sense.
struct TargetBootstrap : NetworkIntervals {
  std::vector<Interval> wins;        ///< networks x networks
  std::vector<std::size_t> ranking;  ///< networks by affinity, best first
  std::vector<char> tied_with_next;  ///< one a place of the ranking; 0 for the last
  std::size_t best = 0;              ///< the best transfer (`self` left out); networks.size(): none
  double told_apart = 0;             ///< share of the pairs of transfers; NaN with fewer than two
  bool noise = false;
};

/// The percentile interval of `value` from its draws (NaN where undefined), linear between
/// neighbours as NumPy's percentile has it. Throws Error(kUsage) for a level outside (0, 1).
Interval percentile_interval(double value, std::vector<double> draws, double level);

/// Intervals and ties of one target from its affinities and the same under weightings. Throws
/// Error(kInternal) when the two are not of the same networks, and as percentile_interval().
TargetBootstrap summarise_draws(const TargetAffinity& point, const ReweighedTarget& draws,
                                double level);

/// Draws the test set anew `draws` times, the same ones for every target, and recomputes every win
/// rate, affinity, gain and quality (Efron 1979). `points` are the affinities of `tables`. Depends
/// on the seed alone. `after_target` is for progress. Throws as bootstrap_draws(), reweigh() and
/// percentile_interval().
std::vector<TargetBootstrap> bootstrap(std::span<const LossTable> tables,
                                       std::span<const TargetAffinity> points,
                                       const TestUnits& units, const AffinityOptions& affinity = {},
                                       const BootstrapOptions& options = {},
                                       const std::function<void()>& after_target = {});

/// Further columns of a transfer table made of the same targets: affinity_low, affinity_high,
/// gain_low, gain_high, quality_low, quality_high, tied_with_best (yes or no).
void add_interval_columns(TransferTable& table, std::span<const TargetBootstrap> targets);

/// Ends of the intervals in columns affinity<infix>_low, affinity<infix>_high and so on; rows without a network have empty cells.
void add_end_columns(TransferTable& table, std::span<const NetworkIntervals> targets,
                     const std::string& infix = "");
/// The column tied_with_best.
void add_tie_column(TransferTable& table, std::span<const NetworkIntervals> targets);

}  // namespace affinis::taxonomy
