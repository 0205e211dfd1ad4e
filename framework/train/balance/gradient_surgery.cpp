#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "framework/train/balance/gradient_weights.h"

namespace affinis::train {
namespace {

/// A gradient under repair: sum c_k g_k, with its inner products with all gradients.
struct Repaired {
  std::vector<double> coefficients;
  std::vector<double> products;

  Repaired(const Gramian& gramian, std::size_t task) : coefficients(gramian.tasks(), 0.0), products(gramian.tasks()) {
    coefficients[task] = 1;
    for (std::size_t k = 0; k < gramian.tasks(); ++k) products[k] = gramian(task, k);
  }

  void add(const Gramian& gramian, std::size_t task, double factor) {
    coefficients[task] += factor;
    for (std::size_t k = 0; k < gramian.tasks(); ++k) products[k] += factor * gramian(task, k);
  }

  double norm() const {
    return std::sqrt(std::max(0.0, std::inner_product(coefficients.begin(), coefficients.end(), products.begin(), 0.0)));
  }
};

/// Repairs every gradient against the others and sums them; `repair(gradient, task, other)` is one meeting.
template <typename Repair>
std::vector<double> sum_of_repaired(const Gramian& gramian, RandomStream* stream, Repair&& repair) {
  const std::vector<std::size_t> tasks = gramian.with_gradient();
  std::vector<double> weights(gramian.tasks(), 0.0);
  for (const std::size_t task : tasks) {
    std::vector<std::size_t> others;
    std::copy_if(tasks.begin(), tasks.end(), std::back_inserter(others), [&](std::size_t each) { return each != task; });
    if (stream != nullptr) stream->shuffle(std::span(others));
    Repaired gradient(gramian, task);
    for (const std::size_t other : others) repair(gradient, task, other);
    for (std::size_t k = 0; k < weights.size(); ++k) weights[k] += gradient.coefficients[k];
  }
  return weights;
}

}  // namespace

std::vector<double> pcgrad_weights(const Gramian& gramian, RandomStream* stream) {
  return sum_of_repaired(gramian, stream, [&](Repaired& gradient, std::size_t, std::size_t other) {
    if (gradient.products[other] < 0) gradient.add(gramian, other, -gradient.products[other] / gramian(other, other));
  });
}

std::vector<double> gradvac_weights(const Gramian& gramian, std::span<double> targets, double rate, RandomStream* stream) {
  return sum_of_repaired(gramian, stream, [&](Repaired& gradient, std::size_t task, std::size_t other) {
    double& target = targets[task * gramian.tasks() + other];
    const double own_norm = gradient.norm();
    const double other_norm = gramian.norm(other);
    const double cosine = own_norm > 0 ? std::clamp(gradient.products[other] / (own_norm * other_norm), -1.0, 1.0) : 0.0;
    const double target_sine = std::sqrt(1 - target * target);
    if (cosine < target && target_sine > 0) {
      const double sine = std::sqrt(1 - cosine * cosine);
      gradient.add(gramian, other, own_norm * (target * sine - cosine * target_sine) / (other_norm * target_sine));
    }
    target = std::clamp((1 - rate) * target + rate * cosine, -1.0, 1.0);
  });
}

}  // namespace affinis::train
