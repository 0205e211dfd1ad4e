// Matrix products and the planar convolution made of them against sums in double precision.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "framework/nn/detail/matrix_product.h"
#include "framework/nn/detail/planar_convolution.h"

namespace affinis::nn::detail {
namespace {

std::vector<float> random_values(std::int64_t count, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(generator);
  return values;
}

struct Sizes {
  std::int64_t rows, columns, depth;
};

const std::vector<Sizes> kSizes = {{1, 1, 1},    {1, 40, 3},  {13, 17, 5},     {12, 32, 16},  {25, 33, 64},
                                   {64, 256, 31}, {5, 8, 513}, {100, 16, 1025}, {7, 100, 600}, {200, 3, 9}};

/// The sum of a value's products, and how large these are.
void expect_product(const MatrixProduct& product, const std::vector<float>& before, const char* what) {
  for (std::int64_t r = 0; r < product.rows; ++r) {
    for (std::int64_t c = 0; c < product.columns; ++c) {
      double sum = product.adds ? static_cast<double>(before[static_cast<std::size_t>(r * product.result_row + c)]) : 0;
      double size = std::abs(sum);
      for (std::int64_t k = 0; k < product.depth; ++k) {
        std::int64_t at = k * product.right_step + c * product.right_column;
        if (product.right_places != nullptr) at = product.right_column == 1 ? product.right_places[k] + c : product.right_places[c] + k;
        const double term = static_cast<double>(product.left[r * product.left_row + k * product.left_step]) * static_cast<double>(product.right[at]);
        sum += term;
        size += std::abs(term);
      }
      ASSERT_NEAR(static_cast<double>(product.result[r * product.result_row + c]), sum, 1e-6 * size + 1e-12)
          << what << ": " << product.rows << " x " << product.depth << " x " << product.columns << " at " << r << ", " << c;
    }
  }
}

TEST(MatrixProduct, SkipsGapsAfterEveryPart) {
  for (int turn = 0; turn < 32; ++turn) {
    const std::int64_t part = std::vector<std::int64_t>{1, 5, 40, 700}[static_cast<std::size_t>(turn % 4)];
    const std::int64_t rows = turn < 16 ? 13 : 40;
    const std::int64_t columns = std::vector<std::int64_t>{32, 16, 8, 45}[static_cast<std::size_t>(turn / 4 % 4)];
    const std::int64_t parts = part == 700 ? 2 : 600 / part;
    const std::int64_t depth = part * parts;
    // The same values with and without gaps of 3 steps on the left and 2 rows on the right.
    const std::vector<float> left = random_values(rows * depth, 1);
    const std::vector<float> right = random_values(depth * columns, 2);
    const std::int64_t left_row = (part + 3) * parts;
    std::vector<float> gapped_left(static_cast<std::size_t>(rows * left_row), NAN);
    std::vector<float> gapped_right(static_cast<std::size_t>((part + 2) * parts * columns), NAN);
    for (std::int64_t k = 0; k < depth; ++k) {
      for (std::int64_t r = 0; r < rows; ++r) {
        gapped_left[static_cast<std::size_t>(r * left_row + k + k / part * 3)] = left[static_cast<std::size_t>(r * depth + k)];
      }
      for (std::int64_t c = 0; c < columns; ++c) {
        gapped_right[static_cast<std::size_t>((k + k / part * 2) * columns + c)] = right[static_cast<std::size_t>(k * columns + c)];
      }
    }
    std::vector<float> expected(static_cast<std::size_t>(rows * columns));
    std::vector<float> result(expected.size());
    MatrixProduct product{.rows = rows,
                          .columns = columns,
                          .depth = depth,
                          .left = left.data(),
                          .left_row = depth,
                          .left_step = 1,
                          .right = right.data(),
                          .right_step = columns,
                          .right_column = 1,
                          .result = expected.data(),
                          .result_row = columns};
    multiply(product);
    product.left = gapped_left.data();
    product.left_row = left_row;
    product.right = gapped_right.data();
    product.result = result.data();
    product.part = part;
    product.left_gap = 3;
    product.right_gap = 2 * columns;
    multiply(product);
    for (std::size_t i = 0; i < result.size(); ++i) ASSERT_NEAR(result[i], expected[i], 1e-3) << "parts of " << part << ", " << rows << " rows, " << columns << " columns, value " << i;
  }
}

TEST(MatrixProduct, EqualsASumInEveryOrderOfBothMatrices) {
  for (const Sizes& size : kSizes) {
    const std::vector<float> left = random_values(size.rows * size.depth, 1);
    const std::vector<float> right = random_values(size.depth * size.columns, 2);
    const std::int64_t pitch = size.columns + 3;
    for (int order = 0; order < 8; ++order) {
      const bool left_lies = (order & 1) != 0;
      const bool right_lies = (order & 2) != 0;
      const std::vector<float> before = random_values(size.rows * pitch, 3);
      std::vector<float> result = before;
      const MatrixProduct product{.rows = size.rows,
                                  .columns = size.columns,
                                  .depth = size.depth,
                                  .left = left.data(),
                                  .left_row = left_lies ? 1 : size.depth,
                                  .left_step = left_lies ? size.rows : 1,
                                  .right = right.data(),
                                  .right_step = right_lies ? 1 : size.columns,
                                  .right_column = right_lies ? size.depth : 1,
                                  .result = result.data(),
                                  .result_row = pitch,
                                  .adds = (order & 4) != 0};
      multiply(product);
      expect_product(product, before, "whole");
      for (std::int64_t r = 0; r < size.rows; ++r) {
        for (std::int64_t c = size.columns; c < pitch; ++c) {
          const auto at = static_cast<std::size_t>(r * pitch + c);
          ASSERT_EQ(result[at], before[at]) << "what lies between rows stays";
        }
      }
      std::vector<float> parts = before;
      for (std::int64_t r = 0; r < size.rows; r += 5) {
        MatrixProduct part = product;
        part.rows = std::min<std::int64_t>(5, size.rows - r);
        part.left += r * part.left_row;
        part.result = parts.data() + r * pitch;
        multiply(part);
      }
      ASSERT_EQ(parts, result) << "the same bits whichever rows are computed together";
    }
  }
}

TEST(MatrixProduct, TakesRowsAndColumnsFromAnyPlaces) {
  std::mt19937 generator(4);
  for (const Sizes& size : kSizes) {
    const std::vector<float> left = random_values(size.rows * size.depth, 5);
    const std::vector<float> right = random_values(3000 + size.depth + size.columns, 6);
    for (const bool columns : {false, true}) {
      std::vector<std::int64_t> places(static_cast<std::size_t>(columns ? size.columns : size.depth));
      for (std::int64_t& place : places) place = static_cast<std::int64_t>(generator() % 3000);
      std::vector<float> result(static_cast<std::size_t>(size.rows * size.columns));
      const MatrixProduct product{.rows = size.rows,
                                  .columns = size.columns,
                                  .depth = size.depth,
                                  .left = left.data(),
                                  .left_row = size.depth,
                                  .left_step = 1,
                                  .right = right.data(),
                                  .right_step = columns ? 1 : 0,
                                  .right_column = columns ? 0 : 1,
                                  .result = result.data(),
                                  .result_row = size.columns,
                                  .right_places = places.data()};
      if (columns && size.columns == 1) continue;  // both strides would be open
      multiply(product);
      expect_product(product, {}, columns ? "columns" : "rows");
    }
  }
}

TEST(PlanarConvolution, EqualsASumOfAllTaps) {
  for (const ConvolutionShape& shape : std::vector<ConvolutionShape>{{2, 6, 16, 8, 5}, {2, 5, 32, 3, 17}, {1, 1, 16, 1, 1}, {1, 40, 48, 16, 20}}) {
    ASSERT_TRUE(suits_planar(shape));
    const std::int64_t pixels = shape.height * shape.width;
    const std::vector<float> input = random_values(shape.images * pixels * shape.channels, 7);
    const std::vector<float> weight = random_values(shape.outputs * 9 * shape.channels, 8);
    const std::vector<float> bias = random_values(shape.outputs, 9);
    const std::vector<float> gradient = random_values(shape.images * shape.outputs * pixels, 10);
    std::vector<float> output(gradient.size());
    std::vector<float> input_gradient(input.size());
    std::vector<float> weight_gradient(weight.size());
    std::vector<float> bias_gradient(bias.size());
    planar_forward(shape, input.data(), weight.data(), bias.data(), output.data());
    planar_input_gradient(shape, gradient.data(), weight.data(), input_gradient.data());
    planar_weight_gradient(shape, input.data(), gradient.data(), weight_gradient.data(), bias_gradient.data());

    std::vector<double> expected(output.size());
    std::vector<double> expected_input(input.size());
    std::vector<double> expected_weight(weight.size());
    std::vector<double> expected_bias(bias.size());
    for (std::int64_t n = 0; n < shape.images; ++n) {
      for (std::int64_t o = 0; o < shape.outputs; ++o) {
        for (std::int64_t at = 0; at < pixels; ++at) {
          const auto to = static_cast<std::size_t>((n * shape.outputs + o) * pixels + at);
          expected[to] += static_cast<double>(bias[static_cast<std::size_t>(o)]);
          expected_bias[static_cast<std::size_t>(o)] += static_cast<double>(gradient[to]);
          for (std::int64_t tap = 0; tap < 9; ++tap) {
            const std::int64_t y = at / shape.width + tap / 3 - 1;
            const std::int64_t x = at % shape.width + tap % 3 - 1;
            if (y < 0 || y >= shape.height || x < 0 || x >= shape.width) continue;
            for (std::int64_t c = 0; c < shape.channels; ++c) {
              const auto from = static_cast<std::size_t>(((n * shape.height + y) * shape.width + x) * shape.channels + c);
              const auto by = static_cast<std::size_t>((o * 9 + tap) * shape.channels + c);
              expected[to] += static_cast<double>(input[from]) * static_cast<double>(weight[by]);
              expected_input[from] += static_cast<double>(gradient[to]) * static_cast<double>(weight[by]);
              expected_weight[by] += static_cast<double>(gradient[to]) * static_cast<double>(input[from]);
            }
          }
        }
      }
    }
    const auto expect_near = [](const std::vector<float>& ours, const std::vector<double>& sums, const char* what) {
      for (std::size_t i = 0; i < ours.size(); ++i) ASSERT_NEAR(static_cast<double>(ours[i]), sums[i], 3e-4) << what << " " << i;
    };
    expect_near(output, expected, "output");
    expect_near(input_gradient, expected_input, "gradient of the input");
    expect_near(weight_gradient, expected_weight, "gradient of the weights");
    expect_near(bias_gradient, expected_bias, "gradient of the bias");
  }
}

}  // namespace
}  // namespace affinis::nn::detail
