#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/train/balance/loss_weights.h"
#include "framework/train/balance/number_lists.h"
#include "framework/train/balancers.h"

namespace affinis::train {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// The mean over all heads; a head without labels adds nothing and leaves the others' share as it is.
class MeanOfLosses : public LossBalancer {
 public:
  explicit MeanOfLosses(std::size_t heads) : heads_(heads) {}

  void backward(const BalanceStep& step) override {
    step.batch.backward([this](std::span<const at::Tensor> losses) {
      at::Tensor total;
      for (const at::Tensor& loss : losses) {
        if (loss.defined()) total = total.defined() ? total + loss : loss;
      }
      return total.defined() && heads_ > 1 ? total / static_cast<double>(heads_) : total;
    });
  }
  std::vector<double> weights() const override { return std::vector<double>(heads_, 1 / static_cast<double>(heads_)); }

 private:
  std::size_t heads_;
};

/// sum w_i L_i, the weights being constants for the step.
class WeighsLosses : public LossBalancer {
 public:
  explicit WeighsLosses(std::size_t heads) : weights_(heads, kNan) {}

  void backward(const BalanceStep& step) override {
    const std::vector<std::size_t>& heads = step.batch.heads();
    if (!heads.empty()) {
      const std::vector<double> own = weigh(step, heads);
      for (std::size_t k = 0; k < heads.size(); ++k) weights_[heads[k]] = own[k];
      step.batch.backward([&](std::span<const at::Tensor> losses) {
        at::Tensor total;
        for (std::size_t k = 0; k < heads.size(); ++k) {
          if (!losses[heads[k]].defined()) continue;
          const at::Tensor term = losses[heads[k]] * own[k];
          total = total.defined() ? total + term : term;
        }
        return total;
      });
      learned(step, heads, taken(step.batch.values(), heads));
    }
    if (step.ends_epoch) end_epoch();
  }
  std::vector<double> weights() const override { return weights_; }
  nlohmann::json state() const override { return {{"weights", numbers(weights_)}}; }
  void load_state(const nlohmann::json& state) override { weights_ = numbers_from(state.at("weights")); }

 protected:
  /// Weights of these heads in this step. The batch's values are asked for here by those alone whose weights depend on them: that may cost
  /// a pass.
  virtual std::vector<double> weigh(const BalanceStep& step, const std::vector<std::size_t>& heads) = 0;
  /// Tells the heads' losses of the step once its gradients are made.
  virtual void learned(const BalanceStep& /*step*/, const std::vector<std::size_t>& /*heads*/, const std::vector<double>& /*losses*/) {}
  virtual void end_epoch() {}
  std::size_t heads() const { return weights_.size(); }

 private:
  std::vector<double> weights_;
};

class GivenWeights : public WeighsLosses {
 public:
  explicit GivenWeights(std::vector<double> given) : WeighsLosses(given.size()), given_(std::move(given)) {}

 protected:
  std::vector<double> weigh(const BalanceStep&, const std::vector<std::size_t>& heads) override {
    return taken(given_, heads);
  }

 private:
  std::vector<double> given_;
};

/// Weights made of one number s a task that learns by Adam, without decay.
class LearnedLogarithms : public WeighsLosses {
 public:
  LearnedLogarithms(std::size_t heads, double rate) : WeighsLosses(heads), rate_(rate), s_(heads, 0.0), adam_(heads) {}

  nlohmann::json state() const override {
    nlohmann::json json = WeighsLosses::state();
    json["s"] = s_;
    json["adam"] = adam_.state();
    return json;
  }
  void load_state(const nlohmann::json& state) override {
    WeighsLosses::load_state(state);
    s_ = state.at("s").get<std::vector<double>>();
    adam_.load_state(state.at("adam"));
  }

 protected:
  double s(std::size_t head) const { return s_[head]; }
  void learn(std::size_t head, double slope) {
    // Beyond this exp(s) says nothing that float32 losses could have said.
    constexpr double kFarthest = 20;
    adam_.step(head, s_[head], slope, rate_);
    s_[head] = std::clamp(s_[head], -kFarthest, kFarthest);
  }

 private:
  double rate_;
  std::vector<double> s_;
  NumberAdam adam_;
};

class Uncertainty : public LearnedLogarithms {
 public:
  Uncertainty(const Network& network, double rate, Logger& logger) : LearnedLogarithms(network.heads().size(), rate), logger_(logger) {
    for (const Head& head : network.heads()) {
      const bool classes = head.task->info().loss.find("cross-entropy") != std::string::npos;
      kinds_.push_back(classes ? LossKind::kClassification : LossKind::kRegression);
    }
  }

