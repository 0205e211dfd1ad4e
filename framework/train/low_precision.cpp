#include "framework/train/low_precision.h"

#include <ATen/autocast_mode.h>

namespace affinis::train {

LowPrecision::LowPrecision(const c10::Device& device, bool wanted) : device_(device.type()), wanted_(wanted) {
  if (!wanted_) return;
  enabled_before_ = at::autocast::is_autocast_enabled(device_);
  type_before_ = at::autocast::get_autocast_dtype(device_);
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, at::kBFloat16);
  at::autocast::increment_nesting();
}

LowPrecision::~LowPrecision() {
  if (!wanted_) return;
  // The cache holds bfloat16 copies of weights that the next step changes.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, enabled_before_);
  at::autocast::set_autocast_dtype(device_, type_before_);
}

}  // namespace affinis::train
