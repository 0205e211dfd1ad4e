#include "framework/nn/detail/windows.h"

#include <algorithm>
#include <cstring>

#include "framework/nn/detail/simd.h"

namespace affinis::nn::detail {
namespace {

AFFINIS_SIMD void add(const float* __restrict values, std::int64_t count, float* __restrict sum) {
  for (std::int64_t i = 0; i < count; ++i) sum[i] += values[i];
}

/// The part of one row of a window that lies inside the image.
struct Span {
  std::int64_t in_window;  ///< first value, of 3 C
  std::int64_t in_image;   ///< first value, of H W C; meaningless where `count` is 0
  std::int64_t count;
};

Span span_of(const Windows& windows, std::int64_t row, std::int64_t column, std::int64_t tap) {
  const std::int64_t y = row * windows.stride + tap - 1;
  if (y < 0 || y >= windows.height) return {0, 0, 0};
  const std::int64_t left = column * windows.stride - 1;
  const std::int64_t begin = std::max<std::int64_t>(left, 0);
  const std::int64_t end = std::min(left + 3, windows.width);
  return {(begin - left) * windows.channels, (y * windows.width + begin) * windows.channels, (end - begin) * windows.channels};
}

/// Calls body(image, row of a window in the matrix, span) for all three rows of all windows.
template <typename Body>
void for_each_span(const Windows& windows, const Body& body) {
  std::int64_t place = 0;
  for (std::int64_t image = 0; image < windows.images; ++image) {
    for (std::int64_t row = 0; row < windows.rows(); ++row) {
      for (std::int64_t column = 0; column < windows.columns(); ++column) {
        for (std::int64_t tap = 0; tap < 3; ++tap, ++place) body(image, place * 3 * windows.channels, span_of(windows, row, column, tap));
      }
    }
  }
}

}  // namespace

void gather_windows(const Windows& windows, const float* images, float* matrix) {
  const std::int64_t whole = 3 * windows.channels;
  const std::int64_t image_length = windows.height * windows.width * windows.channels;
  for_each_span(windows, [&](std::int64_t image, std::int64_t place, const Span& span) {
    float* target = matrix + place;
    if (span.count < whole) std::fill_n(target, whole, 0.0F);
    std::memcpy(target + span.in_window, images + image * image_length + span.in_image, static_cast<std::size_t>(span.count) * sizeof(float));
  });
}

void scatter_windows(const Windows& windows, const float* matrix, float* images) {
  const std::int64_t image_length = windows.height * windows.width * windows.channels;
  std::fill_n(images, windows.images * image_length, 0.0F);
  for_each_span(windows, [&](std::int64_t image, std::int64_t place, const Span& span) {
    add(matrix + place + span.in_window, span.count, images + image * image_length + span.in_image);
  });
}

}  // namespace affinis::nn::detail
