#include "framework/train/task_affinity.h"

#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "framework/train/task_gradients.h"

namespace affinis::train {
namespace {

/// Moves the trunk's weights for as long as it lives. Autograd does not get to know: a graph that saved them is whole again afterwards.
class LookAhead {
 public:
  LookAhead(const std::vector<at::Tensor>& trunk, const at::Tensor& gradient, double rate) : trunk_(trunk) {
    const at::NoGradGuard no_gradients;
    std::int64_t offset = 0;
    for (const at::Tensor& each : trunk_) {
      before_.push_back(each.detach().clone());
      each.variable_data().sub_(gradient.narrow(0, offset, each.numel()).view(each.sizes()), rate);
      offset += each.numel();
    }
  }
  ~LookAhead() {
    const at::NoGradGuard no_gradients;
    for (std::size_t i = 0; i < trunk_.size(); ++i) trunk_[i].variable_data().copy_(before_[i]);
  }
  LookAhead(const LookAhead&) = delete;
  LookAhead& operator=(const LookAhead&) = delete;

 private:
  const std::vector<at::Tensor>& trunk_;
  std::vector<at::Tensor> before_;
};

}  // namespace

TaskAffinity::TaskAffinity(std::size_t tasks) : tasks_(tasks), sums_(tasks * tasks, 0.0), counts_(tasks * tasks, 0) {}

void TaskAffinity::measure(Network& network, StepGradients& gradients, std::span<const double> before, double learning_rate,
                           const std::function<std::vector<double>()>& losses_now) {
  if (!gradients.trunk_learns()) return;
  const std::vector<at::Tensor> trunk = learning_trunk(network);
  // All gradients belong to the same weights: none is taken while the trunk is elsewhere.
  for (std::size_t k = 0; k < gradients.heads().size(); ++k) {
    const at::Tensor gradient = gradients.trunk_gradient(k);
    std::vector<double> after;
    {
      const LookAhead ahead(trunk, gradient, learning_rate);
      after = losses_now();
    }
    const std::size_t helper = gradients.heads()[k];
    for (const std::size_t task : gradients.heads()) {
      if (!(before[task] > 0) || !std::isfinite(after[task])) continue;
      sums_[task * tasks_ + helper] += 1 - after[task] / before[task];
      ++counts_[task * tasks_ + helper];
    }
  }
}

double TaskAffinity::affinity(std::size_t task, std::size_t helper) const {
  const std::size_t at = task * tasks_ + helper;
  return counts_[at] > 0 ? sums_[at] / static_cast<double>(counts_[at]) : std::numeric_limits<double>::quiet_NaN();
}

nlohmann::json TaskAffinity::state() const { return {{"sums", sums_}, {"counts", counts_}}; }

void TaskAffinity::load_state(const nlohmann::json& state) {
  sums_ = state.at("sums").get<std::vector<double>>();
  counts_ = state.at("counts").get<std::vector<std::int64_t>>();
}

}  // namespace affinis::train
