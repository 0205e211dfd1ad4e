#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace affinis::train {

/// Inner products of the gradients of K tasks: entry (i, j) is <g_i, g_j>. Most gradient methods need nothing else: what they make of the
/// gradients is a sum of them, and its weights follow from these K x K numbers.
class Gramian {
 public:
  Gramian() = default;
  /// `products` is [K, K], row by row. Precondition: symmetric.
  Gramian(std::size_t tasks, std::vector<double> products);

  std::size_t tasks() const { return tasks_; }
  double operator()(std::size_t row, std::size_t column) const { return products_[row * tasks_ + column]; }
  const std::vector<double>& products() const { return products_; }

  /// ||g_i||.
  double norm(std::size_t task) const;
  /// Of g_i and g_j, in [-1, 1]; 0 when one of them is zero.
  double cosine(std::size_t task, std::size_t other) const;
  /// M x: the inner product of every gradient with sum x_i g_i.
  std::vector<double> times(std::span<const double> weights) const;
  /// ||sum x_i g_i||^2, never below 0.
  double squared_norm(std::span<const double> weights) const;

  /// That of these tasks alone, in their order.
  Gramian of(std::span<const std::size_t> tasks) const;
  /// That of the gradients s_i g_i.
  Gramian scaled(std::span<const double> factors) const;
  /// Tasks whose gradient is not zero beside the longest one.
  std::vector<std::size_t> with_gradient() const;

 private:
  std::size_t tasks_ = 0;
  std::vector<double> products_;
};

}  // namespace affinis::train
