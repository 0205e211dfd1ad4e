#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/train/network.h"
#include "framework/train/step_batch.h"

namespace affinis::train {

/// Inter-task affinities measured while all tasks train together (TAG; Fifty et al., NeurIPS 2021): how much a step of the trunk on one
/// task's loss alone lowers another's, Z = 1 - L(after) / L(before), averaged over the measurements. The look-ahead is plain gradient
/// descent at the step's learning rate, whatever the optimiser; weights come back bit for bit.
class TaskAffinity {
 public:
  explicit TaskAffinity(std::size_t tasks);

  /// `before`: the batch's losses, one a head, NaN for heads that take no part. `losses_now` computes them at the present weights and must
  /// change nothing.
  void measure(Network& network, StepGradients& gradients, std::span<const double> before, double learning_rate,
               const std::function<std::vector<double>()>& losses_now);

  /// Of `helper`'s step on `task`; NaN without a measurement.
  double affinity(std::size_t task, std::size_t helper) const;

  nlohmann::json state() const;
  void load_state(const nlohmann::json& state);

 private:
  std::size_t tasks_;
  std::vector<double> sums_;  ///< [task, helper]
  std::vector<std::int64_t> counts_;
};

}  // namespace affinis::train
