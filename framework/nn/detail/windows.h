#pragma once

#include <cstdint>

// Copies between images and the matrix of their 3x3 windows, which makes a convolution one matrix product. Float32, channels last, free of
// LibTorch; one thread, the same bits for the same input.
namespace affinis::nn::detail {

/// The 3x3 windows of images [N, H, W, C], padded by one pixel of zeros, around every `stride`-th pixel of both sides.
struct Windows {
  std::int64_t images;
  std::int64_t height;
  std::int64_t width;
  std::int64_t channels;
  std::int64_t stride = 1;

  std::int64_t rows() const { return (height + stride - 1) / stride; }
  std::int64_t columns() const { return (width + stride - 1) / stride; }
  std::int64_t count() const { return images * rows() * columns(); }
  std::int64_t length() const { return 9 * channels; }  ///< values of one window: [3, 3, C]
};

/// [N, H, W, C] -> [N h w, 9 C].
void gather_windows(const Windows& windows, const float* images, float* matrix);

/// The transpose of gather_windows: every pixel becomes the sum of its places in all windows. [N h w, 9 C] -> [N, H, W, C].
void scatter_windows(const Windows& windows, const float* matrix, float* images);

}  // namespace affinis::nn::detail
