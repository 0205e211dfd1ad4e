#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/core/log.h"
#include "framework/nn/module.h"
#include "framework/train/metrics_files.h"

namespace affinis::train {

/// Where a training stands, without the tensors. No generator's state is here: every step's is seeded from (seed, step).
struct TrainingState {
  std::int64_t step = 0;   ///< finished steps
  std::int64_t epoch = 0;  ///< where the next batch comes from
  std::int64_t batch = 0;
  bool finished = false;
  bool stopped_early = false;
  double seconds = 0;        ///< training time over all sittings
  std::int64_t started = 0;  ///< seconds since 1970 at which the first sitting began
  std::vector<double> loss_sums;  ///< per head, since the last point of the curve
  std::vector<std::int64_t> loss_counts;
  double adversarial_sum = 0;  ///< over the steps with an adversary, since the last point of the curve
  double discriminator_sum = 0;
  std::int64_t adversarial_count = 0;
  double best_validation = 0;
  std::int64_t best_step = 0;  ///< 0: no validation yet
  std::int64_t validations_without_better = 0;
  nlohmann::json freezing = {};  ///< phases that ended and the hashes of the one under way (freezing.h); null without any
  std::vector<MetricsRecord> curve;
  nlohmann::json balance = {};  ///< of TaskBalance; null when it has nothing to keep
};

struct Checkpoint {
  /// What the training depends on: settings, heads, batches an epoch. Another one's checkpoint is refused.
  nlohmann::json identity;
  TrainingState state;
  std::vector<nn::NamedTensor> network;
  std::vector<nn::NamedTensor> optimizer;
  std::vector<nn::NamedTensor> best;  ///< weights of the best validation; empty without early stopping
  std::vector<nn::NamedTensor> adversary = {};  ///< the discriminators; empty without any
  std::vector<nn::NamedTensor> adversary_optimizer = {};
  std::vector<nn::NamedTensor> start = {};  ///< the trunk that the training began with; empty when nothing holds it there
  std::vector<nn::NamedTensor> delta_attention = {};  ///< see Regularisers::attention(); empty before channels are weighed
};

/// Writes folder/checkpoint.safetensors atomically, with a checksum over everything; the one before stays as checkpoint.previous.safetensors
/// until the training is finished. Throws Error(kIo).
void write_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint);

/// The folder's newest intact checkpoint, or nothing. A damaged one is set aside as *.damaged with a warning and the one before is taken:
/// a training that begins earlier ends with the same weights, so that it costs time, never a result. Throws Error(kUsage) that names
/// the setting when the checkpoint belongs to a training with another `identity`, Error(kIo) when it cannot be read.
std::optional<Checkpoint> read_checkpoint(const std::filesystem::path& folder, const nlohmann::json& identity, Logger& logger);

}  // namespace affinis::train
