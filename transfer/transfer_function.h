#pragma once

#include <cstdint>
#include <memory>

#include "framework/nn/module.h"

namespace affinis::transfer {

/// What a transfer puts between frozen representations and the target's decoder.
struct TransferFunctionOptions {
  std::int64_t order = 1;                    ///< number of sources
  std::int64_t representation_channels = 8;  ///< of each source
  double clip_sigma = 5;  ///< while training, inputs are clipped to the batch's mean +- so many deviations a channel; 0: never
};

/// Taskonomy's transfer function (facts: taskonomy section 2.5): two parallel branches of two 3x3 convolutions with C = order x
/// representation_channels channels, joined and normalised. [N, C, s, s] -> [N, 2 C, s, s]. 2,416 / 9,440 / 21,072 / 37,312
/// parameters for order 1 / 2 / 3 / 4. BatchNorm takes the place of the original's batch renormalisation.
std::unique_ptr<nn::Module> make_transfer_function(const TransferFunctionOptions& options);

/// Channels that make_transfer_function puts out.
std::int64_t transfer_output_channels(const TransferFunctionOptions& options);

/// The paper's scratch baseline, labelled "shallow": two copies of a two-convolution stream on pixels at a quarter of the image's side,
/// in place of an encoder. [N, image_channels, S, S] -> [N, 2 C, S/16, S/16].
std::unique_ptr<nn::Module> make_shallow_pixel_stream(std::int64_t representation_channels = 8, std::int64_t image_channels = 3);

}  // namespace affinis::transfer
