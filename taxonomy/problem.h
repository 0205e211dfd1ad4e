#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "taxonomy/transfer_table.h"

namespace affinis::taxonomy {

/// What a taxonomy maximises, summed over targets.
enum class Objective { kAffinity, kGain, kQuality };

const char* objective_name(Objective objective);
/// "affinity", "gain" or "quality"; throws Error(kUsage) otherwise.
Objective parse_objective(std::string_view name);

/// Weights of a mixed objective: a transfer is worth their sum of products. A measure of weight 0
/// may be missing.
struct ObjectiveMix {
  double affinity = 0;
  double gain = 0;
  double quality = 0;
};

/// "affinity:0.5,gain:0.5"; throws Error(kUsage): another measure, one twice, a weight that is no
/// finite number of at least 0, all weights 0.
ObjectiveMix parse_objective_mix(std::string_view text);

/// One way to serve a target: usable when all its sources are selected.
struct Edge {
  std::size_t target = 0;  ///< position in Problem::targets
  std::vector<std::size_t>
      sources;        ///< positions in Problem::sources, ascending; {the target itself} for `self`
  double value = 0;   ///< importance times objective
  bool self = false;  ///< the row's source was `self`
  double affinity = std::numeric_limits<double>::quiet_NaN();
  double gain = std::numeric_limits<double>::quiet_NaN();
  double quality = std::numeric_limits<double>::quiet_NaN();
};

/// Choose sources within the budget and for each target exactly one edge whose sources are all
/// chosen, so that the sum of the chosen edges' values is largest (the paper's binary integer
/// program). Sources and targets are sorted by name, edges by target.
struct Problem {
  Objective objective = Objective::kAffinity;
  std::optional<ObjectiveMix> mix;  ///< takes the place of `objective` where it is set
  std::vector<std::string> sources;
  std::vector<double> costs;  ///< of labelling a source, one each, at least 0
  std::vector<std::string> targets;
  std::vector<double> importances;  ///< of a target, one each, at least 0
  std::vector<Edge> edges;
  std::vector<std::size_t> forced;  ///< sources that are labelled whatever they bring, ascending
  double budget = 0;                ///< bound on the sum of the chosen sources' costs
  std::int64_t max_order = 0;       ///< of the edges that were let in
};

/// "affinity", "gain", "quality", or a mix as parse_objective_mix() reads it, without weights of 0.
std::string objective_text(const Problem& problem);

struct ProblemOptions {
  Objective objective = Objective::kAffinity;
  std::optional<ObjectiveMix> mix;  ///< takes the place of `objective` where it is set
  double budget = 1;
  std::int64_t max_order = 1;
  std::vector<std::string> exclude;      ///< tasks that do not exist: neither source nor target
  std::vector<std::string> source_only;  ///< tasks that need not be served
  std::vector<std::string> target_only;  ///< tasks that cannot be labelled, not even for themselves
  std::vector<std::string> force;   ///< tasks that are labelled, and paid for, whatever they bring
  std::vector<std::string> forbid;  ///< tasks that must not be labelled; still targets
  std::map<std::string, double> costs;   ///< 1 where not given
  std::map<std::string, double> importances;  ///< 1 where not given
};

/// Throws Error(kUsage) unless it is a finite number of at least 0.
void check_budget(double budget);

/// Builds the problem. A `self` row of target t needs t itself as a source and costs its label; a
/// row t -> t counts only where t has no `self` row; rows whose objective is missing and rows of
/// more than max_order sources are left out. Forced sources that cost more than the budget are
/// solve()'s to refuse. Throws Error(kUsage): a negative or infinite budget, cost or importance,
/// max_order below 1, a task that the table does not know (with the nearest), a task both
/// source-only and target-only, or forced and not to be labelled; Error(kData): no target left, or
/// a target without a usable row (named, with what would help).
Problem make_problem(const TransferTable& table, const ProblemOptions& options);

/// Reads csv `task,NAME` ("cost", "importance"); throws Error with file and line: not a number,
/// negative, a task twice.
std::map<std::string, double> read_task_values(const std::filesystem::path& path,
                                               const std::string& column);

/// The problem in CPLEX LP format, for any MIP solver to check; variables y<i> are sources, x<j>
/// edges.
std::string to_lp(const Problem& problem);

}  // namespace affinis::taxonomy
