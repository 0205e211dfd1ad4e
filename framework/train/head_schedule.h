#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/train/balance_options.h"

namespace affinis::train {

/// Which heads learn in which step. A head that rests is left out of the step whole: no forward pass, no gradient, no decay, no momentum.
/// What comes out depends on (settings, seed, step, labels) and the state alone.
class HeadSchedule {
 public:
  HeadSchedule(const BalanceOptions& options, std::vector<std::string> tasks, std::uint64_t seed);

  /// One entry a head; `labels` counts each head's labelled images in the step's batch. A head that is to learn alone is the next one, or
  /// one of those, that has labels.
  std::vector<bool> heads_at(std::int64_t step, std::span<const std::int64_t> labels) const;

  /// Tells the losses of a step (NaN for heads that rested), and whether an epoch ends with it: the balancer "dynamic" sets its periods then.
  void learned(std::span<const double> losses, bool ends_epoch);
  /// Tells a validation's losses; returns the heads that stop because of it (head_patience).
  std::vector<std::size_t> validated(std::span<const double> losses);

  bool stopped(std::size_t head) const { return stopped_[head]; }
  bool all_stopped() const;
  const std::vector<std::int64_t>& periods() const { return periods_; }

  nlohmann::json state() const;
  void load_state(const nlohmann::json& state);

 private:
  void set_periods();

  bool dynamic_;
  std::string rule_;
  std::int64_t patience_;
  std::uint64_t seed_;
  std::vector<std::string> tasks_;
  std::vector<std::int64_t> periods_;
  std::vector<bool> stopped_;
  std::vector<double> best_;  ///< validation loss; NaN: none yet
  std::vector<std::int64_t> without_better_;
  std::vector<double> first_;  ///< dynamic: each head's first loss; NaN: none yet
  std::vector<double> sums_;   ///< dynamic: of this epoch
  std::vector<std::int64_t> counts_;
};

}  // namespace affinis::train
