#include <utility>

#include "framework/core/error.h"
#include "taxonomy/solver.h"

namespace affinis::taxonomy {

std::vector<SweepCell> sweep(const TransferTable& table, const ProblemOptions& options, const std::vector<double>& budgets,
                             const std::vector<std::int64_t>& max_orders, const SolveOptions& solve_options) {
  AFFINIS_CHECK(!budgets.empty() && !max_orders.empty(), ErrorCode::kUsage, "a sweep needs at least one budget and one maximum order");
  std::vector<SweepCell> cells;
  bool any = false;
  for (const std::int64_t max_order : max_orders) {
    for (const double budget : budgets) {
      ProblemOptions cell_options = options;
      cell_options.budget = budget;
      cell_options.max_order = max_order;
      SweepCell cell{budget, max_order, make_problem(table, cell_options), {}, {}};
      try {
        cell.solution = solve(cell.problem, solve_options);
        any = true;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kData) throw;
        cell.infeasible = error.what();
      }
      cells.push_back(std::move(cell));
    }
  }
  AFFINIS_CHECK(any, ErrorCode::kData, "no cell of the sweep has a taxonomy; the first one: {}", *cells.front().infeasible);
  return cells;
}

}  // namespace affinis::taxonomy
