#pragma once

#include <vector>

#include "taxonomy/instance.h"

namespace affinis::taxonomy {

/// Good selections of sources, quickly: where the branch and bound starts from.
class LocalSearch {
 public:
  explicit LocalSearch(const Instance& instance) : instance_(instance) {}

  bool fits(const std::vector<char>& selected) const;
  /// Adds, while the budget allows, the sources of the edge whose gain per cost is largest: edges of several sources bring all of
  /// theirs at once, because one alone may bring nothing.
  std::vector<char> greedy() const;
  /// Adds, swaps and, where costs differ, drops sources while that raises the value; returns the value. First improvement, fixed order.
  double improve(std::vector<char>& selected) const;

 private:
  double value_of(const std::vector<char>& selected) const { return evaluate(instance_, selected).value; }
  double cost_of(const std::vector<char>& selected) const;

  const Instance& instance_;
};

}  // namespace affinis::taxonomy
