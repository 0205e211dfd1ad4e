#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "framework/core/error.h"
#include "taxonomy/session.h"
#include "taxonomy/solver.h"

namespace affinis::taxonomy {
namespace {

/// What a budget gives: a solution, or the sentence that says why there is none.
struct Answer {
  std::optional<Solution> solution;
  std::string infeasible;
};

Answer ask(Session& session, double budget, const SolveOptions& options) {
  try {
    return {session.solve(budget, options), {}};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kData) throw;
    return {std::nullopt, error.what()};
  }
}

/// What the best taxonomy is worth, where that is known.
std::optional<double> proven_value(const Answer& answer) {
  if (!answer.solution || !answer.solution->proven) return std::nullopt;
  return answer.solution->value;
}

}  // namespace

std::vector<SweepCell> sweep(const TransferTable& table, const ProblemOptions& options, const std::vector<double>& budgets,
                             const std::vector<std::int64_t>& max_orders, const SolveOptions& solve_options) {
  AFFINIS_CHECK(!budgets.empty() && !max_orders.empty(), ErrorCode::kUsage, "a sweep needs at least one budget and one maximum order");
  std::for_each(budgets.begin(), budgets.end(), check_budget);
  const double most = *std::max_element(budgets.begin(), budgets.end());
  // In ascending order each budget starts from the one before; what one more unit brings is known then, or comes next.
  std::vector<double> ascending = budgets;
  std::sort(ascending.begin(), ascending.end());
  ascending.erase(std::unique(ascending.begin(), ascending.end()), ascending.end());
  std::vector<SweepCell> cells;
  bool any = false;
  for (const std::int64_t max_order : max_orders) {
    ProblemOptions cell_options = options;
    cell_options.budget = most;
    cell_options.max_order = max_order;
    const Problem problem = make_problem(table, cell_options);
    Session session(problem, most + 1, stand_in_penalty(problem));
    std::map<double, Answer> answers;
    std::map<double, std::optional<double>> values;
    for (const double budget : ascending) {
      const Answer& answer = answers[budget] = ask(session, budget, solve_options);
      values[budget] = proven_value(answer);
      any = any || answer.solution;
    }
    for (const double budget : ascending) {
      if (values[budget] && !values.contains(budget + 1)) values[budget + 1] = proven_value(ask(session, budget + 1, solve_options));
    }
    for (const double budget : budgets) {
      SweepCell cell{budget, max_order, problem, {}, {}, {}};
      cell.problem.budget = budget;
      const Answer& answer = answers[budget];
      if (answer.solution) {
        cell.solution = *answer.solution;
      } else {
        cell.infeasible = answer.infeasible;
      }
      // Two proofs may differ by their tolerance; more budget is never worth less.
      if (values[budget] && values[budget + 1]) cell.marginal = std::max(0.0, *values[budget + 1] - *values[budget]);
      cells.push_back(std::move(cell));
    }
  }
  AFFINIS_CHECK(any, ErrorCode::kData, "no cell of the sweep has a taxonomy; the first one: {}", *cells.front().infeasible);
  return cells;
}

}  // namespace affinis::taxonomy
