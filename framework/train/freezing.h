#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/core/log.h"
#include "framework/train/network.h"
#include "framework/train/trainer.h"

namespace affinis::train {

/// A stretch of a training during which the same parameters are frozen.
struct FreezePhase {
  std::string name;                 ///< what stands still, in words
  std::int64_t first_step = 1;      ///< the first step of it, counted from 1
  std::int64_t last_step = 0;
  std::vector<std::string> frozen;  ///< parameters, in the network's order
};

/// The phases of a training of `steps` steps, in order, without gaps: the probe or heads_first, then as `freeze` says, freeze_names all the
/// time. Neighbours differ in what is frozen. Throws Error(kUsage) naming the setting: a count beyond the trunk's parts, a pattern that no
/// parameter has, a trunk that is not there, a phase in which nothing would learn.
std::vector<FreezePhase> freeze_phases(const Network& network, const TrainerOptions& options, std::int64_t steps);

/// Freezes a network as its phases say, and proves it: tensors that are frozen in a phase are hashed (XXH3-128 of their bytes) when it
/// begins and when it ends.
///
///     Freezing freezing(network, options, steps);
///     while (...) { freezing.before_step(finished, logger); ... }
///     freezing.finish(finished, logger);
class Freezing {
 public:
  Freezing(Network& network, const TrainerOptions& options, std::int64_t steps);
  /// Everything may learn again.
  ~Freezing();
  Freezing(const Freezing&) = delete;
  Freezing& operator=(const Freezing&) = delete;

  /// Whether anything is frozen at any time.
  bool active() const { return active_; }
  const std::vector<FreezePhase>& phases() const { return phases_; }

  /// Whether no parameter of the trunk learns in the step after `finished` ones.
  bool trunk_rests(std::int64_t finished) const;

  /// Ends and begins phases where the step after `finished` ones needs it. Throws Error(kInternal) naming the first tensor that moved
  /// although it was frozen.
  void before_step(std::int64_t finished, Logger& logger);
  /// Ends the last phase. Throws as before_step().
  void finish(std::int64_t finished, Logger& logger);
  /// One for each phase that has ended with something frozen.
  const std::vector<FreezeProof>& proofs() const { return proofs_; }

  /// Everything that a checkpoint needs; null while nothing is ever frozen.
  nlohmann::json state() const;
  /// Takes up state() after `finished` steps. Throws Error(kInternal) when the network's frozen tensors are not those of the phase.
  void load_state(const nlohmann::json& state, std::int64_t finished);

 private:
  struct Hashed {
    std::string name;
    std::string hash;
  };
  const FreezePhase& phase_of(std::int64_t step) const;
  std::vector<Hashed> hash_frozen() const;
  void begin(const FreezePhase& phase);
  void end(std::int64_t last_step, Logger& logger);

  Network& network_;
  std::vector<FreezePhase> phases_;
  bool active_;
  const FreezePhase* current_ = nullptr;
  std::vector<Hashed> before_;  ///< of the current phase
  std::vector<FreezeProof> proofs_;
};

}  // namespace affinis::train
