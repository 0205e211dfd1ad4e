#pragma once

#include <span>
#include <string>
#include <vector>

#include "framework/core/random.h"
#include "framework/train/balance/gramian.h"

namespace affinis::train {

/// Gradient methods as weights a of the step d = sum a_i g_i, on the scale of each paper. A task whose gradient is zero asks for nothing:
/// it has weight 0 and the others get what they would get without it. Preconditions: at least one task.

/// What gradients are divided by before MGDA looks for the shortest vector: nothing, their length, their loss, or both.
enum class GradientScale { kNone, kLength, kLoss, kLossAndLength };
/// "none", "l2", "loss", "loss+". Throws Error(kUsage).
GradientScale parse_gradient_scale(const std::string& name);

/// MGDA (Sener and Koltun, NeurIPS 2018): the shortest vector in the hull of the scaled gradients, whose weights are those of the step.
/// Losses at or below 0 count as a very small one.
std::vector<double> mgda_weights(const Gramian& gramian, std::span<const double> losses, GradientScale scale);

/// IMTL-G (Liu et al., ICLR 2021): the step has the same projection on every unit gradient; weights sum to 1 and may be negative. Where
/// no such step but zero exists (opposite gradients) the weights are those of the shortest vector in the unit gradients' hull.
std::vector<double> imtl_weights(const Gramian& gramian);

/// PCGrad (Yu et al., NeurIPS 2020): each gradient, met by the others in a random order, loses its part against each that it conflicts
/// with; the step is the sum. A null `stream` takes the others in ascending order.
std::vector<double> pcgrad_weights(const Gramian& gramian, RandomStream* stream);

/// GradVac (Wang et al., ICLR 2021): as PCGrad, but cosines below their own running mean are raised to it. `targets` [K, K], row by row, are
/// the running means and are moved by `rate` towards what was found.
std::vector<double> gradvac_weights(const Gramian& gramian, std::span<double> targets, double rate, RandomStream* stream);

/// CAGrad (Liu et al., NeurIPS 2021): the step within a ball of radius c ||g_0|| around the mean gradient g_0 that is best for the task which
/// it helps least. Solved to about 1e-12 through shortest vectors in hulls, without an outside solver. Where the hull holds zero (no
/// step helps all) it is g_0.
struct CagradResult {
  std::vector<double> weights;  ///< of the step
  std::vector<double> simplex;  ///< the dual solution w
  double lambda = 0;            ///< c ||g_0|| / ||g_w||
};
CagradResult cagrad_weights(const Gramian& gramian, double radius);

/// Nash-MTL (Navon et al., ICML 2022): M a = 1 / a, the stationary point of the convex a'Ma / 2 - sum log a, by damped Newton steps on unit
/// gradients. Their Gramian gets 1e-9 on its diagonal: gradients that all but cancel then have large, but finite weights.
std::vector<double> nash_weights(const Gramian& gramian);

/// Aligned-MTL (Senushkin et al., CVPR 2023), scale "min": singular values of the gradient matrix all become the smallest that is not
/// zero. Weights for equal preferences of 1 a task.
std::vector<double> aligned_weights(const Gramian& gramian);

/// UPGrad (Quinton and Rey 2024): the mean of each gradient's projection on the cone of steps that hurt no task.
std::vector<double> upgrad_weights(const Gramian& gramian);

}  // namespace affinis::train
