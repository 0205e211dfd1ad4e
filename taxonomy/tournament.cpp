#include "taxonomy/tournament.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include <tbb/parallel_for.h>

#include "framework/core/error.h"

namespace affinis::taxonomy {
namespace {

// A block of networks against another, tile of images by tile: what a tile needs stays in the first-level cache.
constexpr std::size_t kTileImages = 512;
constexpr std::size_t kBlockNetworks = 16;
constexpr std::size_t kRankedTogether = 16;  // images: neighbours in memory, a cache line of ranks
constexpr std::size_t kMostNetworks = 65000;

/// The rank of a loss among an image's losses, counted from -32767; equal losses have one rank.
using Rank = std::int16_t;
constexpr Rank kMissingRank = std::numeric_limits<Rank>::min();

// As wide as the registers that every 64-bit processor has: wider ones would be compared lane by lane where they are missing.
using RankVector [[gnu::vector_size(16)]] = Rank;
constexpr std::size_t kRankLanes = sizeof(RankVector) / sizeof(Rank);

/// Twice the wins of `a` (a tie counts one) and the images that both have. NaN compares false with everything, itself included.
struct Tally {
  std::int64_t half_wins = 0;
  std::int64_t shared = 0;
};

Tally compare(const double* a, const double* b, std::size_t images) {
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

double share(const Tally& count) {
  if (count.shared == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(count.half_wins) / (2.0 * static_cast<double>(count.shared));
}

/// Ranks of some networks, a row each, padded to whole tiles with missing images.
struct Ranks {
  std::size_t width = 0;
  std::vector<Rank> ranks;
  std::vector<char> gaps;  ///< networks x tiles: whether a tile lacks an image

  std::size_t tiles() const { return width / kTileImages; }
  const Rank* tile(std::size_t network, std::size_t tile) const { return ranks.data() + network * width + tile * kTileImages; }
  bool has_gap(std::size_t network, std::size_t tile) const { return gaps[network * tiles() + tile] != 0; }
};

void rank_image(const LossTable& table, std::span<const std::size_t> positions, std::size_t image,
                std::vector<std::pair<double, std::uint32_t>>& order, Ranks& ranks) {
  order.clear();
  for (std::size_t n = 0; n < positions.size(); ++n) {
    const double loss = table.losses[positions[n] * table.images.size() + image];
    if (!std::isnan(loss)) order.emplace_back(loss, static_cast<std::uint32_t>(n));
  }
  std::sort(order.begin(), order.end());
  Rank rank = kMissingRank;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || order[i].first != order[i - 1].first) ++rank;
    ranks.ranks[order[i].second * ranks.width + image] = rank;
  }
}

Ranks rank_losses(const LossTable& table, std::span<const std::size_t> positions) {
  const std::size_t images = table.images.size();
  Ranks ranks;
  ranks.width = (images + kTileImages - 1) / kTileImages * kTileImages;
  ranks.ranks.assign(positions.size() * ranks.width, kMissingRank);
  ranks.gaps.assign(positions.size() * ranks.tiles(), 0);
  tbb::parallel_for(std::size_t{0}, (images + kRankedTogether - 1) / kRankedTogether, [&](std::size_t group) {
    std::vector<std::pair<double, std::uint32_t>> order;
    for (std::size_t i = group * kRankedTogether; i < std::min((group + 1) * kRankedTogether, images); ++i) {
      rank_image(table, positions, i, order, ranks);
    }
  });
  for (std::size_t n = 0; n < positions.size(); ++n) {
    for (std::size_t t = 0; t < ranks.tiles(); ++t) {
      const Rank* tile = ranks.tile(n, t);
      // The padding behind the last image is missing in every network.
      const std::size_t length = std::min(kTileImages, images - t * kTileImages);
      ranks.gaps[n * ranks.tiles() + t] = std::find(tile, tile + length, kMissingRank) != tile + length;
    }
  }
  return ranks;
}

// Losses lie at any address, so that vectors are copied, not cast.
void load(const Rank* ranks, RankVector& vector) { std::memcpy(&vector, ranks, sizeof(vector)); }

std::int64_t lane_sum(const RankVector& vector) {
  std::int64_t sum = 0;
  for (std::size_t lane = 0; lane < kRankLanes; ++lane) sum += vector[lane];
  return sum;
}

/// Wins less losses of `a` over one tile that both have whole. A lane counts at most kTileImages / kRankLanes.
std::int64_t lead(const Rank* a, const Rank* b) {
  RankVector sum = {};
  RankVector x;
  RankVector y;
  for (std::size_t i = 0; i < kTileImages; i += kRankLanes) {
    load(a + i, x);
    load(b + i, y);
    sum += (x > y) - (y > x);  // a true lane is -1
  }
  return lane_sum(sum);
}

/// The same where images may be missing; adds to `shared` the images that both have.
std::int64_t lead_with_gaps(const Rank* a, const Rank* b, std::int64_t& shared) {
  RankVector sum = {};
  RankVector both = {};
  RankVector x;
  RankVector y;
  for (std::size_t i = 0; i < kTileImages; i += kRankLanes) {
    load(a + i, x);
    load(b + i, y);
    const RankVector valid = (x != kMissingRank) & (y != kMissingRank);
    sum += ((x > y) & valid) - ((y > x) & valid);
    both -= valid;
  }
  shared += lane_sum(both);
  return lane_sum(sum);
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
  tournament.shared.assign(count * count, 0);
  AFFINIS_CHECK(count <= kMostNetworks, ErrorCode::kData, "losses of {}: there are {} networks, more than {}", table.target, count,
                kMostNetworks);
  const Ranks ranks = rank_losses(table, positions);
  const std::size_t blocks = (count + kBlockNetworks - 1) / kBlockNetworks;
  tbb::parallel_for(std::size_t{0}, blocks * blocks, [&](std::size_t pair) {
    const std::size_t first = pair / blocks * kBlockNetworks;
    const std::size_t second = pair % blocks * kBlockNetworks;
    if (second < first) return;
    const std::size_t first_end = std::min(first + kBlockNetworks, count);
    const std::size_t second_end = std::min(second + kBlockNetworks, count);
    Tally counts[kBlockNetworks][kBlockNetworks] = {};
    for (std::size_t tile = 0; tile < ranks.tiles(); ++tile) {
      const auto length = static_cast<std::int64_t>(std::min(kTileImages, images - tile * kTileImages));
      for (std::size_t i = first; i < first_end; ++i) {
        for (std::size_t j = std::max(second, i); j < second_end; ++j) {
          std::int64_t shared = length;
          std::int64_t ahead = 0;
          if (ranks.has_gap(i, tile) || ranks.has_gap(j, tile)) {
            shared = 0;
            ahead = lead_with_gaps(ranks.tile(i, tile), ranks.tile(j, tile), shared);
          } else if (i != j) {
            ahead = lead(ranks.tile(i, tile), ranks.tile(j, tile));
          }
          counts[i - first][j - second].half_wins += shared + ahead;
          counts[i - first][j - second].shared += shared;
        }
      }
    }
    for (std::size_t i = first; i < first_end; ++i) {
      for (std::size_t j = std::max(second, i); j < second_end; ++j) {
        const Tally& both = counts[i - first][j - second];
        tournament.shared[i * count + j] = tournament.shared[j * count + i] = static_cast<std::int32_t>(both.shared);
        if (i == j) continue;
        const double wins = share(both);
        tournament.wins[i * count + j] = wins;
        tournament.wins[j * count + i] = 1.0 - wins;
      }
    }
  });
  return tournament;
}

}  // namespace affinis::taxonomy
