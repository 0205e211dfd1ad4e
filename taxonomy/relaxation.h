#pragma once

#include <cstdint>
#include <vector>

#include "taxonomy/instance.h"

namespace affinis::taxonomy {

/// What branching has decided about a source.
enum class Decision : std::int8_t { kFree, kIn, kOut };

/// The Lagrangian relaxation of one node of the branch and bound. The constraints "the edges of target t that use source s sum to at
/// most y_s" (one a pair, each with a multiplier) are priced into the objective; what is left falls apart into the best edge of each
/// target and a knapsack of the sources. Multipliers are improved by the subgradient method with Polyak's step (Beasley 1993 has the
/// recipe for the p-median problem, of which this is the generalisation to edges with several sources).
class Relaxation {
 public:
  explicit Relaxation(const Instance& instance);

  /// Takes up the node: `decisions` of all sources, `edges` that may still be used (ascending). False when a target has none left or
  /// the sources decided in exceed the budget: the node is infeasible.
  bool load(const std::vector<Decision>& decisions, const std::vector<std::int32_t>& edges);

  /// One evaluation at `multipliers` (one a pair): sets bound(), chosen sources and edges.
  void evaluate(const std::vector<double>& multipliers);
  /// A subgradient step from the last evaluation, aiming at `goal`, in place; false when the subgradient is zero.
  bool step(std::vector<double>& multipliers, double goal, double scale);

  /// Upper bound on every solution of the node, as of the last evaluation.
  double bound() const { return bound_; }
  /// Flags of the sources that the last evaluation selects, the ones decided in included; within the budget unless costs differ.
  const std::vector<char>& selected() const { return selected_; }
  /// As of the last evaluation, an upper bound on solutions with the free source `s` in, or out.
  double bound_with(std::size_t s) const;
  double bound_without(std::size_t s) const;
  /// Number of targets whose best edge uses the free source `s`.
  std::int32_t uses(std::size_t s) const { return used_by_[s]; }
  /// Appends to `kept` the loaded edges whose use does not push the last evaluation's bound to `cutoff` or below.
  void keep_edges_above(double cutoff, const std::vector<double>& multipliers, std::vector<std::int32_t>& kept) const;
  const std::vector<std::int32_t>& free_sources() const { return free_; }

 private:
  void select_sources();

  const Instance& instance_;
  std::vector<Decision> decisions_;
  std::vector<std::int32_t> free_;
  double remaining_ = 0;  ///< budget left beside the sources decided in

  // The node's edges: per target a range, per edge a value and a range of uses of free sources.
  std::vector<std::size_t> target_begin_;
  std::vector<std::int32_t> edge_;
  std::vector<double> value_;
  std::vector<std::size_t> use_begin_;
  std::vector<std::int32_t> use_pair_;
  std::vector<std::int32_t> pairs_;      ///< those that occur, once each
  std::vector<std::int32_t> pair_mark_;  ///< round in which a pair was seen
  std::int32_t round_ = 0;

  double bound_ = 0;
  std::vector<double> target_value_;
  std::vector<std::size_t> target_edge_;
  std::vector<double> weight_;  ///< of a source: the sum of its multipliers
  std::vector<double> density_;  ///< weight per unit of cost
  std::vector<char> selected_;
  std::vector<std::int32_t> order_;
  double price_in_ = 0;   ///< per unit of cost: the best weight left outside
  double price_out_ = 0;  ///< per unit of cost: the worst weight that was taken
  std::vector<std::int32_t> used_by_;
  std::vector<char> pair_used_;
};

}  // namespace affinis::taxonomy
