#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "framework/core/error.h"
#include "taxonomy/solver.h"

namespace affinis::taxonomy {
namespace {

SweepCell solve_cell(const TransferTable& table, ProblemOptions options, double budget, std::int64_t max_order,
                     const SolveOptions& solve_options) {
  options.budget = budget;
  options.max_order = max_order;
  SweepCell cell{budget, max_order, make_problem(table, options), {}, {}, {}};
  try {
    cell.solution = solve(cell.problem, solve_options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kData) throw;
    cell.infeasible = error.what();
  }
  return cell;
}

/// What the best taxonomy is worth, where that is known.
std::optional<double> proven_value(const SweepCell& cell) {
  if (cell.infeasible || !cell.solution.proven) return std::nullopt;
  return cell.solution.value;
}

}  // namespace

std::vector<SweepCell> sweep(const TransferTable& table, const ProblemOptions& options, const std::vector<double>& budgets,
                             const std::vector<std::int64_t>& max_orders, const SolveOptions& solve_options) {
  AFFINIS_CHECK(!budgets.empty() && !max_orders.empty(), ErrorCode::kUsage, "a sweep needs at least one budget and one maximum order");
  std::vector<SweepCell> cells;
  bool any = false;
  for (const std::int64_t max_order : max_orders) {
    std::map<double, std::optional<double>> values;  // by budget
    const std::size_t first = cells.size();
    for (const double budget : budgets) {
      cells.push_back(solve_cell(table, options, budget, max_order, solve_options));
      any = any || !cells.back().infeasible;
      values[budget] = proven_value(cells.back());
    }
    for (std::size_t i = first; i < cells.size(); ++i) {
      const std::optional<double> value = proven_value(cells[i]);
      if (!value) continue;
      const double next = cells[i].budget + 1;
      if (!values.contains(next)) values[next] = proven_value(solve_cell(table, options, next, max_order, solve_options));
      // Two proofs may differ by their tolerance; more budget is never worth less.
      if (values[next]) cells[i].marginal = std::max(0.0, *values[next] - *value);
    }
  }
  AFFINIS_CHECK(any, ErrorCode::kData, "no cell of the sweep has a taxonomy; the first one: {}", *cells.front().infeasible);
  return cells;
}

}  // namespace affinis::taxonomy
