#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "taxonomy/affinity.h"

namespace affinis::taxonomy {

struct BootstrapOptions {
  std::int64_t draws = 1000;
  std::uint64_t seed = 0;
  double level = 0.95;                               ///< of the intervals, in (0, 1)
  std::map<std::int64_t, std::string> building_of;   ///< by image: whole buildings are drawn, not images; empty: images
};

/// A number and what redrawing the test images does to it.
struct Interval {
  double value = 0;      ///< on the images as they are; NaN when missing
  double low = 0;        ///< percentiles of the draws where it is defined; NaN where it is nowhere
  double high = 0;
  double deviation = 0;  ///< standard deviation of the draws
};

/// One target's numbers with their uncertainty.
struct TargetBootstrap {
  std::string target;
  std::vector<std::string> networks;  ///< of the tournament, as in TargetAffinity
  std::int64_t images = 0;
  std::int64_t units = 0;             ///< what was drawn: images or buildings
  std::int64_t draws = 0;
  std::vector<Interval> affinity;     ///< one a network
  std::vector<Interval> gain;
  std::vector<Interval> quality;
  std::vector<Interval> wins;         ///< networks x networks
  std::vector<float> affinity_draws;  ///< draws x networks; NaN where two networks shared no drawn image
  std::vector<float> gain_draws;
  std::vector<float> quality_draws;
  /// Networks by affinity, best first, and after each whether it is tied with the next: the interval of their win rate holds one half.
  std::vector<std::size_t> ranking;
  std::vector<char> tied_with_next;
  double told_apart = 0;              ///< share of the pairs of transfers (`self` left out) whose win rate's interval excludes one half
  bool noise = false;                 ///< there are such pairs, and fewer than half are told apart: the ranking of this target is noise
};

/// Redraws the test images (or whole buildings, which images of one building share) with replacement and recomputes every win rate,
/// affinity, gain and quality. The same draws for every target with as many units; they depend on seed, draw and unit alone, and the
/// result not on the number of threads. Throws as target_affinity, Error(kUsage) when draws is not positive or level not in (0, 1), and
/// Error(kData) that names an image without a building, or a single building.
TargetBootstrap bootstrap_target(const LossTable& table, const AffinityOptions& affinity_options = {}, const BootstrapOptions& options = {});

}  // namespace affinis::taxonomy
