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

taxonomy::ProblemOptions problem_options(const StudyGraph& study, const taxonomy::TransferTable& table) {
  taxonomy::ProblemOptions options;
  options.objective = taxonomy::parse_objective(study.options().taxonomy.objective);
  for (const std::string& target : study.targets()) {
    const auto& sources = study.sources();
    const bool measured = std::any_of(table.rows.begin(), table.rows.end(), [&](const auto& row) { return row.target == target; });
    if (measured && std::find(sources.begin(), sources.end(), target) == sources.end()) options.target_only.push_back(target);
  }
  return options;
}

}  // namespace

std::vector<double> taxonomy_budgets(const StudyGraph& study) {
  const std::vector<std::int64_t> budgets = or_range(study.options().taxonomy.budgets, static_cast<std::int64_t>(study.sources().size()));
  return {budgets.begin(), budgets.end()};
}

std::vector<std::int64_t> taxonomy_orders(const StudyGraph& study) {
  return or_range(study.options().taxonomy.max_orders, study.options().search.max_order);
}

taxonomy::Problem taxonomy_problem(const StudyGraph& study, const taxonomy::TransferTable& table, std::int64_t order) {
  taxonomy::ProblemOptions options = problem_options(study, table);
  options.max_order = order;
  return taxonomy::make_problem(table, options);
}

std::vector<taxonomy::SweepCell> solve_taxonomies(const StudyGraph& study, const taxonomy::TransferTable& table) {
  return taxonomy::sweep(table, problem_options(study, table), taxonomy_budgets(study), taxonomy_orders(study));
}

}  // namespace affinis::experiments
