#include "framework/nn/detail/narrow_convolution.h"

#include <algorithm>
#include <array>
#include <vector>

#include "framework/nn/detail/kernels.h"
#include "framework/nn/detail/simd.h"

namespace affinis::nn::detail {
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kTaps = 9;

/// Whole pixels beside one another, at any address.
typedef float Vector __attribute__((vector_size(kLanes * sizeof(float)), aligned(alignof(float)), may_alias));

inline const Vector& vector_at(const float* values) { return *reinterpret_cast<const Vector*>(values); }
inline Vector& vector_at(float* values) { return *reinterpret_cast<Vector*>(values); }

/// Three rows around one, each with a pixel of zeros at both ends. Rows outside of the image are zeros.
class RowWindow {
 public:
  explicit RowWindow(const ConvolutionShape& shape)
      : height_(shape.height), channels_(shape.channels), length_((shape.width + 2) * shape.channels), rows_(static_cast<std::size_t>(4 * length_)) {}

  /// Begins an image; write(y, target) puts a row's width * channels values there.
  template <typename Write>
  void begin(const Write& write) {
    write(0, row(0));
  }
  /// Makes y - 1, y and y + 1 available; to be called for every y in turn.
  template <typename Write>
  void advance(std::int64_t y, const Write& write) {
    if (y + 1 < height_) write(y + 1, row(y + 1));
    for (std::int64_t tap = 0; tap < 3; ++tap) {
      const std::int64_t at = y + tap - 1;
      current_[static_cast<std::size_t>(tap)] = at < 0 || at >= height_ ? zeros() : row(at) - channels_;
    }
  }
  /// Rows y - 1, y, y + 1, from the zeros before them on.
  const std::array<const float*, 3>& rows() const { return current_; }

 private:
  float* row(std::int64_t y) { return rows_.data() + (y % 3) * length_ + channels_; }
  const float* zeros() const { return rows_.data() + 3 * length_; }

  std::int64_t height_;
  std::int64_t channels_;
  std::int64_t length_;
  std::vector<float> rows_;  ///< three rows by turns, and one of zeros
  std::array<const float*, 3> current_{};
};

/// Every value of a row once for each channel.
template <std::int64_t kChannels>
void repeat_values(const float* values, std::int64_t width, float* result) {
  for (std::int64_t x = 0; x < width; ++x) std::fill_n(result + x * kChannels, kChannels, values[x]);
}

void repeat_row(const float* values, std::int64_t width, std::int64_t channels, float* result) {
  switch (channels) {
    case 16: return repeat_values<16>(values, width, result);
    case 8: return repeat_values<8>(values, width, result);
    case 4: return repeat_values<4>(values, width, result);
    case 2: return repeat_values<2>(values, width, result);
    default: return repeat_values<1>(values, width, result);
  }
}

/// The weights of every (output, tap), repeated for each pixel of a vector: [O, 9, 16].
std::vector<float> tiled_weights(const ConvolutionShape& shape, const float* weight) {
  std::vector<float> result(static_cast<std::size_t>(shape.outputs * kTaps * kLanes));
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    result[i] = weight[at / kLanes * shape.channels + at % kLanes % shape.channels];
  }
  return result;
}

using Rows = std::array<const float*, 3>;

template <std::int64_t kOutputs>
inline __attribute__((always_inline)) void products(const Rows& rows, const float* weights, std::int64_t length, std::int64_t channels,
                                                    float* result) {
  for (std::int64_t i = 0; i < length; i += kLanes) {
    Vector sums[kOutputs] = {};
    for (std::int64_t tap = 0; tap < kTaps; ++tap) {
      const Vector values = vector_at(rows[static_cast<std::size_t>(tap / 3)] + i + tap % 3 * channels);
      for (std::int64_t o = 0; o < kOutputs; ++o) sums[o] += values * vector_at(weights + (o * kTaps + tap) * kLanes);
    }
    for (std::int64_t o = 0; o < kOutputs; ++o) vector_at(result + o * length + i) = sums[o];
  }
}

/// Channel by channel what a row contributes to each output: [O, W C].
AFFINIS_SIMD void row_products(const Rows& rows, const float* weights, std::int64_t outputs, std::int64_t length, std::int64_t channels,
                               float* result) {
  switch (outputs) {
    case 1: return products<1>(rows, weights, length, channels, result);
    case 2: return products<2>(rows, weights, length, channels, result);
    case 3: return products<3>(rows, weights, length, channels, result);
    default: return products<4>(rows, weights, length, channels, result);
  }
}

