#pragma once

#include <vector>

#include "framework/core/random.h"
#include "taxonomy/instance.h"

namespace affinis::taxonomy {

/// Good selections of sources, quickly: where the branch and bound starts from. Forced sources stay
/// in every selection.
class LocalSearch {
 public:
  explicit LocalSearch(const Instance& instance);

  bool fits(const std::vector<char>& selected) const;
  /// Value of a selection; -infinity when a target has no edge.
  double value_of(const std::vector<char>& selected) {
    return masks_.value(masks_.bits_of(selected));
  }
  /// Adds, while the budget allows, the sources of the edge whose gain per cost is largest: edges
  /// of several sources bring all of theirs at once, because one alone may bring nothing.
  std::vector<char> greedy();
  /// Adds, swaps and, where costs differ, drops sources while that raises the value; returns the
  /// value. First improvement, fixed order.
  double improve(std::vector<char>& selected);
  /// Iterated local search: `rounds` times some random sources are exchanged and the result
  /// improved, from the best so far.
  double perturb(std::vector<char>& selected, int rounds, RandomStream& random);

 private:
  double cost_of(const std::vector<char>& selected) const;

  const Instance& instance_;
  EdgeMasks masks_;
};

}  // namespace affinis::taxonomy
