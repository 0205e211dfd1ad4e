#include "framework/task/detail/class_pixels.h"

#include <algorithm>
#include <bit>

#include "framework/nn/detail/exponential.h"
#include "framework/nn/detail/kernels.h"
#include "framework/nn/detail/simd.h"

namespace affinis::task::detail {
namespace {

using nn::detail::exp_below_zero;
using nn::detail::kLn2High;
using nn::detail::kLn2Low;

/// ln(x) for finite normal x > 0, to 1 in the last place or two; NaN stays. Coefficients: Cephes' logf.
inline float log_of(float x) {
  constexpr std::int32_t kRootOfHalf = 0x3f3504f3;
  const std::int32_t exponent = (std::bit_cast<std::int32_t>(x) - kRootOfHalf) >> 23;
  // x itself is scaled, not its bits put together anew, so that NaN stays NaN.
  const float f = x * std::bit_cast<float>((127 - exponent) << 23) - 1;
  const float whole = static_cast<float>(exponent);
  float p = 7.0376836292e-2F;
  p = p * f - 1.1514610310e-1F;
  p = p * f + 1.1676998740e-1F;
  p = p * f - 1.2420140846e-1F;
  p = p * f + 1.4249322787e-1F;
  p = p * f - 1.6668057665e-1F;
  p = p * f + 2.0000714765e-1F;
  p = p * f - 2.4999993993e-1F;
  p = p * f + 3.3333331174e-1F;
  const float square = f * f;
  return (p * f * square + whole * kLn2Low - 0.5F * square) + f + whole * kLn2High;
}

AFFINIS_SIMD std::uint64_t to_classes(const std::int64_t* __restrict labels, std::int64_t count, std::int64_t classes, std::int64_t ignored,
                                      std::int32_t* __restrict result) {
  std::uint64_t wrong = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t label = labels[i];
    const bool counts = label != ignored;
    wrong |= static_cast<std::uint64_t>(counts & ((label < 0) | (label >= classes)));
    result[i] = counts ? static_cast<std::int32_t>(label) : kNoClass;
  }
  return wrong;
}

AFFINIS_SIMD std::uint64_t to_masked_classes(const std::int64_t* __restrict labels, const float* __restrict mask, std::int64_t count,
                                             std::int64_t classes, std::int64_t ignored, std::int32_t* __restrict result) {
  std::uint64_t wrong = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t label = labels[i];
    const bool counts = (mask[i] != 0) & (label != ignored);
    wrong |= static_cast<std::uint64_t>(counts & ((label < 0) | (label >= classes)));
    result[i] = counts ? static_cast<std::int32_t>(label) : kNoClass;
  }
  return wrong;
}

AFFINIS_SIMD void greatest_of(const ClassPixels& pixels, float* __restrict greatest) {
  std::copy_n(pixels.logits, pixels.count, greatest);
  for (std::int64_t c = 1; c < pixels.classes; ++c) {
    const float* const logits = pixels.logits + c * pixels.plane;
    for (std::int64_t i = 0; i < pixels.count; ++i) greatest[i] = logits[i] > greatest[i] ? logits[i] : greatest[i];
  }
}

AFFINIS_SIMD void take_greater(const float* __restrict logits, std::int64_t count, std::int32_t each, float* __restrict greatest,
                               std::int32_t* __restrict likeliest) {
  for (std::int64_t i = 0; i < count; ++i) {
    likeliest[i] = logits[i] > greatest[i] ? each : likeliest[i];
    greatest[i] = logits[i] > greatest[i] ? logits[i] : greatest[i];
  }
}

/// One class's part of the sums, and what it leaves of the distance between the wanted logit and the greatest.
AFFINIS_SIMD void add_class(const float* __restrict logits, std::int64_t count, std::int32_t each, const std::int32_t* __restrict wanted,
                            const float* __restrict greatest, float* __restrict sum, float* __restrict distance) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float below = logits[i] - greatest[i];
    sum[i] += exp_below_zero(below);
    distance[i] = wanted[i] == each ? below : distance[i];
  }
}

