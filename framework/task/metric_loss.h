#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace affinis::task {

/// Pixels of an image that a loss on pairs of pixels looks at.
struct ChosenPixels {
  at::Tensor positions;  ///< [N, P] int64 indices into the flattened image; meaningless where `valid` is 0
  at::Tensor labels;     ///< [N, P]
  at::Tensor valid;      ///< [N, P] float, 1 for chosen pixels, 0 for what fills up the shorter rows
};

/// The pixels where the mask is set, in their order in the image. labels: [N, ...] integers; mask: [N, ...]. P is the greatest number of
/// chosen pixels of an image.
ChosenPixels chosen_pixels(const at::Tensor& labels, const at::Tensor& mask);

/// Squared distances of the chosen pixels' embeddings, clipped to [0, 80]. embedding: [N, D, ...]; positions: [N, P] -> [N, P, P].
at::Tensor squared_distances(const at::Tensor& embedding, const at::Tensor& positions);

/// Beyond this squared distance two pixels are rather of different segments: where 2 / (1 + exp(distance)) is one half.
inline constexpr double kSameSegmentLimit = 1.0986122886681098;

/// Pairwise metric loss of unsupervised segmentation (Taskonomy, Zamir et al. 2018; Fathi et al. 2017): for all pairs of chosen pixels, a
/// pixel with itself too, binary cross-entropy of the similarity 2 / (1 + exp(squared distance)), kept 1e-7 away from 0 and 1, against
/// whether both have the same label; mean over pairs. embedding: [N, D, ...]; labels: [N, ...] integers; mask: [N, ...], set at the chosen
/// pixels. Gives [N] float32, NaN for an image without any chosen pixel.
at::Tensor metric_loss(const at::Tensor& embedding, const at::Tensor& labels, const at::Tensor& mask);

}  // namespace affinis::task
