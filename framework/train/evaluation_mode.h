#pragma once

#include <ATen/core/grad_mode.h>

#include "framework/train/network.h"

namespace affinis::train {

/// While it lives the network is in evaluation mode and no gradient is kept.
class EvaluationMode {
 public:
  explicit EvaluationMode(Network& network) : network_(network), before_(network.training()) { network_.set_training(false); }
  ~EvaluationMode() { network_.set_training(before_); }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  Network& network_;
  bool before_;
  at::NoGradGuard no_gradient_;
};

}  // namespace affinis::train
