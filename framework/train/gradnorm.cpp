#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include "framework/train/balance/loss_weights.h"
#include "framework/train/balance/number_lists.h"
#include "framework/train/balancers.h"
#include "framework/train/task_gradients.h"

namespace affinis::train {
namespace {

/// The last of the trunk's parameters that is a layer's (two dimensions or more) and learns; undefined when there is none.
at::Tensor last_layer(const Network& network) {
  const std::vector<at::Tensor> trunk = learning_trunk(network);
  for (std::size_t i = trunk.size(); i-- > 0;) {
    if (trunk[i].dim() >= 2) return trunk[i];
  }
  return trunk.empty() ? at::Tensor() : trunk.back();
}

class GradNorm : public LossBalancer {
 public:
  GradNorm(const BalanceOptions& options, const Network& network)
      : network_(network),
        alpha_(options.alpha),
        rate_(options.balance_rate),
        every_(options.balance_every),
        weights_(network.heads().size(), 1.0),
        first_(network.heads().size(), std::numeric_limits<double>::quiet_NaN()),
        adam_(network.heads().size()) {}

  void backward(const BalanceStep& step) override {
    const std::unique_ptr<StepGradients> gradients = step.batch.gradients(false);
    const std::vector<std::size_t>& heads = gradients->heads();
    std::vector<double> used = taken(weights_, heads);
    for (double& each : used) each /= static_cast<double>(weights_.size());
    if (!gradients->trunk_learns()) {
      gradients->apply({}, used);
    } else if (step.step % every_ == 0) {
      learn(step, heads, gradients->apply_and_measure(used, used, last_layer(network_)));
    } else {
      gradients->apply(used, used);
    }
  }

  std::vector<double> weights() const override {
    std::vector<double> result = weights_;
    for (double& each : result) each /= static_cast<double>(weights_.size());
    return result;
  }
  nlohmann::json state() const override { return {{"weights", weights_}, {"first", numbers(first_)}, {"adam", adam_.state()}}; }
  void load_state(const nlohmann::json& state) override {
    weights_ = state.at("weights").get<std::vector<double>>();
    first_ = numbers_from(state.at("first"));
    adam_.load_state(state.at("adam"));
  }

 private:
  /// Moves the weights for the next step; those of heads that take no part stay, and so does the others' sum.
  void learn(const BalanceStep& step, const std::vector<std::size_t>& heads, const std::vector<double>& norms) {
    const std::vector<double>& values = step.batch.values();
    std::vector<double> own = taken(weights_, heads);
    double sum = 0;
    for (std::size_t k = 0; k < heads.size(); ++k) {
      if (std::isnan(first_[heads[k]])) first_[heads[k]] = values[heads[k]];
      sum += own[k];
    }
    const GradNormSlopes slopes = gradnorm_slopes(own, norms, taken(values, heads), taken(first_, heads), alpha_);
    for (std::size_t k = 0; k < heads.size(); ++k) adam_.step(heads[k], own[k], slopes.slopes[k], rate_);
    renormalise(own, sum);
    for (std::size_t k = 0; k < heads.size(); ++k) weights_[heads[k]] = own[k];
  }

  const Network& network_;
  double alpha_;
  double rate_;
  std::int64_t every_;
  std::vector<double> weights_;  ///< on the paper's scale: as many in all as there are heads
  std::vector<double> first_;    ///< each head's first loss
  NumberAdam adam_;
};

}  // namespace

std::unique_ptr<LossBalancer> make_gradnorm(const BalanceOptions& options, const Network& network) {
  return std::make_unique<GradNorm>(options, network);
}

}  // namespace affinis::train