/// Sums over the channels of every pixel, pair by pair, which overwrites the values. `count` values become count / channels.
AFFINIS_SIMD void sum_channels(float* values, std::int64_t count, std::int64_t channels, float start, float* __restrict result) {
  for (; channels > 1; channels /= 2) {
    count /= 2;
    AFFINIS_NO_OVERLAP
    for (std::int64_t i = 0; i < count; ++i) values[i] = values[2 * i] + values[2 * i + 1];
  }
  for (std::int64_t i = 0; i < count; ++i) result[i] = start + values[i];
}

template <std::int64_t kOutputs>
inline __attribute__((always_inline)) void weight_products(const Rows& rows, const float* gradients, std::int64_t length, std::int64_t channels,
                                                           float* sums) {
  Vector row_sums[kOutputs * kTaps] = {};
  for (std::int64_t i = 0; i < length; i += kLanes) {
    for (std::int64_t tap = 0; tap < kTaps; ++tap) {
      const Vector values = vector_at(rows[static_cast<std::size_t>(tap / 3)] + i + tap % 3 * channels);
      for (std::int64_t o = 0; o < kOutputs; ++o) row_sums[o * kTaps + tap] += values * vector_at(gradients + o * length + i);
    }
  }
  for (std::int64_t place = 0; place < kOutputs * kTaps; ++place) vector_at(sums + place * kLanes) += row_sums[place];
}

/// Adds a row's share of the weights' gradient, lane by lane: [O, 9, 16]. `gradients` are repeated: [O, W C].
AFFINIS_SIMD void add_row_weight_products(const Rows& rows, const float* gradients, std::int64_t outputs, std::int64_t length,
                                          std::int64_t channels, float* sums) {
  switch (outputs) {
    case 1: return weight_products<1>(rows, gradients, length, channels, sums);
    case 2: return weight_products<2>(rows, gradients, length, channels, sums);
    case 3: return weight_products<3>(rows, gradients, length, channels, sums);
    default: return weight_products<4>(rows, gradients, length, channels, sums);
  }
}

}  // namespace

void narrow_forward(const ConvolutionShape& shape, const float* input, const float* weight, const float* bias, float* output) {
  const std::int64_t length = shape.width * shape.channels;
  const std::vector<float> weights = tiled_weights(shape, weight);
  std::vector<float> values(static_cast<std::size_t>(shape.outputs * length));
  RowWindow window(shape);
  for (std::int64_t image = 0; image < shape.images; ++image) {
    const auto copy = [&](std::int64_t y, float* row) { std::copy_n(input + (image * shape.height + y) * length, length, row); };
    window.begin(copy);
    for (std::int64_t y = 0; y < shape.height; ++y) {
      window.advance(y, copy);
      row_products(window.rows(), weights.data(), shape.outputs, length, shape.channels, values.data());
      for (std::int64_t o = 0; o < shape.outputs; ++o) {
        sum_channels(values.data() + o * length, length, shape.channels, bias[o],
                     output + ((image * shape.outputs + o) * shape.height + y) * shape.width);
      }
    }
  }
}

void narrow_weight_gradient(const ConvolutionShape& shape, const float* input, const float* gradient, float* weight_gradient,
                            float* bias_gradient) {
  const std::int64_t length = shape.width * shape.channels;
  std::vector<float> repeated(static_cast<std::size_t>(shape.outputs * length));
  std::vector<float> sums(static_cast<std::size_t>(shape.outputs * kTaps * kLanes));
  std::vector<double> totals(static_cast<std::size_t>(shape.outputs * kTaps * shape.channels));
  std::vector<double> bias_totals(static_cast<std::size_t>(shape.outputs));
  RowWindow window(shape);
  for (std::int64_t image = 0; image < shape.images; ++image) {
    const auto copy = [&](std::int64_t y, float* row) { std::copy_n(input + (image * shape.height + y) * length, length, row); };
    window.begin(copy);
    std::fill(sums.begin(), sums.end(), 0.0F);
    for (std::int64_t y = 0; y < shape.height; ++y) {
      window.advance(y, copy);
      for (std::int64_t o = 0; o < shape.outputs; ++o) {
        const float* const row = gradient + ((image * shape.outputs + o) * shape.height + y) * shape.width;
        repeat_row(row, shape.width, shape.channels, repeated.data() + o * length);
        bias_totals[static_cast<std::size_t>(o)] += sum_of(row, shape.width);
      }
      add_row_weight_products(window.rows(), repeated.data(), shape.outputs, length, shape.channels, sums.data());
    }
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::size_t channel = i % kLanes % static_cast<std::size_t>(shape.channels);
      totals[i / kLanes * static_cast<std::size_t>(shape.channels) + channel] += static_cast<double>(sums[i]);
    }
  }
  std::transform(totals.begin(), totals.end(), weight_gradient, [](double total) { return static_cast<float>(total); });
  std::transform(bias_totals.begin(), bias_totals.end(), bias_gradient, [](double total) { return static_cast<float>(total); });
}

}  // namespace affinis::nn::detail
