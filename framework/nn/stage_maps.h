#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace affinis::nn {

/// What a module offers beside nn::Module when it can show what its stages make of an input on the way. Ask with dynamic_cast.
class StageMaps {
 public:
  virtual ~StageMaps() = default;
  /// From now on every forward pass adds the feature map [N, C, h, w] of each stage to `into`, from the input up; null ends it. False when
  /// the module has no stages to show: nothing is added then.
  virtual bool record_stages(std::vector<at::Tensor>* into) = 0;
};

}  // namespace affinis::nn
