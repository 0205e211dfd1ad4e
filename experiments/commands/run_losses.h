#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "framework/core/log.h"
#include "taxonomy/loss_table.h"

namespace affinis::experiments {

/// What stands in a job's name before the seed, where it is not the first one: "transfer/a--t/seed-2".
inline constexpr const char* kSeedSuffix = "/seed-";

/// What a run's folder holds of per-image test losses.
struct RunLosses {
  std::vector<taxonomy::LossTable> tables;  ///< by target; networks: self, baselines, transfers; of all seeds (taxonomy/seeds.h)
  std::string gain_against;                 ///< the baseline that the run measures gain against
};

/// Reads the loss files of the jobs that a run has finished so far, and which building each test
/// image shows. Targets without a finished transfer, or whose own network is missing, are left out
/// (the latter with a warning); a data set that is gone leaves images without buildings (a
/// warning). Needs no LibTorch. Throws Error(kIo), Error(kFormat) or Error(kData): no run in the
/// folder, no finished transfer, a damaged file, networks of one target evaluated on different
/// images.
RunLosses read_run_losses(const std::filesystem::path& folder, Logger& logger);

}  // namespace affinis::experiments
