#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

namespace affinis::train {

/// While it lives, LibTorch's autocast runs convolutions and matrix products of this thread in bfloat16, which has float32's range: no loss
/// scaling is needed. Does nothing when not `wanted`.
class LowPrecision {
 public:
  LowPrecision(const c10::Device& device, bool wanted);
  ~LowPrecision();
  LowPrecision(const LowPrecision&) = delete;
  LowPrecision& operator=(const LowPrecision&) = delete;

 private:
  c10::DeviceType device_;
  bool wanted_;
  bool enabled_before_ = false;
  c10::ScalarType type_before_ = c10::ScalarType::BFloat16;
};

}  // namespace affinis::train
