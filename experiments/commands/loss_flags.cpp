#include "experiments/commands/loss_flags.h"

#include <filesystem>

#include <CLI/CLI.hpp>

#include "experiments/commands/run_losses.h"
#include "framework/core/error.h"

namespace affinis::experiments {

void LossFlags::add_to(CLI::App& command, CLI::App& input) {
  input.add_option(
      "--losses", losses,
      "csv files network,target,image,loss, if need be with a column building; network is "
      "self, scratch, or sources joined by '+'");
  input.add_option("--run", run, "the folder of a run, for the losses that it has measured so far");
  command.add_option("--buildings", buildings,
                     "csv image,building: where each test image was taken");
  command.add_option("--baseline", baseline,
                     "network that gain is measured against (scratch, or what the run says)");
  command
      .add_option("--smoothing", smoothing, "how win rates of 0 and 1 become odds: clip or laplace")
      ->check(CLI::IsMember({"clip", "laplace"}))
      ->capture_default_str();
  command.add_option("--clip", clip, "win rates are kept this far from 0 and 1")
      ->capture_default_str();
  command.add_flag("--geometric-mean", geometric_mean,
                   "row geometric means instead of the principal eigenvector");
  command.add_option("--draws", bootstrap.draws, "how often the test set is drawn anew")
      ->capture_default_str();
  command
      .add_option("--unit", unit,
                  "what is drawn: images or buildings (buildings where there are at least 5)")
      ->check(CLI::IsMember({"images", "buildings"}));
  command.add_option("--seed", bootstrap.seed, "what the draws depend on")->capture_default_str();
  command.add_option("--level", bootstrap.level, "of the intervals")->capture_default_str();
}

std::vector<taxonomy::LossTable> LossFlags::read(Logger& logger) {
  std::vector<taxonomy::LossTable> tables;
  std::string usual = "scratch";
  if (!run.empty()) {
    RunLosses found = read_run_losses(run, logger);
    tables = std::move(found.tables);
    usual = found.gain_against;
  } else {
    const std::vector<std::filesystem::path> paths(losses.begin(), losses.end());
    tables = taxonomy::read_loss_tables(paths);
  }
  if (!buildings.empty()) taxonomy::read_buildings(buildings, tables);
  if (!baseline) baseline = usual;
  return tables;
}

taxonomy::AffinityOptions LossFlags::affinity() const {
  taxonomy::AffinityOptions result;
  result.gain_against = baseline.value_or("scratch");
  result.ahp.smoothing =
      smoothing == "laplace" ? taxonomy::Smoothing::kLaplace : taxonomy::Smoothing::kClip;
  result.ahp.clip = clip;
  result.ahp.geometric_mean = geometric_mean;
  return result;
}

taxonomy::TestUnits LossFlags::units(const std::vector<taxonomy::LossTable>& tables) const {
  std::optional<taxonomy::TestUnit> chosen;
  if (unit) chosen = taxonomy::parse_test_unit(*unit);
  return taxonomy::test_units(tables, chosen);
}

}  // namespace affinis::experiments
