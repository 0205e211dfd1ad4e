#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "framework/core/random.h"
#include "taxonomy/tournament.h"

namespace affinis::taxonomy {

/// One transfer of a target, trained or not. All three are logarithms of weights in the target's tournament; forecasts have a scale of
/// their own. NaN: not known.
struct Evidence {
  double measured = std::numeric_limits<double>::quiet_NaN();
  double forecast = std::numeric_limits<double>::quiet_NaN();
  double compared = std::numeric_limits<double>::quiet_NaN();  ///< by a comparison with a measured one, on the scale of `measured`
};

/// What was believed before anything was measured.
struct OutlookPrior {
  double slope = 1;  ///< of measurements over forecasts
  double slope_deviation = 0.3;
  double deviation = 0.35;  ///< of a measurement from what its forecast says
  double weight = 8;        ///< of that deviation: as much as so many measured transfers have
  double target_weight = 8; ///< of all targets' deviation beside a single target's own measurements
};

/// What transfers that nobody trained may be worth, learnt from those that were: Bayesian linear regression (Gelman et al., Bayesian Data
/// Analysis, chapter 14) of measurements on forecasts, with an intercept and a deviation a target, the latter
/// drawn towards that of all, and a slope for all.
class Outlook {
 public:
  /// Targets without any measured transfer have no expectations but for compared ones.
  Outlook(std::vector<std::vector<Evidence>> targets, const OutlookPrior& prior = {});

  double slope() const { return slope_; }
  /// Of measurements from what forecasts say: over all targets, and of one.
  double deviation() const { return deviation_; }
  double deviation(std::size_t target) const { return deviations_[target]; }
  /// What was measured; else what is expected: NaN without anything to go by.
  double expected(std::size_t target, std::size_t transfer) const;
  /// One way that it may be, by target and transfer: what was measured, and draws of what was not.
  std::vector<std::vector<double>> draw(RandomStream& stream) const;

 private:
  struct Centre {
    double count = 0;  ///< of transfers with forecast and measurement
    double forecast = 0;
    double measured = 0;
  };
  /// Products of forecasts and measurements about the centres of their targets.
  struct Products {
    double forecasts = 0;
    double both = 0;
    double measurements = 0;
    double freedom = 0;

    Products& operator+=(const Products& other);
    /// Sum of squares of what a slope leaves unexplained.
    double left(double slope) const { return measurements - 2 * slope * both + slope * slope * forecasts; }
  };
  Products products(std::size_t target) const;
  double by_forecast(std::size_t target, double forecast, double slope) const;

  std::vector<std::vector<Evidence>> targets_;
  std::vector<Centre> centres_;
  double slope_ = 1;
  double slope_deviation_ = 0;
  double deviation_ = 0;
  std::vector<double> deviations_;  ///< by target
};

/// A tournament in which further networks take part: of two networks that were not both measured, one wins as often as the logistic function of
/// the difference of their strengths says (logarithms of weights, as in Bradley and Terry 1952). `strengths` are those of the measured networks, in their
/// order. With clipped win rates weights depend on who else takes part, so that a measured few alone would not do.
Tournament with_further(const Tournament& measured, std::span<const double> strengths, std::span<const std::string> names,
                        std::span<const double> further);

}  // namespace affinis::taxonomy
