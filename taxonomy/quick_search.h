#pragma once

#include <cstdint>
#include <vector>

#include "taxonomy/deadline.h"
#include "taxonomy/instance.h"
#include "taxonomy/local_search.h"

namespace affinis::taxonomy {

/// A first attempt at a proof, by the relaxation with one multiplier a target and source only ("the
/// edges of target t that use s sum to at most y_s"; no pairs, see Relaxation): its rows are dense,
/// so that an iteration costs a microsecond at the size of the paper's tables, where it mostly
/// proves the optimum at the root or within some nodes.
class QuickSearch {
 public:
  explicit QuickSearch(const Instance& instance);

  /// Starts from `incumbent`, which must be within the instance's budget, and replaces it by what
  /// is better; gives up after `most_nodes` nodes or at the deadline. Deterministic unless that
  /// strikes. True: proven, to within `tolerance` of the values' size (relative, see Search).
  bool run(LocalSearch& local, std::vector<char>& incumbent, double& value, std::int64_t most_nodes,
           const Deadline& deadline);

  std::int64_t nodes() const { return nodes_; }
  /// No selection is worth more than this, proven or not.
  double bound() const { return bound_; }
  /// Multipliers of the last run's root: a row an instance's target, a column a source.
  const std::vector<double>& multipliers() const { return multipliers_; }

 private:
  /// What is left of the instance once some sources are decided: targets that are not settled
  /// (rows), their edges, best first, with the free sources that they need, written as positions in
  /// the matrix of multipliers.
  struct Node {
    double constant = 0;
    double remaining = 0;
    std::vector<char> in;                  // a flag a source
    std::vector<std::uint32_t> free;       // ascending
    std::vector<std::uint32_t> row;        // position of a target's first multiplier
    std::vector<std::uint32_t> begin;      // edges of a target
    std::vector<double> value;             // of an edge
    std::vector<std::uint32_t> use_begin;  // of an edge
    std::vector<std::uint32_t> use;
    std::vector<double> multipliers;
  };

  bool load(Node& node);
  void explore(std::size_t depth);
  bool lower(Node& node, bool root);
  void evaluate(const Node& node);
  void select(const Node& node);
  bool step(Node& node, double goal, double scale);
  std::size_t decide(const Node& node);
  void drop_edges(const Node& node);
  bool shrink(Node& node);
  std::uint32_t choose(const Node& node) const;
  void try_relaxed(const Node& node);
  void try_selection(const std::vector<char>& selected);
  double cutoff() const;

  const Instance& instance_;
  double largest_ = 0;  // absolute value of an edge
  std::vector<double> multipliers_;

  LocalSearch* local_ = nullptr;
  const Deadline* deadline_ = nullptr;
  std::vector<char>* incumbent_ = nullptr;
  double value_ = 0;
  double bound_ = 0;
  std::int64_t nodes_ = 0;
  std::int64_t most_nodes_ = 0;
  bool gave_up_ = false;
  std::vector<Node> nodes_by_depth_;

  // Of the last evaluation:
  double relaxed_ = 0;
  std::vector<double> weights_;           // of a source
  std::vector<double> selected_;          // share of a source, 0 to 1
  std::vector<std::uint32_t> best_edge_;  // of a row
  std::vector<double> best_;              // its reduced value
  double price_in_ = 0;                   // per unit of cost, as in Relaxation
  double price_out_ = 0;
  std::vector<std::uint32_t> order_;

  std::vector<double> direction_;
  std::vector<double> best_multipliers_;
  std::vector<double> share_;   // of a source: how much of it the iterations of a node selected
  std::vector<char> decision_;  // of a source: 0 free, 1 in, 2 out
  std::vector<char> dropped_;   // of an edge
  std::vector<char> needed_;    // of a source
  std::vector<char> trial_;
  std::vector<char> last_trial_;
};

}  // namespace affinis::taxonomy
