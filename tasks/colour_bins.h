#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace affinis::tasks {

inline constexpr std::int64_t kColourBins = 313;

/// A colour's a and b in CIE Lab.
using ColourAb = std::array<float, 2>;

/// The 313 points of colorization (Zhang et al. 2016), by a, then b: multiples of 10 around the colours that a screen can show. 306 of
/// them are all the corners of grid cells with a displayable colour in them; the others are the released set's own, at its border.
const std::array<ColourAb, kColourBins>& colour_bins();

/// How often each bin occurs: measured on rendered rooms (measure_colour_prior.py), as the original's numbers were not published for them.
const std::array<double, kColourBins>& colour_prior();

/// What each bin counts in the loss: proportional to 1 / (prior / 2 + 1 / 626), with the mean 1 under the prior (Zhang et al. 2016).
const std::array<float, kColourBins>& colour_weights();

/// A pixel's cross-entropy against its ten nearest bins, weighted with a Gaussian of deviation 5 and made to sum to one, times
/// colour_weights() of the nearest; the mean over pixels. logits: [N, 313, H, W]; ab: [N, 2, H, W] in Lab units. Gives [N] float32.
at::Tensor colour_loss(const at::Tensor& logits, const at::Tensor& ab);

/// The colours that logits mean: the mean of the bins under softmax(2.606 logits) (annealed; Zhang et al. 2016).
/// [N, 313, H, W] -> [N, 2, H, W] in Lab units.
at::Tensor decoded_colours(const at::Tensor& logits);

}  // namespace affinis::tasks
