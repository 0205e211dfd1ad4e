#include "framework/nn/detail/winograd.h"

#include <algorithm>
#include <array>
#include <vector>

#include "framework/nn/detail/simd.h"

namespace affinis::nn::detail {
namespace {

template <std::size_t Count>
using Line = std::array<float, Count>;

// One dimension of each transform; two dimensions are one after the other.
struct InputLine {
  static constexpr std::size_t kFrom = 4, kTo = 4;
  static Line<4> of(const Line<4>& d) { return {d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]}; }
};
struct InputGradientLine {
  static constexpr std::size_t kFrom = 4, kTo = 4;
  static Line<4> of(const Line<4>& m) { return {m[0], (m[1] - m[2]) + m[3], (m[1] + m[2]) - m[0], -m[3]}; }
};
struct OutputLine {
  static constexpr std::size_t kFrom = 4, kTo = 2;
  static Line<2> of(const Line<4>& m) { return {m[0] + (m[1] + m[2]), (m[1] - m[2]) - m[3]}; }
};
struct OutputGradientLine {
  static constexpr std::size_t kFrom = 2, kTo = 4;
  static Line<4> of(const Line<2>& y) { return {y[0], y[0] + y[1], y[0] - y[1], -y[1]}; }
};
struct FilterLine {
  static constexpr std::size_t kFrom = 3, kTo = 4;
  static Line<4> of(const Line<3>& g) {
    const float ends = 0.5F * (g[0] + g[2]);
    const float middle = 0.5F * g[1];
    return {g[0], ends + middle, ends - middle, g[2]};
  }
};
struct FilterGradientLine {
  static constexpr std::size_t kFrom = 4, kTo = 3;
  static Line<3> of(const Line<4>& u) {
    const float both = 0.5F * (u[1] + u[2]);
    return {u[0] + both, 0.5F * (u[1] - u[2]), both + u[3]};
  }
};

/// Where the values of a square are: each points to the channels of one place.
template <typename Pointer, std::size_t Side>
using Square = std::array<std::array<Pointer, Side>, Side>;

/// Applies a transform to every channel of a square; kAdds: to what is there already.
template <typename Transform, bool kAdds>
inline __attribute__((always_inline)) void transform_channels(const Square<const float*, Transform::kFrom>& from,
                                                              const Square<float*, Transform::kTo>& to, std::int64_t channels) {
  constexpr std::size_t kFrom = Transform::kFrom;
  constexpr std::size_t kTo = Transform::kTo;
  // Places of one square never overlap, but for those outside of an image, whose values nobody reads.
  AFFINIS_NO_OVERLAP
  for (std::int64_t c = 0; c < channels; ++c) {
    Line<kTo> half[kFrom];
    for (std::size_t i = 0; i < kFrom; ++i) {
      Line<kFrom> line;
      for (std::size_t j = 0; j < kFrom; ++j) line[j] = from[i][j][c];
      half[i] = Transform::of(line);
    }
    for (std::size_t j = 0; j < kTo; ++j) {
      Line<kFrom> line;
      for (std::size_t i = 0; i < kFrom; ++i) line[i] = half[i][j];
      const Line<kTo> result = Transform::of(line);
      for (std::size_t i = 0; i < kTo; ++i) to[i][j][c] = kAdds ? to[i][j][c] + result[i] : result[i];
    }
  }
}

AFFINIS_SIMD void input_square(const Square<const float*, 4>& from, const Square<float*, 4>& to, std::int64_t channels) {
  transform_channels<InputLine, false>(from, to, channels);
}
AFFINIS_SIMD void add_input_gradient_square(const Square<const float*, 4>& from, const Square<float*, 4>& to, std::int64_t channels) {
  transform_channels<InputGradientLine, true>(from, to, channels);
}
AFFINIS_SIMD void output_square(const Square<const float*, 4>& from, const Square<float*, 2>& to, std::int64_t channels) {
  transform_channels<OutputLine, false>(from, to, channels);
}
AFFINIS_SIMD void output_gradient_square(const Square<const float*, 2>& from, const Square<float*, 4>& to, std::int64_t channels) {
  transform_channels<OutputGradientLine, false>(from, to, channels);
}
AFFINIS_SIMD void filter_square(const Square<const float*, 3>& from, const Square<float*, 4>& to, std::int64_t channels) {
  transform_channels<FilterLine, false>(from, to, channels);
}
AFFINIS_SIMD void filter_gradient_square(const Square<const float*, 4>& from, const Square<float*, 3>& to, std::int64_t channels) {
  transform_channels<FilterGradientLine, false>(from, to, channels);
}
AFFINIS_SIMD void add(const float* __restrict values, std::int64_t count, float* __restrict sum) {
  for (std::int64_t i = 0; i < count; ++i) sum[i] += values[i];
}

/// The square of pixels from (top, left) in one image; `outside` stands for those that are not in it.
template <std::size_t Side, typename Pointer>
Square<Pointer, Side> pixels(const Tiles& tiles, Pointer image, std::int64_t top, std::int64_t left, Pointer outside) {
  Square<Pointer, Side> result;
  for (std::size_t i = 0; i < Side; ++i) {
    for (std::size_t j = 0; j < Side; ++j) {
      const std::int64_t y = top + static_cast<std::int64_t>(i);
      const std::int64_t x = left + static_cast<std::int64_t>(j);
      const bool inside = y >= 0 && y < tiles.height && x >= 0 && x < tiles.width;
      result[i][j] = inside ? image + (y * tiles.width + x) * tiles.channels : outside;
    }
  }
  return result;
}

/// The square of one transformed tile or filter in [16, count, channels].
template <typename Pointer>
Square<Pointer, 4> places(Pointer transformed, std::int64_t index, std::int64_t count, std::int64_t channels) {
  Square<Pointer, 4> result;
  for (std::size_t place = 0; place < 16; ++place) {
    result[place / 4][place % 4] = transformed + (static_cast<std::int64_t>(place) * count + index) * channels;
  }
  return result;
}

/// The square of one filter in [O, 3, 3, C].
template <typename Pointer>
Square<Pointer, 3> taps(Pointer filters, std::int64_t output, std::int64_t channels) {
  Square<Pointer, 3> result;
  for (std::size_t tap = 0; tap < 9; ++tap) {
    result[tap / 3][tap % 3] = filters + (output * 9 + static_cast<std::int64_t>(tap)) * channels;
  }
  return result;
}

/// Calls body(index of the tile, first value of its image, y, x) with the tile's upper left pixel.
template <typename Body>
void for_each_tile(const Tiles& tiles, const Body& body) {
  std::int64_t index = 0;
  for (std::int64_t image = 0; image < tiles.images; ++image) {
    for (std::int64_t y = 0; y < tiles.height; y += 2) {
      for (std::int64_t x = 0; x < tiles.width; x += 2) body(index++, image * tiles.height * tiles.width * tiles.channels, y, x);
    }
  }
}

}  // namespace

