#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "taxonomy/instance.h"

namespace affinis::taxonomy {

/// What was decided about a source.
enum class Decision : std::int8_t { kFree, kIn, kOut };

/// What is left of an instance once some sources are decided, with the multipliers of its
/// Lagrangian relaxation. Sources are numbered anew among the free ones; edges hold only free
/// sources.
struct Subproblem {
  double constant = 0;             ///< value of the targets whose edge is settled
  double remaining = 0;            ///< budget left beside the sources decided in, slack included
  std::vector<std::int32_t> in;    ///< sources decided in, by their number in the instance
  std::vector<std::int32_t> free;  ///< free sources, by their number in the instance, ascending
  std::vector<double> costs;       ///< of the free sources, positive
  bool unit_costs = true;

  std::vector<std::uint32_t> target_begin;  ///< edges of target t: [target_begin[t], target_begin[t
                                            ///< + 1]), values descending
  std::vector<double> value;                ///< of an edge
  std::vector<std::uint32_t>
      use_begin;  ///< multipliers of edge e: use[use_begin[e]] ... use[use_begin[e + 1] - 1]
  std::vector<std::uint32_t> use;     ///< first one a source, ascending, then one a pair of sources
  std::vector<std::uint32_t> orders;  ///< number of sources of an edge

  std::vector<std::uint32_t> multiplier_begin;  ///< of a target, as target_begin
  std::vector<std::uint32_t> first;             ///< source of a multiplier
  std::vector<std::uint32_t> second;  ///< the other source of a pair, larger than the first; equal
                                      ///< to it for a single source
  std::vector<std::uint32_t> cell;  ///< of a multiplier in a matrix of free sources: first * their
                                    ///< number + second
  std::vector<double> multipliers;
  std::vector<double> split;  ///< (a, b), a row a free source: what row a takes of pair {a, b}
                              ///< beyond half; split[b, a] = -split[a, b]

  std::size_t targets() const { return target_begin.size() - 1; }
  std::size_t edges() const { return value.size(); }
};

/// The whole instance: forced sources and those without cost are decided in. `multipliers` are
/// those of single sources, as first_multipliers() has them. Nothing when forced sources exceed the
/// budget or a target has no edge.
std::optional<Subproblem> whole_problem(const Instance& instance,
                                        const std::vector<double>& multipliers);

/// Multipliers to start from, a row a target and a column a source: each source is charged what it
/// brings a target beyond what a selection would give it without its edge. With that price m, (v_e
/// - m) / |e|: no edge of the target is worth more than m afterwards.
std::vector<double> first_multipliers(const Instance& instance, std::vector<char> selected);

/// The subproblem under further `decisions` (one a free source) and without the edges whose flag in
/// `dropped` is set (empty: none). Multipliers are carried over so that the bound gets no worse.
/// Nothing when it is infeasible.
std::optional<Subproblem> reduce(const Subproblem& parent, const std::vector<Decision>& decisions,
                                 const std::vector<char>& dropped);

/// The Lagrangian relaxation of a subproblem. With y_s "s is labelled" and z_ab "a and b are",
/// these constraints get a multiplier each: "the edges of target t that use s sum to at most y_s"
/// and "those that use a and b sum to at most z_ab". What is left falls apart into the best edge of
/// each target and a quadratic knapsack of the sources, which is bounded row by row: a labelled
/// source a has at most budget - cost_a left for its partners, so its worth is its own weight and
/// the best knapsack of its pairs' weights (Caprara, Pisinger, Toth 1999); how a pair's weight is
/// split between its two rows is a multiplier too. Without the pairs, a transfer of four sources
/// could be used by a quarter when each is labelled by a quarter, which makes bounds useless for
/// higher orders. Improved by the subgradient method with Polyak's step (Beasley 1993).
class Relaxation {
 public:
  /// Evaluates at the subproblem's multipliers; everything below speaks of the last evaluation.
  void evaluate(const Subproblem& problem);
  /// Forgets the directions of earlier steps: to be called before the first step on another
  /// subproblem.
  void restart();
  /// A subgradient step that aims at the bound `goal`, in place; false when the subgradient is
  /// zero.
  bool step(Subproblem& problem, double goal, double scale);

  /// Upper bound on every solution of the subproblem.
  double bound() const { return bound_; }
  /// Share, 0 to 1, to which a free source is selected.
  const std::vector<double>& selected() const { return selected_; }
  /// By how much the bound falls when the free source `s` is decided in, or out; at least 0.
  double drop_with(std::size_t s) const;
  double drop_without(std::size_t s) const;
  /// Sets the flags of edges whose use pushes the bound to `cutoff` or below; returns how many.
  std::size_t drop_edges(const Subproblem& problem, double cutoff,
                         std::vector<char>& dropped) const;
  /// What a free source and its partners are worth together.
  double worth(std::size_t s) const { return worth_[s]; }
  /// Number of targets whose best edge uses the free source `s`.
  std::int32_t uses(std::size_t s) const { return used_by_[s]; }

 private:
  void select_sources(const Subproblem& problem);
  double select_partners(const Subproblem& problem, std::size_t source);
  double take_best_partners(std::size_t slots, std::size_t source, double* row);
  double turn_splits(double fresh_share);
  double turn_multipliers(const Subproblem& problem, double fresh_share);

  double bound_ = 0;
  std::vector<double> target_value_;
  std::vector<std::uint32_t> used_;    // multipliers that the best edges of targets use
  std::vector<std::int32_t> used_by_;  // of a free source
  std::vector<double>
      weights_;  // of a source (diagonal) or pair: the sum of its multipliers, a row a source
  std::size_t stride_ = 0;        // from one row of partners_ or chosen_ to the next
  std::vector<double> partners_;  // (a, b): share to which row a selects b
  std::vector<double> worth_;     // of a source: its weight and that of its partners
  std::vector<double> density_;   // worth per unit of cost
  std::vector<double> selected_;
  std::vector<double> costs_;
  bool fresh_ = true;
  std::vector<double> direction_;  // of a multiplier: the subgradients so far, averaged
  std::vector<double> split_direction_;
  struct Item {
    double rate;
    std::uint32_t source;
  };
  std::vector<Item> items_;
  std::vector<double> partner_worth_;  // of a free source beside the one that is looked at
  std::vector<double> chosen_;  // of equal costs, (a, b): whether b is among a's best partners
  std::vector<std::uint32_t> order_;
  double price_in_ =
      0;  // per unit of cost: what a source must be worth not to lower the bound when decided in
  double price_out_ = 0;  // per unit of cost: what comes in for a source that is decided out
};

}  // namespace affinis::taxonomy
