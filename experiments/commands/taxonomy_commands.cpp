#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/commands/budget_option.h"
#include "experiments/commands/commands.h"
#include "experiments/commands/table_text.h"
#include "experiments/commands/taxonomy_json.h"
#include "experiments/commands/taxonomy_subcommands.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "taxonomy/problem.h"
#include "taxonomy/ranking.h"
#include "taxonomy/significance.h"
#include "taxonomy/solver.h"
#include "taxonomy/transfer_table.h"

namespace affinis::experiments {
namespace {

using taxonomy::Edge;
using taxonomy::Problem;
using taxonomy::Solution;

/// Most taxonomies or alternatives that one command lists.
constexpr std::size_t kMostRanked = 10000;

/// The options that solve and sweep share.
struct ProblemFlags {
  std::string transfers;
  std::string objective = "affinity";
  std::vector<std::string> exclude;
  std::vector<std::string> source_only;
  std::vector<std::string> target_only;
  std::vector<std::string> forbid;
  std::string costs;
  std::string importance;
  double time_limit = std::numeric_limits<double>::infinity();
  bool json = false;

  void add_to(CLI::App& command) {
    command.add_option("--transfers", transfers, "transfer table, csv: sources,target,order,affinity,gain,quality")->required();
    command
        .add_option("--objective", objective,
                    "what to maximise, summed over targets: affinity, gain, quality, or a weighted sum such as affinity:0.5,gain:0.5")
        ->capture_default_str();
    command.add_option("--exclude", exclude, "tasks to leave out altogether, separated by commas")->delimiter(',');
    command.add_option("--source-only", source_only, "tasks that need not be served, separated by commas")->delimiter(',');
    command.add_option("--target-only", target_only, "tasks that cannot be labelled, separated by commas")->delimiter(',');
    command.add_option("--forbid", forbid, "tasks that must not be labelled but are still served, separated by commas")->delimiter(',');
    command.add_option("--costs", costs, "csv task,cost: what labelling a task costs; 1 for tasks that are not in it");
    command.add_option("--importance", importance, "csv task,importance: weight of a target; 1 for tasks that are not in it");
    command.add_option("--time-limit", time_limit, "seconds for one problem; then the best taxonomy so far, with its bound")
        ->check(CLI::NonNegativeNumber);
    command.add_flag("--json", json, "print JSON");
  }

