#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "framework/core/log.h"
#include "taxonomy/bootstrap.h"
#include "taxonomy/loss_table.h"
#include "taxonomy/resampling.h"

namespace CLI {
class App;
}

namespace affinis::experiments {

/// Where a command's per-image losses come from, how they become affinities, and how the test set
/// is drawn anew: the options that `taxonomy affinity` and `taxonomy robustness` share.
struct LossFlags {
  std::vector<std::string> losses;
  std::string run;
  std::string buildings;
  std::optional<std::string> unit;
  std::optional<std::string> baseline;
  std::string smoothing = "clip";
  double clip = 0.001;
  bool geometric_mean = false;
  taxonomy::BootstrapOptions bootstrap;

  /// --losses and --run go into `input`, of which the user gives exactly one, all else into
  /// `command`.
  void add_to(CLI::App& command, CLI::App& input);

  /// Tables of --losses or --run, with buildings where they are known. Where --baseline was not
  /// given, it becomes the run's, or scratch.
  std::vector<taxonomy::LossTable> read(Logger& logger);
  taxonomy::AffinityOptions affinity() const;
  taxonomy::TestUnits units(const std::vector<taxonomy::LossTable>& tables) const;
};

}  // namespace affinis::experiments
