#pragma once

#include <algorithm>
#include <chrono>
#include <functional>

namespace affinis::bench {

/// The fastest of so many turns, after three to warm up: other programs only ever make one slower.
inline double best_milliseconds(const std::function<void()>& work, int turns) {
  double best = 0;
  for (int turn = 0; turn < turns + 3; ++turn) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const double taken = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    if (turn >= 3) best = turn == 3 ? taken : std::min(best, taken);
  }
  return best;
}

}  // namespace affinis::bench
