#pragma once

#include <chrono>
#include <limits>

namespace affinis::taxonomy {

/// When a search has to stop: `seconds` from here.
class Deadline {
 public:
  explicit Deadline(double seconds = std::numeric_limits<double>::infinity()) : seconds_(seconds) {}
  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  bool over() const { return elapsed() >= seconds_; }
  /// Whether that share (0 to 1) of the time is over.
  bool over(double share) const { return elapsed() >= share * seconds_; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
  double seconds_;
};

}  // namespace affinis::taxonomy
