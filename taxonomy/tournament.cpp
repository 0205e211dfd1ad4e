#include "taxonomy/tournament.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <tbb/parallel_for.h>

#include "framework/core/error.h"

namespace affinis::taxonomy {
namespace {

// Images a tile: two rows of it stay in the first-level cache while every pair of a block of networks is compared.
constexpr std::size_t kTileImages = 1024;
constexpr std::size_t kBlockNetworks = 16;

/// Twice the wins of `a` (a tie counts one) and the images that both have. NaN compares false with everything, itself included.
struct Count {
  std::int64_t half_wins = 0;
  std::int64_t shared = 0;
};

Count compare(const double* a, const double* b, std::size_t images) {
  std::int64_t wins = 0;
  std::int64_t ties = 0;
  std::int64_t losses = 0;
  for (std::size_t i = 0; i < images; ++i) {
    wins += a[i] < b[i];
    ties += a[i] == b[i];
    losses += a[i] > b[i];
  }
  return {2 * wins + ties, wins + ties + losses};
}

double share(const Count& count) {
  if (count.shared == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(count.half_wins) / (2.0 * static_cast<double>(count.shared));
}

}  // namespace

double win_rate(const LossTable& table, std::size_t row, std::size_t column) {
  const std::size_t images = table.images.size();
  return share(compare(table.losses.data() + row * images, table.losses.data() + column * images, images));
}

Tournament make_tournament(const LossTable& table) {
  std::vector<std::size_t> all(table.networks.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return make_tournament(table, all);
}

Tournament make_tournament(const LossTable& table, std::span<const std::size_t> positions) {
  check_loss_table(table);
  const std::size_t count = positions.size();
  const std::size_t images = table.images.size();
  Tournament tournament;
  tournament.target = table.target;
  tournament.images = static_cast<std::int64_t>(images);
  for (const std::size_t position : positions) {
    AFFINIS_ASSERT(position < table.networks.size());
    tournament.networks.push_back(table.networks[position]);
  }
  tournament.wins.assign(count * count, 0.5);
  const std::size_t blocks = (count + kBlockNetworks - 1) / kBlockNetworks;
  tbb::parallel_for(std::size_t{0}, blocks * blocks, [&](std::size_t pair) {
    const std::size_t first = pair / blocks * kBlockNetworks;
    const std::size_t second = pair % blocks * kBlockNetworks;
    if (second < first) return;
    const std::size_t first_end = std::min(first + kBlockNetworks, count);
    const std::size_t second_end = std::min(second + kBlockNetworks, count);
    Count counts[kBlockNetworks][kBlockNetworks] = {};
    for (std::size_t from = 0; from < images; from += kTileImages) {
      const std::size_t length = std::min(kTileImages, images - from);
      for (std::size_t i = first; i < first_end; ++i) {
        for (std::size_t j = std::max(second, i + 1); j < second_end; ++j) {
          const Count tile = compare(table.losses.data() + positions[i] * images + from, table.losses.data() + positions[j] * images + from,
                                     length);
          counts[i - first][j - second].half_wins += tile.half_wins;
          counts[i - first][j - second].shared += tile.shared;
        }
      }
    }
    for (std::size_t i = first; i < first_end; ++i) {
      for (std::size_t j = std::max(second, i + 1); j < second_end; ++j) {
        const double wins = share(counts[i - first][j - second]);
        tournament.wins[i * count + j] = wins;
        tournament.wins[j * count + i] = 1.0 - wins;
      }
    }
  });
  return tournament;
}

}  // namespace affinis::taxonomy
