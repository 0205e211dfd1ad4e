#include "taxonomy/affinity.h"

#include <algorithm>
#include <limits>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace affinis::taxonomy {

TargetAffinity target_affinity(const LossTable& table, const AffinityOptions& options) {
  check_loss_table(table);
  const auto is_baseline = [&](const std::string& network) {
    return network == options.gain_against ||
           std::find(options.baselines.begin(), options.baselines.end(), network) != options.baselines.end();
  };
  std::vector<std::size_t> transfers;
  for (std::size_t i = 0; i < table.networks.size(); ++i) {
    // `self` may be what gain is measured against, and is a contestant all the same.
    if (table.networks[i] == kSelf || !is_baseline(table.networks[i])) transfers.push_back(i);
  }
  AFFINIS_CHECK(!transfers.empty(), ErrorCode::kData, "losses of {}: there is no transfer and no 'self', only {}", table.target,
                table.networks.empty() ? "nothing" : join(table.networks, ", "));

  TargetAffinity result;
  result.tournament = make_tournament(table, transfers);
  result.ahp = ahp_affinity(result.tournament, options.ahp);
  const auto rate_against = [&](std::size_t network, const std::string& opponent) {
    const std::size_t position = table.find(opponent);
    if (position == table.networks.size()) return std::numeric_limits<double>::quiet_NaN();
    return network == position ? 0.5 : win_rate(table, network, position);
  };
  for (std::size_t i = 0; i < transfers.size(); ++i) {
    TransferRow row;
    row.sources = split(table.networks[transfers[i]], '+');
    row.target = table.target;
    row.order = static_cast<std::int64_t>(row.sources.size());
    row.affinity = result.ahp.affinity[i];
    row.gain = rate_against(transfers[i], options.gain_against);
    row.quality = rate_against(transfers[i], std::string(kSelf));
    result.rows.push_back(std::move(row));
  }
  check_transfer_table({"losses of " + table.target, {}, result.rows});
  return result;
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
