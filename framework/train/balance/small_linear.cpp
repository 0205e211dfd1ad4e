#include "framework/train/balance/small_linear.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace affinis::train {

std::optional<std::vector<double>> solve_positive_definite(std::vector<double> matrix, std::vector<double> right_side) {
  constexpr double kSmallestPivot = 1e-14;
  const std::size_t size = right_side.size();
  const auto a = [&](std::size_t row, std::size_t column) -> double& { return matrix[row * size + column]; };
  for (std::size_t column = 0; column < size; ++column) {
    const double diagonal = a(column, column);
    double pivot = diagonal;
    for (std::size_t k = 0; k < column; ++k) pivot -= a(column, k) * a(column, k);
    if (!(pivot > kSmallestPivot * diagonal)) return std::nullopt;
    a(column, column) = std::sqrt(pivot);
    for (std::size_t row = column + 1; row < size; ++row) {
      double sum = a(row, column);
      for (std::size_t k = 0; k < column; ++k) sum -= a(row, k) * a(column, k);
      a(row, column) = sum / a(column, column);
    }
  }
  for (std::size_t row = 0; row < size; ++row) {
    for (std::size_t k = 0; k < row; ++k) right_side[row] -= a(row, k) * right_side[k];
    right_side[row] /= a(row, row);
  }
  for (std::size_t row = size; row-- > 0;) {
    for (std::size_t k = row + 1; k < size; ++k) right_side[row] -= a(k, row) * right_side[k];
    right_side[row] /= a(row, row);
  }
  return right_side;
}

SymmetricEigen eigen_of_symmetric(std::vector<double> matrix, std::size_t size) {
  constexpr int kMostSweeps = 64;
  std::vector<double> vectors(size * size, 0.0);
  for (std::size_t i = 0; i < size; ++i) vectors[i * size + i] = 1;
  const auto a = [&](std::size_t row, std::size_t column) -> double& { return matrix[row * size + column]; };
  const auto v = [&](std::size_t row, std::size_t column) -> double& { return vectors[row * size + column]; };

  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    double beside = 0;
    double all = 0;
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < size; ++j) {
        all += a(i, j) * a(i, j);
        if (i != j) beside += a(i, j) * a(i, j);
      }
    }
    const double rounding = std::numeric_limits<double>::epsilon();
    if (beside <= rounding * rounding * all) break;
    for (std::size_t p = 0; p + 1 < size; ++p) {
      for (std::size_t q = p + 1; q < size; ++q) {
        if (a(p, q) == 0) continue;
        // The smaller of the two angles that make entry (p, q) zero (Golub and Van Loan, section 8.5).
        const double ratio = (a(q, q) - a(p, p)) / (2 * a(p, q));
        const double tangent = (ratio >= 0 ? 1.0 : -1.0) / (std::abs(ratio) + std::hypot(1.0, ratio));
        const double cosine = 1 / std::hypot(1.0, tangent);
        const double sine = tangent * cosine;
        for (std::size_t k = 0; k < size; ++k) {
          const double left = a(k, p);
          const double right = a(k, q);
          a(k, p) = cosine * left - sine * right;
          a(k, q) = sine * left + cosine * right;
        }
        for (std::size_t k = 0; k < size; ++k) {
          const double upper = a(p, k);
          const double lower = a(q, k);
          a(p, k) = cosine * upper - sine * lower;
          a(q, k) = sine * upper + cosine * lower;
        }
        for (std::size_t k = 0; k < size; ++k) {
          const double left = v(k, p);
          const double right = v(k, q);
          v(k, p) = cosine * left - sine * right;
          v(k, q) = sine * left + cosine * right;
        }
      }
    }
  }

  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return a(i, i) < a(j, j); });
  SymmetricEigen result{std::vector<double>(size), std::vector<double>(size * size)};
  for (std::size_t k = 0; k < size; ++k) {
    result.values[k] = a(order[k], order[k]);
    for (std::size_t row = 0; row < size; ++row) result.vectors[row * size + k] = v(row, order[k]);
  }
  return result;
}

}  // namespace affinis::train
