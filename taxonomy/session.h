#pragma once

#include <cstdint>
#include <vector>

#include "taxonomy/deadline.h"
#include "taxonomy/instance.h"
#include "taxonomy/local_search.h"
#include "taxonomy/quick_search.h"
#include "taxonomy/solver.h"

namespace affinis::taxonomy {

/// Solves one problem at several budgets: edges are sorted and freed of dominated ones once, and
/// each budget starts from the sources of the one before, so that neighbouring budgets in ascending
/// order cost little. What it finds at a budget depends on those asked for before only among
/// taxonomies of equal value.
class Session {
 public:
  /// `problem`, which must outlive this, at its own budget and below.
  explicit Session(const Problem& problem);
  /// At budgets up to `most_budget`; `penalty` as in make_instance().
  Session(const Problem& problem, double most_budget, double penalty);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// As taxonomy::solve(), at this budget. The first solution's seconds hold what it took to build
  /// the session.
  Solution solve(double budget, const SolveOptions& options);

  struct Outcome {
    std::vector<char> selected;
    std::vector<std::size_t> unserved;  ///< targets that only a stand-in edge serves
    double bound = 0;
    bool proven = false;
    std::int64_t nodes = 0;
  };
  Outcome search(double budget, const Deadline& deadline);

 private:
  Deadline since_;
  const Problem& problem_;
  Instance instance_;
  LocalSearch local_;
  QuickSearch quick_;
  double highest_ = 0;  // every target by its best edge
  double building_ = 0;
  std::vector<char> last_;
};

}  // namespace affinis::taxonomy
