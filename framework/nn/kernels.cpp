#include "framework/nn/detail/kernels.h"

#include <algorithm>
#include <vector>

#include "framework/nn/detail/simd.h"

namespace affinis::nn::detail {
namespace {

constexpr std::int64_t kLeastPeriod = 64;
constexpr std::int64_t kBlockRows = 32;

/// The matrix of rows as one of longer rows: several channels' worth side by side, so that inner loops are long even for 8 channels.
/// The last long row may be partial; it ends at a whole row.
struct LongRows {
  LongRows(std::int64_t rows, std::int64_t channels)
      : period(channels * ((kLeastPeriod + channels - 1) / channels)), total(rows * channels) {}

  std::int64_t period;
  std::int64_t total;
};

std::vector<float> tiled(const float* values, std::int64_t channels, std::int64_t length) {
  std::vector<float> result(static_cast<std::size_t>(length));
  for (std::int64_t i = 0; i < length; ++i) result[static_cast<std::size_t>(i)] = values[i % channels];
  return result;
}

/// Two running sums a column: float within a block, double over blocks.
class Sums {
 public:
  explicit Sums(std::int64_t columns)
      : first(static_cast<std::size_t>(columns)),
        second(first.size()),
        first_total_(first.size()),
        second_total_(first.size()) {}

  void flush() {
    for (std::size_t i = 0; i < first.size(); ++i) {
      first_total_[i] += static_cast<double>(first[i]);
      second_total_[i] += static_cast<double>(second[i]);
      first[i] = second[i] = 0;
    }
  }
  void fold(std::int64_t channels, double* first_sum, double* second_sum) {
    flush();
    std::fill_n(first_sum, channels, 0.0);
    std::fill_n(second_sum, channels, 0.0);
    for (std::size_t i = 0; i < first.size(); ++i) {
      first_sum[i % static_cast<std::size_t>(channels)] += first_total_[i];
      second_sum[i % static_cast<std::size_t>(channels)] += second_total_[i];
    }
  }

  std::vector<float> first;
  std::vector<float> second;

 private:
  std::vector<double> first_total_;
  std::vector<double> second_total_;
};

/// Calls body(start, columns) for every long row and flushes the sums between blocks.
template <typename Body>
void in_blocks(const LongRows& rows, Sums& sums, const Body& body) {
  std::int64_t in_block = 0;
  for (std::int64_t start = 0; start < rows.total; start += rows.period) {
    body(start, std::min(rows.period, rows.total - start));
    if (++in_block == kBlockRows) {
      sums.flush();
      in_block = 0;
    }
  }
}

AFFINIS_SIMD void add_moments(const float* __restrict input, const float* __restrict shift, std::int64_t columns,
                              float* __restrict sum, float* __restrict squares) {
  for (std::int64_t i = 0; i < columns; ++i) {
    const float value = input[i] - shift[i];
    sum[i] += value;
    squares[i] += value * value;
  }
}

AFFINIS_SIMD void activate(const float* __restrict input, std::int64_t columns, const float* __restrict scale,
                           const float* __restrict offset, float slope, float* __restrict output) {
  for (std::int64_t i = 0; i < columns; ++i) {
    const float value = input[i] * scale[i] + offset[i];
    output[i] = value > 0 ? value : value * slope;
  }
}

AFFINIS_SIMD void activate_sum(const float* __restrict input, const float* __restrict residual, std::int64_t columns,
                               const float* __restrict scale, const float* __restrict offset, float slope,
                               float* __restrict output) {
  for (std::int64_t i = 0; i < columns; ++i) {
    const float value = input[i] * scale[i] + offset[i] + residual[i];
    output[i] = value > 0 ? value : value * slope;
  }
}

AFFINIS_SIMD void add_gradient_sums(const float* __restrict input, const float* __restrict gradient, std::int64_t columns,
                                    const float* __restrict scale, const float* __restrict offset,
                                    const float* __restrict mean, float slope, float* __restrict sum,
                                    float* __restrict products) {
  for (std::int64_t i = 0; i < columns; ++i) {
    const float passed = input[i] * scale[i] + offset[i] > 0 ? gradient[i] : gradient[i] * slope;
    sum[i] += passed;
    products[i] += passed * (input[i] - mean[i]);
  }
}

AFFINIS_SIMD void add_residual_sums(const float* __restrict input, const float* __restrict gradient,
                                    const float* __restrict output, std::int64_t columns, const float* __restrict mean, float slope,
                                    float* __restrict residual_gradient, float* __restrict sum, float* __restrict products) {
  for (std::int64_t i = 0; i < columns; ++i) {
    const float passed = output[i] > 0 ? gradient[i] : gradient[i] * slope;
    residual_gradient[i] = passed;
    sum[i] += passed;
    products[i] += passed * (input[i] - mean[i]);
  }
}

AFFINIS_SIMD void input_gradient_row(const float* __restrict input, const float* __restrict gradient, std::int64_t columns,
                                     const float* __restrict scale, const float* __restrict offset,
                                     const float* __restrict mean, float slope, const float* __restrict input_slope,
                                     const float* __restrict shift, float* __restrict result) {
  for (std::int64_t i = 0; i < columns; ++i) {
    const float passed = input[i] * scale[i] + offset[i] > 0 ? gradient[i] : gradient[i] * slope;
    result[i] = scale[i] * passed + (input_slope[i] * (input[i] - mean[i]) + shift[i]);
  }
}

AFFINIS_SIMD void unmasked_input_gradient_row(const float* __restrict input, const float* __restrict gradient,
                                              std::int64_t columns, const float* __restrict scale,
                                              const float* __restrict mean, const float* __restrict input_slope,
                                              const float* __restrict shift, float* __restrict result) {
  for (std::int64_t i = 0; i < columns; ++i) {
    result[i] = scale[i] * gradient[i] + (input_slope[i] * (input[i] - mean[i]) + shift[i]);
  }
}

AFFINIS_SIMD void multiply_add(const float* __restrict a, const float* __restrict b, std::int64_t count, float* __restrict sum) {
  for (std::int64_t i = 0; i < count; ++i) sum[i] += a[i] * b[i];
}

/// For the taps of one image row: where a row of `width` pixels meets itself shifted by tap - 1.
struct Overlap {
  Overlap(std::int64_t tap, std::int64_t width) : begin(tap == 0 ? 1 : 0), end(tap == 2 ? width - 1 : width), shift(tap - 1) {}

