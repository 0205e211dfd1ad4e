#pragma once

#include <cstdint>
#include <vector>

#include "taxonomy/problem.h"

namespace affinis::taxonomy {

/// A Problem as the solver wants it: edges in flat arrays, the best of each target first, without
/// those that cannot matter.
struct Instance {
  std::size_t sources = 0;
  std::vector<double> costs;
  double budget = 0;
  bool unit_costs = true;    ///< all costs are equal (and positive)
  bool stand_ins = false;    ///< every target has a stand-in edge, see make_instance()
  std::vector<char> forced;  ///< of a source: it is labelled whatever it brings

  std::vector<std::size_t> target_begin;  ///< edges of target t: [target_begin[t], target_begin[t +
                                          ///< 1]), values descending
  std::vector<double> value;              ///< of an edge
  std::vector<std::size_t> origin;        ///< its position in Problem::edges
  std::vector<std::size_t> use_begin;     ///< uses of edge e: [use_begin[e], use_begin[e + 1])
  std::vector<std::int32_t> use_source;   ///< ascending within an edge

  std::size_t targets() const { return target_begin.size() - 1; }
  std::size_t edges() const { return value.size(); }
  bool is_stand_in(std::size_t edge) const {
    return stand_ins && use_begin[edge] == use_begin[edge + 1];
  }
  /// What still counts as within the budget, so that ten costs of 0.1 fit into 1.
  double budget_with_slack() const;
};

/// Leaves out edges whose sources alone exceed `budget`, which takes the place of the problem's, and edges that another of the same target
/// dominates (no more sources, no less value). `penalty`, when positive, gives every target a
/// stand-in edge without sources, worth `penalty` less than its worst edge: a solution that uses
/// one leaves that target unserved. Its origin is Problem::edges.size().
Instance make_instance(const Problem& problem, double budget, double penalty);

/// Twice what all targets together can lose by being served worst instead of best: no gain
/// elsewhere makes up for an unserved target.
double stand_in_penalty(const Problem& problem);

/// Sets of sources as bits, to find the edges that a set allows quickly.
class EdgeMasks {
 public:
  explicit EdgeMasks(const Instance& instance);
  /// Bits of a flag a source; valid until the next call.
  const std::vector<std::uint64_t>& bits_of(const std::vector<char>& selected);
  /// The value of the best edge of each target within `bits`, summed; -infinity when a target has
  /// none.
  double value(const std::vector<std::uint64_t>& bits) const;
  std::size_t words() const { return words_; }

 private:
  const Instance& instance_;
  std::size_t words_;
  std::vector<std::uint64_t> masks_;  // words_ an edge
  std::vector<std::uint64_t> bits_;
};

/// The best that each target gets from a set of sources (a flag a source).
struct Evaluation {
  double value = 0;
  bool feasible = false;  ///< every target is served
};
Evaluation evaluate(const Instance& instance, const std::vector<char>& selected);

/// The edge that serves `target` best; Instance::edges() when none can.
std::size_t best_edge(const Instance& instance, const std::vector<char>& selected,
                      std::size_t target);

}  // namespace affinis::taxonomy
