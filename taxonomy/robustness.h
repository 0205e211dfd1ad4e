#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "taxonomy/bootstrap.h"
#include "taxonomy/problem.h"
#include "taxonomy/resampling.h"
#include "taxonomy/solver.h"

namespace affinis::taxonomy {

struct RobustnessOptions {
  ProblemOptions problem;
  AffinityOptions affinity;
  BootstrapOptions bootstrap;
  std::int64_t splits = 100;  ///< of the test set into random halves; 0: none
  SolveOptions solve;         ///< of each taxonomy
};

/// How firmly a task stands among the sources.
struct SourceSupport {
  std::string source;
  bool chosen = false;  ///< by the taxonomy of the whole test set
  double share = 0;     ///< of the draws whose taxonomy has it
};

/// How firmly a target's choice stands.
struct TargetSupport {
  std::string target;
  std::string choice;  ///< of the whole test set: sources joined by '+', or "self"
  double share = 0;    ///< of the draws that choose the same
  /// Every choice of a draw with its share, most frequent first, then by name.
  std::vector<std::pair<std::string, double>> choices;
  /// Mean over splits of Spearman's rho between the affinities of its transfers on the two halves;
  /// NaN without splits or where it is nowhere defined.
  double rank_correlation = std::numeric_limits<double>::quiet_NaN();
};

/// Taxonomies made on two disjoint halves of the test set.
struct HalvesAgreement {
  std::int64_t splits = 0;
  std::int64_t unsolved = 0;    ///< splits with a half on which no taxonomy exists; left out below
  Interval overlap;             ///< Jaccard index of the two source sets; its value is the mean
  double same_choice = 0;       ///< mean share of targets whose choice is the same
  double rank_correlation = 0;  ///< mean of the targets' rank correlations
  double kept = 0;              ///< mean share of a half's best value that the other half's choices
                                ///< are worth on it; NaN where a best value is not positive
};

/// What another test set would have made of a taxonomy.
struct Robustness {
  Problem problem;
  Solution solution;                   ///< of the whole test set
  std::vector<SourceSupport> sources;  ///< of the problem, by share, then name
  std::vector<TargetSupport> targets;
  Interval value;           ///< of the draws' best taxonomies; its value is the solution's
  double same_sources = 0;  ///< share of draws with exactly the solution's sources
  double kept = 0;  ///< mean share of a draw's best value that the solution's choices are worth
  std::int64_t draws = 0;
  std::int64_t unsolved = 0;  ///< draws on which no taxonomy exists; left out of all shares
  HalvesAgreement halves;
};

/// Draws the test set anew, and splits it in random halves, and solves for a taxonomy each time.
/// In parallel; depends on the seed alone. `advance` is called from any thread, once a taxonomy.
/// Throws as bootstrap(), make_problem() and solve() do for the whole test set.
Robustness robustness(std::span<const LossTable> tables, const TestUnits& units,
                      const RobustnessOptions& options, const std::function<void()>& advance = {});

}  // namespace affinis::taxonomy
