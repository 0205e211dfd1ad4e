#include <algorithm>
#include <functional>
#include <utility>

#include <ATen/ATen.h>

#include "framework/core/random.h"
#include "framework/train/balance/gradient_weights.h"
#include "framework/train/balance/number_lists.h"
#include "framework/train/balancers.h"

namespace affinis::train {
namespace {

/// The step's weights from a Gramian of the heads that take part, and their losses.
using Method = std::function<std::vector<double>(const BalanceStep& step, const std::vector<std::size_t>& heads, const Gramian& gramian)>;

/// sum a_i g_i in the trunk, with weights from the gradients' inner products; every head gets the gradient of its own loss.
class WeighsGradients : public LossBalancer {
 public:
  WeighsGradients(const BalanceOptions& options, const Network& network, std::uint64_t seed)
      : bytes_(options.gradient_memory << 20),
        every_(options.balance_every),
        by_representation_(options.gradients == "representation" || options.balancer == "mgda-ub"),
        weights_(network.heads().size(), std::numeric_limits<double>::quiet_NaN()),
        method_(method_of(options, seed)) {
    if (options.balancer == "gradvac") targets_.assign(weights_.size() * weights_.size(), 0.0);
  }

  bool knows_its_method() const { return method_ != nullptr; }

  void backward(const BalanceStep& step) override {
    const std::unique_ptr<StepGradients> gradients = step.batch.gradients(false);
    const std::vector<std::size_t>& heads = gradients->heads();
    const std::vector<double> ones(heads.size(), 1.0);
    if (gradients->trunk_learns()) {
      const bool known = std::none_of(heads.begin(), heads.end(), [&](std::size_t head) { return std::isnan(weights_[head]); });
      if (step.step % every_ == 0 || !known) {
        const Gramian gramian = by_representation_ ? gradients->representation_gramian() : gradients->gramian(bytes_);
        const std::vector<double> own = method_(step, heads, gramian);
        for (std::size_t k = 0; k < heads.size(); ++k) weights_[heads[k]] = own[k];
      }
      gradients->apply(taken(weights_, heads), ones);
    } else {
      gradients->apply({}, ones);
    }
  }

  std::vector<double> weights() const override { return weights_; }
  nlohmann::json state() const override {
    nlohmann::json json = {{"weights", numbers(weights_)}};
    if (!targets_.empty()) json["targets"] = targets_;
    return json;
  }
  void load_state(const nlohmann::json& state) override {
    weights_ = numbers_from(state.at("weights"));
    if (!targets_.empty()) targets_ = state.at("targets").get<std::vector<double>>();
  }

 private:
  static std::vector<double> divided(std::vector<double> weights) {
    for (double& each : weights) each /= static_cast<double>(weights.size());
    return weights;
  }

  Method method_of(const BalanceOptions& options, std::uint64_t seed) {
    const std::string& name = options.balancer;
    const auto stream_of = [seed, name](const BalanceStep& step) {
      return RandomStream(seed, name, {static_cast<std::uint64_t>(step.step)});
    };
    if (name == "mgda" || name == "mgda-ub") {
      return [scale = parse_gradient_scale(options.normalise)](const BalanceStep& step, const std::vector<std::size_t>& heads,
                                                               const Gramian& gramian) {
        return mgda_weights(gramian, taken(step.batch.values(), heads), scale);
      };
    }
    if (name == "imtl") return [](const BalanceStep&, const auto&, const Gramian& gramian) { return imtl_weights(gramian); };
    if (name == "pcgrad") {
      return [stream_of](const BalanceStep& step, const auto&, const Gramian& gramian) {
        RandomStream stream = stream_of(step);
        return divided(pcgrad_weights(gramian, &stream));
      };
    }
    if (name == "gradvac") {
      return [this, stream_of, rate = options.gradvac_rate](const BalanceStep& step, const std::vector<std::size_t>& heads,
                                                            const Gramian& gramian) {
        const std::size_t all = weights_.size();
        std::vector<double> targets;
        for (const std::size_t i : heads) {
          for (const std::size_t j : heads) targets.push_back(targets_[i * all + j]);
        }
        RandomStream stream = stream_of(step);
        std::vector<double> weights = divided(gradvac_weights(gramian, targets, rate, &stream));
        for (std::size_t a = 0; a < heads.size(); ++a) {
          for (std::size_t b = 0; b < heads.size(); ++b) targets_[heads[a] * all + heads[b]] = targets[a * heads.size() + b];
        }
        return weights;
      };
    }
    if (name == "cagrad") {
      return [c = options.cagrad_c](const BalanceStep&, const auto&, const Gramian& gramian) { return cagrad_weights(gramian, c).weights; };
    }
    if (name == "nash") return [](const BalanceStep&, const auto&, const Gramian& gramian) { return nash_weights(gramian); };
    if (name == "aligned") {
      return [](const BalanceStep&, const auto&, const Gramian& gramian) { return divided(aligned_weights(gramian)); };
    }
    if (name == "upgrad") return [](const BalanceStep&, const auto&, const Gramian& gramian) { return upgrad_weights(gramian); };
    return nullptr;
  }

  std::int64_t bytes_;
  std::int64_t every_;
  bool by_representation_;
  std::vector<double> weights_;
  std::vector<double> targets_;  ///< gradvac: [heads, heads]
  Method method_;
};

}  // namespace

std::unique_ptr<LossBalancer> make_gradient_weighing(const BalanceOptions& options, const Network& network, std::uint64_t seed) {
  auto balancer = std::make_unique<WeighsGradients>(options, network, seed);
  if (!balancer->knows_its_method()) return nullptr;
  return balancer;
}

}  // namespace affinis::train
