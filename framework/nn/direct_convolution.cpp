#include "framework/nn/detail/direct_convolution.h"

#include <algorithm>
#include <vector>

#include "framework/nn/detail/matrix_product.h"

namespace affinis::nn::detail {
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kTaps = 3;  ///< in each direction
constexpr std::int64_t kValuesTogether = 4096;  ///< of results that are copied while they are in the first cache

/// One image with zeros around it: `before` pixels above and to the left, `after` below and to the right. Pixels beyond a row's last are the next
/// row's first, and a few zeros follow the last row, so that a stretch may reach over the end.
class Padded {
 public:
  Padded(std::int64_t height, std::int64_t width, std::int64_t channels, std::int64_t before, std::int64_t after)
      : pitch((width + before + after) * channels),
        height_(height),
        width_(width),
        row_(width * channels),
        first_(before * (pitch + channels)),
        values_(static_cast<std::size_t>((height + before + after) * pitch + kLanes * channels)) {}

  void fill(const float* image) {
    for (std::int64_t y = 0; y < height_; ++y) std::copy_n(image + y * row_, row_, values_.data() + first_ + y * pitch);
  }
  /// From planes [C, H, W].
  void fill_from_planes(const float* planes) {
    const std::int64_t channels = row_ / width_;
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t y = 0; y < height_; ++y) {
        float* const to = values_.data() + first_ + y * pitch + c;
        const float* const from = planes + (c * height_ + y) * width_;
        for (std::int64_t x = 0; x < width_; ++x) to[x * channels] = from[x];
      }
    }
  }
  /// Row `y` from its left padding on, counted with the padding above.
  const float* row(std::int64_t y) const { return values_.data() + y * pitch; }

  std::int64_t pitch;  ///< values from row to row

 private:
  std::int64_t height_;
  std::int64_t width_;
  std::int64_t row_;
  std::int64_t first_;
  std::vector<float> values_;
};

/// Pixels whose outputs fill a vector.
std::int64_t pixels_together(std::int64_t outputs, std::int64_t width) {
  std::int64_t pixels = outputs < kLanes && kLanes % outputs == 0 ? kLanes / outputs : 1;
  while (width % pixels != 0) pixels /= 2;
  return pixels;
}

/// Matrices that are sparse by themselves: what `pixels` neighbours see against what they give.
struct Band {
  std::int64_t rows;
  std::int64_t columns;
  std::vector<float> values;

  Band(std::int64_t matrices, std::int64_t rows_each, std::int64_t columns_each)
      : rows(rows_each), columns(columns_each), values(static_cast<std::size_t>(matrices * rows_each * columns_each)) {}
  float* at(std::int64_t matrix) { return values.data() + matrix * rows * columns; }
  const float* at(std::int64_t matrix) const { return values.data() + matrix * rows * columns; }
  float& at(std::int64_t matrix, std::int64_t row, std::int64_t column) { return values[static_cast<std::size_t>((matrix * rows + row) * columns + column)]; }
};

/// Calls work(ky, row, column, o, kx, c) for every weight of each of `pixels` neighbours, `stride` apart in what they see.
template <typename Work>
void for_each_weight(std::int64_t pixels, std::int64_t stride, std::int64_t channels, std::int64_t outputs, const Work& work) {
  for (std::int64_t ky = 0; ky < kTaps; ++ky) {
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
      for (std::int64_t kx = 0; kx < kTaps; ++kx) {
        for (std::int64_t c = 0; c < channels; ++c) {
          for (std::int64_t o = 0; o < outputs; ++o) work(ky, (pixel * stride + kx) * channels + c, pixel * outputs + o, o, kx, c);
        }
      }
    }
  }
}

/// What rows of `seen`, each through the next of `band`'s matrices, give to `count` blocks of pixels, `step` values apart.
void sum_of_rows(const Padded& seen, std::int64_t y, const Band& band, std::int64_t first, std::int64_t matrices, std::int64_t count,
                 std::int64_t step, float* result) {
  multiply({.rows = count,
            .columns = band.columns,
            .depth = matrices * band.rows,
            .left = seen.row(y),
            .left_row = step,
            .left_step = 1,
            .right = band.at(first),
            .right_step = band.columns,
            .right_column = 1,
            .result = result,
            .result_row = band.columns,
            .part = band.rows,
            .left_gap = seen.pitch - band.rows});
}

/// Adds the outer products of stretches of `rows` values, `left_step` apart in each row from `y` on, with one after the other of the right,
/// whose rows of `width` have gaps.
void add_outer_products(const Padded& seen, std::int64_t y, std::int64_t left_step, std::int64_t rows, std::int64_t height, std::int64_t width,
                        const float* right, std::int64_t right_gap, std::int64_t columns, float* result) {
  multiply({.rows = rows,
            .columns = columns,
            .depth = height * width,
            .left = seen.row(y),
            .left_row = 1,
            .left_step = left_step,
            .right = right,
            .right_step = columns,
            .right_column = 1,
            .result = result,
            .result_row = columns,
            .adds = true,
            .part = width,
            .left_gap = seen.pitch - width * left_step,
            .right_gap = right_gap});
}

