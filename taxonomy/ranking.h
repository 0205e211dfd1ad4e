#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "taxonomy/solver.h"

namespace affinis::taxonomy {

/// The best taxonomies in order of value, ties by their sources.
struct Ranking {
  std::vector<Solution> taxonomies;  ///< the first one is the best that was given
  bool complete = true;  ///< nothing better, or tied with the best, is missing: false after a time
                         ///< limit, or where there are more tied optima than were asked for
};

/// The best `count` taxonomies, or all there are; `best` is what solve() finds. Two differ when their sources do. One that could
/// do without a source at no loss is not counted beside the one without it; sources without cost
/// are always at hand. Where the last place is tied, which of the tied ones takes it is left open.
Ranking rank(const Problem& problem, const Solution& best, std::size_t count,
             const SolveOptions& options = {});

/// The taxonomies whose value ties with that of `best`, which solve() finds, to 1e-9 of the size of
/// the values: at most `most`, told apart as in rank().
Ranking tied_optima(const Problem& problem, const Solution& best, std::size_t most,
                    const SolveOptions& options = {});

/// A transfer that a taxonomy turned down.
struct Alternative {
  std::size_t edge = 0;              ///< position in Problem::edges
  double difference = 0;             ///< its value less that of the choice
  std::vector<std::size_t> missing;  ///< sources that it would need besides those labelled
};

/// What a target could learn from instead of its choice.
struct TargetAlternatives {
  std::vector<Alternative> allowed;  ///< by the labelled sources, best first
  std::optional<Alternative> other;  ///< the best of those that need other sources
};

/// For each target of `problem` its `most` best alternatives that the solution's sources allow, and
/// the best that they do not. Of equal values the one with fewer sources, then the first by name.
std::vector<TargetAlternatives> alternatives(const Problem& problem, const Solution& solution,
                                             std::size_t most);

}  // namespace affinis::taxonomy
