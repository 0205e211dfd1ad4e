#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/ATen.h>

#include "framework/core/random.h"

namespace affinis::task::testing {

inline at::Tensor normal_values(const std::vector<std::int64_t>& shape, std::uint64_t seed, double deviation = 1) {
  RandomStream stream(seed, "normal values");
  at::Tensor values = at::empty(shape, at::kFloat);
  for (std::int64_t i = 0; i < values.numel(); ++i) values.data_ptr<float>()[i] = static_cast<float>(stream.normal(0, deviation));
  return values;
}

/// Zeros and ones; about `share` of them ones.
inline at::Tensor random_mask(const std::vector<std::int64_t>& shape, std::uint64_t seed, double share = 0.7) {
  RandomStream stream(seed, "mask");
  at::Tensor values = at::empty(shape, at::kFloat);
  for (std::int64_t i = 0; i < values.numel(); ++i) values.data_ptr<float>()[i] = stream.uniform() < share ? 1.0F : 0.0F;
  return values;
}

inline at::Tensor random_labels(const std::vector<std::int64_t>& shape, std::int64_t classes, std::uint64_t seed) {
  RandomStream stream(seed, "labels");
  at::Tensor values = at::empty(shape, at::kLong);
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    values.data_ptr<std::int64_t>()[i] = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(classes)));
  }
  return values;
}

inline std::span<const float> floats(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}
inline std::span<const std::int64_t> integers(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(tensor.numel())};
}

}  // namespace affinis::task::testing
