#pragma once

#include <cstdint>
#include <memory>

#include "framework/nn/module.h"

namespace affinis::nn {

struct DiscriminatorOptions {
  std::int64_t input_channels = 3;   ///< of the image that the prediction was made from
  std::int64_t target_channels = 1;  ///< of the prediction or target
  std::int64_t side = 256;           ///< of both, in pixels
  std::int64_t width =
      64;  ///< channels of the first layer; the others shrink with it, none below 8
};

/// The conditional patch discriminator of Taskonomy's adversarial term (Zamir et al. 2018, after
/// Isola et al. 2017): 5x5 convolutions with stride 4 to 64 channels (without BatchNorm), 128 and
/// 256, a 4x4 one to 512, a 4x4 one to one logit a patch. A layer's stride is the largest of 4, 2
/// and 1 that leaves a side of at least 4: 256 pixels have the original's 4, 4, 4, 64 pixels 4,
/// 4, 1. Input and prediction come concatenated along the channels: [N, input_channels +
/// target_channels, S, S] -> [N, 1, s, s]. Throws Error(kUsage) for an option below 1.
std::unique_ptr<Module> make_discriminator(const DiscriminatorOptions& options);

}  // namespace affinis::nn
