#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/core/random.h"

namespace affinis::train {

/// Formulas of the methods that look at losses, or at gradients' lengths, one number a task. Scales are the papers'.

/// Losses that a logarithm or a quotient is taken of are at least this.
inline constexpr double kSmallestLoss = 1e-12;

/// Homoscedastic uncertainty (Kendall et al., CVPR 2018), s = log sigma^2: L exp(-s) / 2 + s / 2 for regression, L exp(-s) + s / 2 for
/// classification.
enum class LossKind { kRegression, kClassification };
double uncertainty_weight(double log_variance, LossKind kind);
/// What the task adds to the total; negative for small losses, as a density's negative logarithm may be.
double uncertainty_term(double loss, double log_variance, LossKind kind);
/// Its derivative by s.
double uncertainty_slope(double loss, double log_variance, LossKind kind);

/// GradNorm (Chen et al., ICML 2018): what is minimised is sum |w_i n_i - T_i| with n_i the length of the task's gradient, and
/// T_i = mean(w n) r_i^alpha constant; its derivative by w_i is sign(w_i n_i - T_i) n_i, so that no second backward pass is needed.
struct GradNormSlopes {
  std::vector<double> lengths;  ///< w_i n_i
  std::vector<double> rates;    ///< r_i: L_i / L_i(0) over its mean
  std::vector<double> targets;
  std::vector<double> slopes;
};
GradNormSlopes gradnorm_slopes(std::span<const double> weights, std::span<const double> gradient_norms, std::span<const double> losses,
                               std::span<const double> first_losses, double alpha);
/// Makes all weights positive and their sum `total`.
void renormalise(std::span<double> weights, double total);

/// Dynamic weight average (Liu et al., CVPR 2019): K softmax(r / temperature), r_i the last epoch's mean loss over the one before.
std::vector<double> dwa_weights(std::span<const double> last, std::span<const double> before, double temperature);

/// Dynamic task prioritisation (Guo et al., ECCV 2018): -(1 - k)^gamma log k for a task that is mastered to the degree k in (0, 1].
double dtp_weight(double mastery, double gamma);
/// How far a task is mastered: 1 / (1 + L / L(0)), 1/2 at the beginning and 1 at loss 0. The paper leaves the measure open; this one is
/// bounded for every loss.
double mastery(double loss, double first_loss);

/// Random loss weighting (Lin et al., TMLR 2022): the softmax of standard normals.
std::vector<double> random_weights(std::size_t tasks, RandomStream& stream);

/// Geometric loss (Chennupati et al., CVPR workshops 2019): weights that give the gradient of (prod L_i)^(1/K).
std::vector<double> geometric_weights(std::span<const double> losses);

/// FAMO (Liu et al., NeurIPS 2023): weights softmax(xi) / L, normed to 1.
std::vector<double> famo_weights(std::span<const double> logits, std::span<const double> losses);
/// The slope of the logits once the step is done: the softmax's derivative times the logarithms' fall.
std::vector<double> famo_slopes(std::span<const double> logits, std::span<const double> before, std::span<const double> after);

/// Adam for a handful of numbers, each with moments and a step count of its own: one that is left out in a step stays as it is.
class NumberAdam {
 public:
  explicit NumberAdam(std::size_t count) : first_(count, 0.0), second_(count, 0.0), steps_(count, 0) {}
  /// Moves values[i] against `slope`.
  void step(std::size_t i, double& value, double slope, double rate);
  nlohmann::json state() const;
  void load_state(const nlohmann::json& state);

 private:
  std::vector<double> first_;
  std::vector<double> second_;
  std::vector<std::int64_t> steps_;
};

}  // namespace affinis::train
