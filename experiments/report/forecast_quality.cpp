#include "experiments/report/forecast_quality.h"

#include <cmath>
#include <limits>
#include <string>

#include "framework/core/json_number.h"
#include "taxonomy/comparison.h"

namespace affinis::experiments {
namespace {

double gain_of(const taxonomy::TransferTable& table, const std::string& source, const std::string& target) {
  for (const taxonomy::TransferRow& row : table.rows) {
    if (row.order == 1 && row.target == target && row.sources.front() == source) return row.gain;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

class Mean {
 public:
  double add(double value) {
    if (!std::isnan(value)) {
      sum_ += value;
      ++count_;
    }
    return value;
  }
  double value() const { return count_ == 0 ? std::numeric_limits<double>::quiet_NaN() : sum_ / count_; }

 private:
  double sum_ = 0;
  int count_ = 0;
};

}  // namespace

nlohmann::json forecast_quality(const taxonomy::TransferTable& measured, const taxonomy::TransferTable& forecast) {
  const taxonomy::Comparison comparison = taxonomy::compare_tables(measured, forecast);
  nlohmann::json targets = nlohmann::json::array();
  Mean best;
  Mean followed;
  for (const taxonomy::TargetAgreement& target : comparison.agreement) {
    targets.push_back({{"target", target.target},
                       {"sources", target.sources},
                       {"spearman", number(target.spearman)},
                       {"kendall", number(target.kendall)},
                       {"best_measured", target.best_a},
                       {"best_forecast", target.best_b},
                       {"gain_of_best", number(best.add(gain_of(measured, target.best_a, target.target)))},
                       {"gain_of_forecast", number(followed.add(gain_of(measured, target.best_b, target.target)))}});
  }
  return {{"targets", targets},
          {"mean_spearman", number(comparison.mean_spearman)},
          {"mean_kendall", number(comparison.mean_kendall)},
          {"mean_gain_of_best", number(best.value())},
          {"mean_gain_of_forecast", number(followed.value())}};
}

}  // namespace affinis::experiments
