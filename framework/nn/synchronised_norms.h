#pragma once

#include "framework/nn/collective.h"

namespace affinis::nn {

/// While it lives, BatchNorm layers in training on this thread normalise by the statistics of all ranks' batches together, in the forward
/// pass and in the backward passes of what was computed meanwhile: ranks with parts of a batch do what one process does with the whole.
/// Null: by each rank's own statistics. Scopes nest. The collective must outlive the backward passes.
class SynchronisedNorms {
 public:
  explicit SynchronisedNorms(Collective* collective);
  ~SynchronisedNorms();
  SynchronisedNorms(const SynchronisedNorms&) = delete;
  SynchronisedNorms& operator=(const SynchronisedNorms&) = delete;

  /// Of the innermost scope; null outside of any and among a single rank.
  static Collective* current();

 private:
  Collective* before_;
};

}  // namespace affinis::nn
