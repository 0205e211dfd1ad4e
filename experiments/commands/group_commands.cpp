// group solve, group gains: which tasks to train together.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/commands/budget_option.h"
#include "experiments/commands/commands.h"
#include "experiments/commands/table_text.h"
#include "framework/core/error.h"
#include "framework/core/json_number.h"
#include "framework/core/text.h"
#include "taxonomy/grouping.h"

namespace affinis::experiments {
namespace {

using taxonomy::Grouping;
using taxonomy::NetworkTable;

struct GroupFlags {
  std::string networks;
  std::string affinities;
  std::string pair_losses;
  std::string budgets;
  std::string method = "optimal";
  taxonomy::GroupingOptions options;
  bool json = false;
};

std::vector<std::string> names_of(const NetworkTable& table, const Grouping& grouping) {
  std::vector<std::string> names;
  for (const std::size_t network : grouping.networks) names.push_back(table.networks[network].name);
  return names;
}

double cost_of(const NetworkTable& table, const Grouping& grouping) {
  double cost = 0;
  for (const std::size_t network : grouping.networks) cost += table.networks[network].cost;
  return cost;
}

/// What was minimised, as people read it: a sum of losses, or the mean affinity.
double score(const NetworkTable& table, const GroupFlags& flags, double selection_loss) {
  const double mean = selection_loss / static_cast<double>(table.tasks.size());
  return !flags.affinities.empty() ? -mean : !flags.pair_losses.empty() ? mean : selection_loss;
}

nlohmann::json cell_json(const NetworkTable& table, const GroupFlags& flags, const Grouping& grouping) {
  nlohmann::json choices = nlohmann::json::array();
  for (std::size_t t = 0; t < grouping.serves.size(); ++t) {
    const taxonomy::CandidateNetwork& network = table.networks[grouping.serves[t]];
    choices.push_back({{"task", table.tasks[t]}, {"network", network.name}, {"cost", network.cost}});
  }
  const bool trained = !flags.networks.empty();
  nlohmann::json cell = {{"budget", grouping.budget},
                         {"cost", cost_of(table, grouping)},
                         {"validation_loss", trained ? number(grouping.validation_loss) : nlohmann::json(nullptr)},
                         {"test_loss", number(grouping.test_loss)},
                         {"score", number(score(table, flags, grouping.selection_loss))},
                         {"bound", number(score(table, flags, grouping.bound))},
                         {"networks", names_of(table, grouping)},
                         {"choices", choices},
                         {"proven", grouping.proven},
                         {"seconds", grouping.seconds}};
  if (grouping.infeasible) cell["infeasible"] = *grouping.infeasible;
  return cell;
}

std::string cells_text(const NetworkTable& table, const GroupFlags& flags, const std::vector<Grouping>& cells) {
  const char* name = !flags.affinities.empty() ? "mean affinity" : !flags.pair_losses.empty() ? "mean loss" : "chosen by";
  std::vector<std::vector<std::string>> rows = {{"budget", "cost", name, "validation", "test", "proven", "networks"}};
  for (const Grouping& cell : cells) {
    if (cell.infeasible) {
      rows.push_back({fmt::format("{:g}", cell.budget), "-", "-", "-", "-", "-", *cell.infeasible});
      continue;
    }
    std::vector<std::string> names;
    for (const std::size_t network : cell.networks) {
      names.push_back(fmt::format("{} ({:g})", table.networks[network].name, table.networks[network].cost));
    }
    rows.push_back({fmt::format("{:g}", cell.budget), fmt::format("{:g}", cost_of(table, cell)),
                    fixed(score(table, flags, cell.selection_loss), 5), flags.networks.empty() ? "-" : fixed(cell.validation_loss, 5),
                    fixed(cell.test_loss, 5),
                    cell.proven ? "yes" : fmt::format("no, bound {:.5f}", score(table, flags, cell.bound)), join(names, ", ")});
  }
  return padded(rows);
}

void solve(const GroupFlags& flags) {
  const int given = !flags.networks.empty() + !flags.affinities.empty() + !flags.pair_losses.empty();
  AFFINIS_CHECK(given == 1, ErrorCode::kUsage, "give exactly one of --networks, --affinities and --pair-losses");
  const std::vector<double> budgets = parse_budgets(flags.budgets);
  const taxonomy::GroupingMethod method = taxonomy::parse_grouping_method(flags.method);
  AFFINIS_CHECK(method == taxonomy::GroupingMethod::kOptimal || !flags.networks.empty(), ErrorCode::kUsage,
                "--method {} chooses among --networks", flags.method);
  const NetworkTable table =
      !flags.networks.empty()     ? taxonomy::read_network_table(flags.networks)
      : !flags.affinities.empty() ? taxonomy::groups_from_pairs(taxonomy::read_pair_table(flags.affinities, "affinity"), true)
                                  : taxonomy::groups_from_pairs(taxonomy::read_pair_table(flags.pair_losses, "loss"), false);
  const std::vector<Grouping> cells = taxonomy::solve_grouping(table, taxonomy::selection_losses(table, method), budgets, flags.options);
  AFFINIS_CHECK(!std::all_of(cells.begin(), cells.end(), [](const Grouping& cell) { return cell.infeasible.has_value(); }),
                ErrorCode::kData, "no budget of --budgets {} is enough to solve all {} tasks; raise it", flags.budgets, table.tasks.size());
  if (!flags.json) {
    write_result(cells_text(table, flags, cells));
    return;
  }
  nlohmann::json list = nlohmann::json::array();
  for (const Grouping& cell : cells) list.push_back(cell_json(table, flags, cell));
  print_json({{"cells", list}});
}

void add_group_solve(CLI::App& parent) {
  CLI::App* command = parent.add_subcommand("solve", "The networks to train within a budget so that every task is solved best");
  const auto flags = std::make_shared<GroupFlags>();
  command->add_option("--networks", flags->networks,
                      "candidates, csv: network,task,cost,validation_loss,early_validation_loss,test_loss, a row a network and task");
  command->add_option("--affinities", flags->affinities,
                      "instead: csv task,helper,affinity (TAG, cosines); groups are all sets of two and more tasks, each of cost 1");
  command->add_option("--pair-losses", flags->pair_losses,
                      "instead: csv task,helper,loss of task trained with helper; groups as above, and single tasks whose loss is given");
  command->add_option("--budgets", flags->budgets, "budgets, as in 1,1.5,2 or 1-5; with --affinities the number of groups")->required();
  command
      ->add_option("--method", flags->method,
                   "what networks are chosen by: optimal (validation loss), esa (early validation loss) or hoa (losses of the pairs within)")
      ->capture_default_str();
  command->add_option("--time-limit", flags->options.time_limit, "seconds for one budget beyond what is solved exactly")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--json", flags->json, "print JSON");
  command->callback([flags] { solve(*flags); });
}

void add_group_gains(CLI::App& parent) {
  CLI::App* command = parent.add_subcommand("gains", "By how many percent training with a second task lowers each task's test loss");
  const auto flags = std::make_shared<GroupFlags>();
  command->add_option("--networks", flags->networks,
                      "candidates, csv: network,task,cost,validation_loss,early_validation_loss,test_loss")->required();
  command->add_flag("--json", flags->json, "print JSON");
  command->callback([flags] {
    const taxonomy::PairTable gains = taxonomy::pair_gains(taxonomy::read_network_table(flags->networks));
    const std::size_t count = gains.tasks.size();
    if (flags->json) {
      nlohmann::json rows = nlohmann::json::array();
      for (std::size_t t = 0; t < count; ++t) {
        for (std::size_t p = 0; p < count; ++p) {
          if (t != p) rows.push_back({{"task", gains.tasks[t]}, {"partner", gains.tasks[p]}, {"percent", number(gains.values[t * count + p])}});
        }
      }
      print_json({{"gains", rows}});
      return;
    }
    std::vector<std::vector<std::string>> rows = {{"task \\ with"}};
    rows[0].insert(rows[0].end(), gains.tasks.begin(), gains.tasks.end());
    for (std::size_t t = 0; t < count; ++t) {
      rows.push_back({gains.tasks[t]});
      for (std::size_t p = 0; p < count; ++p) rows.back().push_back(fixed(gains.values[t * count + p], 2));
    }
    write_result(padded(rows));
  });
}

}  // namespace

void add_group_commands(CLI::App& app) {
  CLI::App* parent = app.add_subcommand("group", "Which tasks to train together under a budget");
  parent->require_subcommand(1);
  add_group_solve(*parent);
  add_group_gains(*parent);
}

}  // namespace affinis::experiments
