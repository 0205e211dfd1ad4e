#pragma once

#include <cstdint>
#include <vector>

#include "framework/core/random.h"
#include "taxonomy/deadline.h"
#include "taxonomy/instance.h"
#include "taxonomy/neighbourhood.h"

namespace affinis::taxonomy {

/// Good selections of sources, quickly: where the branch and bound starts from. Forced sources stay
/// in every selection. The instance must have stand-in edges.
class LocalSearch {
 public:
  explicit LocalSearch(const Instance& instance);

  bool fits(const std::vector<char>& selected) const;
  /// Value of a selection.
  double value_of(const std::vector<char>& selected) {
    return masks_.value(masks_.bits_of(selected));
  }
  /// Adds, while the budget allows, the sources of the edge whose gain per cost is largest: edges
  /// of several sources bring all of theirs at once, because one alone may bring nothing.
  std::vector<char> greedy();
  /// Adds and swaps sources, the move that gains most first, while that raises the value; returns
  /// the value.
  double improve(std::vector<char>& selected, const Deadline& deadline = Deadline());
  /// Iterated local search: `rounds` times, unless the deadline strikes, some random sources are
  /// exchanged and the result improved, from the best so far.
  double perturb(std::vector<char>& selected, int rounds, RandomStream& random,
                 const Deadline& deadline = Deadline());

 private:
  double cost_of(const std::vector<char>& selected) const;
  void sets_worth_a_try(const std::vector<char>& selected, double left);

  const Instance& instance_;
  EdgeMasks masks_;
  Neighbourhood neighbourhood_;
  struct Addition {
    std::vector<std::int32_t> sources;
    double direct = 0;  // what the edges bring that lack just these sources
    double cost = 0;
  };
  std::vector<Addition> additions_;
};

}  // namespace affinis::taxonomy
