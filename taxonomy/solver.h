#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "taxonomy/problem.h"

namespace affinis::taxonomy {

struct SolveOptions {
  double time_limit = std::numeric_limits<double>::infinity();  ///< seconds, for one problem; the best found so far is returned then
};

/// A taxonomy and what is known about how good it is.
struct Solution {
  std::vector<std::size_t> sources;  ///< positions in Problem::sources, ascending; those that a choice uses, and forced ones
  std::vector<std::size_t> choices;  ///< one edge (position in Problem::edges) a target
  double value = 0;                  ///< sum of the choices' values
  double bound = 0;                  ///< no taxonomy is better than this; equal to value when proven
  bool proven = false;
  std::int64_t nodes = 0;            ///< of the branch and bound, 1 when the root was enough
  double seconds = 0;

  /// Means over targets of the choices' gain and quality, each target counted once; NaN when a choice lacks it.
  double mean_gain(const Problem& problem) const;
  double mean_quality(const Problem& problem) const;
  double cost(const Problem& problem) const;
};

/// Solves to proven optimality (to 1e-10 of the size of the values): branch and bound on the sources with Lagrangian bounds on the
/// constraints "the edges of target t that use source s are at most y_s", reduced-cost fixing, and a greedy and swap incumbent.
/// Deterministic: the same problem gives the same solution and nodes, in whatever order the table's rows stood, unless the time
/// limit strikes. Of edges with equal value the one with fewer sources, then the first by name is taken; sources without which the
/// value stays the same are left out unless forced.
/// Throws Error(kData) when no choice of sources serves every target: names a target that goes unserved and the budget that would do;
/// or when the forced sources cost more than the budget.
Solution solve(const Problem& problem, const SolveOptions& options = {});

/// One cell of a sweep.
struct SweepCell {
  double budget = 0;
  std::int64_t max_order = 0;
  Problem problem;
  Solution solution;                      ///< empty where infeasible
  std::optional<std::string> infeasible;  ///< the sentence that says why this cell has no taxonomy
  std::optional<double> marginal;         ///< value that one more unit of budget brings; nothing unless both values are proven
};

/// Every budget with every order (orders outermost, budgets as given), and what one more unit of each budget would bring, for which
/// budgets that are not among the given ones are solved too. `options.budget` and `options.max_order` are not used.
/// Throws as make_problem for what no budget mends, and Error(kData) when every cell is infeasible.
std::vector<SweepCell> sweep(const TransferTable& table, const ProblemOptions& options, const std::vector<double>& budgets,
                             const std::vector<std::int64_t>& max_orders, const SolveOptions& solve_options = {});

}  // namespace affinis::taxonomy
