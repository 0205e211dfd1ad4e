#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "taxonomy/problem.h"
#include "taxonomy/transfer_table.h"

namespace affinis::taxonomy {

/// What each single source is worth to each target.
struct FirstOrder {
  std::vector<std::string> sources;  ///< sorted
  std::vector<std::string> targets;  ///< sorted
  std::vector<double> values;        ///< sources x targets, row-major; NaN where nothing was measured

  double value(std::size_t source, std::size_t target) const { return values[source * targets.size() + target]; }
  std::span<const double> row(std::size_t source) const { return {values.data() + source * targets.size(), targets.size()}; }
};

/// The first-order rows of a table. A source that is the target itself has its row t -> t (the task's own encoder under a transfer
/// function), and where that is missing the value of `self`. Throws Error(kData) when no source has a row, or none a value.
FirstOrder first_order(const TransferTable& table, Objective objective);

/// How values of different targets are made comparable.
enum class Normalisation {
  kNone,
  kPerTargetMax,  ///< divided by the target's largest value over the sources
  kPerTargetSum,  ///< divided by the target's sum over the sources
  kExponential,   ///< exp(-20 value), the "distance" that Taskonomy's figure 7 shows
};

/// "none", "per-target-max", "per-target-sum", "exponential"; throws Error(kUsage) otherwise.
Normalisation parse_normalisation(std::string_view name);
const char* normalisation_name(Normalisation normalisation);

/// Throws Error(kData) that names the target whose largest value or sum is not positive.
FirstOrder normalised(FirstOrder matrix, Normalisation normalisation);

}  // namespace affinis::taxonomy