/// A convolution of images that are seen through `band`; fill(padded, image) brings one.
template <typename Fill>
void convolve(const ConvolutionShape& shape, std::int64_t channels, std::int64_t outputs, std::int64_t pixels, const Band& band, const Fill& fill,
              float* output) {
  Padded padded(shape.height, shape.width, channels, 1, 1);
  // Rows follow each other without a break where blocks fit into them: more rows of the left matrix at a time, and some outputs that nobody wants.
  const std::int64_t length = (shape.width + 2) * outputs;
  const std::int64_t most = (shape.width + 2) % pixels == 0 ? std::clamp<std::int64_t>(kValuesTogether / length, 1, shape.height) : 1;
  std::vector<float> rows(static_cast<std::size_t>(most * length));
  for (std::int64_t image = 0; image < shape.images; ++image) {
    fill(padded, image);
    for (std::int64_t y = 0; y < shape.height; y += most) {
      const std::int64_t count = std::min(most, shape.height - y);
      sum_of_rows(padded, y, band, 0, kTaps, (count * (shape.width + 2) - 2) / pixels, pixels * channels, rows.data());
      for (std::int64_t i = 0; i < count; ++i) {
        std::copy_n(rows.data() + i * length, shape.width * outputs, output + (image * shape.height + y + i) * shape.width * outputs);
      }
    }
  }
}

std::int64_t weight_at(std::int64_t first, std::int64_t ky, std::int64_t kx, std::int64_t last, std::int64_t lasts) {
  return ((first * kTaps + ky) * kTaps + kx) * lasts + last;
}

/// What inputs see of outputs: weights turned around by half, the channels exchanged.
Band seen_from_inputs(const ConvolutionShape& shape, std::int64_t pixels, const float* weight) {
  Band band(kTaps, (pixels + kTaps - 1) * shape.outputs, pixels * shape.channels);
  for_each_weight(pixels, 1, shape.outputs, shape.channels, [&](auto ky, auto row, auto column, auto c, auto kx, auto o) {
    band.at(ky, row, column) = weight[weight_at(o, kTaps - 1 - ky, kTaps - 1 - kx, c, shape.channels)];
  });
  return band;
}

/// The pairs of taps of a doubling: the output pixel 2 y + row comes from input pixels y and, with `next`, y + 1.
struct DoublingTap {
  std::int64_t place;  ///< 0: the even row; 1, 2: the odd one, from row y and from row y + 1
  std::int64_t k;
};
constexpr DoublingTap kDoublingTaps[] = {{0, 1}, {1, 2}, {2, 0}};

/// Calls work(place, row, column, c, ky, kx, o) for every weight of a doubling: what two neighbouring pixels give to the two output pixels of the first.
template <typename Work>
void for_each_doubling_weight(std::int64_t channels, std::int64_t outputs, const Work& work) {
  for (const DoublingTap& down : kDoublingTaps) {
    for (const DoublingTap& across : kDoublingTaps) {
      const std::int64_t dx = across.place == 2 ? 1 : 0;
      const std::int64_t px = across.place == 0 ? 0 : 1;
      for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t o = 0; o < outputs; ++o) work(down.place, dx * channels + c, px * outputs + o, c, down.k, across.k, o);
      }
    }
  }
}

}  // namespace

void direct_forward(const ConvolutionShape& shape, const float* input, const float* weight, float* output) {
  const std::int64_t pixels = pixels_together(shape.outputs, shape.width);
  Band band(kTaps, (pixels + kTaps - 1) * shape.channels, pixels * shape.outputs);
  for_each_weight(pixels, 1, shape.channels, shape.outputs, [&](auto ky, auto row, auto column, auto o, auto kx, auto c) {
    band.at(ky, row, column) = weight[weight_at(o, ky, kx, c, shape.channels)];
  });
  convolve(shape, shape.channels, shape.outputs, pixels, band,
           [&](Padded& padded, std::int64_t image) { padded.fill(input + image * shape.height * shape.width * shape.channels); }, output);
}

void direct_input_gradient(const ConvolutionShape& shape, const float* gradient, const float* weight, float* input_gradient) {
  const std::int64_t pixels = pixels_together(shape.channels, shape.width);
  convolve(shape, shape.outputs, shape.channels, pixels, seen_from_inputs(shape, pixels, weight),
           [&](Padded& padded, std::int64_t image) { padded.fill(gradient + image * shape.height * shape.width * shape.outputs); }, input_gradient);
}

