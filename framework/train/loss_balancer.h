#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/core/log.h"
#include "framework/train/balance_options.h"
#include "framework/train/network.h"
#include "framework/train/step_batch.h"

namespace affinis::train {

/// One step of a training as a balancer sees it.
struct BalanceStep {
  std::int64_t step = 0;    ///< finished steps before this one
  bool ends_epoch = false;  ///< with this step
  StepBatch& batch;
};

/// Decides what several heads' losses together do to the weights. A head that takes no part in a step keeps everything that is known of it,
/// and its parameters keep an undefined gradient, so that the optimiser leaves them alone: no decay, no momentum step.
class LossBalancer {
 public:
  virtual ~LossBalancer() = default;
  /// Leaves the gradients of one step in the parameters.
  virtual void backward(const BalanceStep& step) = 0;
  /// Whether look_back() wants the losses of the same batch after the step.
  virtual bool looks_back() const { return false; }
  /// `values`: as the batch's, at the weights that the step led to.
  virtual void look_back(const BalanceStep& /*step*/, std::span<const double> /*values*/) {}
  /// The weight of every head in the last step that it took part in; NaN before.
  virtual std::vector<double> weights() const = 0;
  /// What has to be in a checkpoint to go on bit for bit; null when nothing has.
  virtual nlohmann::json state() const { return nullptr; }
  virtual void load_state(const nlohmann::json& /*state*/) {}
};

/// The balancer that the options name; with a single head its loss as it is. Methods of losses weigh heads and trunk alike. Methods of
/// gradients weigh the trunk's alone: every head gets the gradient of its own loss. Weights are on the scale of a mean: where a paper's sum to
/// the number of tasks (gradnorm, dwa, pcgrad, gradvac, aligned), each is divided by it. See README.md for the table.
/// Throws Error(kUsage) when gradients of a trunk are to be weighed and there is none. `network` and `logger` must outlive it.
std::unique_ptr<LossBalancer> make_balancer(const BalanceOptions& options, const Network& network, std::uint64_t seed, Logger& logger);

/// "gradients of 3 tasks by 1234567 parameters: 14.1 MiB held at once, 3 passes back through the trunk a step", for the log before a
/// training, and what `accumulate` micro-batches add to it; empty where nothing is to be said.
std::string gradient_forecast(const BalanceOptions& options, const Network& network, std::int64_t accumulate = 1);

}  // namespace affinis::train
