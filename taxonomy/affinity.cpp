#include "taxonomy/affinity.h"

#include <algorithm>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "taxonomy/known_values.h"

namespace affinis::taxonomy {

namespace {

/// Affinities of a tournament among contestants; `rate_against(i, name)` is the win rate of its i-th network.
template <typename RateAgainst>
TargetAffinity make_affinity(Tournament tournament, const AffinityOptions& options, const RateAgainst& rate_against) {
  TargetAffinity result;
  result.tournament = std::move(tournament);
  result.ahp = ahp_affinity(result.tournament, options.ahp);
  const std::string& target = result.tournament.target;
  for (std::size_t i = 0; i < result.tournament.networks.size(); ++i) {
    TransferRow row;
    row.sources = split(result.tournament.networks[i], '+');
    row.target = target;
    row.order = static_cast<std::int64_t>(row.sources.size());
    row.affinity = result.ahp.affinity[i];
    row.gain = rate_against(i, options.gain_against);
    row.quality = rate_against(i, std::string(kSelf));
    result.rows.push_back(std::move(row));
  }
  check_transfer_table({"losses of " + target, {}, result.rows});
  return result;
}

}  // namespace

std::vector<std::size_t> contestants_of(const std::vector<std::string>& networks, const std::string& target,
                                        const AffinityOptions& options) {
  const auto is_baseline = [&](const std::string& network) {
    return network == options.gain_against ||
           std::find(options.baselines.begin(), options.baselines.end(), network) != options.baselines.end();
  };
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < networks.size(); ++i) {
    // `self` may be what gain is measured against, and is a contestant all the same.
    if (networks[i] == kSelf || !is_baseline(networks[i])) result.push_back(i);
  }
  AFFINIS_CHECK(!result.empty(), ErrorCode::kData, "losses of {}: there is no transfer and no 'self', only {}", target,
                networks.empty() ? "nothing" : join(networks, ", "));
  return result;
}

TargetAffinity target_affinity(const LossTable& table, const AffinityOptions& options) {
  check_loss_table(table);
  const std::vector<std::size_t> contestants = contestants_of(table.networks, table.target, options);
  return make_affinity(make_tournament(table, contestants), options, [&](std::size_t i, const std::string& opponent) {
    const std::size_t position = table.find(opponent);
    if (position == table.networks.size()) return kMissing;
    return contestants[i] == position ? 0.5 : win_rate(table, contestants[i], position);
  });
}

TargetAffinity target_affinity(const Tournament& all, const AffinityOptions& options) {
  const std::vector<std::size_t> contestants = contestants_of(all.networks, all.target, options);
  Tournament tournament;
  tournament.target = all.target;
  tournament.images = all.images;
  for (const std::size_t row : contestants) {
    tournament.networks.push_back(all.networks[row]);
    for (const std::size_t column : contestants) {
      tournament.wins.push_back(all.win(row, column));
      if (!all.shared.empty()) tournament.shared.push_back(static_cast<std::int32_t>(all.shared_images(row, column)));
    }
  }
  return make_affinity(std::move(tournament), options, [&](std::size_t i, const std::string& opponent) {
    const auto found = std::find(all.networks.begin(), all.networks.end(), opponent);
    if (found == all.networks.end()) return kMissing;
    return all.win(contestants[i], static_cast<std::size_t>(found - all.networks.begin()));
  });
}

TransferTable make_transfer_table(std::span<const LossTable> tables, const AffinityOptions& options) {
  TransferTable result;
  result.name = "affinities";
  for (const LossTable& table : tables) {
    const TargetAffinity target = target_affinity(table, options);
    result.rows.insert(result.rows.end(), target.rows.begin(), target.rows.end());
  }
  check_transfer_table(result);
  return result;
}

}  // namespace affinis::taxonomy
