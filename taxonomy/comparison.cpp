#include "taxonomy/comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "framework/core/error.h"
#include "taxonomy/first_order.h"
#include "taxonomy/known_values.h"
#include "taxonomy/ranks.h"

namespace affinis::taxonomy {
namespace {

using TransferKey = std::pair<std::string, std::vector<std::string>>;  // target, sources in order of name

TransferKey transfer_key(const TransferRow& row) {
  TransferKey key{row.target, row.sources};
  std::sort(key.second.begin(), key.second.end());
  return key;
}

/// Tasks that can be labelled: sources, and targets with a network of their own.
std::set<std::string> source_tasks(const TransferTable& table) {
  std::set<std::string> sources;
  for (const TransferRow& row : table.rows) {
    if (row.is_self()) {
      sources.insert(row.target);
    } else {
      sources.insert(row.sources.begin(), row.sources.end());
    }
  }
  return sources;
}

std::vector<std::string> in_both(const std::set<std::string>& a, const std::set<std::string>& b) {
  std::vector<std::string> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

TransferTable between(const TransferTable& table, const std::set<std::string>& sources, const std::set<std::string>& targets) {
  TransferTable result;
  result.name = table.name;
  for (const TransferRow& row : table.rows) {
    const bool known = row.is_self() ? sources.contains(row.target)
                                     : std::all_of(row.sources.begin(), row.sources.end(), [&](const auto& s) { return sources.contains(s); });
    if (!known || !targets.contains(row.target)) continue;
    result.rows.push_back(row);
    result.rows.back().extra.clear();
  }
  AFFINIS_CHECK(!result.rows.empty(), ErrorCode::kData, "{}: no transfer is between tasks that both tables have", table.name);
  return result;
}

OnlyIn only_in(const TransferTable& whole, const TransferTable& common, const TransferTable& other_whole, const TransferTable& other) {
  OnlyIn result;
  const std::vector<std::string> tasks = whole.tasks();
  const std::vector<std::string> others = other_whole.tasks();
  std::set_difference(tasks.begin(), tasks.end(), others.begin(), others.end(), std::back_inserter(result.tasks));
  std::set<TransferKey> has;
  for (const TransferRow& row : other.rows) has.insert(transfer_key(row));
  for (const TransferRow& row : common.rows) {
    if (!has.contains(transfer_key(row))) result.transfers.push_back(row);
  }
  std::sort(result.transfers.begin(), result.transfers.end(), [](const TransferRow& x, const TransferRow& y) {
    return std::tie(x.target, x.order, x.sources) < std::tie(y.target, y.order, y.sources);
  });
  return result;
}

/// Values of both tables for one target, source by source.
struct Column {
  std::vector<std::string> sources;
  std::vector<double> a;
  std::vector<double> b;
};

Column column_of(const FirstOrder& a, const FirstOrder& b, const std::string& target) {
  const auto find = [](const std::vector<std::string>& sorted, const std::string& name) {
    const auto found = std::lower_bound(sorted.begin(), sorted.end(), name);
    return found != sorted.end() && *found == name ? static_cast<std::size_t>(found - sorted.begin()) : sorted.size();
  };
  Column column;
  const std::size_t in_a = find(a.targets, target);
  const std::size_t in_b = find(b.targets, target);
  if (in_a == a.targets.size() || in_b == b.targets.size()) return column;
  for (std::size_t s = 0; s < a.sources.size(); ++s) {
    const std::size_t other = find(b.sources, a.sources[s]);
    if (other == b.sources.size() || a.sources[s] == target) continue;
    const double value_a = a.value(s, in_a);
    const double value_b = b.value(other, in_b);
    if (std::isnan(value_a) || std::isnan(value_b)) continue;
    column.sources.push_back(a.sources[s]);
    column.a.push_back(value_a);
    column.b.push_back(value_b);
  }
  return column;
}

std::string best(const Column& column, const std::vector<double>& values) {
  if (values.empty()) return {};
  return column.sources[static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin())];
}

std::vector<std::string> names_of(const Problem& problem, const Solution& solution) {
  std::vector<std::string> names;
  for (const std::size_t source : solution.sources) names.push_back(problem.sources[source]);
  return names;
}

/// An edge's target and sources by name; self and its own name are the same label.
TransferKey edge_key(const Problem& problem, const Edge& edge) {
  TransferKey key{problem.targets[edge.target], {}};
  for (const std::size_t source : edge.sources) key.second.push_back(problem.sources[source]);
  std::sort(key.second.begin(), key.second.end());
  return key;
}

/// The taxonomy `solution` of `other`, at the values of `problem`.
Worth worth(const Problem& problem, const Solution& own, const Problem& other, const Solution& solution) {
  Worth result;
  result.optimum = own.value;
  std::map<TransferKey, double> values;
  for (const Edge& edge : problem.edges) values.emplace(edge_key(problem, edge), edge.value);
  for (const std::size_t choice : solution.choices) {
    const auto found = values.find(edge_key(other, other.edges[choice]));
    if (found == values.end()) {
      ++result.unmeasured;
    } else {
      result.choices += found->second;
    }
  }
  if (result.unmeasured > 0) result.choices = kMissing;

  const std::vector<std::string> names = names_of(other, solution);
  std::vector<double> best_values(problem.targets.size(), kMissing);
  for (const Edge& edge : problem.edges) {
    const bool usable = std::all_of(edge.sources.begin(), edge.sources.end(), [&](std::size_t s) {
      return std::binary_search(names.begin(), names.end(), problem.sources[s]);
    });
    double& value = best_values[edge.target];
    if (usable && !(value >= edge.value)) value = edge.value;
  }
  for (const double value : best_values) result.sources += value;
  return result;
}

BudgetAgreement at_budget(const TransferTable& a, const TransferTable& b, double budget, const ComparisonOptions& options) {
  ProblemOptions problem_options;
  problem_options.objective = options.objective;
  problem_options.budget = budget;
  problem_options.max_order = options.max_order;
  BudgetAgreement result;
  result.budget = budget;
  const Problem problem_a = make_problem(a, problem_options);
  const Problem problem_b = make_problem(b, problem_options);
  std::array<Solution, 2> solutions;
  for (const bool second : {false, true}) {
    try {
      solutions[second ? 1 : 0] = solve(second ? problem_b : problem_a, options.solve);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kData) throw;
      result.infeasible = (second ? b : a).name + ": " + error.what();
      return result;
    }
  }
  result.sources_a = names_of(problem_a, solutions[0]);
  result.sources_b = names_of(problem_b, solutions[1]);
  std::set_intersection(result.sources_a.begin(), result.sources_a.end(), result.sources_b.begin(), result.sources_b.end(),
                        std::back_inserter(result.shared));
  const std::size_t either = result.sources_a.size() + result.sources_b.size() - result.shared.size();
  result.jaccard = either == 0 ? 1.0 : static_cast<double>(result.shared.size()) / static_cast<double>(either);
  result.under_a = worth(problem_a, solutions[0], problem_b, solutions[1]);
  result.under_b = worth(problem_b, solutions[1], problem_a, solutions[0]);
  return result;
}

/// The table's tree on exactly the sources `leaves`.
TaskTree tree_on(const TransferTable& table, const std::vector<std::string>& leaves, TaskTreeOptions options) {
  for (const std::string& source : first_order(table, options.value).sources) {
    if (!std::binary_search(leaves.begin(), leaves.end(), source)) options.exclude.push_back(source);
  }
  return task_tree(table, options);
}

}  // namespace

