#pragma once

#include <cstdint>
#include <vector>

#include "taxonomy/problem.h"
#include "taxonomy/solver.h"

namespace affinis::taxonomy {

struct SignificanceOptions {
  std::int64_t draws = 1000;
  std::uint64_t seed = 0;
};

/// Where a number of the taxonomy lies among those of random feasible taxonomies.
struct Significance {
  double taxonomy = 0;     ///< NaN when a choice lacks the measure; random taxonomies that lack it are left out
  double random_mean = 0;
  double random_low = 0;   ///< 5th percentile
  double random_high = 0;  ///< 95th percentile
  double p_value = 0;      ///< (1 + random ones at least as good) / (1 + random ones)
};

struct SignificanceReport {
  Significance value;    ///< the objective
  Significance gain;     ///< mean over targets
  Significance quality;  ///< mean over targets
  std::int64_t draws = 0;
  std::int64_t rejected = 0;  ///< source sets that served not every target, drawn again
};

/// Compares with random feasible taxonomies: sources in random order are taken while the budget allows (with unit costs a uniform set of
/// the budget's size), then for each target a uniform usable edge, self edges included. Depends on the seed alone. Throws Error(kUsage)
/// when draws is not positive and Error(kData) when 1,000 sets in a row serve not every target.
SignificanceReport significance(const Problem& problem, const Solution& solution, const SignificanceOptions& options = {});

}  // namespace affinis::taxonomy
