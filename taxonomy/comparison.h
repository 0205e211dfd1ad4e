#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "taxonomy/solver.h"
#include "taxonomy/task_tree.h"
#include "taxonomy/transfer_table.h"

namespace affinis::taxonomy {

struct ComparisonOptions {
  Objective objective = Objective::kAffinity;
  std::vector<double> budgets;     ///< whose taxonomies are compared; none: taxonomies are left out
  std::int64_t max_order = 1;      ///< of those taxonomies
  TaskTreeOptions tree;            ///< how sources are clustered
  std::size_t most_clusters = 8;   ///< trees are cut into 2 to this many clusters
  SolveOptions solve;
};

/// How two tables rank the sources of one target.
struct TargetAgreement {
  std::string target;
  std::size_t sources = 0;  ///< common first-order sources with a value in both, the target itself left out
  double spearman = 0;      ///< NaN where undefined: fewer than two sources, or all equal in one table
  double kendall = 0;       ///< tau-b
  double pearson = 0;
  std::string best_a;       ///< the common source worth most; "" where there is none
  std::string best_b;
};

/// What taxonomies are worth under one table's values.
struct Worth {
  double optimum = 0;             ///< of that table's own best taxonomy
  double choices = 0;             ///< of the other table's choices; NaN when some were not measured here
  std::size_t unmeasured = 0;     ///< choices of the other table that this one lacks
  double sources = 0;             ///< of the other table's sources with the best choices from them here; NaN when a target goes unserved
};

struct BudgetAgreement {
  double budget = 0;
  std::vector<std::string> sources_a;  ///< chosen, sorted
  std::vector<std::string> sources_b;
  std::vector<std::string> shared;
  double jaccard = 0;                  ///< shared over those in either
  Worth under_a;                       ///< B's taxonomy at A's values
  Worth under_b;                       ///< A's taxonomy at B's values
  std::optional<std::string> infeasible;  ///< why a table has no taxonomy at this budget; the rest is empty then
};

struct CutAgreement {
  std::size_t clusters = 0;
  double adjusted_rand = 0;
};

/// What only one table has.
struct OnlyIn {
  std::vector<std::string> tasks;
  std::vector<TransferRow> transfers;  ///< between tasks that both have
};

/// Two transfer tables side by side, on the tasks that both have.
struct Comparison {
  std::vector<std::string> sources;  ///< in both, sorted
  std::vector<std::string> targets;  ///< in both, sorted
  std::size_t transfers = 0;         ///< measured in both
  std::vector<TargetAgreement> agreement;
  double mean_spearman = 0;          ///< over the targets where it is defined; NaN where it is nowhere
  double mean_kendall = 0;
  double mean_pearson = 0;
  double matrix_pearson = 0;         ///< over all cells that agreement counts
  std::vector<BudgetAgreement> budgets;
  std::optional<TreeComparison> trees;  ///< A's tree with B's as reference
  std::string no_trees;                 ///< why there are none; empty where there are
  std::vector<CutAgreement> cuts;
  OnlyIn only_a;
  OnlyIn only_b;
};

/// Compares tables whose tasks have the same names (see `renamed`). Taxonomies and trees are made from the rows between common tasks
/// alone, each table's own: a transfer that only one has tried counts for that one. Throws Error(kData) when no target or no source is
/// common, and as make_problem.
Comparison compare_tables(const TransferTable& a, const TransferTable& b, const ComparisonOptions& options = {});

}  // namespace affinis::taxonomy
