#include "experiments/study/prospects.h"

#include "framework/core/text.h"
#include "taxonomy/affinity.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {
namespace {

constexpr double kSignal = 0.6;
constexpr const char* kConstantNetwork = "constant";

/// Drops what is no first-order transfer from a forecast; the target's own readout is the transfer from itself.
taxonomy::LossTable transfers_of(const taxonomy::LossTable& forecast) {
  taxonomy::LossTable result;
  result.target = forecast.target;
  result.images = forecast.images;
  for (std::size_t n = 0; n < forecast.networks.size(); ++n) {
    const std::string& network = forecast.networks[n];
    if (network == kConstantNetwork) continue;
    result.networks.push_back(network == transfer::kSelfRole ? forecast.target : network);
    for (std::size_t i = 0; i < forecast.images.size(); ++i) result.losses.push_back(forecast.loss(n, i));
  }
  return result;
}

}  // namespace

std::map<std::string, Prospect> prospects(const std::vector<taxonomy::LossTable>& forecasts) {
  std::map<std::string, Prospect> result;
  taxonomy::AffinityOptions options;
  options.gain_against = kConstantNetwork;
  for (const taxonomy::LossTable& forecast : forecasts) {
    Prospect prospect;
    prospect.errors = transfers_of(forecast);
    for (const taxonomy::TransferRow& row : taxonomy::target_affinity(forecast, options).rows) {
      prospect.affinity[row.is_self() ? forecast.target : join(row.sources, "+")] = row.affinity;
      prospect.decides = prospect.decides || row.gain >= kSignal;
    }
    result.emplace(forecast.target, std::move(prospect));
  }
  return result;
}

}  // namespace affinis::experiments
