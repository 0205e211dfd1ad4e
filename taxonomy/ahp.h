#pragma once

#include <cstdint>
#include <vector>

#include "taxonomy/tournament.h"

namespace affinis::taxonomy {

/// How win rates of 0 and 1 are kept away from infinite odds.
enum class Smoothing {
  kClip,     ///< into [clip, 1 - clip]
  kLaplace,  ///< (wins + 1) / (images + 2), over the images that the two share
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
  double eigenvalue_low = 0;      ///< min and max over i of (A p)_i / p_i: the principal eigenvalue lies between the two (Collatz and
  double eigenvalue_high = 0;     ///< Wielandt), whatever the iteration did; NaN for geometric means
};

/// The principal right eigenvector of A = W' / W'^T (element-wise odds of the smoothed win rates W'), normalised to sum 1: Taskonomy
/// (Zamir et al., CVPR 2018) section 3.3. All entries of A are positive, so by Perron's theorem the principal eigenvalue is simple and
/// larger in size than all others, and its eigenvector the only positive one. Power iteration on A + s I, s > 0, has the same eigenvectors
/// and converges to it from every positive start, geometrically; the shift keeps that fast where A alone is nearly cyclic (rock, paper,
/// scissors). It stops when the residual is at most the tolerance, and the interval [eigenvalue_low, eigenvalue_high] certifies the result.
/// Throws Error(kData) when two networks share no image (naming them) and Error(kNumeric) when max_iterations do not reach tolerance.
AhpResult ahp_affinity(const Tournament& tournament, const AhpOptions& options = {});

}  // namespace affinis::taxonomy
