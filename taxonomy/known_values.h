#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

namespace affinis::taxonomy {

/// Stands where nothing was measured.
inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// Mean of the values that are numbers; NaN when none is.
class MeanOfKnown {
 public:
  void add(double value) {
    if (std::isnan(value)) return;
    sum_ += value;
    ++count_;
  }
  double value() const { return count_ == 0 ? kMissing : sum_ / static_cast<double>(count_); }

 private:
  double sum_ = 0;
  std::size_t count_ = 0;
};

}  // namespace affinis::taxonomy
