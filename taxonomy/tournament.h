#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "taxonomy/loss_table.h"

namespace affinis::taxonomy {

/// Which network beats which on how many test images of one target.
struct Tournament {
  std::string target;
  std::vector<std::string> networks;
  std::vector<double> wins;  ///< networks x networks: share of images on which row has the lower loss than column, ties one half;
                             ///< over the images that both have, NaN where there is none; the diagonal is 0.5
  std::int64_t images = 0;   ///< images of the loss table
  std::vector<std::int32_t> shared = {};  ///< networks x networks: images that both have (diagonal: that the network has); may be
                                          ///< empty, then all have all images

  double win(std::size_t row, std::size_t column) const { return wins[row * networks.size() + column]; }
  /// Images on which the two were compared.
  std::int64_t shared_images(std::size_t row, std::size_t column) const {
    return shared.empty() ? images : shared[row * networks.size() + column];
  }
};

/// Compares every pair of the table's networks, in parallel; the result does not depend on the number of threads.
/// wins + its transpose is 1 where defined. Losses are first replaced by their rank on each image, which keeps every comparison and makes
/// them 16 bits wide. Throws as check_loss_table, and Error(kData) for more than 65,000 networks.
Tournament make_tournament(const LossTable& table);
/// Only among the networks at `positions`, in that order; Error(kInternal) when a position is out of range.
Tournament make_tournament(const LossTable& table, std::span<const std::size_t> positions);

/// Share of images (that both have) on which network `row` beats `column`, ties one half; NaN when they share none.
double win_rate(const LossTable& table, std::size_t row, std::size_t column);

}  // namespace affinis::taxonomy
