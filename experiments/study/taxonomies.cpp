#include "experiments/study/taxonomies.h"

#include <algorithm>
#include <string>

namespace affinis::experiments {
namespace {

/// Numbers from the options, or 1..last when they are empty.
std::vector<std::int64_t> or_range(const std::vector<std::int64_t>& chosen, std::int64_t last) {
  if (!chosen.empty()) return chosen;
  std::vector<std::int64_t> result;
  for (std::int64_t i = 1; i <= last; ++i) result.push_back(i);
  return result;
}

}  // namespace

std::vector<taxonomy::SweepCell> solve_taxonomies(const StudyGraph& study, const taxonomy::TransferTable& table) {
  const TaxonomyOptions& options = study.options().taxonomy;
  taxonomy::ProblemOptions problem;
  problem.objective = taxonomy::parse_objective(options.objective);
  for (const std::string& target : study.targets()) {
    const auto& sources = study.sources();
    const bool measured = std::any_of(table.rows.begin(), table.rows.end(), [&](const auto& row) { return row.target == target; });
    if (measured && std::find(sources.begin(), sources.end(), target) == sources.end()) problem.target_only.push_back(target);
  }
  const std::vector<std::int64_t> budgets = or_range(options.budgets, static_cast<std::int64_t>(study.sources().size()));
  const std::vector<std::int64_t> orders = or_range(options.max_orders, study.options().search.max_order);
  return taxonomy::sweep(table, problem, {budgets.begin(), budgets.end()}, orders);
}

}  // namespace affinis::experiments
