#include "framework/nn/detail/planar_convolution.h"

#include <algorithm>
#include <vector>

#include "framework/nn/detail/kernels.h"
#include "framework/nn/detail/matrix_product.h"
#include "framework/nn/detail/simd.h"

namespace affinis::nn::detail {
namespace {

constexpr std::int64_t kTaps = 9;
constexpr std::int64_t kMostChannels = 32;
constexpr std::int64_t kMostOutputs = 64;

/// [W, C] -> [C, W], `plane` values apart.
AFFINIS_SIMD void to_planes(const float* row, std::int64_t channels, std::int64_t width, float* __restrict planes, std::int64_t plane) {
  for (std::int64_t c = 0; c < channels; ++c) {
    AFFINIS_NO_OVERLAP
    for (std::int64_t x = 0; x < width; ++x) planes[c * plane + x] = row[x * channels + c];
  }
}

/// [C, W] -> [W, C].
AFFINIS_SIMD void to_pixels(const float* planes, std::int64_t channels, std::int64_t width, float* __restrict row) {
  for (std::int64_t x = 0; x < width; ++x) {
    for (std::int64_t c = 0; c < channels; ++c) row[x * channels + c] = planes[c * width + x];
  }
}

/// One image as planes [C, H + 2, W + 2] with a border of zeros.
class Planes {
 public:
  Planes(const ConvolutionShape& shape, std::int64_t channels)
      : pitch(shape.width + 2), size((shape.height + 2) * pitch), values(static_cast<std::size_t>(channels * size)), shape_(shape), channels_(channels) {}

  float* at(std::int64_t channel, std::int64_t y) { return values.data() + channel * size + (y + 1) * pitch + 1; }

  /// From [H, W, C].
  void fill_by_pixels(const float* image) {
    for (std::int64_t y = 0; y < shape_.height; ++y) to_planes(image + y * shape_.width * channels_, channels_, shape_.width, at(0, y), size);
  }
  /// From [C, H, W].
  void fill_by_planes(const float* image) {
    for (std::int64_t c = 0; c < channels_; ++c) {
      for (std::int64_t y = 0; y < shape_.height; ++y) std::copy_n(image + (c * shape_.height + y) * shape_.width, shape_.width, at(c, y));
    }
  }
  /// Where the pixels begin that each (tap, channel) sees from row 0 on; the last tap is the one below to the right.
  std::vector<std::int64_t> places() const {
    std::vector<std::int64_t> result;
    for (std::int64_t tap = 0; tap < kTaps; ++tap) {
      for (std::int64_t c = 0; c < channels_; ++c) result.push_back(c * size + tap / 3 * pitch + tap % 3);
    }
    return result;
  }

  std::int64_t pitch;
  std::int64_t size;  ///< of a plane
  std::vector<float> values;

