#pragma once

#include <cstdint>

// Winograd's minimal filtering F(2x2, 3x3) (Lavin, Gray: Fast Algorithms for Convolutional Neural Networks, CVPR 2016): a 3x3 convolution
// with padding 1 as 16 matrix products over tiles of 2x2 outputs, with 2.25 times fewer multiplications. These are the copies around the
// products and their transposes. Float32, channels last, free of LibTorch; one thread, the same bits for the same input.
namespace affinis::nn::detail {

/// Images [N, H, W, C] of even sides, cut into tiles of 2x2 pixels.
struct Tiles {
  std::int64_t images;
  std::int64_t height;
  std::int64_t width;
  std::int64_t channels;

  std::int64_t count() const { return images * (height / 2) * (width / 2); }
};

constexpr std::int64_t kTilePlaces = 16;  ///< values of a transformed tile or filter

/// What a convolution reads around each tile, transformed. [N, H, W, C] -> [16, T, C].
void input_to_tiles(const Tiles& tiles, const float* images, float* transformed);
/// Its transpose. [16, T, C] -> [N, H, W, C].
void tiles_to_input_gradient(const Tiles& tiles, const float* transformed, float* images);

/// Products of tiles and filters, transformed back. [16, T, O] -> [N, H, W, O]; `bias` has a value a channel, or is null.
void tiles_to_output(const Tiles& tiles, const float* transformed, const float* bias, float* images);
/// Its transpose. [N, H, W, O] -> [16, T, O].
void output_gradient_to_tiles(const Tiles& tiles, const float* images, float* transformed);

/// `channels` of each filter's, which has `pitch`. [O, 3, 3, C] -> [16, O, channels].
void transform_filters(std::int64_t outputs, std::int64_t channels, std::int64_t pitch, const float* filters, float* transformed);
/// Its transpose. [16, O, channels] -> [O, 3, 3, C].
void transform_filter_gradient(std::int64_t outputs, std::int64_t channels, std::int64_t pitch, const float* transformed, float* filters);

}  // namespace affinis::nn::detail
