// taxonomy compare A B: what two transfer tables agree on.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/commands/budget_option.h"
#include "experiments/commands/run_losses.h"
#include "experiments/commands/table_text.h"
#include "experiments/commands/taxonomy_subcommands.h"
#include "framework/core/error.h"
#include "framework/core/json_number.h"
#include "framework/core/text.h"
#include "taxonomy/agreement.h"
#include "taxonomy/comparison.h"
#include "taxonomy/task_names.h"

namespace affinis::experiments {
namespace {

using taxonomy::Comparison;

nlohmann::json worth_json(const taxonomy::Worth& worth) {
  return {{"optimum", number(worth.optimum)},
          {"choices_of_other", number(worth.choices)},
          {"unmeasured_choices", worth.unmeasured},
          {"sources_of_other", number(worth.sources)}};
}

nlohmann::json only_json(const taxonomy::OnlyIn& only) {
  nlohmann::json transfers = nlohmann::json::array();
  for (const taxonomy::TransferRow& row : only.transfers) transfers.push_back({{"sources", row.sources}, {"target", row.target}});
  return {{"tasks", only.tasks}, {"transfers", transfers}};
}

nlohmann::json comparison_json(const Comparison& comparison) {
  nlohmann::json targets = nlohmann::json::array();
  for (const taxonomy::TargetAgreement& target : comparison.agreement) {
    targets.push_back({{"target", target.target},
                       {"sources", target.sources},
                       {"spearman", number(target.spearman)},
                       {"kendall", number(target.kendall)},
                       {"pearson", number(target.pearson)},
                       {"best_a", target.best_a},
                       {"best_b", target.best_b}});
  }
  nlohmann::json budgets = nlohmann::json::array();
  for (const taxonomy::BudgetAgreement& budget : comparison.budgets) {
    if (budget.infeasible) {
      budgets.push_back({{"budget", budget.budget}, {"infeasible", *budget.infeasible}});
      continue;
    }
    budgets.push_back({{"budget", budget.budget},
                       {"sources_a", budget.sources_a},
                       {"sources_b", budget.sources_b},
                       {"shared", budget.shared},
                       {"jaccard", budget.jaccard},
                       {"under_a", worth_json(budget.under_a)},
                       {"under_b", worth_json(budget.under_b)}});
  }
  nlohmann::json trees = nullptr;
  if (comparison.trees) {
    nlohmann::json cuts = nlohmann::json::array();
    for (const taxonomy::CutAgreement& cut : comparison.cuts) {
      cuts.push_back({{"clusters", cut.clusters}, {"adjusted_rand", cut.adjusted_rand}});
    }
    nlohmann::json shared = nlohmann::json::array();
    for (const taxonomy::Clade& clade : comparison.trees->found) shared.push_back(clade.tasks);
    trees = {{"clades", comparison.trees->found.size() + comparison.trees->missing.size()}, {"shared", shared}, {"cuts", cuts}};
  }
  return {{"common", {{"sources", comparison.sources}, {"targets", comparison.targets}, {"transfers", comparison.transfers}}},
          {"targets", targets},
          {"mean", {{"spearman", number(comparison.mean_spearman)},
                    {"kendall", number(comparison.mean_kendall)},
                    {"pearson", number(comparison.mean_pearson)}}},
          {"matrix_pearson", number(comparison.matrix_pearson)},
          {"budgets", budgets},
          {"trees", trees},
          {"no_trees", comparison.no_trees.empty() ? nlohmann::json(nullptr) : nlohmann::json(comparison.no_trees)},
          {"only_a", only_json(comparison.only_a)},
          {"only_b", only_json(comparison.only_b)}};
}

/// At most this many transfers that only one table has are listed for people; --json has all.
constexpr std::size_t kListed = 12;

std::string only_text(const taxonomy::OnlyIn& only, const std::string& name) {
  std::string text;
  if (!only.tasks.empty()) text += fmt::format("only in {}: the task(s) {}\n", name, join(only.tasks, ", "));
  if (only.transfers.empty()) return text;
  text += fmt::format("only in {}: {} transfer(s) between common tasks:", name, only.transfers.size());
  for (std::size_t i = 0; i < std::min(kListed, only.transfers.size()); ++i) {
    text += fmt::format("{} {} -> {}", i == 0 ? "" : ",", only.transfers[i].sources_text(), only.transfers[i].target);
  }
  return text + (only.transfers.size() > kListed ? ", ...\n" : "\n");
}

std::string comparison_text(const Comparison& comparison, const std::string& a, const std::string& b) {
  std::string text = fmt::format("A: {}\nB: {}\n{} common sources, {} common targets, {} transfers measured in both\n\n", a, b,
                                 comparison.sources.size(), comparison.targets.size(), comparison.transfers);
  std::vector<std::vector<std::string>> rows = {{"target", "sources", "Spearman", "Kendall", "Pearson", "best in A", "best in B"}};
  for (const taxonomy::TargetAgreement& target : comparison.agreement) {
    rows.push_back({target.target, std::to_string(target.sources), fixed(target.spearman, 3), fixed(target.kendall, 3),
                    fixed(target.pearson, 3), target.best_a, target.best_b});
  }
  rows.push_back({"mean", "", fixed(comparison.mean_spearman, 3), fixed(comparison.mean_kendall, 3), fixed(comparison.mean_pearson, 3)});
  text += padded(rows) + fmt::format("correlation of the whole first-order matrices: {}\n", fixed(comparison.matrix_pearson, 3));
  if (!comparison.budgets.empty()) {
    rows = {{"budget", "shared", "of", "A's worth to B", "its sources", "B's best", "B's worth to A", "its sources", "A's best",
             "shared sources"}};
    for (const taxonomy::BudgetAgreement& budget : comparison.budgets) {
      if (budget.infeasible) {
        rows.push_back({fmt::format("{:g}", budget.budget), *budget.infeasible});
        continue;
      }
      rows.push_back({fmt::format("{:g}", budget.budget), std::to_string(budget.shared.size()),
                      std::to_string(std::max(budget.sources_a.size(), budget.sources_b.size())), fixed(budget.under_b.choices, 4),
                      fixed(budget.under_b.sources, 4), fixed(budget.under_b.optimum, 4), fixed(budget.under_a.choices, 4),
                      fixed(budget.under_a.sources, 4), fixed(budget.under_a.optimum, 4), join(budget.shared, ", ")});
    }
    text += "\n" + padded(rows);
  }
  if (comparison.trees) {
    text += fmt::format("\ntask trees: {} of {} clades shared; adjusted Rand index when cut into", comparison.trees->found.size(),
                        comparison.trees->found.size() + comparison.trees->missing.size());
    for (const taxonomy::CutAgreement& cut : comparison.cuts) text += fmt::format(" {}: {:.3f}", cut.clusters, cut.adjusted_rand);
    text += "\n";
  } else {
    text += fmt::format("\nno task trees: {}\n", comparison.no_trees);
  }
  const std::string only = only_text(comparison.only_a, "A") + only_text(comparison.only_b, "B");
  return text + (only.empty() ? "" : "\n" + only);
}

/// What redrawing the test set of A's run does to the agreement.
struct RunAgreement {
  taxonomy::AgreementIntervals found;
  taxonomy::TestUnits units;
};

RunAgreement redraw(const std::string& run, const taxonomy::TransferTable& reference, const taxonomy::TaskNames& names,
                    const taxonomy::ComparisonOptions& options, const taxonomy::BootstrapOptions& bootstrap, Logger& logger) {
  AFFINIS_CHECK(options.objective == taxonomy::Objective::kAffinity, ErrorCode::kUsage,
                "--run gives intervals of rankings by affinity alone; leave out --objective or --run");
  const RunLosses losses = read_run_losses(run, logger);
  RunAgreement result;
  result.units = taxonomy::test_units(losses.tables);
  taxonomy::AffinityOptions affinity;
  affinity.gain_against = losses.gain_against;
  Progress progress(logger, "rankings", static_cast<double>(losses.tables.size()));
  result.found = taxonomy::agreement_intervals(
      losses.tables, result.units, taxonomy::first_order(reference, options.objective), [&](const std::string& name) { return names.of(name); }, affinity,
      bootstrap, [&] { progress.advance(); });
  return result;
}

nlohmann::json interval_json(const taxonomy::Interval& interval) {
  return {{"value", number(interval.value)}, {"low", number(interval.low)}, {"high", number(interval.high)}};
}

nlohmann::json agreement_json(const RunAgreement& agreement, const taxonomy::BootstrapOptions& bootstrap) {
  nlohmann::json targets = nlohmann::json::array();
  for (const taxonomy::AgreementInterval& target : agreement.found.targets) {
    targets.push_back({{"target", target.target},
                       {"sources", target.sources},
                       {"spearman", interval_json(target.spearman)},
                       {"repeatability", interval_json(target.repeatability)}});
  }
  return {{"unit", taxonomy::test_unit_name(agreement.units.unit)},
          {"units", agreement.units.count},
          {"draws", bootstrap.draws},
          {"seed", bootstrap.seed},
          {"level", bootstrap.level},
          {"targets", targets},
          {"mean_spearman", interval_json(agreement.found.mean)}};
}

std::string agreement_text(const RunAgreement& agreement, const taxonomy::BootstrapOptions& bootstrap) {
  const auto range = [](const taxonomy::Interval& interval) { return fmt::format("{} to {}", fixed(interval.low, 2), fixed(interval.high, 2)); };
  std::vector<std::vector<std::string>> rows = {{"target", "sources", "Spearman", "interval", "A with itself redrawn"}};
  for (const taxonomy::AgreementInterval& target : agreement.found.targets) {
    rows.push_back({target.target, std::to_string(target.sources), fixed(target.spearman.value, 3), range(target.spearman),
                    fixed(target.repeatability.value, 3)});
  }
  rows.push_back({"mean", "", fixed(agreement.found.mean.value, 3), range(agreement.found.mean), ""});
  return fmt::format("\n{:g} % intervals of A's rankings over {} draws of {} {}\n", 100 * bootstrap.level, bootstrap.draws, agreement.units.count,
                     taxonomy::test_unit_name(agreement.units.unit)) +
         padded(rows);
}

}  // namespace

void add_taxonomy_compare(CLI::App& parent, CommandContext& context) {
  CLI::App* command = parent.add_subcommand("compare", "What two transfer tables agree on: rankings, chosen sources, clusters");
  struct Flags {
    std::string a;
    std::string b;
    std::string objective = "affinity";
    std::string budgets = "1-8";
    std::int64_t max_order = 1;
    std::string distance = "cityblock";
    std::string linkage = "average";
    std::string normalise = "per-target-max";
    std::string names;
    std::string run;
    taxonomy::BootstrapOptions bootstrap;
    double time_limit = std::numeric_limits<double>::infinity();
    bool json = false;
  };
  const auto flags = std::make_shared<Flags>();
  command->add_option("A", flags->a, "transfer table, csv: sources,target,order,affinity,gain,quality")->required();
  command->add_option("B", flags->b, "the other one")->required();
  command->add_option("--objective", flags->objective, "what is compared and maximised: affinity, gain or quality")->capture_default_str();
  command->add_option("--budgets", flags->budgets, "budgets whose taxonomies are compared, as in 1-26 or 2,4.5,8")->capture_default_str();
  command->add_option("--max-order", flags->max_order, "most sources that one transfer of a taxonomy may have")->capture_default_str();
  command->add_option("--distance", flags->distance, "of sources: cityblock, euclidean, cosine or correlation")->capture_default_str();
  command->add_option("--linkage", flags->linkage, "of clusters: average, complete, single, ward or weighted")->capture_default_str();
  command->add_option("--normalise", flags->normalise, "before clustering: none, per-target-max, per-target-sum or exponential")
      ->capture_default_str();
  command->add_option("--names", flags->names, "csv alias,name: names beside Taskonomy's that mean the same task");
  command->add_option("--run", flags->run, "the folder of the run that wrote A: adds intervals of the rank correlations, from its per-image losses");
  command->add_option("--draws", flags->bootstrap.draws, "with --run: how often the test set is drawn anew")->capture_default_str();
  command->add_option("--seed", flags->bootstrap.seed, "with --run: what the draws depend on")->capture_default_str();
  command->add_option("--time-limit", flags->time_limit, "seconds for one taxonomy; then the best so far")->check(CLI::NonNegativeNumber);
  command->add_flag("--json", flags->json, "print JSON");
  command->callback([flags, &context] {
    taxonomy::ComparisonOptions options;
    options.objective = taxonomy::parse_objective(flags->objective);
    options.budgets = parse_budgets(flags->budgets);
    options.max_order = flags->max_order;
    options.tree = {options.objective, taxonomy::parse_normalisation(flags->normalise), taxonomy::parse_distance(flags->distance),
                    taxonomy::parse_linkage(flags->linkage), {}};
    options.solve.time_limit = flags->time_limit;
    taxonomy::TaskNames names = taxonomy::TaskNames::dictionary();
    if (!flags->names.empty()) names.add_file(flags->names);
    const auto read = [&](const std::string& path) { return taxonomy::renamed(taxonomy::read_transfer_table(path), names); };
    const taxonomy::TransferTable reference = read(flags->b);
    const Comparison comparison = taxonomy::compare_tables(read(flags->a), reference, options);
    std::optional<RunAgreement> agreement;
    if (!flags->run.empty()) agreement = redraw(flags->run, reference, names, options, flags->bootstrap, context.logger);
    if (flags->json) {
      nlohmann::json json = comparison_json(comparison);
      json["a"] = flags->a;
      json["b"] = flags->b;
      json["objective"] = flags->objective;
      json["intervals"] = agreement ? agreement_json(*agreement, flags->bootstrap) : nlohmann::json(nullptr);
      print_json(json);
    } else {
      write_result(comparison_text(comparison, flags->a, flags->b) + (agreement ? agreement_text(*agreement, flags->bootstrap) : ""));
    }
  });
}

}  // namespace affinis::experiments