void direct_input_gradient_of_planes(const ConvolutionShape& shape, const float* gradient, const float* weight, float* input_gradient) {
  const std::int64_t pixels = pixels_together(shape.channels, shape.width);
  convolve(shape, shape.outputs, shape.channels, pixels, seen_from_inputs(shape, pixels, weight),
           [&](Padded& padded, std::int64_t image) { padded.fill_from_planes(gradient + image * shape.height * shape.width * shape.outputs); }, input_gradient);
}

void add_direct_weight_gradient(const ConvolutionShape& shape, const float* input, const float* gradient, float* weight_gradient) {
  const std::int64_t pixels = pixels_together(shape.outputs, shape.width);
  Band sums(kTaps, (pixels + kTaps - 1) * shape.channels, pixels * shape.outputs);
  Padded padded(shape.height, shape.width, shape.channels, 1, 1);
  for (std::int64_t image = 0; image < shape.images; ++image) {
    padded.fill(input + image * shape.height * shape.width * shape.channels);
    const float* const of = gradient + image * shape.height * shape.width * shape.outputs;
    for (std::int64_t ky = 0; ky < kTaps; ++ky) {
      add_outer_products(padded, ky, pixels * shape.channels, sums.rows, shape.height, shape.width / pixels, of, 0, sums.columns, sums.at(ky));
    }
  }
  for_each_weight(pixels, 1, shape.channels, shape.outputs, [&](auto ky, auto row, auto column, auto o, auto kx, auto c) {
    weight_gradient[weight_at(o, ky, kx, c, shape.channels)] += sums.at(ky, row, column);
  });
}

void doubling_forward(const ConvolutionShape& shape, const float* input, const float* weight, float* output) {
  Band band(3, 2 * shape.channels, 2 * shape.outputs);
  for_each_doubling_weight(shape.channels, shape.outputs, [&](auto place, auto row, auto column, auto c, auto ky, auto kx, auto o) {
    band.at(place, row, column) = weight[weight_at(c, ky, kx, o, shape.outputs)];
  });
  Padded padded(shape.height, shape.width, shape.channels, 0, 1);
  const std::int64_t length = shape.width * band.columns;
  for (std::int64_t image = 0; image < shape.images; ++image) {
    padded.fill(input + image * shape.height * shape.width * shape.channels);
    for (std::int64_t y = 0; y < shape.height; ++y) {
      float* const to = output + (image * shape.height + y) * 2 * length;
      sum_of_rows(padded, y, band, 0, 1, shape.width, shape.channels, to);
      sum_of_rows(padded, y, band, 1, 2, shape.width, shape.channels, to + length);
    }
  }
}

void doubling_input_gradient(const ConvolutionShape& shape, const float* gradient, const float* weight, float* input_gradient) {
  const std::int64_t pixels = pixels_together(shape.channels, shape.width);
  Band band(kTaps, (2 * (pixels - 1) + kTaps) * shape.outputs, pixels * shape.channels);
  for_each_weight(pixels, 2, shape.outputs, shape.channels, [&](auto ky, auto row, auto column, auto c, auto kx, auto o) {
    band.at(ky, row, column) = weight[weight_at(c, ky, kx, o, shape.outputs)];
  });
  Padded padded(2 * shape.height, 2 * shape.width, shape.outputs, 1, 0);
  for (std::int64_t image = 0; image < shape.images; ++image) {
    padded.fill(gradient + image * 4 * shape.height * shape.width * shape.outputs);
    for (std::int64_t y = 0; y < shape.height; ++y) {
      sum_of_rows(padded, 2 * y, band, 0, kTaps, shape.width / pixels, 2 * pixels * shape.outputs,
                  input_gradient + (image * shape.height + y) * shape.width * shape.channels);
    }
  }
}

void add_doubling_weight_gradient(const ConvolutionShape& shape, const float* input, const float* gradient, float* weight_gradient) {
  Band sums(3, 2 * shape.channels, 2 * shape.outputs);
  Padded padded(shape.height, shape.width, shape.channels, 0, 1);
  for (std::int64_t image = 0; image < shape.images; ++image) {
    padded.fill(input + image * shape.height * shape.width * shape.channels);
    const std::int64_t length = shape.width * sums.columns;
    const float* const even = gradient + image * shape.height * 2 * length;
    for (std::int64_t place = 0; place < 3; ++place) {
      add_outer_products(padded, place / 2, shape.channels, sums.rows, shape.height, shape.width, place == 0 ? even : even + length, length, sums.columns,
                         sums.at(place));
    }
  }
  for_each_doubling_weight(shape.channels, shape.outputs, [&](auto place, auto row, auto column, auto c, auto ky, auto kx, auto o) {
    weight_gradient[weight_at(c, ky, kx, o, shape.outputs)] += sums.at(place, row, column);
  });
}

}  // namespace affinis::nn::detail
