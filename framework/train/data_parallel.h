#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "framework/nn/collective.h"
#include "framework/train/batch_source.h"
#include "framework/train/network.h"

namespace affinis::train {

/// Several processes that train one network, each on its BatchShare of every batch. After every step all have the same weights: those that
/// one process with the whole batches would have, up to rounding, when norms are synchronised and losses are means over images.
struct Ranks {
  nn::Collective* collective = nullptr;  ///< null: this process alone; must outlive the training
  bool synchronise_norms = true;         ///< BatchNorm by the whole batch's statistics instead of each rank's share's
};

/// What the training loop asks of its ranks. With a single one nothing happens and nothing is copied.
class DataParallel {
 public:
  explicit DataParallel(Ranks ranks);

  bool alone() const { return collective_ == nullptr; }
  bool speaks() const { return alone() || collective_->rank() == 0; }  ///< writes files, validates, logs
  nn::Collective* for_norms() const { return synchronise_norms_ ? collective_ : nullptr; }

  /// Images with a label: on this rank, and on all.
  struct Labels {
    std::int64_t here = 0;
    std::int64_t everywhere = 0;
    double share() const { return everywhere == 0 ? 0 : static_cast<double>(here) / static_cast<double>(everywhere); }
  };
  /// A single process only tells whether there is any (0 or 1) unless the images are to be `counted`.
  std::vector<Labels> labels(const std::vector<task::Batch>& batches, bool counted = false) const;
  /// Parameters' gradients become the sum over ranks, in buckets of 25 MiB.
  void sum_gradients(const Network& network) const;
  /// Replaces the numbers by their sums over ranks.
  void sum(std::span<double> values) const;
  /// The least of the ranks' numbers; none may be negative.
  std::int64_t least(std::int64_t number) const;
  /// Replaces the tensor by its sum over ranks.
  void sum(at::Tensor& tensor) const;
  /// Replaces the numbers by those of the rank that speaks.
  void follow(std::span<double> values) const;
  /// All ranks take the weights and buffers of the one that speaks.
  void follow(Network& network) const;
  void wait_for_all() const;

 private:
  nn::Collective* collective_;
  bool synchronise_norms_;
};

}  // namespace affinis::train
