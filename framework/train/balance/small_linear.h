#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace affinis::train {

/// Solves A x = b by Cholesky's decomposition; nothing when A ([n, n], row by row, symmetric) is not positive definite beyond rounding.
std::optional<std::vector<double>> solve_positive_definite(std::vector<double> matrix, std::vector<double> right_side);

/// A = V diag(values) V'.
struct SymmetricEigen {
  std::vector<double> values;   ///< ascending
  std::vector<double> vectors;  ///< [n, n] row by row; column k belongs to value k
};

/// By Jacobi's cyclic rotations; `matrix` is [n, n], symmetric. Good to rounding for the small matrices of this folder.
SymmetricEigen eigen_of_symmetric(std::vector<double> matrix, std::size_t size);

}  // namespace affinis::train
