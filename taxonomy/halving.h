#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "taxonomy/loss_table.h"

namespace affinis::taxonomy {

/// Why one transfer was not trained on.
struct Loser {
  std::size_t network = 0;  ///< position in the loss table
  std::size_t leader = 0;   ///< the transfer that it was compared with: the rung's best
  double win_rate = 0;      ///< share of the rung's images on which it beat the leader, ties one half
  double low = 0;           ///< Wilson's 95 % interval
  double high = 0;
  /// The interval lies below one half. Otherwise it was dropped undecided, because only so many go on.
  bool beaten() const { return high < 0.5; }
};

struct HalvingResult {
  std::vector<std::size_t> survivors;  ///< positions in the loss table, ascending
  std::vector<Loser> losers;           ///< best first
};

/// One rung of successive halving (Jamieson and Talwalkar 2016) on per-image losses: ranks the transfers by their mean win rate over all
/// others; the better half goes on (rounded up, and at least `least`), and beyond it, up to two thirds, those whose win rate against
/// the best cannot be told from one half. With rungs at 1/8, 1/4 and 1/2 of the steps the search then costs at most 47 % of all
/// transfers' steps. Equal win rates: the name that comes first in the alphabet.
HalvingResult halve(const LossTable& losses, std::size_t least);

/// Steps at which rungs end: `shares` of all steps, rounded up; those of less than one step or of all are left out, equal ones kept once.
std::vector<std::int64_t> rung_steps(const std::vector<double>& shares, std::int64_t steps);

}  // namespace affinis::taxonomy
