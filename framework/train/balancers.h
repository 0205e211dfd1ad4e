#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "framework/train/loss_balancer.h"

namespace affinis::train {

/// The entries of these heads.
inline std::vector<double> taken(std::span<const double> values, std::span<const std::size_t> heads) {
  std::vector<double> result;
  for (const std::size_t head : heads) result.push_back(values[head]);
  return result;
}

/// Balancers of losses: "fixed" (the mean, or given weights), "uncertainty", "dwa", "dtp", "rlw", "geometric", "imtl-l", "famo"; null for any
/// other name.
std::unique_ptr<LossBalancer> make_loss_weighing(const BalanceOptions& options, const Network& network, std::uint64_t seed, Logger& logger);

/// GradNorm: weights from the lengths of the gradients by the trunk's last layer.
std::unique_ptr<LossBalancer> make_gradnorm(const BalanceOptions& options, const Network& network);

/// Balancers of gradients: "imtl", "mgda", "mgda-ub", "pcgrad", "gradvac", "cagrad", "nash", "aligned", "upgrad"; null for any other name.
std::unique_ptr<LossBalancer> make_gradient_weighing(const BalanceOptions& options, const Network& network, std::uint64_t seed);

}  // namespace affinis::train
