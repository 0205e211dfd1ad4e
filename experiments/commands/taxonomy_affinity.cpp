// taxonomy affinity: a transfer table from per-image losses, with bootstrap intervals on request.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/commands/table_text.h"
#include "experiments/commands/taxonomy_subcommands.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "taxonomy/affinity.h"
#include "taxonomy/bootstrap.h"
#include "taxonomy/csv.h"
#include "taxonomy/loss_table.h"
#include "taxonomy/transfer_table.h"

namespace affinis::experiments {
namespace {

using taxonomy::Interval;
using taxonomy::TargetBootstrap;

nlohmann::json number(double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr); }

struct Flags {
  std::vector<std::string> losses;
  std::string out;
  std::string baseline = "scratch";
  std::string smoothing = "clip";
  double clip = 0.001;
  bool geometric_mean = false;
  std::int64_t bootstrap = 0;
  std::string by = "images";
  std::string buildings;
  std::uint64_t seed = 0;
  double level = 0.95;
  bool json = false;

  taxonomy::AffinityOptions options() const {
    taxonomy::AffinityOptions result;
    result.gain_against = baseline;
    result.ahp.smoothing = smoothing == "laplace" ? taxonomy::Smoothing::kLaplace : taxonomy::Smoothing::kClip;
    result.ahp.clip = clip;
    result.ahp.geometric_mean = geometric_mean;
    return result;
  }
};

/// csv image,building.
std::map<std::int64_t, std::string> read_buildings(const std::string& path) {
  const std::vector<std::string> columns = {"image", "building"};
  std::map<std::int64_t, std::string> buildings;
  std::vector<std::size_t> positions;
  taxonomy::for_each_record(read_file(path), path, [&](const taxonomy::CsvRecord& record) {
    if (positions.empty()) {
      positions = taxonomy::find_columns(record, columns, path);
      return;
    }
    const std::optional<std::int64_t> image = parse_integer(record.fields[positions[0]]);
    const std::string building = trim(record.fields[positions[1]]);
    AFFINIS_CHECK(image, ErrorCode::kData, "{} line {}: '{}' in column image is not a whole number", path, record.line,
                  record.fields[positions[0]]);
    AFFINIS_CHECK(!building.empty(), ErrorCode::kData, "{} line {}: the building is empty", path, record.line);
    AFFINIS_CHECK(buildings.emplace(*image, building).second, ErrorCode::kData,
                  "{} line {}: image {} has a building already; remove one of the two", path, record.line, *image);
  });
  return buildings;
}

nlohmann::json interval_json(const Interval& interval) {
  return {{"value", number(interval.value)}, {"low", number(interval.low)}, {"high", number(interval.high)},
          {"deviation", number(interval.deviation)}};
}

nlohmann::json bootstrap_json(const TargetBootstrap& target) {
  const std::size_t count = target.networks.size();
  nlohmann::json networks = nlohmann::json::array();
  nlohmann::json wins = nlohmann::json::array();
  for (std::size_t i = 0; i < count; ++i) {
    networks.push_back({{"network", target.networks[i]},
                        {"affinity", interval_json(target.affinity[i])},
                        {"gain", interval_json(target.gain[i])},
                        {"quality", interval_json(target.quality[i])}});
    nlohmann::json row = nlohmann::json::array();
    for (std::size_t j = 0; j < count; ++j) row.push_back(interval_json(target.wins[i * count + j]));
    wins.push_back(row);
  }
  nlohmann::json ranking = nlohmann::json::array();
  for (std::size_t r = 0; r < count; ++r) {
    ranking.push_back({{"network", target.networks[target.ranking[r]]}, {"tied_with_next", target.tied_with_next[r] != 0}});
  }
  return {{"target", target.target},   {"images", target.images}, {"units", target.units},           {"draws", target.draws},
          {"networks", networks},      {"wins", wins},            {"ranking", ranking},              {"told_apart", target.told_apart},
          {"noise", target.noise}};
}

nlohmann::json tournament_json(const taxonomy::TargetAffinity& target) {
  const taxonomy::Tournament& tournament = target.tournament;
  const std::size_t count = tournament.networks.size();
  nlohmann::json wins = nlohmann::json::array();
  nlohmann::json lacking = nlohmann::json::array();
  for (std::size_t i = 0; i < count; ++i) {
    const auto begin = tournament.wins.begin() + static_cast<std::ptrdiff_t>(i * count);
    wins.push_back(std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(count)));
    lacking.push_back(tournament.images - tournament.shared_images(i, i));
  }
  return {{"target", tournament.target},
          {"images", tournament.images},
          {"networks", tournament.networks},
          {"lacking_images", lacking},
          {"wins", wins},
          {"affinity", target.ahp.affinity},
          {"eigenvalue", number(target.ahp.eigenvalue)},
          {"eigenvalue_low", number(target.ahp.eigenvalue_low)},
          {"eigenvalue_high", number(target.ahp.eigenvalue_high)},
          {"residual", number(target.ahp.residual)},
          {"iterations", target.ahp.iterations}};
}

nlohmann::json row_json(const taxonomy::TransferRow& row) {
  return {{"sources", row.sources},           {"target", row.target},         {"order", row.order},
          {"affinity", number(row.affinity)}, {"gain", number(row.gain)}, {"quality", number(row.quality)}};
}

/// The transfer table's extra columns that bootstrapping adds.
const std::vector<std::string> kIntervalColumns = {"affinity_low", "affinity_high", "gain_low",       "gain_high",
                                                   "quality_low",  "quality_high",  "tied_with_next"};

