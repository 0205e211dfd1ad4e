#include "framework/train/loss_balancer.h"

#include <algorithm>

#include <fmt/core.h>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/train/accumulation.h"
#include "framework/train/balancers.h"

namespace affinis::train {
namespace {

bool weighs_gradients(const std::string& name) {
  static const std::vector<std::string> names = {"imtl", "mgda", "mgda-ub", "pcgrad", "gradvac", "cagrad", "nash", "aligned", "upgrad"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Whether the step's own losses make its weights.
bool weighs_by_losses(const std::string& name) { return name == "dtp" || name == "geometric" || name == "famo"; }

std::int64_t trunk_size(const Network& network) {
  std::int64_t size = 0;
  for (const nn::NamedTensor& each : network.parameters()) {
    if (each.name.starts_with("trunk.")) size += each.tensor.numel();
  }
  return size;
}

}  // namespace

std::unique_ptr<LossBalancer> make_balancer(const BalanceOptions& options, const Network& network, std::uint64_t seed, Logger& logger) {
  if (network.heads().size() == 1) return make_loss_weighing({}, network, seed, logger);
  if (auto balancer = make_loss_weighing(options, network, seed, logger)) return balancer;
  AFFINIS_CHECK(trunk_size(network) > 0, ErrorCode::kUsage,
                "the balancer '{}' weighs gradients of a shared trunk, but this network's has no parameter; use one that weighs losses (fixed, "
                "uncertainty, dwa)",
                options.balancer);
  if (options.balancer == "gradnorm") return make_gradnorm(options, network);
  std::unique_ptr<LossBalancer> balancer = make_gradient_weighing(options, network, seed);
  AFFINIS_CHECK(balancer != nullptr, ErrorCode::kUsage, "there is no balancer '{}'", options.balancer);
  return balancer;
}

std::string gradient_forecast(const BalanceOptions& options, const Network& network, std::int64_t accumulate) {
  const auto tasks = static_cast<std::int64_t>(network.heads().size());
  if (tasks < 2) return {};
  if (weighs_by_losses(options.balancer) && accumulate > 1) {
    return fmt::format("the weights of '{}' need the losses of the whole batch: its {} micro-batches are passed forward once more a step",
                       options.balancer, accumulate);
  }
  if (!weighs_gradients(options.balancer)) return {};
  if (options.gradients == "representation" || options.balancer == "mgda-ub") {
    return fmt::format("gradients of {} tasks by the representation: one pass back through the trunk a step{}", tasks,
                       accumulate > 1 ? fmt::format(", and one more pass forward of its {} micro-batches", accumulate) : "");
  }
  const std::int64_t size = trunk_size(network);
  const std::int64_t row = size * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t bytes = options.gradient_memory << 20;
  std::int64_t held = tasks;
  std::int64_t passes = tasks;
  std::string parts;
  if (accumulate > 1) {
    const AccumulatedRows plan = accumulated_rows(tasks, row, bytes);
    held = plan.held;
    passes = plan.passes;
    parts = fmt::format(" for each of {} micro-batches", accumulate);
    if (plan.rounds > 1) parts += fmt::format(", each passed forward {} times", plan.rounds);
    parts += ",";
  } else if (tasks * row > bytes) {
    const std::int64_t kept = std::max<std::int64_t>(1, bytes / row - 1);
    held = std::min(kept, tasks) + 1;
    passes = 1;
    for (std::int64_t first = 0; first < tasks; first += kept) passes += tasks - first;
  }
  return fmt::format("gradients of {} tasks by {} shared parameters: {} held at once, {} passes back through the trunk{} {}", tasks, size,
                     format_bytes(static_cast<double>(held * row)), passes, parts,
                     options.balance_every == 1 ? std::string("a step") : fmt::format("every {} steps", options.balance_every));
}

}  // namespace affinis::train