  taxonomy::ProblemOptions options() const {
    taxonomy::ProblemOptions result;
    if (objective.find(':') == std::string::npos) {
      result.objective = taxonomy::parse_objective(objective);
    } else {
      result.mix = taxonomy::parse_objective_mix(objective);
    }
    result.exclude = exclude;
    result.source_only = source_only;
    result.target_only = target_only;
    result.forbid = forbid;
    if (!costs.empty()) result.costs = taxonomy::read_task_values(costs, "cost");
    if (!importance.empty()) result.importances = taxonomy::read_task_values(importance, "importance");
    return result;
  }
};

/// Adds --force, which random taxonomies know nothing of.
void add_force(CLI::App& command, std::vector<std::string>& force) {
  command.add_option("--force", force, "tasks that are labelled, and paid for, whatever they bring, separated by commas")->delimiter(',');
}

std::string solution_text(const Problem& problem, const Solution& solution) {
  std::vector<std::vector<std::string>> rows = {{"target", "learned from", "affinity", "gain", "quality"}};
  for (const std::size_t choice : solution.choices) {
    const Edge& edge = problem.edges[choice];
    rows.push_back({problem.targets[edge.target], join(choice_sources(problem, edge), "+"), fixed(edge.affinity, 6),
                    fixed(edge.gain, 4), fixed(edge.quality, 4)});
  }
  const std::string proof = solution.proven ? "proven optimal" : fmt::format("not proven, at most {:.6f}", solution.bound);
  return fmt::format("label {} of {} task(s), cost {:g} of {:g}: {}\n{} {:.6f} ({}), mean gain {}, mean quality {}; {} nodes, {:.3f} s\n\n",
                     solution.sources.size(), problem.sources.size(), solution.cost(problem), problem.budget,
                     join(selected_sources(problem, solution), ", "), taxonomy::objective_text(problem), solution.value, proof,
                     fixed(solution.mean_gain(problem), 4), fixed(solution.mean_quality(problem), 4), solution.nodes,
                     solution.seconds) +
         padded(rows);
}

std::string ranking_text(const Problem& problem, const taxonomy::Ranking& ranking, const std::string& title, const std::string& remark) {
  std::vector<std::vector<std::string>> rows = {{"place", "value", "less than the best", "label"}};
  for (std::size_t i = 0; i < ranking.taxonomies.size(); ++i) {
    const Solution& solution = ranking.taxonomies[i];
    rows.push_back({fmt::format("{}", i + 1), fixed(solution.value, 6), fixed(ranking.taxonomies.front().value - solution.value, 6),
                    join(selected_sources(problem, solution), ", ")});
  }
  return fmt::format("\n{}{}\n", title, ranking.complete ? "" : "; " + remark) + padded(rows);
}

std::string alternatives_text(const Problem& problem, const std::vector<taxonomy::TargetAlternatives>& targets) {
  std::vector<std::vector<std::string>> rows = {{"target", "instead", "difference", "would also need"}};
  for (std::size_t t = 0; t < targets.size(); ++t) {
    const auto add_row = [&](const taxonomy::Alternative& alternative) {
      std::vector<std::string> missing;
      for (const std::size_t source : alternative.missing) missing.push_back(problem.sources[source]);
      rows.push_back({problem.targets[t], join(choice_sources(problem, problem.edges[alternative.edge]), "+"),
                      fmt::format("{:+.6f}", alternative.difference), join(missing, ", ")});
    };
    for (const taxonomy::Alternative& alternative : targets[t].allowed) add_row(alternative);
    if (targets[t].other) add_row(*targets[t].other);
  }
  return "\nturned down\n" + padded(rows);
}

void add_solve(CLI::App& parent) {
  CLI::App* command = parent.add_subcommand("solve", "The best tasks to label within a budget, and what to learn every other one from");
  struct Flags : ProblemFlags {
    std::string budget;
    std::int64_t max_order = 1;
    std::vector<std::string> force;
    std::size_t all_optima = 0;
    std::size_t next = 0;
    std::size_t alternatives = 0;
    std::string lp;
  };
  const auto flags = std::make_shared<Flags>();
  flags->add_to(*command);
  add_force(*command, flags->force);
  command->add_option("--budget", flags->budget, "how much labelling may cost in all (a number of tasks unless --costs is given)")->required();
  command->add_option("--max-order", flags->max_order, "most sources that one transfer may have")->capture_default_str();
  command->add_option("--all-optima", flags->all_optima, "also list the sets of tasks to label that tie with the best, at most so many")
      ->check(CLI::Range(std::size_t{1}, kMostRanked));
  command
      ->add_option("--next", flags->next,
                   "also list so many best sets of tasks to label, the best one among them; a set is left out when one without some of its "
                   "tasks is as good")
      ->check(CLI::Range(std::size_t{1}, kMostRanked));
  command
      ->add_option("--alternatives", flags->alternatives,
                   "also list, for each target, so many transfers that the labelled tasks allow besides its choice, and the best that "
                   "needs other tasks")
      ->check(CLI::Range(std::size_t{1}, kMostRanked));
  command->add_option("--lp", flags->lp, "also write the problem to this file in LP format, for any MIP solver");
  command->callback([flags] {
    taxonomy::ProblemOptions options = flags->options();
    options.budget = parse_budget(flags->budget, "--budget");
    options.max_order = flags->max_order;
    options.force = flags->force;
    const Problem problem = taxonomy::make_problem(taxonomy::read_transfer_table(flags->transfers), options);
    if (!flags->lp.empty()) write_file_atomically(flags->lp, taxonomy::to_lp(problem));
    const Solution solution = taxonomy::solve(problem, {flags->time_limit});
    std::optional<taxonomy::Ranking> tied;
    std::optional<taxonomy::Ranking> ranked;
    std::vector<taxonomy::TargetAlternatives> turned_down;
    if (flags->all_optima > 0) tied = taxonomy::tied_optima(problem, solution, flags->all_optima, {flags->time_limit});
    if (flags->next > 0) ranked = taxonomy::rank(problem, solution, flags->next, {flags->time_limit});
    if (flags->alternatives > 0) turned_down = taxonomy::alternatives(problem, solution, flags->alternatives);
    if (flags->json) {
      nlohmann::json json = solution_json(problem, solution);
      if (tied) json["optima"] = ranking_json(problem, *tied);
      if (ranked) json["ranking"] = ranking_json(problem, *ranked);
      if (!turned_down.empty()) add_alternatives(problem, turned_down, json);
      print_json(json);
      return;
    }
    std::string text = solution_text(problem, solution);
    if (!turned_down.empty()) text += alternatives_text(problem, turned_down);
    if (tied) text += ranking_text(problem, *tied, "tied with the best", "there may be more");
    if (ranked) text += ranking_text(problem, *ranked, "the best, in order", "not proven, others may be better");
    write_result(text);
  });
}

void add_sweep(CLI::App& parent) {
  CLI::App* command = parent.add_subcommand("sweep", "The best taxonomy for every budget and maximum order");
  struct Flags : ProblemFlags {
    std::string budgets;
    std::string max_orders = "1";
    std::vector<std::string> force;
  };
  const auto flags = std::make_shared<Flags>();
  flags->add_to(*command);
  add_force(*command, flags->force);
  command->add_option("--budgets", flags->budgets, "budgets, as in 1-26 or 2,4.5,8")->required();
  command->add_option("--max-orders", flags->max_orders, "maximum orders, as in 1,2,3,4 or 1-4")->capture_default_str();
  command->callback([flags] {
    taxonomy::ProblemOptions options = flags->options();
    options.force = flags->force;
    const std::vector<double> budgets = parse_budgets(flags->budgets);
    const std::vector<std::int64_t> orders = parse_integer_list(flags->max_orders, "--max-orders");
    AFFINIS_CHECK(budgets.size() * std::max<std::size_t>(orders.size(), 1) <= kMostCells, ErrorCode::kUsage,
                  "--budgets and --max-orders make {} cells, more than {}", budgets.size() * orders.size(), kMostCells);
    const taxonomy::TransferTable table = taxonomy::read_transfer_table(flags->transfers);
    const std::vector<taxonomy::SweepCell> cells = taxonomy::sweep(table, options, budgets, orders, {flags->time_limit});
    if (flags->json) {
      print_json(sweep_json(cells));
      return;
    }
    double seconds = 0;
    for (const taxonomy::SweepCell& cell : cells) seconds += cell.solution.seconds;
    std::vector<std::vector<std::string>> rows = {{"budget", "order", flags->objective, "one more", "gain", "quality", "proven", "label"}};
    for (const taxonomy::SweepCell& cell : cells) {
      std::vector<std::string> row = {fmt::format("{:g}", cell.budget), fmt::format("{}", cell.max_order)};
      if (cell.infeasible) {
        row.insert(row.end(), {"-", "-", "-", "-", "-", *cell.infeasible});
      } else {
        row.insert(row.end(), {fixed(cell.solution.value, 6), cell.marginal ? fixed(*cell.marginal, 6) : "-",
                               fixed(cell.solution.mean_gain(cell.problem), 4),
                               fixed(cell.solution.mean_quality(cell.problem), 4), cell.solution.proven ? "yes" : "no",
                               join(selected_sources(cell.problem, cell.solution), ", ")});
      }
      rows.push_back(std::move(row));
    }
    write_result(padded(rows) + fmt::format("\n{} taxonomies in {:.3f} s\n", cells.size(), seconds));
  });
}

nlohmann::json significance_json(const taxonomy::Significance& measure) {
  return {{"taxonomy", measure.taxonomy},
          {"random_mean", measure.random_mean},
          {"random_low", measure.random_low},
          {"random_high", measure.random_high},
          {"p_value", measure.p_value}};
}

void add_significance(CLI::App& parent) {
  CLI::App* command =
      parent.add_subcommand("significance", "How the best taxonomy compares with random feasible ones, in objective, gain and quality");
  struct Flags : ProblemFlags {
    std::string budget;
    std::int64_t max_order = 1;
    taxonomy::SignificanceOptions random;
  };
  const auto flags = std::make_shared<Flags>();
  flags->add_to(*command);
  command->add_option("--budget", flags->budget, "how much labelling may cost in all (a number of tasks unless --costs is given)")->required();
  command->add_option("--max-order", flags->max_order, "most sources that one transfer may have")->capture_default_str();
  command->add_option("--draws", flags->random.draws, "number of random taxonomies")->capture_default_str();
  command->add_option("--seed", flags->random.seed, "what the random taxonomies depend on")->capture_default_str();
  command->callback([flags] {
    taxonomy::ProblemOptions options = flags->options();
    options.budget = parse_budget(flags->budget, "--budget");
    options.max_order = flags->max_order;
    const Problem problem = taxonomy::make_problem(taxonomy::read_transfer_table(flags->transfers), options);
    const taxonomy::SignificanceReport report =
        taxonomy::significance(problem, taxonomy::solve(problem, {flags->time_limit}), flags->random);
    if (flags->json) {
      print_json({{"value", significance_json(report.value)},
                  {"mean_gain", significance_json(report.gain)},
                  {"mean_quality", significance_json(report.quality)},
                  {"draws", report.draws},
                  {"rejected", report.rejected}});
      return;
    }
    std::vector<std::vector<std::string>> rows = {{"measure", "taxonomy", "random mean", "5 %", "95 %", "p"}};
    const auto add_row = [&](const std::string& name, const taxonomy::Significance& measure) {
      rows.push_back({name, fixed(measure.taxonomy, 4), fixed(measure.random_mean, 4), fixed(measure.random_low, 4),
                      fixed(measure.random_high, 4), fixed(measure.p_value, 4)});
    };
    add_row("sum of " + flags->objective, report.value);
    add_row("mean gain", report.gain);
    add_row("mean quality", report.quality);
    write_result(padded(rows) + fmt::format("\n{} random taxonomies, {} infeasible draws\n", report.draws, report.rejected));
  });
}

}  // namespace

void add_taxonomy_commands(CLI::App& app, CommandContext& context) {
  CLI::App* parent = app.add_subcommand("taxonomy", "From per-image losses or a transfer table to taxonomies");
  parent->require_subcommand(1);
  add_taxonomy_affinity(*parent, context);
  add_taxonomy_robustness(*parent, context);
  add_solve(*parent);
  add_sweep(*parent);
  add_significance(*parent);
  add_taxonomy_tree(*parent);
  add_taxonomy_compare(*parent, context);
}

}  // namespace affinis::experiments
