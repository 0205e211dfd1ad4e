// taxonomy affinity: a transfer table from per-image losses or win rates, with bootstrap intervals.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "experiments/commands/intervals_json.h"
#include "experiments/commands/loss_flags.h"
#include "experiments/commands/table_text.h"
#include "experiments/commands/taxonomy_subcommands.h"
#include "framework/core/error.h"
#include "framework/core/json_number.h"
#include "taxonomy/affinity.h"
#include "taxonomy/bootstrap.h"
#include "taxonomy/seeds.h"
#include "taxonomy/transfer_table.h"
#include "taxonomy/win_rates.h"

namespace affinis::experiments {
namespace {

using taxonomy::TargetAffinity;
using taxonomy::TargetBootstrap;

struct AffinityFlags : LossFlags {
  std::vector<std::string> win_rates;
  std::string out;
  bool json = false;
};

/// What was computed; intervals only where the test set was drawn anew.
struct Affinities {
  std::vector<TargetAffinity> targets;
  taxonomy::TestUnits units;
  std::vector<TargetBootstrap> intervals;
  std::vector<taxonomy::SeedIntervals> seeds;  ///< where there were several
  std::size_t trainings = 1;
};

/// Images of the target that each network lacks; nothing is known of a win-rate matrix without
/// images.
std::vector<std::int64_t> lacking_images(const taxonomy::Tournament& tournament) {
  std::vector<std::int64_t> result;
  for (std::size_t i = 0; i < tournament.networks.size(); ++i) {
    result.push_back(tournament.images - tournament.shared_images(i, i));
  }
  return result;
}

std::int64_t fewest_shared(const taxonomy::Tournament& tournament) {
  std::int64_t fewest = tournament.images;
  for (std::size_t i = 0; i < tournament.networks.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) fewest = std::min(fewest, tournament.shared_images(i, j));
  }
  return fewest;
}

nlohmann::json tournament_json(const TargetAffinity& target, std::size_t seeds) {
  const taxonomy::Tournament& tournament = target.tournament;
  const std::size_t count = tournament.networks.size();
  nlohmann::json wins = nlohmann::json::array();
  for (std::size_t i = 0; i < count; ++i) {
    const auto begin = tournament.wins.begin() + static_cast<std::ptrdiff_t>(i * count);
    wins.push_back(std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(count)));
  }
  return {{"target", tournament.target},
          {"images", tournament.images / static_cast<std::int64_t>(seeds)},
          {"networks", tournament.networks},
          {"lacking_images", lacking_images(tournament)},
          {"fewest_shared_images", fewest_shared(tournament)},
          {"wins", wins},
          {"affinity", target.ahp.affinity},
          {"eigenvalue", number(target.ahp.eigenvalue)},
          {"eigenvalue_low", number(target.ahp.eigenvalue_low)},
          {"eigenvalue_high", number(target.ahp.eigenvalue_high)},
          {"residual", number(target.ahp.residual)},
          {"iterations", target.ahp.iterations}};
}

nlohmann::json row_json(const taxonomy::TransferRow& row) {
  return {{"sources", row.sources},   {"target", row.target},
          {"order", row.order},       {"affinity", number(row.affinity)},
          {"gain", number(row.gain)}, {"quality", number(row.quality)}};
}

nlohmann::json affinities_json(const Affinities& found, const AffinityFlags& flags) {
  nlohmann::json rows = nlohmann::json::array();
  nlohmann::json tournaments = nlohmann::json::array();
  for (std::size_t t = 0; t < found.targets.size(); ++t) {
    for (const taxonomy::TransferRow& row : found.targets[t].rows) rows.push_back(row_json(row));
    tournaments.push_back(tournament_json(found.targets[t], found.trainings));
    if (!found.seeds.empty()) tournaments.back()["seeds"] = seeds_json(found.seeds[t]);
    if (!found.intervals.empty()) {
      tournaments.back()["intervals"] =
          intervals_json(found.intervals[t], found.units, flags.bootstrap);
    }
  }
  return {{"rows", rows}, {"tournaments", tournaments}};
}

void say_what_is_lacking(const taxonomy::Tournament& tournament, Logger& logger) {
  const std::vector<std::int64_t> lacking = lacking_images(tournament);
  const auto incomplete =
      std::count_if(lacking.begin(), lacking.end(), [](auto n) { return n > 0; });
  if (incomplete == 0) return;
  logger.info(
      "target {}: {} of {} networks lack some of the {} images; pairs are compared on the {} "
      "or more that both have",
      tournament.target, incomplete, lacking.size(), tournament.images, fewest_shared(tournament));
}