 private:
  ConvolutionShape shape_;
  std::int64_t channels_;
};

/// [O, 9, C] -> [C, 9, O] with the taps the other way round: what an input sees of the outputs.
std::vector<float> seen_from_inputs(const ConvolutionShape& shape, const float* weight) {
  std::vector<float> result(static_cast<std::size_t>(shape.outputs * kTaps * shape.channels));
  for (std::int64_t o = 0; o < shape.outputs; ++o) {
    for (std::int64_t tap = 0; tap < kTaps; ++tap) {
      for (std::int64_t c = 0; c < shape.channels; ++c) {
        result[static_cast<std::size_t>((c * kTaps + kTaps - 1 - tap) * shape.outputs + o)] = weight[(o * kTaps + tap) * shape.channels + c];
      }
    }
  }
  return result;
}

}  // namespace

bool suits_planar(const ConvolutionShape& shape) {
  return shape.width % 16 == 0 && shape.channels <= kMostChannels && shape.outputs >= 1 && shape.outputs <= kMostOutputs;
}

void planar_forward(const ConvolutionShape& shape, const float* input, const float* weight, const float* bias, float* output) {
  Planes planes(shape, shape.channels);
  const std::vector<std::int64_t> places = planes.places();
  const std::int64_t pixels = shape.height * shape.width;
  for (std::int64_t image = 0; image < shape.images; ++image) {
    planes.fill_by_pixels(input + image * pixels * shape.channels);
    float* const to = output + image * shape.outputs * pixels;
    for (std::int64_t o = 0; o < shape.outputs; ++o) std::fill_n(to + o * pixels, pixels, bias[o]);
    for (std::int64_t y = 0; y < shape.height; ++y) {
      multiply({.rows = shape.outputs,
                .columns = shape.width,
                .depth = kTaps * shape.channels,
                .left = weight,
                .left_row = kTaps * shape.channels,
                .left_step = 1,
                .right = planes.values.data() + y * planes.pitch,
                .right_step = 0,
                .right_column = 1,
                .result = to + y * shape.width,
                .result_row = pixels,
                .adds = true,
                .right_places = places.data()});
    }
  }
}

void planar_input_gradient(const ConvolutionShape& shape, const float* gradient, const float* weight, float* input_gradient) {
  Planes planes(shape, shape.outputs);
  const std::vector<std::int64_t> places = planes.places();
  const std::vector<float> weights = seen_from_inputs(shape, weight);
  std::vector<float> row(static_cast<std::size_t>(shape.channels * shape.width));
  const std::int64_t pixels = shape.height * shape.width;
  for (std::int64_t image = 0; image < shape.images; ++image) {
    planes.fill_by_planes(gradient + image * shape.outputs * pixels);
    for (std::int64_t y = 0; y < shape.height; ++y) {
      multiply({.rows = shape.channels,
                .columns = shape.width,
                .depth = kTaps * shape.outputs,
                .left = weights.data(),
                .left_row = kTaps * shape.outputs,
                .left_step = 1,
                .right = planes.values.data() + y * planes.pitch,
                .right_step = 0,
                .right_column = 1,
                .result = row.data(),
                .result_row = shape.width,
                .right_places = places.data()});
      to_pixels(row.data(), shape.channels, shape.width, input_gradient + (image * pixels + y * shape.width) * shape.channels);
    }
  }
}

void planar_weight_gradient(const ConvolutionShape& shape, const float* input, const float* gradient, float* weight_gradient,
                            float* bias_gradient) {
  Planes seen(shape, shape.channels);
  Planes wanted(shape, shape.outputs);
  const std::vector<std::int64_t> places = seen.places();
  const std::int64_t pixels = shape.height * shape.width;
  std::vector<float> products(static_cast<std::size_t>(shape.outputs) * places.size());
  std::vector<double> totals(products.size());
  std::vector<double> bias_totals(static_cast<std::size_t>(shape.outputs));
  for (std::int64_t image = 0; image < shape.images; ++image) {
    seen.fill_by_pixels(input + image * pixels * shape.channels);
    wanted.fill_by_planes(gradient + image * shape.outputs * pixels);
    // Over whole padded rows: what lies between two of them meets zeros.
    multiply({.rows = shape.outputs,
              .columns = kTaps * shape.channels,
              .depth = (shape.height - 1) * wanted.pitch + shape.width,
              .left = wanted.at(0, 0),
              .left_row = wanted.size,
              .left_step = 1,
              .right = seen.values.data(),
              .right_step = 1,
              .right_column = 0,
              .result = products.data(),
              .result_row = kTaps * shape.channels,
              .right_places = places.data()});
    for (std::size_t i = 0; i < products.size(); ++i) totals[i] += static_cast<double>(products[i]);
    for (std::int64_t o = 0; o < shape.outputs; ++o) {
      bias_totals[static_cast<std::size_t>(o)] += sum_of(gradient + (image * shape.outputs + o) * pixels, pixels);
    }
  }
  std::transform(totals.begin(), totals.end(), weight_gradient, [](double total) { return static_cast<float>(total); });
  std::transform(bias_totals.begin(), bias_totals.end(), bias_gradient, [](double total) { return static_cast<float>(total); });
}

}  // namespace affinis::nn::detail
