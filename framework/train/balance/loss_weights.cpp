#include "framework/train/balance/loss_weights.h"

#include <algorithm>
#include <cmath>

namespace affinis::train {
namespace {

std::vector<double> softmax(std::span<const double> values) {
  const double greatest = *std::max_element(values.begin(), values.end());
  std::vector<double> result;
  double sum = 0;
  for (const double each : values) sum += result.emplace_back(std::exp(each - greatest));
  for (double& each : result) each /= sum;
  return result;
}

double mean_of(std::span<const double> values) {
  double sum = 0;
  for (const double each : values) sum += each;
  return sum / static_cast<double>(values.size());
}

double at_least_smallest(double loss) { return std::max(loss, kSmallestLoss); }

}  // namespace

double uncertainty_weight(double log_variance, LossKind kind) {
  return kind == LossKind::kRegression ? std::exp(-log_variance) / 2 : std::exp(-log_variance);
}

double uncertainty_term(double loss, double log_variance, LossKind kind) {
  return uncertainty_weight(log_variance, kind) * loss + log_variance / 2;
}

double uncertainty_slope(double loss, double log_variance, LossKind kind) { return 0.5 - uncertainty_weight(log_variance, kind) * loss; }

GradNormSlopes gradnorm_slopes(std::span<const double> weights, std::span<const double> gradient_norms, std::span<const double> losses,
                               std::span<const double> first_losses, double alpha) {
  GradNormSlopes result;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    result.lengths.push_back(weights[i] * gradient_norms[i]);
    result.rates.push_back(losses[i] / at_least_smallest(first_losses[i]));
  }
  const double mean_rate = std::max(mean_of(result.rates), kSmallestLoss);
  const double mean_length = mean_of(result.lengths);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    result.rates[i] /= mean_rate;
    result.targets.push_back(mean_length * std::pow(std::max(result.rates[i], 0.0), alpha));
    const double over = result.lengths[i] - result.targets[i];
    result.slopes.push_back((over > 0 ? 1 : over < 0 ? -1 : 0) * gradient_norms[i]);
  }
  return result;
}

void renormalise(std::span<double> weights, double total) {
  constexpr double kSmallest = 1e-4;
  double sum = 0;
  for (double& each : weights) {
    each = std::max(each, kSmallest);
    sum += each;
  }
  for (double& each : weights) each *= total / sum;
}

std::vector<double> dwa_weights(std::span<const double> last, std::span<const double> before, double temperature) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < last.size(); ++i) ratios.push_back(last[i] / at_least_smallest(before[i]) / temperature);
  std::vector<double> weights = softmax(ratios);
  for (double& each : weights) each *= static_cast<double>(weights.size());
  return weights;
}

double dtp_weight(double mastery, double gamma) {
  constexpr double kMargin = 1e-6;
  const double k = std::clamp(mastery, kMargin, 1 - kMargin);
  return -std::pow(1 - k, gamma) * std::log(k);
}

double mastery(double loss, double first_loss) { return 1 / (1 + std::max(loss, 0.0) / at_least_smallest(first_loss)); }

std::vector<double> random_weights(std::size_t tasks, RandomStream& stream) {
  std::vector<double> values;
  for (std::size_t i = 0; i < tasks; ++i) values.push_back(stream.normal());
  return softmax(values);
}

std::vector<double> geometric_weights(std::span<const double> losses) {
  std::vector<double> logarithms;
  for (const double each : losses) logarithms.push_back(std::log(at_least_smallest(each)));
  const double mean = mean_of(logarithms);
  std::vector<double> weights;
  for (const double each : logarithms) weights.push_back(std::exp(mean - each) / static_cast<double>(losses.size()));
  return weights;
}

std::vector<double> famo_weights(std::span<const double> logits, std::span<const double> losses) {
  std::vector<double> weights = softmax(logits);
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) sum += weights[i] /= at_least_smallest(losses[i]);
  for (double& each : weights) each /= sum;
  return weights;
}

std::vector<double> famo_slopes(std::span<const double> logits, std::span<const double> before, std::span<const double> after) {
  const std::vector<double> shares = softmax(logits);
  std::vector<double> falls;
  double mean = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    falls.push_back(std::log(at_least_smallest(before[i])) - std::log(at_least_smallest(after[i])));
    mean += shares[i] * falls[i];
  }
  std::vector<double> slopes;
  for (std::size_t i = 0; i < shares.size(); ++i) slopes.push_back(shares[i] * (falls[i] - mean));
  return slopes;
}

void NumberAdam::step(std::size_t i, double& value, double slope, double rate) {
  constexpr double kBeta1 = 0.9;
  constexpr double kBeta2 = 0.999;
  constexpr double kEpsilon = 1e-8;
  const auto count = static_cast<double>(++steps_[i]);
  first_[i] = kBeta1 * first_[i] + (1 - kBeta1) * slope;
  second_[i] = kBeta2 * second_[i] + (1 - kBeta2) * slope * slope;
  const double mean = first_[i] / (1 - std::pow(kBeta1, count));
  const double deviation = std::sqrt(second_[i] / (1 - std::pow(kBeta2, count)));
  value -= rate * mean / (deviation + kEpsilon);
}

nlohmann::json NumberAdam::state() const { return {{"first", first_}, {"second", second_}, {"steps", steps_}}; }

void NumberAdam::load_state(const nlohmann::json& state) {
  first_ = state.at("first").get<std::vector<double>>();
  second_ = state.at("second").get<std::vector<double>>();
  steps_ = state.at("steps").get<std::vector<std::int64_t>>();
}

}  // namespace affinis::train