void say_what_is_noise(const Affinities& found, Logger& logger) {
  for (const TargetBootstrap& target : found.intervals) {
    if (!target.noise) continue;
    logger.warning(
        "target {}: {} {} tell only {:.0f} % of the pairs of transfers apart, so that their "
        "ranking is mostly noise",
        target.target, found.units.count, taxonomy::test_unit_name(found.units.unit),
        100 * target.told_apart);
  }
}

Affinities from_losses(AffinityFlags& flags, Logger& logger) {
  Affinities found;
  const std::vector<taxonomy::LossTable> tables = flags.read(logger);
  const taxonomy::AffinityOptions options = flags.affinity();
  for (const taxonomy::LossTable& losses : tables) {
    found.targets.push_back(taxonomy::target_affinity(losses, options));
    found.trainings = std::max(found.trainings, losses.seeds);
  }
  for (std::size_t t = 0; t < tables.size() && found.trainings > 1; ++t) {
    found.seeds.push_back(taxonomy::seed_intervals(tables[t], found.targets[t], options, flags.bootstrap.level));
  }
  if (flags.bootstrap.draws == 0) return found;
  found.units = flags.units(tables);
  Progress progress(logger, "bootstrap", static_cast<double>(tables.size()));
  found.intervals = taxonomy::bootstrap(tables, found.targets, found.units, options,
                                        flags.bootstrap, [&] { progress.advance(); });
  return found;
}

Affinities from_win_rates(const AffinityFlags& flags) {
  Affinities found;
  const std::vector<std::filesystem::path> paths(flags.win_rates.begin(), flags.win_rates.end());
  for (const taxonomy::Tournament& tournament : taxonomy::read_win_rates(paths)) {
    AFFINIS_CHECK(
        flags.smoothing == "clip" || !tournament.shared.empty(), ErrorCode::kData,
        "target {}: Laplace smoothing needs to know how many images a win rate was measured "
        "on; add the column images or use --smoothing clip",
        tournament.target);
    found.targets.push_back(taxonomy::target_affinity(tournament, flags.affinity()));
  }
  return found;
}

void run_affinity(AffinityFlags& flags, bool drawing_asked_for, Logger& logger) {
  const bool from_rates = !flags.win_rates.empty();
  AFFINIS_CHECK(!from_rates || !drawing_asked_for, ErrorCode::kUsage,
                "intervals need per-image losses, so that --draws, --unit, --seed, --level and "
                "--buildings mean nothing to --win-rates; leave them out or give --losses");
  const Affinities found = from_rates ? from_win_rates(flags) : from_losses(flags, logger);
  taxonomy::TransferTable table;
  table.name = "affinities";
  for (const TargetAffinity& target : found.targets) {
    table.rows.insert(table.rows.end(), target.rows.begin(), target.rows.end());
    say_what_is_lacking(target.tournament, logger);
  }
  if (!found.seeds.empty()) {
    taxonomy::add_seed_columns(table, found.seeds, found.intervals);
  } else if (!found.intervals.empty()) {
    taxonomy::add_interval_columns(table, found.intervals);
  }
  say_what_is_noise(found, logger);
  if (!flags.out.empty()) taxonomy::write_transfer_table(flags.out, table);
  if (flags.json) {
    print_json(affinities_json(found, flags));
  } else if (flags.out.empty()) {
    write_result(taxonomy::to_csv(table));
  }
}

}  // namespace

void add_taxonomy_affinity(CLI::App& parent, CommandContext& context) {
  CLI::App* command = parent.add_subcommand(
      "affinity", "A transfer table from per-image test losses or win rates, with intervals");
  const auto flags = std::make_shared<AffinityFlags>();
  CLI::App* input = command->add_option_group("input", "one of these");
  input->require_option(1);
  flags->add_to(*command, *input);
  input->add_option("--win-rates", flags->win_rates,
                    "csv files target,a,b,win_rate, if need be with a column images; no intervals");
  command->get_option("--draws")->description(
      "how often the test set is drawn anew for intervals; 0: no intervals");
  command->add_option("--out", flags->out,
                      "write the transfer table here instead of to standard output");
  command->add_flag("--json", flags->json,
                    "print JSON: the rows, and each target's tournament with its intervals");
  command->callback([flags, command, &context] {
    const auto given = [&](const char* name) { return command->get_option(name)->count() > 0; };
    const bool drawing = given("--draws") || given("--unit") || given("--seed") ||
                         given("--level") || given("--buildings");
    run_affinity(*flags, drawing, context.logger);
  });
}

}  // namespace affinis::experiments