Comparison compare_tables(const TransferTable& a, const TransferTable& b, const ComparisonOptions& options) {
  Comparison result;
  result.sources = in_both(source_tasks(a), source_tasks(b));
  const std::vector<std::string> targets_a = a.targets();
  const std::vector<std::string> targets_b = b.targets();
  result.targets = in_both({targets_a.begin(), targets_a.end()}, {targets_b.begin(), targets_b.end()});
  AFFINIS_CHECK(!result.targets.empty() && !result.sources.empty(), ErrorCode::kData,
                "{} and {} have no {} in common; are the tasks named differently?", a.name, b.name,
                result.targets.empty() ? "target" : "source");
  const std::set<std::string> sources(result.sources.begin(), result.sources.end());
  const std::set<std::string> targets(result.targets.begin(), result.targets.end());
  const TransferTable common_a = between(a, sources, targets);
  const TransferTable common_b = between(b, sources, targets);
  result.only_a = only_in(a, common_a, b, common_b);
  result.only_b = only_in(b, common_b, a, common_a);
  result.transfers = common_a.rows.size() - result.only_a.transfers.size();

  const FirstOrder matrix_a = first_order(common_a, options.objective);
  const FirstOrder matrix_b = first_order(common_b, options.objective);
  MeanOfKnown spearmans;
  MeanOfKnown kendalls;
  MeanOfKnown pearsons;
  Column all;
  for (const std::string& target : result.targets) {
    const Column column = column_of(matrix_a, matrix_b, target);
    all.a.insert(all.a.end(), column.a.begin(), column.a.end());
    all.b.insert(all.b.end(), column.b.begin(), column.b.end());
    TargetAgreement agreement{target,
                              column.sources.size(),
                              spearman(column.a, column.b),
                              kendall_tau_b(column.a, column.b),
                              pearson(column.a, column.b),
                              best(column, column.a),
                              best(column, column.b)};
    spearmans.add(agreement.spearman);
    kendalls.add(agreement.kendall);
    pearsons.add(agreement.pearson);
    result.agreement.push_back(std::move(agreement));
  }
  result.mean_spearman = spearmans.value();
  result.mean_kendall = kendalls.value();
  result.mean_pearson = pearsons.value();
  result.matrix_pearson = pearson(all.a, all.b);

  for (const double budget : options.budgets) result.budgets.push_back(at_budget(common_a, common_b, budget, options));

  const std::vector<std::string> leaves = in_both({matrix_a.sources.begin(), matrix_a.sources.end()},
                                                  {matrix_b.sources.begin(), matrix_b.sources.end()});
  if (leaves.size() < 3) {
    result.no_trees = "fewer than three sources are common";
    return result;
  }
  // Rankings and taxonomies are worth having where a tree is not defined.
  try {
    const TaskTree tree_a = tree_on(common_a, leaves, options.tree);
    const TaskTree tree_b = tree_on(common_b, leaves, options.tree);
    result.trees = compare_trees(tree_a.tree, tree_b.tree);
    for (std::size_t k = 2; k <= std::min(options.most_clusters, leaves.size() - 1); ++k) {
      result.cuts.push_back({k, adjusted_rand(cut(tree_a.merges, k), cut(tree_b.merges, k))});
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kData) throw;
    result.no_trees = error.what();
  }
  return result;
}

}  // namespace affinis::taxonomy
