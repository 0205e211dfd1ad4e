#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <vector>

#include "framework/core/random.h"
#include "taxonomy/deadline.h"
#include "taxonomy/instance.h"
#include "taxonomy/local_search.h"
#include "taxonomy/relaxation.h"
#include "taxonomy/solver.h"

namespace affinis::taxonomy {

/// Leaves out sources without which the value stays the same: dearest first, then the last by name,
/// so that those without cost give way to no other. Forced ones stay. The selection must serve
/// every target.
void drop_idle_sources(const Instance& instance, LocalSearch& local, std::vector<char>& selected);

/// The taxonomy of a selection that serves every target: its sources, choices and value.
Solution solution_of(const Problem& problem, const Instance& instance,
                     const std::vector<char>& selected);

/// Branch and bound over "is source s labelled", depth first. For one run: either the best
/// selection, or the best few. A long search for the best one uses all processors, in rounds whose
/// outcome does not depend on their number: each of a fixed number of helpers explores one open
/// node for a fixed number of nodes, and knows only what was found before the round.
class Search {
 public:
  Search(const Instance& instance, const Deadline& deadline);

  /// Looks for the best selection from `start`, which must be within the budget, and with
  /// multipliers of single sources as first_multipliers() has them.
  void run(const std::vector<char>& start, const std::vector<double>& multipliers);
  /// Looks for the `most` best selections worth more than `floor`, each without idle sources, free
  /// of charge ones aside, and without stand-in edges. `first`, one of them, is where it starts.
  void collect(std::size_t most, double floor, const std::vector<char>& first);

  /// Of run(): the best selection, its value, and what none exceeds.
  const std::vector<char>& incumbent() const { return incumbent_; }
  double value() const { return value_; }
  double bound() const { return bound_; }
  /// Of collect(): selections with their values.
  const std::map<std::vector<char>, double>& pool() const { return pool_; }
  /// Whether the search came to its end within the time limit.
  bool proven() const { return open_.empty(); }
  std::int64_t nodes() const { return nodes_; }

 private:
  /// An open node and a bound on what it holds.
  struct Node {
    Subproblem problem;
    double bound = 0;
  };

  /// A helper of `lead`.
  explicit Search(const Search& lead, std::uint64_t number);

  void search_tree(const std::vector<double>& multipliers);
  void take_next();
  void explore_together();
  void explore(Node node, const Search& lead);
  double tolerance() const;
  double cutoff() const;
  void pool_selection(std::vector<char> selected);
  void pool_neighbours(const std::vector<char>& first);
  bool all_needed(const Subproblem& problem) const;
  void try_selection(const std::vector<char>& selected);
  void try_relaxed(const Subproblem& problem);
  void kick(int rounds);
  bool lower(Subproblem& problem, int iterations, double& best, bool root);
  void process(Node node);
  std::size_t choose(const Subproblem& problem) const;

  const Instance& instance_;
  Relaxation relaxation_;
  LocalSearch local_;
  Deadline deadline_;
  RandomStream random_;
  std::vector<Node> open_;
  std::vector<char> incumbent_;
  std::vector<char> trial_;
  std::vector<double> share_;
  std::vector<double> best_multipliers_;
  std::vector<double> best_split_;
  std::vector<Decision> decisions_;
  std::vector<char> dropped_;
  double total_ = 0;
  double value_ = 0;
  double largest_ = 0;  // absolute value of an edge
  double bound_ = 0;
  double root_bound_ = std::numeric_limits<double>::infinity();
  std::int64_t nodes_ = 0;
  std::int64_t rounds_ = 0;
  bool helper_ = false;
  std::vector<std::unique_ptr<Search>> helpers_;

  std::size_t most_ = 0;  // selections to collect; 0: run()
  double floor_ = 0;
  double worst_ = 0;  // value in the pool
  std::map<std::vector<char>, double> pool_;
};

}  // namespace affinis::taxonomy
