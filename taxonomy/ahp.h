#pragma once

#include <cstdint>
#include <vector>

#include "taxonomy/tournament.h"

namespace affinis::taxonomy {

/// How win rates of 0 and 1 are kept away from infinite odds.
enum class Smoothing {
  kClip,     ///< into [clip, 1 - clip]
  kLaplace,  ///< (wins + 1) / (images + 2), with the tournament's image count
};

struct AhpOptions {
  Smoothing smoothing = Smoothing::kClip;
  double clip = 0.001;            ///< in (0, 0.5)
  double tolerance = 1e-14;       ///< on the residual, see AhpResult
  std::int64_t max_iterations = 20000;
  bool geometric_mean = false;    ///< row geometric means instead of the eigenvector
};

/// Weights of the networks of a tournament by Saaty's analytic hierarchy process.
struct AhpResult {
  std::vector<double> affinity;  ///< one a network, positive, sums to 1; higher is better
  double eigenvalue = 0;         ///< the principal one, at least the number of networks; NaN for geometric means
  double residual = 0;           ///< max_i |(A p - eigenvalue p)_i| / (eigenvalue max_i p_i); NaN for geometric means
  std::int64_t iterations = 0;
};

/// The principal right eigenvector of A = W' / W'^T (element-wise odds of the smoothed win rates W'), normalised to sum 1: Taskonomy
/// (Zamir et al., CVPR 2018) section 3.3. Power iteration on A + s I: the shift makes it converge on cyclic tournaments too.
/// Throws Error(kData) when two networks share no image (naming them) and Error(kNumeric) when max_iterations do not reach tolerance.
AhpResult ahp_affinity(const Tournament& tournament, const AhpOptions& options = {});

}  // namespace affinis::taxonomy
