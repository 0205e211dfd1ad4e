#pragma once

#include <cstdint>
#include <vector>

#include "taxonomy/instance.h"
#include "taxonomy/worlds_layout.h"

namespace affinis::taxonomy {

/// An upper bound for large problems with equal costs, where a selection is k sources. In the
/// *world* of source a, a is labelled. Multiplying the problem by "a is labelled", for each a,
/// gives one copy of it a world (reformulation and linearisation, Sherali and Adams 1990), and a
/// selection's value is what its k worlds are worth: the value of an edge is shared out among the
/// worlds of its own sources, where it needs one source fewer, and those of the others (Lagrangian
/// decomposition). In a world the constraints "edges of target t that use b sum to at most 'b is
/// labelled too'" have a multiplier each, and of the edges with a, b and c likewise. Unlike the
/// other relaxations this one sees that sources which are labelled a little all over a
/// neighbourhood serve nothing elsewhere. A bound costs as much as one without worlds for each
/// source.
class Worlds {
 public:
  /// Whether there are worlds for this instance, and memory for them.
  static bool suit(const Instance& instance);

  /// `multipliers` of single sources, as QuickSearch has them; the instance, which must have
  /// stand-in edges, must outlive this.
  Worlds(const Instance& instance, const std::vector<double>& multipliers);
  Worlds(const Worlds&) = delete;
  Worlds& operator=(const Worlds&) = delete;

  /// Evaluates all worlds, on all processors, and takes a subgradient step that aims at `goal`, the
  /// value of the best selection known. Returns a bound on every selection worth more than `goal`.
  /// Does not depend on the number of threads.
  double iterate(double goal);
  /// The lowest bound so far.
  double bound() const { return bound_; }
  /// The selection that the best world suggests: its source and the partners chosen there.
  std::vector<char> suggestion() const;
  /// Number of sources that a selection worth more than the goal may have.
  std::size_t open_sources() const;

 private:
  struct Scratch {
    std::vector<double> best;   // of a target
    std::vector<double> worth;  // of a partner
    std::vector<std::uint32_t> order;
    std::vector<std::uint32_t> best_cases;
    std::vector<double> case_value;   // of a case of the world
    std::vector<float> taken;         // 1 where a partner is
    std::vector<float> bundle_slope;  // of a bundle of the world
  };

  void sort_edges();
  void evaluate(std::size_t world, Scratch& scratch);
  void choose_edges(std::size_t world, Scratch& scratch);
  void choose_partners(std::size_t world, Scratch& scratch);
  void step_world(std::size_t world, double goal, Scratch& scratch);
  void weigh_worlds(double bound, double goal);
  void close_sources(double bound, double goal, double lowest);
  void share_anew(double bound, double goal);
  double slopes_of_shares();
  double slopes_of_partners();
  double slopes_of_cases();

  static constexpr std::uint32_t kShared = static_cast<std::uint32_t>(-1);

  const Instance& instance_;
  WorldsLayout layout_;
  std::size_t partners_ = 0;  // beside the world's own source
  double bound_;
  std::int64_t iterations_ = 0;
  std::vector<char> open_;      // of a source
  std::vector<double> value_;   // of a world
  std::vector<double> weight_;  // of a world: to what share it is chosen

  // What worlds share. An edge is worth own_[u] in the world of its source at use u, and other_[e]
  // in those of other sources: the sum over any k worlds that hold its sources is its value.
  std::vector<double> own_;
  std::vector<double> other_;
  std::vector<double> split_;       // (a, b): what b is worth in world a for being a pair; -(b, a)
  std::vector<double> case_split_;  // of a case; the six of a triple sum to 0
  std::vector<double> own_slope_, other_slope_, split_slope_, case_slope_;
  std::vector<double> own_direction_, other_direction_, split_direction_, case_direction_;
  double scale_;
  int stale_ = 0;

  std::vector<std::uint32_t> sorted_;  // edges of each target, the best by other_ first, nearly
  std::vector<double> sorted_other_;   // of a place in sorted_, like what follows
  std::vector<double> best_behind_;    // the largest other_ from there on
  std::vector<std::uint32_t> sorted_use_begin_, sorted_use_;

  // Of each world, rows one behind the other:
  std::vector<std::vector<float>> multipliers_;  // a row a target, a column a source
  std::vector<std::vector<float>> directions_;
  std::vector<float> bundle_multiplier_, bundle_direction_;
  std::vector<double> sums_;               // of a world and a source: its multipliers over targets
  std::vector<std::uint32_t> choice_;      // of a world and a target: the best edge ...
  std::vector<std::uint32_t> choice_use_;  // ... its use of the world's own source, or kShared
  std::vector<std::uint32_t> partner_;     // of a world: its best partners
  std::vector<char> is_partner_;           // of a world and a source
  std::vector<char> case_taken_;           // of a case
  std::vector<double> world_scale_, world_best_;
  std::vector<int> world_stale_;
};

}  // namespace affinis::taxonomy
