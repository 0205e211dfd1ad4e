#include "taxonomy/first_order.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace affinis::taxonomy {
namespace {

const std::array<std::string, 4> kNormalisations = {"none", "per-target-max", "per-target-sum", "exponential"};

double value_of(const TransferRow& row, Objective objective) {
  switch (objective) {
    case Objective::kAffinity: return row.affinity;
    case Objective::kGain: return row.gain;
    case Objective::kQuality: return row.quality;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

std::size_t position(const std::vector<std::string>& sorted, const std::string& name) {
  return static_cast<std::size_t>(std::lower_bound(sorted.begin(), sorted.end(), name) - sorted.begin());
}

}  // namespace

FirstOrder first_order(const TransferTable& table, Objective objective) {
  std::set<std::string> sources;
  for (const TransferRow& row : table.rows) {
    if (row.order == 1 && !row.is_self()) sources.insert(row.sources.front());
  }
  AFFINIS_CHECK(!sources.empty(), ErrorCode::kData, "{}: there is no transfer from a single source", table.name);
  FirstOrder matrix;
  matrix.sources.assign(sources.begin(), sources.end());
  matrix.targets = table.targets();
  matrix.values.assign(matrix.sources.size() * matrix.targets.size(), std::numeric_limits<double>::quiet_NaN());
  for (const bool own : {true, false}) {
    for (const TransferRow& row : table.rows) {
      if (row.order != 1 || row.is_self() != own) continue;
      const std::string& source = own ? row.target : row.sources.front();
      const double value = value_of(row, objective);
      if (std::isnan(value) || !sources.contains(source)) continue;
      matrix.values[position(matrix.sources, source) * matrix.targets.size() + position(matrix.targets, row.target)] = value;
    }
  }
  AFFINIS_CHECK(std::any_of(matrix.values.begin(), matrix.values.end(), [](double value) { return !std::isnan(value); }), ErrorCode::kData,
                "{}: no transfer from a single source has a value in column {}", table.name, objective_name(objective));
  return matrix;
}

Normalisation parse_normalisation(std::string_view name) {
  const auto found = std::find(kNormalisations.begin(), kNormalisations.end(), name);
  AFFINIS_CHECK(found != kNormalisations.end(), ErrorCode::kUsage, "there is no normalisation '{}'; choose one of {}", name,
                join(kNormalisations, ", "));
  return static_cast<Normalisation>(found - kNormalisations.begin());
}

const char* normalisation_name(Normalisation normalisation) { return kNormalisations[static_cast<std::size_t>(normalisation)].c_str(); }

FirstOrder normalised(FirstOrder matrix, Normalisation normalisation) {
  if (normalisation == Normalisation::kNone) return matrix;
  if (normalisation == Normalisation::kExponential) {
    for (double& value : matrix.values) value = std::exp(-20 * value);
    return matrix;
  }
  const std::size_t targets = matrix.targets.size();
  for (std::size_t t = 0; t < targets; ++t) {
    double scale = 0;
    bool any = false;
    for (std::size_t s = 0; s < matrix.sources.size(); ++s) {
      const double value = matrix.value(s, t);
      if (std::isnan(value)) continue;
      any = true;
      scale = normalisation == Normalisation::kPerTargetMax ? std::max(scale, value) : scale + value;
    }
    if (!any) continue;
    AFFINIS_CHECK(scale > 0, ErrorCode::kData, "target {}: no source has a positive value, so that {} is undefined; normalise with 'none'",
                  matrix.targets[t], normalisation_name(normalisation));
    for (std::size_t s = 0; s < matrix.sources.size(); ++s) matrix.values[s * targets + t] /= scale;
  }
  return matrix;
}

}  // namespace affinis::taxonomy
