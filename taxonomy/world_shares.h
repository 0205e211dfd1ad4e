#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "taxonomy/problem.h"

namespace affinis::taxonomy {

/// Values of a problem's edges, in its order, as they may be.
using World = std::vector<double>;

/// In what share of the worlds each edge belongs to the best taxonomy, at the budget where that is most often; to be told which of many
/// uncertain values matter. In parallel. A budget at which no taxonomy exists counts for nothing.
std::vector<double> world_shares(const Problem& problem, std::span<const double> budgets, std::span<const World> worlds);

}  // namespace affinis::taxonomy
