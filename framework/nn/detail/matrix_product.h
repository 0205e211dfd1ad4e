#pragma once

#include <cstdint>

namespace affinis::nn::detail {

/// result(r, c) = sum over k of left(r, k) right(k, c), or that added to the result. Float32, free of LibTorch.
struct MatrixProduct {
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t depth;
  const float* left;  ///< (r, k) at r * left_row + k * left_step
  std::int64_t left_row;
  std::int64_t left_step;
  const float* right;  ///< (k, c) at k * right_step + c * right_column, one of which is 1
  std::int64_t right_step;
  std::int64_t right_column;
  float* result;  ///< (r, c) at r * result_row + c
  std::int64_t result_row;
  bool adds = false;
  /// Where it is not 0, the matrices have gaps beside their steps after every so many of these; the depth is a multiple. A gap of the right
  /// matrix takes right_column 1 and no places.
  std::int64_t part = 0;
  std::int64_t left_gap = 0;
  std::int64_t right_gap = 0;
  /// Where neither has equal strides: values of the right matrix before each step's row (right_column is 1) or each column (right_step is 1),
  /// instead of the other stride.
  const std::int64_t* right_places = nullptr;
  const float* right_next = nullptr;  ///< the right matrix of the product that will follow, laid out as this one, to be fetched ahead
};

/// One thread. A value's products are added one after the other, 512 at a time, so that its bits do not depend on which rows
/// and columns are computed together.
void multiply(const MatrixProduct& product);

}  // namespace affinis::nn::detail
