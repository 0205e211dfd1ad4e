#include "experiments/report/forecast_quality.h"

#include <limits>
#include <string>
#include <vector>

#include "framework/core/json_number.h"
#include "taxonomy/comparison.h"
#include "taxonomy/ranks.h"

namespace affinis::experiments {
namespace {

double gain_of(const taxonomy::TransferTable& table, const std::string& source, const std::string& target) {
  for (const taxonomy::TransferRow& row : table.rows) {
    if (row.order == 1 && row.target == target && row.sources.front() == source) return row.gain;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

nlohmann::json forecast_quality(const taxonomy::TransferTable& measured, const taxonomy::TransferTable& forecast) {
  const taxonomy::Comparison comparison = taxonomy::compare_tables(measured, forecast);
  nlohmann::json targets = nlohmann::json::array();
  std::vector<double> best;
  std::vector<double> followed;
  for (const taxonomy::TargetAgreement& target : comparison.agreement) {
    best.push_back(gain_of(measured, target.best_a, target.target));
    followed.push_back(gain_of(measured, target.best_b, target.target));
    targets.push_back({{"target", target.target},
                       {"sources", target.sources},
                       {"spearman", number(target.spearman)},
                       {"kendall", number(target.kendall)},
                       {"best_measured", target.best_a},
                       {"best_forecast", target.best_b},
                       {"gain_of_best", number(best.back())},
                       {"gain_of_forecast", number(followed.back())}});
  }
  return {{"targets", targets},
          {"mean_spearman", number(comparison.mean_spearman)},
          {"mean_kendall", number(comparison.mean_kendall)},
          {"mean_gain_of_best", number(taxonomy::mean_of_known(best))},
          {"mean_gain_of_forecast", number(taxonomy::mean_of_known(followed))}};
}

}  // namespace affinis::experiments