void input_to_tiles(const Tiles& tiles, const float* images, float* transformed) {
  const std::vector<float> zeros(static_cast<std::size_t>(tiles.channels));
  for_each_tile(tiles, [&](std::int64_t index, std::int64_t image, std::int64_t y, std::int64_t x) {
    input_square(pixels<4, const float*>(tiles, images + image, y - 1, x - 1, zeros.data()),
                 places<float*>(transformed, index, tiles.count(), tiles.channels), tiles.channels);
  });
}

void tiles_to_input_gradient(const Tiles& tiles, const float* transformed, float* images) {
  std::vector<float> outside(static_cast<std::size_t>(tiles.channels));
  std::fill_n(images, tiles.images * tiles.height * tiles.width * tiles.channels, 0.0F);
  for_each_tile(tiles, [&](std::int64_t index, std::int64_t image, std::int64_t y, std::int64_t x) {
    add_input_gradient_square(places<const float*>(transformed, index, tiles.count(), tiles.channels),
                              pixels<4, float*>(tiles, images + image, y - 1, x - 1, outside.data()), tiles.channels);
  });
}

void tiles_to_output(const Tiles& tiles, const float* transformed, const float* bias, float* images) {
  for_each_tile(tiles, [&](std::int64_t index, std::int64_t image, std::int64_t y, std::int64_t x) {
    const Square<float*, 2> square = pixels<2, float*>(tiles, images + image, y, x, nullptr);
    output_square(places<const float*>(transformed, index, tiles.count(), tiles.channels), square, tiles.channels);
    if (bias == nullptr) return;
    for (const std::array<float*, 2>& row : square) {
      for (float* pixel : row) add(bias, tiles.channels, pixel);
    }
  });
}

void output_gradient_to_tiles(const Tiles& tiles, const float* images, float* transformed) {
  for_each_tile(tiles, [&](std::int64_t index, std::int64_t image, std::int64_t y, std::int64_t x) {
    output_gradient_square(pixels<2, const float*>(tiles, images + image, y, x, nullptr),
                           places<float*>(transformed, index, tiles.count(), tiles.channels), tiles.channels);
  });
}

void transform_filters(std::int64_t outputs, std::int64_t channels, std::int64_t pitch, const float* filters, float* transformed) {
  for (std::int64_t o = 0; o < outputs; ++o) {
    filter_square(taps<const float*>(filters, o, pitch), places<float*>(transformed, o, outputs, channels), channels);
  }
}

void transform_filter_gradient(std::int64_t outputs, std::int64_t channels, std::int64_t pitch, const float* transformed, float* filters) {
  for (std::int64_t o = 0; o < outputs; ++o) {
    filter_gradient_square(places<const float*>(transformed, o, outputs, channels), taps<float*>(filters, o, pitch), channels);
  }
}

}  // namespace affinis::nn::detail
