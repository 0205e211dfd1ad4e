// taxonomy robustness: what another test set would have made of a taxonomy.
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "experiments/commands/budget_option.h"
#include "experiments/commands/loss_flags.h"
#include "experiments/commands/table_text.h"
#include "experiments/commands/taxonomy_json.h"
#include "experiments/commands/taxonomy_subcommands.h"
#include "framework/core/error.h"
#include "framework/core/json_number.h"
#include "framework/core/text.h"
#include "taxonomy/robustness.h"

namespace affinis::experiments {
namespace {

using taxonomy::Robustness;

constexpr std::size_t kChoicesShown = 3;

struct RobustnessFlags : LossFlags {
  std::string objective = "affinity";
  std::string budget;
  std::int64_t max_order = 1;
  std::int64_t splits = 100;
  std::vector<std::string> exclude;
  std::vector<std::string> source_only;
  std::vector<std::string> target_only;
  std::string costs;
  std::string importance;
  bool json = false;

  taxonomy::RobustnessOptions options() const {
    taxonomy::RobustnessOptions result;
    result.problem.objective = taxonomy::parse_objective(objective);
    result.problem.budget = parse_budget(budget, "--budget");
    result.problem.max_order = max_order;
    result.problem.exclude = exclude;
    result.problem.source_only = source_only;
    result.problem.target_only = target_only;
    if (!costs.empty()) result.problem.costs = taxonomy::read_task_values(costs, "cost");
    if (!importance.empty()) {
      result.problem.importances = taxonomy::read_task_values(importance, "importance");
    }
    result.affinity = affinity();
    result.bootstrap = bootstrap;
    result.splits = splits;
    return result;
  }
};

nlohmann::json interval_json(const taxonomy::Interval& interval, const char* middle) {
  return {{middle, number(interval.value)},
          {"low", number(interval.low)},
          {"high", number(interval.high)}};
}

nlohmann::json robustness_json(const Robustness& found, const taxonomy::TestUnits& units,
                               const RobustnessFlags& flags) {
  nlohmann::json sources = nlohmann::json::array();
  for (const taxonomy::SourceSupport& source : found.sources) {
    sources.push_back(
        {{"source", source.source}, {"chosen", source.chosen}, {"share", number(source.share)}});
  }
  nlohmann::json targets = nlohmann::json::array();
  for (const taxonomy::TargetSupport& target : found.targets) {
    nlohmann::json choices = nlohmann::json::array();
    for (const auto& [choice, share] : target.choices) {
      choices.push_back({{"sources", split(choice, '+')}, {"share", number(share)}});
    }
    targets.push_back({{"target", target.target},
                       {"sources", split(target.choice, '+')},
                       {"share", number(target.share)},
                       {"choices", choices},
                       {"rank_correlation", number(target.rank_correlation)}});
  }
  nlohmann::json halves = nullptr;
  if (found.halves.splits > 0) {
    halves = {{"splits", found.halves.splits},
              {"unsolved", found.halves.unsolved},
              {"source_overlap", interval_json(found.halves.overlap, "mean")},
              {"same_choice", number(found.halves.same_choice)},
              {"rank_correlation", number(found.halves.rank_correlation)},
              {"value_kept", number(found.halves.kept)}};
  }
  return {{"budget", found.problem.budget},
          {"max_order", found.problem.max_order},
          {"unit", taxonomy::test_unit_name(units.unit)},
          {"units", units.count},
          {"draws", found.draws},
          {"unsolved", found.unsolved},
          {"seed", flags.bootstrap.seed},
          {"level", flags.bootstrap.level},
          {"taxonomy", solution_json(found.problem, found.solution)},
          {"value", interval_json(found.value, "value")},
          {"value_kept", number(found.kept)},
          {"same_sources", number(found.same_sources)},
          {"sources", sources},
          {"targets", targets},
          {"halves", halves}};
}

std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.0f} %", 100 * share) : "-";
}