 protected:
  std::vector<double> weigh(const BalanceStep&, const std::vector<std::size_t>& heads) override {
    std::vector<double> weights;
    for (const std::size_t head : heads) weights.push_back(uncertainty_weight(s(head), kinds_[head]));
    return weights;
  }

  void learned(const BalanceStep& step, const std::vector<std::size_t>& heads, const std::vector<double>& losses) override {
    double total = 0;
    for (std::size_t k = 0; k < heads.size(); ++k) {
      const std::size_t head = heads[k];
      total += uncertainty_term(losses[k], s(head), kinds_[head]);
      learn(head, uncertainty_slope(losses[k], s(head), kinds_[head]));
    }
    if (total < 0 && !told_) {
      told_ = true;
      logger_.info(
          "the uncertainty-weighted total fell below 0 at step {} ({:.4g}): that is as it should be, since the best log-variance of a loss "
          "below 1/e adds a negative term; the losses themselves stay positive",
          step.step + 1, total);
    }
  }

 private:
  Logger& logger_;
  std::vector<LossKind> kinds_;
  bool told_ = false;
};

/// IMTL-L: sum exp(s_i) L_i - s_i.
class ImtlLosses : public LearnedLogarithms {
 public:
  using LearnedLogarithms::LearnedLogarithms;

 protected:
  std::vector<double> weigh(const BalanceStep&, const std::vector<std::size_t>& heads) override {
    std::vector<double> weights;
    for (const std::size_t head : heads) weights.push_back(std::exp(s(head)));
    return weights;
  }

  void learned(const BalanceStep&, const std::vector<std::size_t>& heads, const std::vector<double>& losses) override {
    for (std::size_t k = 0; k < heads.size(); ++k) learn(heads[k], std::exp(s(heads[k])) * losses[k] - 1);
  }
};

class DynamicWeightAverage : public WeighsLosses {
 public:
  DynamicWeightAverage(std::size_t heads, double temperature)
      : WeighsLosses(heads), temperature_(temperature), last_(heads, kNan), before_(heads, kNan), sums_(heads, 0.0), counts_(heads, 0) {}

  nlohmann::json state() const override {
    nlohmann::json json = WeighsLosses::state();
    json["last"] = numbers(last_);
    json["before"] = numbers(before_);
    json["sums"] = sums_;
    json["counts"] = counts_;
    return json;
  }
  void load_state(const nlohmann::json& state) override {
    WeighsLosses::load_state(state);
    last_ = numbers_from(state.at("last"));
    before_ = numbers_from(state.at("before"));
    sums_ = state.at("sums").get<std::vector<double>>();
    counts_ = state.at("counts").get<std::vector<std::int64_t>>();
  }

 protected:
  std::vector<double> weigh(const BalanceStep&, const std::vector<std::size_t>& heads) override {
    // A task without two epochs behind it has weight 1; so have all during the first two.
    std::vector<double> all(this->heads(), 1.0);
    std::vector<std::size_t> known;
    for (std::size_t h = 0; h < all.size(); ++h) {
      if (!std::isnan(before_[h])) known.push_back(h);
    }
    if (!known.empty()) {
      const std::vector<double> weights = dwa_weights(taken(last_, known), taken(before_, known), temperature_);
      for (std::size_t k = 0; k < known.size(); ++k) all[known[k]] = weights[k];
    }
    std::vector<double> weights = taken(all, heads);
    for (double& each : weights) each /= static_cast<double>(all.size());
    return weights;
  }

  void learned(const BalanceStep&, const std::vector<std::size_t>& heads, const std::vector<double>& losses) override {
    for (std::size_t k = 0; k < heads.size(); ++k) {
      sums_[heads[k]] += losses[k];
      ++counts_[heads[k]];
    }
  }

  void end_epoch() override {
    for (std::size_t h = 0; h < counts_.size(); ++h) {
      if (counts_[h] == 0) continue;
      before_[h] = last_[h];
      last_[h] = sums_[h] / static_cast<double>(counts_[h]);
      sums_[h] = 0;
      counts_[h] = 0;
    }
  }

 private:
  double temperature_;
  std::vector<double> last_;
  std::vector<double> before_;
  std::vector<double> sums_;
  std::vector<std::int64_t> counts_;
};

class TaskPrioritisation : public WeighsLosses {
 public:
  TaskPrioritisation(std::size_t heads, double gamma) : WeighsLosses(heads), gamma_(gamma), first_(heads, kNan), mastery_(heads, kNan) {}

