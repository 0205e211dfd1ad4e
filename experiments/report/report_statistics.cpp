#include "experiments/report/report_statistics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/core.h>

#include "framework/core/error.h"
#include "framework/core/json_number.h"
#include "taxonomy/significance.h"
#include "taxonomy/solver.h"
#include "taxonomy/task_names.h"
#include "taxonomy/task_tree.h"

namespace affinis::experiments {
namespace {

constexpr double kMostEdgesLookedAt = 1e9;  // a few seconds
constexpr double kCheckSeconds = 1;         // for solving a given taxonomy anew
constexpr std::int64_t kMostDraws = 1000;
constexpr std::int64_t kFewestDraws = 200;
constexpr std::size_t kFewestCommonTasks = 5;
constexpr std::size_t kFewestNamedTasks = 3;

nlohmann::json place_json(const taxonomy::Significance& place) {
  return {{"mean", number(place.random_mean)}, {"low", number(place.random_low)}, {"high", number(place.random_high)}, {"p", number(place.p_value)}};
}

/// What the cell maximises (affinity when it does not say); nothing for a mix.
std::optional<taxonomy::Objective> plain_objective(const nlohmann::json& cell) {
  const auto it = cell.find("objective");
  if (it == cell.end() || !it->is_string()) return taxonomy::Objective::kAffinity;
  for (const auto objective : {taxonomy::Objective::kAffinity, taxonomy::Objective::kGain, taxonomy::Objective::kQuality}) {
    if (*it == taxonomy::objective_name(objective)) return objective;
  }
  return std::nullopt;
}

/// The cell's choices as edges of the problem; nothing when one of them is not there.
std::optional<taxonomy::Solution> find_solution(const taxonomy::Problem& problem, const nlohmann::json& cell) {
  std::map<std::string, std::vector<std::string>> chosen;
  for (const nlohmann::json& choice : cell.at("choices")) {
    std::vector<std::string> sources = choice.at("sources");
    const std::string target = choice.at("target");
    if (sources.size() == 1 && sources.front() == taxonomy::kSelf) sources.front() = target;
    std::sort(sources.begin(), sources.end());
    chosen[target] = std::move(sources);
  }
  taxonomy::Solution solution;
  for (std::size_t e = 0; e < problem.edges.size(); ++e) {
    const taxonomy::Edge& edge = problem.edges[e];
    const auto it = chosen.find(problem.targets[edge.target]);
    if (it == chosen.end() || it->second.size() != edge.sources.size()) continue;
    const bool same = std::equal(edge.sources.begin(), edge.sources.end(), it->second.begin(),
                                 [&](std::size_t source, const std::string& name) { return problem.sources[source] == name; });
    if (!same) continue;
    solution.choices.push_back(e);
    solution.value += edge.value;
  }
  if (solution.choices.size() != problem.targets.size()) return std::nullopt;
  return solution;
}

/// The tree with the published tree's name for every leaf that has one there and whose name no other leaf has taken.
taxonomy::Tree with_published_names(taxonomy::Tree tree, const std::set<std::string>& known) {
  const taxonomy::TaskNames names = taxonomy::TaskNames::dictionary();
  const std::vector<std::string> leaves = tree.leaves();
  std::set<std::string> taken(leaves.begin(), leaves.end());
  for (taxonomy::TreeNode& node : tree.nodes) {
    if (!node.children.empty() || known.contains(node.name)) continue;
    const std::string name = names.of(node.name);
    if (known.contains(name) && taken.insert(name).second) node.name = name;
  }
  return tree;
}

/// Whether the table alone leads to this taxonomy: costs and restrictions are not in it. Too hard a problem passes.
bool is_optimal(const taxonomy::Problem& problem, const taxonomy::Solution& solution) {
  const taxonomy::Solution anew = taxonomy::solve(problem, {kCheckSeconds});
  return !anew.proven || std::abs(anew.value - solution.value) <= 1e-7 * std::max(1.0, std::abs(anew.value));
}

}  // namespace

nlohmann::json random_taxonomies(const taxonomy::TransferTable& table, const nlohmann::json& cells, bool given,
                                 std::vector<std::string>& left_out) {
  nlohmann::json result = nlohmann::json::array();
  const auto served = std::count_if(cells.begin(), cells.end(), [](const nlohmann::json& cell) { return !cell.at("choices").empty(); });
  const double one_draw = static_cast<double>(table.rows.size()) * static_cast<double>(served);
  if (one_draw <= 0) return result;
  taxonomy::SignificanceOptions options;
  options.draws = std::min(kMostDraws, static_cast<std::int64_t>(kMostEdgesLookedAt / one_draw));
  if (options.draws < kFewestDraws) {
    left_out.push_back(fmt::format("The band of random taxonomies: {} transfers in {} taxonomies are too many to draw them while a report is written; "
                                   "`affinis taxonomy significance` compares one taxonomy with random ones.", table.rows.size(), served));
    return result;
  }
  std::int64_t others = 0;
  for (const nlohmann::json& cell : cells) {
    if (cell.at("choices").empty()) continue;
    const std::optional<taxonomy::Objective> objective = plain_objective(cell);
    if (!objective) {
      ++others;
      continue;
    }
    try {
      taxonomy::ProblemOptions problem_options;
      problem_options.objective = *objective;
      problem_options.budget = cell.at("budget");
      problem_options.max_order = cell.at("max_order");
      const taxonomy::Problem problem = taxonomy::make_problem(table, problem_options);
      const std::optional<taxonomy::Solution> solution = find_solution(problem, cell);
      if (!solution || (given && !is_optimal(problem, *solution))) {
        ++others;
        continue;
      }
      const taxonomy::SignificanceReport report = taxonomy::significance(problem, *solution, options);
      result.push_back({{"budget", cell.at("budget")},
                        {"max_order", cell.at("max_order")},
                        {"draws", report.draws},
                        {"gain", place_json(report.gain)},
                        {"quality", place_json(report.quality)}});
    } catch (const Error&) {
      // Random sets of this budget never serve every target, or the cell was solved with tasks left out: no band here.
    }
  }
  if (others > 0) {
    left_out.push_back(fmt::format("Random taxonomies beside {} of the {} given ones: these were solved with costs, importances, mixed objectives or restrictions that "
                                   "are not in the transfer table.", others, served));
  }
  return result;
}

nlohmann::json task_tree_json(const taxonomy::TransferTable& table, taxonomy::Objective value, const nlohmann::json& families,
                              std::vector<std::string>& left_out) {
  try {
    taxonomy::TaskTreeOptions options;
    options.value = value;
    const taxonomy::TaskTree tree = taxonomy::task_tree(table, options);
    nlohmann::json nodes = nlohmann::json::array();
    for (const taxonomy::TreeNode& node : tree.tree.nodes) {
      nodes.push_back({{"name", node.name}, {"children", node.children}, {"height", number(node.height)}});
    }
    nlohmann::json result = {{"nodes", nodes}, {"newick", taxonomy::to_newick(tree.tree)}, {"value", taxonomy::objective_name(value)}};

    std::vector<std::pair<std::string, std::string>> groups;
    std::set<std::string> names;
    for (const std::string& source : tree.sources) {
      if (!families.contains(source)) continue;
      groups.emplace_back(source, families.at(source).get<std::string>());
      names.insert(groups.back().second);
    }
    if (names.size() >= 2 && names.size() < groups.size()) {
      result["families"] = {{"clusters", names.size()}, {"agreement", taxonomy::cut_agreement(tree, names.size(), groups)}};
    }
    const taxonomy::Tree published = taxonomy::published_task_tree();
    const std::vector<std::string> leaves = published.leaves();
    const std::set<std::string> known(leaves.begin(), leaves.end());
    const taxonomy::Tree ours = with_published_names(tree.tree, known);
    const std::vector<std::string> renamed = ours.leaves();
    const auto common = std::count_if(renamed.begin(), renamed.end(), [&](const std::string& name) { return known.contains(name); });
    if (static_cast<std::size_t>(common) >= kFewestCommonTasks) {
      const taxonomy::TreeComparison comparison = taxonomy::compare_trees(ours, published);
      result["published"] = {{"found", comparison.found.size()}, {"of", comparison.found.size() + comparison.missing.size()}, {"tasks", comparison.common.size()}};
    }
    return result;
  } catch (const Error& error) {
    left_out.push_back(fmt::format("The task tree: {}.", error.what()));
    return nullptr;
  }
}

nlohmann::json published_families(const taxonomy::TransferTable& table) {
  const std::vector<std::pair<std::string, std::string>> groups = taxonomy::published_task_groups();
  const std::map<std::string, std::string> group_of(groups.begin(), groups.end());
  const taxonomy::TaskNames names = taxonomy::TaskNames::dictionary();
  nlohmann::json result = nlohmann::json::object();
  for (const std::string& task : table.tasks()) {
    const auto it = group_of.find(names.of(task));
    // The figure gives denoising a colour of its own; the paper's dictionary counts it among the 2D tasks.
    if (it != group_of.end()) result[task] = it->second == "denoising" ? "2d" : it->second;
  }
  return result.size() >= kFewestNamedTasks ? result : nlohmann::json::object();
}

}  // namespace affinis::experiments