std::string robustness_text(const Robustness& found, const taxonomy::TestUnits& units,
                            const RobustnessFlags& flags) {
  std::string text = fmt::format(
      "label {}\n{} {:.6f}; {:g} % of {} draws of {} {} lie between {} and {}\n"
      "{} of the draws choose just these sources; these choices are worth {} of a draw's best\n",
      join(selected_sources(found.problem, found.solution), ", "), flags.objective,
      found.value.value, 100 * flags.bootstrap.level, found.draws, units.count,
      taxonomy::test_unit_name(units.unit), fixed(found.value.low, 6), fixed(found.value.high, 6),
      percent(found.same_sources), percent(found.kept));
  if (found.unsolved > 0) {
    text += fmt::format("{} draws have no taxonomy and are left out\n", found.unsolved);
  }
  std::vector<std::vector<std::string>> sources = {{"source", "chosen", "of draws"}};
  for (const taxonomy::SourceSupport& source : found.sources) {
    if (!source.chosen && source.share == 0) continue;
    sources.push_back({source.source, source.chosen ? "yes" : "no", percent(source.share)});
  }
  std::vector<std::vector<std::string>> targets = {
      {"target", "learned from", "of draws", "or from", "rank correlation of halves"}};
  for (const taxonomy::TargetSupport& target : found.targets) {
    std::vector<std::string> others;
    for (const auto& [choice, share] : target.choices) {
      if (choice == target.choice || others.size() == kChoicesShown) continue;
      others.push_back(choice + " " + percent(share));
    }
    targets.push_back({target.target, target.choice, percent(target.share),
                       others.empty() ? "-" : join(others, ", "),
                       fixed(target.rank_correlation, 3)});
  }
  text += "\n" + padded(sources) + "\n" + padded(targets);
  if (found.halves.splits == 0) return text;
  const taxonomy::HalvesAgreement& halves = found.halves;
  text += fmt::format(
      "\n{} random halves of the {}: taxonomies share {} of their sources ({} to {}) and {} of "
      "their "
      "choices; one half's choices are worth {} of the other half's best; transfers rank alike "
      "with a "
      "correlation of {}\n",
      halves.splits, taxonomy::test_unit_name(units.unit), percent(halves.overlap.value),
      percent(halves.overlap.low), percent(halves.overlap.high), percent(halves.same_choice),
      percent(halves.kept), fixed(halves.rank_correlation, 3));
  if (halves.unsolved > 0) {
    text +=
        fmt::format("{} splits with a half that has no taxonomy are left out\n", halves.unsolved);
  }
  return text;
}

void run_robustness(RobustnessFlags& flags, Logger& logger) {
  const std::vector<taxonomy::LossTable> tables = flags.read(logger);
  const taxonomy::TestUnits units = flags.units(tables);
  const taxonomy::RobustnessOptions options = flags.options();
  Robustness found;
  {
    Progress progress(logger, "taxonomies",
                      static_cast<double>(flags.bootstrap.draws + flags.splits));
    found = taxonomy::robustness(tables, units, options, [&] { progress.advance(); });
  }
  if (flags.json) {
    print_json(robustness_json(found, units, flags));
  } else {
    write_result(robustness_text(found, units, flags));
  }
}

}  // namespace

void add_taxonomy_robustness(CLI::App& parent, CommandContext& context) {
  CLI::App* command = parent.add_subcommand(
      "robustness",
      "How firmly a taxonomy stands: chosen anew on redrawn test sets and on their halves");
  const auto flags = std::make_shared<RobustnessFlags>();
  CLI::App* input = command->add_option_group("input", "one of these");
  input->require_option(1);
  flags->add_to(*command, *input);
  command
      ->add_option("--budget", flags->budget,
                   "how much labelling may cost in all (a number of tasks unless --costs is given)")
      ->required();
  command->add_option("--max-order", flags->max_order, "most sources that one transfer may have")
      ->capture_default_str();
  command
      ->add_option("--objective", flags->objective,
                   "what to maximise, summed over targets: affinity, gain or quality")
      ->capture_default_str();
  command
      ->add_option("--splits", flags->splits,
                   "how often the test set is split into random halves; 0: not at all")
      ->capture_default_str();
  command
      ->add_option("--exclude", flags->exclude,
                   "tasks to leave out altogether, separated by commas")
      ->delimiter(',');
  command
      ->add_option("--source-only", flags->source_only,
                   "tasks that need not be served, separated by commas")
      ->delimiter(',');
  command
      ->add_option("--target-only", flags->target_only,
                   "tasks that cannot be labelled, separated by commas")
      ->delimiter(',');
  command->add_option("--costs", flags->costs,
                      "csv task,cost: what labelling a task costs; 1 for tasks that are not in it");
  command->add_option("--importance", flags->importance,
                      "csv task,importance: weight of a target; 1 for tasks that are not in it");
  command->add_flag("--json", flags->json, "print JSON");
  command->callback([flags, &context] { run_robustness(*flags, context.logger); });
}

}  // namespace affinis::experiments
