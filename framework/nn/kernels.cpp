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

/// Over eight chains, whose additions overlap.
AFFINIS_SIMD double sum_over_chains(const float* values, std::int64_t count) {
  double parts[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (std::int64_t k = 0; k < 8; ++k) parts[k] += static_cast<double>(values[i + k]);
  }
  for (; i < count; ++i) parts[0] += static_cast<double>(values[i]);
  double total = 0;
  for (const double part : parts) total += part;
  return total;
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

double sum_of(const float* values, std::int64_t count) { return sum_over_chains(values, count); }

}  // namespace affinis::nn::detail