AFFINIS_SIMD void to_losses(const std::int32_t* __restrict wanted, std::int64_t count, const float* __restrict sum,
                            float* __restrict distance) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float loss = log_of(sum[i]) - distance[i];
    distance[i] = wanted[i] == kNoClass ? 0.0F : loss;
  }
}

AFFINIS_SIMD void class_gradient(const float* __restrict logits, std::int64_t count, std::int32_t each, const std::int32_t* __restrict wanted,
                                 const float* __restrict greatest, const float* __restrict factor, const float* __restrict share,
                                 float* __restrict gradient) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float missing = wanted[i] == each ? factor[i] : 0.0F;
    gradient[i] = exp_below_zero(logits[i] - greatest[i]) * share[i] - missing;
  }
}

AFFINIS_SIMD void quotients(const float* __restrict dividends, const float* __restrict divisors, std::int64_t count, float* __restrict result) {
  for (std::int64_t i = 0; i < count; ++i) result[i] = dividends[i] / divisors[i];
}

AFFINIS_SIMD void where_wanted(const std::int32_t* __restrict wanted, std::int64_t count, float value, float* __restrict result) {
  for (std::int64_t i = 0; i < count; ++i) result[i] = wanted[i] == kNoClass ? 0.0F : value;
}

/// Multiplies each pixel's value by its class's weight.
void weigh(const ClassPixels& pixels, const std::int32_t* wanted, float* values) {
  if (pixels.class_weights == nullptr) return;
  for (std::int64_t i = 0; i < pixels.count; ++i) {
    if (wanted[i] != kNoClass) values[i] *= pixels.class_weights[wanted[i]];
  }
}

}  // namespace

bool classes_of(const std::int64_t* labels, const float* mask, std::int64_t count, std::int64_t classes, std::int64_t ignored,
                std::int32_t* result) {
  if (mask == nullptr) return to_classes(labels, count, classes, ignored, result) == 0;
  return to_masked_classes(labels, mask, count, classes, ignored, result) == 0;
}

double class_losses(const ClassPixels& pixels, const std::int32_t* wanted, const SoftmaxPixels& softmax) {
  float losses[kStretch] = {};
  greatest_of(pixels, softmax.greatest);
  std::fill_n(softmax.sum, pixels.count, 0.0F);
  for (std::int64_t c = 0; c < pixels.classes; ++c) {
    add_class(pixels.logits + c * pixels.plane, pixels.count, static_cast<std::int32_t>(c), wanted, softmax.greatest, softmax.sum, losses);
  }
  to_losses(wanted, pixels.count, softmax.sum, losses);
  weigh(pixels, wanted, losses);
  return nn::detail::sum_of(losses, pixels.count);
}

void class_gradients(const ClassPixels& pixels, const std::int32_t* wanted, const SoftmaxPixels& softmax, float scale, float* gradient) {
  float factor[kStretch];
  float share[kStretch];
  where_wanted(wanted, pixels.count, scale, factor);
  weigh(pixels, wanted, factor);
  quotients(factor, softmax.sum, pixels.count, share);
  for (std::int64_t c = 0; c < pixels.classes; ++c) {
    class_gradient(pixels.logits + c * pixels.plane, pixels.count, static_cast<std::int32_t>(c), wanted, softmax.greatest, factor, share,
                   gradient + c * pixels.plane);
  }
}

void likeliest_classes(const float* logits, std::int64_t count, std::int64_t classes, std::int64_t plane, std::int32_t* likeliest) {
  float greatest[kStretch];
  for (std::int64_t first = 0; first < count; first += kStretch) {
    const std::int64_t length = std::min(kStretch, count - first);
    std::copy_n(logits + first, length, greatest);
    std::fill_n(likeliest + first, length, 0);
    for (std::int64_t c = 1; c < classes; ++c) {
      take_greater(logits + c * plane + first, length, static_cast<std::int32_t>(c), greatest, likeliest + first);
    }
  }
}

}  // namespace affinis::task::detail
