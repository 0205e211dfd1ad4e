#include "taxonomy/ranks.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "framework/core/error.h"
#include "taxonomy/known_values.h"

namespace affinis::taxonomy {

std::vector<double> mid_ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = (static_cast<double>(begin + 1) + static_cast<double>(end)) / 2;
    begin = end;
  }
  return ranks;
}

double mean_of_known(std::span<const double> values) {
  MeanOfKnown mean;
  for (const double value : values) mean.add(value);
  return mean.value();
}

double pearson(std::span<const double> a, std::span<const double> b) {
  AFFINIS_ASSERT(a.size() == b.size());
  const double count = static_cast<double>(a.size());
  // Of equal values the mean may be off by rounding: a constant list must be seen as one.
  const auto constant = [](std::span<const double> values) {
    return std::all_of(values.begin(), values.end(), [&](double value) { return value == values.front(); });
  };
  if (a.size() < 2 || constant(a) || constant(b)) return kMissing;
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / count;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / count;
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  if (!(aa > 0) || !(bb > 0)) return kMissing;
  return std::clamp(ab / (std::sqrt(aa) * std::sqrt(bb)), -1.0, 1.0);
}

double spearman(std::span<const double> a, std::span<const double> b) { return pearson(mid_ranks(a), mid_ranks(b)); }

double kendall_tau_b(std::span<const double> a, std::span<const double> b) {
  AFFINIS_ASSERT(a.size() == b.size());
  std::int64_t agreement = 0;
  std::int64_t untied_a = 0;
  std::int64_t untied_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = i + 1; j < a.size(); ++j) {
      const int in_a = (a[i] > a[j]) - (a[i] < a[j]);
      const int in_b = (b[i] > b[j]) - (b[i] < b[j]);
      agreement += in_a * in_b;
      untied_a += in_a != 0;
      untied_b += in_b != 0;
    }
  }
  if (untied_a == 0 || untied_b == 0) return kMissing;
  return static_cast<double>(agreement) / (std::sqrt(static_cast<double>(untied_a)) * std::sqrt(static_cast<double>(untied_b)));
}

}  // namespace affinis::taxonomy
