#pragma once

#include <cstddef>
#include <vector>

#include <ATen/core/Tensor.h>

namespace affinis::nn {

/// What a module offers beside nn::Module when it can show what its stages make of an input on the way, and go on from there. Ask with
/// dynamic_cast.
class StageMaps {
 public:
  virtual ~StageMaps() = default;
  /// From now on every forward pass adds the feature map [N, C, h, w] of each stage to `into`, from the input up; null ends it. False when
  /// the module has no stages to show: nothing is added then.
  virtual bool record_stages(std::vector<at::Tensor>* into) = 0;
  /// What forward() makes of an input whose stage number `stage` (from 0, in record_stages()'s order) gives this map [N, C, h, w]: only what
  /// follows the stage is run. Throws Error(kInternal) when the module has no stages to show.
  virtual at::Tensor forward_from(std::size_t stage, const at::Tensor& map) = 0;
};

}  // namespace affinis::nn
