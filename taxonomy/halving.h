#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "taxonomy/loss_table.h"

namespace affinis::taxonomy {

/// Why one transfer was not trained on.
struct Loser {
  std::size_t network = 0;  ///< position in the loss table
  std::size_t leader = 0;   ///< the transfer that it was compared with: the rung's best
  double win_rate = 0;      ///< share of the rung's batches (or images) on which it beat the leader, ties one half
  double low = 0;           ///< Wilson's 95 % interval
  double high = 0;
  double per_image = 0;     ///< what share of single images that is, see loser_against()
  /// The interval lies below one half. Otherwise it was dropped undecided, because only so many go on.
  bool beaten() const { return high < 0.5; }
};

struct HalvingOptions {
  std::size_t least = 1;           ///< at least so many go on
  double images_per_loss = 1;      ///< a loss is the mean over so many images: a training batch
};

struct HalvingResult {
  std::vector<std::size_t> survivors;  ///< positions in the loss table, ascending
  std::vector<Loser> losers;           ///< best first
};

/// How a transfer did against another one. Means over batches hide how often single images go the other way: of batches of b images whose
/// differences have mean m and deviation s, `per_image` is the normal share Phi(m / (s sqrt b)); of images the win rate itself.
Loser loser_against(const LossTable& losses, std::size_t network, std::size_t leader, double images_per_loss = 1);

/// One rung of successive halving (Jamieson and Talwalkar 2016) on losses of the same batches or images: ranks the transfers by their
/// mean win rate over all others; the better half goes on (rounded up, and at least `least`), and beyond it, up to two thirds, those whose
/// win rate against the best cannot be told from one half. Equal ones: the name that comes first in the alphabet.
HalvingResult halve(const LossTable& losses, const HalvingOptions& options = {});

/// Steps at which rungs end: `shares` of all steps, rounded up; those of less than one step or of all are left out, equal ones kept once.
std::vector<std::int64_t> rung_steps(const std::vector<double>& shares, std::int64_t steps);

}  // namespace affinis::taxonomy
