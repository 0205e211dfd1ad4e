#include "framework/train/balance/gramian.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "framework/core/error.h"

namespace affinis::train {

Gramian::Gramian(std::size_t tasks, std::vector<double> products) : tasks_(tasks), products_(std::move(products)) {
  AFFINIS_ASSERT(products_.size() == tasks_ * tasks_);
}

double Gramian::norm(std::size_t task) const { return std::sqrt(std::max(0.0, (*this)(task, task))); }

double Gramian::cosine(std::size_t task, std::size_t other) const {
  const double lengths = norm(task) * norm(other);
  return lengths > 0 ? std::clamp((*this)(task, other) / lengths, -1.0, 1.0) : 0;
}

std::vector<double> Gramian::times(std::span<const double> weights) const {
  std::vector<double> result(tasks_, 0.0);
  for (std::size_t i = 0; i < tasks_; ++i) {
    for (std::size_t j = 0; j < tasks_; ++j) result[i] += (*this)(i, j) * weights[j];
  }
  return result;
}

double Gramian::squared_norm(std::span<const double> weights) const {
  const std::vector<double> products = times(weights);
  double sum = 0;
  for (std::size_t i = 0; i < tasks_; ++i) sum += weights[i] * products[i];
  return std::max(0.0, sum);
}

Gramian Gramian::of(std::span<const std::size_t> tasks) const {
  std::vector<double> products;
  products.reserve(tasks.size() * tasks.size());
  for (const std::size_t i : tasks) {
    for (const std::size_t j : tasks) products.push_back((*this)(i, j));
  }
  return {tasks.size(), std::move(products)};
}

Gramian Gramian::scaled(std::span<const double> factors) const {
  Gramian result = *this;
  for (std::size_t i = 0; i < tasks_; ++i) {
    for (std::size_t j = 0; j < tasks_; ++j) result.products_[i * tasks_ + j] *= factors[i] * factors[j];
  }
  return result;
}

std::vector<std::size_t> Gramian::with_gradient() const {
  // What is shorter than rounding makes of the longest has no direction.
  constexpr double kShortest = 1e-30;
  double longest = 0;
  for (std::size_t i = 0; i < tasks_; ++i) longest = std::max(longest, (*this)(i, i));
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < tasks_; ++i) {
    if ((*this)(i, i) > kShortest * longest) result.push_back(i);
  }
  return result;
}

}  // namespace affinis::train