void add_intervals(taxonomy::TransferTable& table, std::size_t first_row, const TargetBootstrap& target) {
  std::vector<char> tied(target.networks.size(), 0);
  for (std::size_t r = 0; r < target.ranking.size(); ++r) tied[target.ranking[r]] = target.tied_with_next[r];
  for (std::size_t i = 0; i < target.networks.size(); ++i) {
    std::vector<std::string>& extra = table.rows[first_row + i].extra;
    for (const Interval* interval : {&target.affinity[i], &target.gain[i], &target.quality[i]}) {
      extra.push_back(taxonomy::csv_number(interval->low));
      extra.push_back(taxonomy::csv_number(interval->high));
    }
    extra.emplace_back(tied[i] != 0 ? "yes" : "no");
  }
}

void run_affinity(const Flags& flags, Logger& logger) {
  const taxonomy::AffinityOptions options = flags.options();
  taxonomy::BootstrapOptions bootstrap;
  bootstrap.draws = flags.bootstrap;
  bootstrap.seed = flags.seed;
  bootstrap.level = flags.level;
  AFFINIS_CHECK(flags.bootstrap >= 0, ErrorCode::kUsage, "--bootstrap is {}, but must be at least 0", flags.bootstrap);
  AFFINIS_CHECK(flags.by == "images" || !flags.buildings.empty(), ErrorCode::kUsage,
                "--by buildings needs --buildings, a csv file image,building");
  if (flags.by == "buildings") bootstrap.building_of = read_buildings(flags.buildings);
  const std::vector<std::filesystem::path> paths(flags.losses.begin(), flags.losses.end());
  const std::vector<taxonomy::LossTable> tables = taxonomy::read_loss_tables(paths);
  taxonomy::TransferTable table;
  table.name = "affinities";
  if (flags.bootstrap > 0) table.extra_columns = kIntervalColumns;
  nlohmann::json rows = nlohmann::json::array();
  nlohmann::json tournaments = nlohmann::json::array();
  nlohmann::json uncertainty = nlohmann::json::array();
  std::optional<Progress> progress;
  if (flags.bootstrap > 0) progress.emplace(logger, "bootstrap", static_cast<double>(tables.size()));
  for (const taxonomy::LossTable& losses : tables) {
    const taxonomy::TargetAffinity target = taxonomy::target_affinity(losses, options);
    const std::size_t first_row = table.rows.size();
    for (const taxonomy::TransferRow& row : target.rows) {
      rows.push_back(row_json(row));
      table.rows.push_back(row);
    }
    if (flags.json) tournaments.push_back(tournament_json(target));
    if (flags.bootstrap == 0) continue;
    const TargetBootstrap redrawn = taxonomy::bootstrap_target(losses, options, bootstrap);
    add_intervals(table, first_row, redrawn);
    if (flags.json) uncertainty.push_back(bootstrap_json(redrawn));
    if (redrawn.noise) {
      logger.warning("target {}: only {:.0f} % of the pairs of transfers are told apart by {} {}, so that its ranking is mostly noise",
                     redrawn.target, 100 * redrawn.told_apart, redrawn.units, flags.by);
    }
    progress->advance();
  }
  progress.reset();
  if (!flags.out.empty()) taxonomy::write_transfer_table(flags.out, table);
  if (flags.json) {
    nlohmann::json json = {{"rows", rows}, {"tournaments", tournaments}};
    if (flags.bootstrap > 0) json["bootstrap"] = uncertainty;
    print_json(json);
  } else if (flags.out.empty()) {
    write_result(taxonomy::to_csv(table));
  }
}

}  // namespace

void add_taxonomy_affinity(CLI::App& parent, CommandContext& context) {
  CLI::App* command = parent.add_subcommand("affinity", "A transfer table from per-image test losses");
  const auto flags = std::make_shared<Flags>();
  command
      ->add_option("--losses", flags->losses,
                   "csv files network,target,image,loss; network is self, scratch, or sources joined by '+'")
      ->required();
  command->add_option("--out", flags->out, "write the transfer table here instead of to standard output");
  command->add_option("--baseline", flags->baseline, "network that gain is measured against")->capture_default_str();
  command->add_option("--smoothing", flags->smoothing, "how win rates of 0 and 1 become odds: clip or laplace")
      ->check(CLI::IsMember({"clip", "laplace"}))
      ->capture_default_str();
  command->add_option("--clip", flags->clip, "win rates are kept this far from 0 and 1")->capture_default_str();
  command->add_flag("--geometric-mean", flags->geometric_mean, "row geometric means instead of the principal eigenvector");
  command->add_option("--bootstrap", flags->bootstrap, "redraw the test images so often, for intervals, rank ties and a warning for noise")
      ->capture_default_str();
  command->add_option("--by", flags->by, "what is redrawn: images or buildings")
      ->check(CLI::IsMember({"images", "buildings"}))
      ->capture_default_str();
  command->add_option("--buildings", flags->buildings, "csv image,building");
  command->add_option("--seed", flags->seed, "what the draws depend on")->capture_default_str();
  command->add_option("--level", flags->level, "of the intervals")->capture_default_str();
  command->add_flag("--json", flags->json, "print JSON: the rows, each target's tournament, and its intervals");
  command->callback([flags, &context] { run_affinity(*flags, context.logger); });
}

}  // namespace affinis::experiments