  nlohmann::json state() const override {
    nlohmann::json json = WeighsLosses::state();
    json["first"] = numbers(first_);
    json["mastery"] = numbers(mastery_);
    return json;
  }
  void load_state(const nlohmann::json& state) override {
    WeighsLosses::load_state(state);
    first_ = numbers_from(state.at("first"));
    mastery_ = numbers_from(state.at("mastery"));
  }

 protected:
  std::vector<double> weigh(const BalanceStep& step, const std::vector<std::size_t>& heads) override {
    constexpr double kShareOfNew = 0.1;
    const std::vector<double> losses = taken(step.batch.values(), heads);
    std::vector<double> weights;
    for (std::size_t k = 0; k < heads.size(); ++k) {
      double& first = first_[heads[k]];
      double& mean = mastery_[heads[k]];
      if (std::isnan(first)) first = losses[k];
      const double now = mastery(losses[k], first);
      mean = std::isnan(mean) ? now : (1 - kShareOfNew) * mean + kShareOfNew * now;
      weights.push_back(dtp_weight(mean, gamma_));
    }
    return weights;
  }

 private:
  double gamma_;
  std::vector<double> first_;
  std::vector<double> mastery_;
};

class RandomWeights : public WeighsLosses {
 public:
  RandomWeights(std::size_t heads, std::uint64_t seed) : WeighsLosses(heads), seed_(seed) {}

 protected:
  std::vector<double> weigh(const BalanceStep& step, const std::vector<std::size_t>& heads) override {
    RandomStream stream(seed_, "rlw", {static_cast<std::uint64_t>(step.step)});
    return random_weights(heads.size(), stream);
  }

 private:
  std::uint64_t seed_;
};

class GeometricMean : public WeighsLosses {
 public:
  using WeighsLosses::WeighsLosses;

 protected:
  std::vector<double> weigh(const BalanceStep& step, const std::vector<std::size_t>& heads) override {
    return geometric_weights(taken(step.batch.values(), heads));
  }
};

class Famo : public WeighsLosses {
 public:
  Famo(std::size_t heads, double rate) : WeighsLosses(heads), rate_(rate), logits_(heads, 0.0), adam_(heads) {}

  bool looks_back() const override { return true; }
  void look_back(const BalanceStep& step, std::span<const double> values) override {
    constexpr double kDecay = 1e-3;
    const std::vector<std::size_t>& heads = step.batch.heads();
    if (heads.empty()) return;
    const std::vector<double> slopes = famo_slopes(taken(logits_, heads), taken(step.batch.values(), heads), taken(values, heads));
    for (std::size_t k = 0; k < heads.size(); ++k) {
      double& logit = logits_[heads[k]];
      adam_.step(heads[k], logit, slopes[k] + kDecay * logit, rate_);
    }
  }

  nlohmann::json state() const override {
    nlohmann::json json = WeighsLosses::state();
    json["logits"] = logits_;
    json["adam"] = adam_.state();
    return json;
  }
  void load_state(const nlohmann::json& state) override {
    WeighsLosses::load_state(state);
    logits_ = state.at("logits").get<std::vector<double>>();
    adam_.load_state(state.at("adam"));
  }

 protected:
  std::vector<double> weigh(const BalanceStep& step, const std::vector<std::size_t>& heads) override {
    return famo_weights(taken(logits_, heads), taken(step.batch.values(), heads));
  }

 private:
  double rate_;
  std::vector<double> logits_;
  NumberAdam adam_;
};

}  // namespace

std::unique_ptr<LossBalancer> make_loss_weighing(const BalanceOptions& options, const Network& network, std::uint64_t seed, Logger& logger) {
  const std::size_t heads = network.heads().size();
  const std::string& name = options.balancer;
  if (name == "fixed" && !options.weights.empty()) {
    std::vector<std::string> tasks;
    for (const Head& head : network.heads()) tasks.push_back(head.task->info().name);
    return std::make_unique<GivenWeights>(task_values(options.weights, tasks, 0, "weights"));
  }
  if (name == "fixed" || name == "dynamic") return std::make_unique<MeanOfLosses>(heads);
  if (name == "uncertainty") return std::make_unique<Uncertainty>(network, options.balance_rate, logger);
  if (name == "imtl-l") return std::make_unique<ImtlLosses>(heads, options.balance_rate);
  if (name == "dwa") return std::make_unique<DynamicWeightAverage>(heads, options.temperature);
  if (name == "dtp") return std::make_unique<TaskPrioritisation>(heads, options.gamma);
  if (name == "rlw") return std::make_unique<RandomWeights>(heads, seed);
  if (name == "geometric") return std::make_unique<GeometricMean>(heads);
  if (name == "famo") return std::make_unique<Famo>(heads, options.balance_rate);
  return nullptr;
}

}  // namespace affinis::train
