#pragma once

#include <span>
#include <vector>

namespace affinis::taxonomy {

/// Ranks from 1 for the smallest; equal values share the mean of their ranks. Precondition: no NaN.
std::vector<double> mid_ranks(std::span<const double> values);

/// Mean of the values that are numbers; NaN when none is.
double mean_of_known(std::span<const double> values);

/// Pearson's correlation of two equally long lists; NaN for fewer than two values or where one list is constant.
double pearson(std::span<const double> a, std::span<const double> b);

/// Spearman's rho: Pearson's correlation of the mid-ranks.
double spearman(std::span<const double> a, std::span<const double> b);

/// Kendall's tau-b: (concordant - discordant) pairs over the geometric mean of the pairs untied in each list; NaN where one is constant.
/// O(n^2) time.
double kendall_tau_b(std::span<const double> a, std::span<const double> b);

}  // namespace affinis::taxonomy