  std::int64_t begin;  ///< first pixel whose neighbour at `shift` is inside
  std::int64_t end;
  std::int64_t shift;
};

/// Weights of one (output, tap) repeated for every pixel of a row: [O, 3, 3] x [width * channels].
std::vector<float> tiled_weights(const NarrowConvolution& shape, const float* weight) {
  const std::int64_t length = shape.width * shape.channels;
  std::vector<float> result;
  result.reserve(static_cast<std::size_t>(shape.outputs * 9 * length));
  for (std::int64_t tap = 0; tap < shape.outputs * 9; ++tap) {
    const std::vector<float> row = tiled(weight + tap * shape.channels, shape.channels, length);
    result.insert(result.end(), row.begin(), row.end());
  }
  return result;
}

/// Every value of a row once for each channel.
void repeat_values(const float* values, std::int64_t width, std::int64_t channels, float* result) {
  for (std::int64_t x = 0; x < width; ++x) std::fill_n(result + x * channels, channels, values[x]);
}

/// Adds to `accumulated` the products of a pixel row with one row of taps, where both are inside.
void add_row(const float* pixels, const float* taps, const NarrowConvolution& shape, float* accumulated) {
  const std::int64_t length = shape.width * shape.channels;
  for (std::int64_t tap = 0; tap < 3; ++tap) {
    const Overlap overlap(tap, shape.width);
    const std::int64_t begin = overlap.begin * shape.channels;
    multiply_add(pixels + begin + overlap.shift * shape.channels, taps + tap * length + begin,
                 (overlap.end - overlap.begin) * shape.channels, accumulated + begin);
  }
}

/// Sums over the channels of every pixel; four chains, so that additions overlap.
void sum_channels(const float* values, std::int64_t width, std::int64_t channels, float start, float* result) {
  for (std::int64_t x = 0; x < width; ++x, values += channels) {
    float part[4] = {start, 0, 0, 0};
    std::int64_t c = 0;
    for (; c + 4 <= channels; c += 4) {
      for (std::int64_t k = 0; k < 4; ++k) part[k] += values[c + k];
    }
    for (; c < channels; ++c) part[0] += values[c];
    result[x] = (part[0] + part[1]) + (part[2] + part[3]);
  }
}

}  // namespace

void channel_moments(const float* input, std::int64_t rows, std::int64_t channels, float* mean, float* variance) {
  const LongRows long_rows(rows, channels);
  // The first row is near the mean compared with the spread, so that squares of differences from it do not cancel.
  const std::vector<float> shift = tiled(input, channels, long_rows.period);
  Sums sums(long_rows.period);
  in_blocks(long_rows, sums, [&](std::int64_t start, std::int64_t columns) {
    add_moments(input + start, shift.data(), columns, sums.first.data(), sums.second.data());
  });
  std::vector<double> sum(static_cast<std::size_t>(channels));
  std::vector<double> squares(static_cast<std::size_t>(channels));
  sums.fold(channels, sum.data(), squares.data());
  for (std::int64_t c = 0; c < channels; ++c) {
    const double offset = sum[static_cast<std::size_t>(c)] / static_cast<double>(rows);
    const double square = squares[static_cast<std::size_t>(c)] / static_cast<double>(rows);
    mean[c] = static_cast<float>(offset + static_cast<double>(input[c]));
    variance[c] = static_cast<float>(std::max(0.0, square - offset * offset));
  }
}

void scale_and_activate(const float* input, const float* residual, std::int64_t rows, std::int64_t channels, const float* scale,
                        const float* offset, float slope, float* output) {
  const LongRows long_rows(rows, channels);
  const std::vector<float> scales = tiled(scale, channels, long_rows.period);
  const std::vector<float> offsets = tiled(offset, channels, long_rows.period);
  for (std::int64_t start = 0; start < long_rows.total; start += long_rows.period) {
    const std::int64_t columns = std::min(long_rows.period, long_rows.total - start);
    if (residual == nullptr) {
      activate(input + start, columns, scales.data(), offsets.data(), slope, output + start);
    } else {
      activate_sum(input + start, residual + start, columns, scales.data(), offsets.data(), slope, output + start);
    }
  }
}

void norm_gradient_sums(const NormBackward& pass, double* sum, double* product_sum) {
  const LongRows long_rows(pass.rows, pass.channels);
  const std::vector<float> scales = tiled(pass.scale, pass.channels, long_rows.period);
  const std::vector<float> offsets = tiled(pass.offset, pass.channels, long_rows.period);
  const std::vector<float> means = tiled(pass.mean, pass.channels, long_rows.period);
  Sums sums(long_rows.period);
  in_blocks(long_rows, sums, [&](std::int64_t start, std::int64_t columns) {
    add_gradient_sums(pass.input + start, pass.gradient + start, columns, scales.data(), offsets.data(), means.data(), pass.slope,
                      sums.first.data(), sums.second.data());
  });
  sums.fold(pass.channels, sum, product_sum);
}

void residual_gradient_sums(const NormBackward& pass, const float* output, float* residual_gradient, double* sum,
                            double* product_sum) {
  const LongRows long_rows(pass.rows, pass.channels);
  const std::vector<float> means = tiled(pass.mean, pass.channels, long_rows.period);
  Sums sums(long_rows.period);
  in_blocks(long_rows, sums, [&](std::int64_t start, std::int64_t columns) {
    add_residual_sums(pass.input + start, pass.gradient + start, output + start, columns, means.data(), pass.slope,
                      residual_gradient + start, sums.first.data(), sums.second.data());
  });
  sums.fold(pass.channels, sum, product_sum);
}

void norm_input_gradient(const NormBackward& pass, const float* input_slope, const float* shift, bool masked, float* input_gradient) {
  const LongRows long_rows(pass.rows, pass.channels);
  const std::vector<float> scales = tiled(pass.scale, pass.channels, long_rows.period);
  const std::vector<float> offsets = tiled(pass.offset, pass.channels, long_rows.period);
  const std::vector<float> means = tiled(pass.mean, pass.channels, long_rows.period);
  const std::vector<float> slopes = tiled(input_slope, pass.channels, long_rows.period);
  const std::vector<float> shifts = tiled(shift, pass.channels, long_rows.period);
  for (std::int64_t start = 0; start < long_rows.total; start += long_rows.period) {
    const std::int64_t columns = std::min(long_rows.period, long_rows.total - start);
    if (masked) {
      input_gradient_row(pass.input + start, pass.gradient + start, columns, scales.data(), offsets.data(), means.data(), pass.slope,
                         slopes.data(), shifts.data(), input_gradient + start);
    } else {
      unmasked_input_gradient_row(pass.input + start, pass.gradient + start, columns, scales.data(), means.data(), slopes.data(),
                                  shifts.data(), input_gradient + start);
    }
  }
}

void narrow_forward(const NarrowConvolution& shape, const float* input, const float* weight, const float* bias, float* output) {
  const std::int64_t length = shape.width * shape.channels;
  const std::vector<float> taps = tiled_weights(shape, weight);
  std::vector<float> accumulated(static_cast<std::size_t>(length));
  for (std::int64_t image = 0; image < shape.images; ++image) {
    for (std::int64_t out = 0; out < shape.outputs; ++out) {
      for (std::int64_t y = 0; y < shape.height; ++y) {
        std::fill(accumulated.begin(), accumulated.end(), 0.0F);
        for (std::int64_t tap = 0; tap < 3; ++tap) {
          const std::int64_t source = y + tap - 1;
          if (source < 0 || source >= shape.height) continue;
          add_row(input + (image * shape.height + source) * length, taps.data() + (out * 3 + tap) * 3 * length, shape,
                  accumulated.data());
        }
        sum_channels(accumulated.data(), shape.width, shape.channels, bias == nullptr ? 0.0F : bias[out],
                     output + ((image * shape.outputs + out) * shape.height + y) * shape.width);
      }
    }
  }
}

void narrow_input_gradient(const NarrowConvolution& shape, const float* gradient, const float* weight, float* input_gradient) {
  const std::int64_t length = shape.width * shape.channels;
  const std::vector<float> taps = tiled_weights(shape, weight);
  std::vector<float> repeated(static_cast<std::size_t>(length));
  std::fill_n(input_gradient, shape.images * shape.height * length, 0.0F);
  for (std::int64_t image = 0; image < shape.images; ++image) {
    for (std::int64_t out = 0; out < shape.outputs; ++out) {
      for (std::int64_t y = 0; y < shape.height; ++y) {
        repeat_values(gradient + ((image * shape.outputs + out) * shape.height + y) * shape.width, shape.width, shape.channels,
                      repeated.data());
        for (std::int64_t tap = 0; tap < 9; ++tap) {
          const std::int64_t target = y + tap / 3 - 1;
          if (target < 0 || target >= shape.height) continue;
          const Overlap overlap(tap % 3, shape.width);
          const std::int64_t begin = overlap.begin * shape.channels;
          const std::int64_t shifted = begin + overlap.shift * shape.channels;
          multiply_add(repeated.data() + begin, taps.data() + (out * 9 + tap) * length + begin,
                       (overlap.end - overlap.begin) * shape.channels,
                       input_gradient + (image * shape.height + target) * length + shifted);
        }
      }
    }
  }
}

void narrow_weight_gradient(const NarrowConvolution& shape, const float* input, const float* gradient, float* weight_gradient,
                            float* bias_gradient) {
  const std::int64_t length = shape.width * shape.channels;
  std::vector<float> repeated(static_cast<std::size_t>(length));
  std::vector<float> accumulated(static_cast<std::size_t>(9 * length));
  std::vector<double> totals(static_cast<std::size_t>(shape.outputs * 9 * shape.channels));
  for (std::int64_t out = 0; out < shape.outputs; ++out) {
    double bias_total = 0;
    for (std::int64_t image = 0; image < shape.images; ++image) {
      std::fill(accumulated.begin(), accumulated.end(), 0.0F);
      for (std::int64_t y = 0; y < shape.height; ++y) {
        const float* row = gradient + ((image * shape.outputs + out) * shape.height + y) * shape.width;
        for (std::int64_t x = 0; x < shape.width; ++x) bias_total += static_cast<double>(row[x]);
        repeat_values(row, shape.width, shape.channels, repeated.data());
        for (std::int64_t tap = 0; tap < 9; ++tap) {
          const std::int64_t source = y + tap / 3 - 1;
          if (source < 0 || source >= shape.height) continue;
          const Overlap overlap(tap % 3, shape.width);
          const std::int64_t begin = overlap.begin * shape.channels;
          multiply_add(repeated.data() + begin,
                       input + (image * shape.height + source) * length + begin + overlap.shift * shape.channels,
                       (overlap.end - overlap.begin) * shape.channels, accumulated.data() + tap * length + begin);
        }
      }
      for (std::int64_t i = 0; i < 9 * length; ++i) {
        const std::int64_t place = (out * 9 + i / length) * shape.channels + i % shape.channels;
        totals[static_cast<std::size_t>(place)] += static_cast<double>(accumulated[static_cast<std::size_t>(i)]);
      }
    }
    bias_gradient[out] = static_cast<float>(bias_total);
  }
  std::transform(totals.begin(), totals.end(), weight_gradient, [](double total) { return static_cast<float>(total); });
}

}  // namespace affinis::nn::detail
