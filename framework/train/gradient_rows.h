#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/train/balance/gramian.h"

namespace affinis::train {

/// Inner products of the rows of a [m, P] with those of b [n, P], in double, block by block of columns. [m, n]
at::Tensor row_products(const at::Tensor& a, const at::Tensor& b);

/// Of a matrix [K, K] whose halves come from different roundings of the same sums: the upper one counts.
Gramian upper_gramian(const at::Tensor& products);

/// sum w_k rows_k of rows [K, P]. [P]
at::Tensor weighted_sum(const at::Tensor& rows, std::span<const double> weights);

/// Makes the flat gradient [P] that of these parameters, one behind the other; those that were not `reached` keep an undefined one.
void set_gradients(const std::vector<at::Tensor>& parameters, const std::vector<bool>& reached, const at::Tensor& flat);

/// Adds to a sum that may be undefined so far, without changing either tensor's memory.
void add_to(at::Tensor& sum, const at::Tensor& term);

}  // namespace affinis::train
