#include "framework/nn/detail/matrix_product.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace affinis::nn::detail {
namespace {

constexpr std::int64_t kBlockBytes = std::int64_t{1} << 19;  ///< of the left matrix, to stay in the second cache
constexpr std::int64_t kMostDepth = 512;  ///< at a time, so that a panel stays in the first cache or nearly
constexpr std::int64_t kRowsWorthPacking = 24;
constexpr std::int64_t kPanelVectors = 2;

template <int Bytes>
struct VectorOf {
  typedef float Floats __attribute__((vector_size(Bytes)));
  typedef std::int32_t Integers __attribute__((vector_size(Bytes)));
  static constexpr int kLanes = Bytes / 4;
};

#define AFFINIS_INLINE inline __attribute__((always_inline))

template <typename Floats>
AFFINIS_INLINE void load(const float* from, Floats& values) {
  std::memcpy(&values, from, sizeof(values));
}

template <typename Floats>
AFFINIS_INLINE void store(const Floats& values, float* to) {
  std::memcpy(to, &values, sizeof(values));
}

/// One step of a transposition of Lanes x Lanes values: swaps the off-diagonal squares of side Half.
template <int Bytes, int Half>
AFFINIS_INLINE void swap_squares(typename VectorOf<Bytes>::Floats* rows) {
  using Vector = VectorOf<Bytes>;
  constexpr int kLanes = Vector::kLanes;
  typename Vector::Integers upper{};
  typename Vector::Integers lower{};
  for (int j = 0; j < kLanes; ++j) {
    const bool second = (j & Half) != 0;
    upper[j] = second ? kLanes + j - Half : j;
    lower[j] = second ? kLanes + j : j + Half;
  }
  for (int i = 0; i < kLanes; ++i) {
    if ((i & Half) != 0) continue;
    const typename Vector::Floats a = rows[i];
    const typename Vector::Floats b = rows[i + Half];
    rows[i] = __builtin_shuffle(a, b, upper);
    rows[i + Half] = __builtin_shuffle(a, b, lower);
  }
}

template <int Bytes>
AFFINIS_INLINE void transpose(const float* const* from, std::int64_t first, float* to, std::int64_t to_row) {
  constexpr int kLanes = VectorOf<Bytes>::kLanes;
  typename VectorOf<Bytes>::Floats rows[kLanes];
  for (int i = 0; i < kLanes; ++i) load(from[i] + first, rows[i]);
  if constexpr (kLanes > 8) swap_squares<Bytes, 8>(rows);
  if constexpr (kLanes > 4) swap_squares<Bytes, 4>(rows);
  swap_squares<Bytes, 2>(rows);
  swap_squares<Bytes, 1>(rows);
  for (int i = 0; i < kLanes; ++i) store(rows[i], to + i * to_row);
}

/// Columns [first, first + width) of the right matrix, one step behind the other, zeros beyond the last column.
template <int Bytes>
AFFINIS_INLINE void pack(const MatrixProduct& product, std::int64_t first, std::int64_t width, float* panel) {
  constexpr int kLanes = VectorOf<Bytes>::kLanes;
  const std::int64_t there = std::min(width, product.columns - first);
  const std::int64_t* const places = product.right_places;
  if (there < width) std::fill_n(panel, width * product.depth, 0.0F);
  if (product.right_column == 1) {
    for (std::int64_t k = 0; k < product.depth; ++k) {
      std::int64_t row = places != nullptr ? places[k] : k * product.right_step;
      if (product.right_gap != 0) row += k / product.part * product.right_gap;
      const float* const from = product.right + row + first;
      std::int64_t c = 0;
      for (; c + kLanes <= there; c += kLanes) {
        typename VectorOf<Bytes>::Floats values;
        load(from + c, values);
        store(values, panel + k * width + c);
      }
      for (; c < there; ++c) panel[k * width + c] = from[c];
    }
    return;
  }
  const float* columns[kPanelVectors * kLanes];
  for (std::int64_t c = 0; c < there; ++c) columns[c] = product.right + (places != nullptr ? places[first + c] : (first + c) * product.right_column);
  const std::int64_t whole = there / kLanes * kLanes;
  const std::int64_t steps = product.depth / kLanes * kLanes;
  for (std::int64_t c = 0; c < whole; c += kLanes) {
    for (std::int64_t k = 0; k < steps; k += kLanes) transpose<Bytes>(columns + c, k, panel + k * width + c, width);
  }
  for (std::int64_t c = 0; c < there; ++c) {
    for (std::int64_t k = c < whole ? steps : 0; k < product.depth; ++k) panel[k * width + c] = columns[c][k];
  }
}

/// Lines of the right matrix that are fetched while a block is computed, one a step: the panel after this one comes from far away.
struct Ahead {
  const float* first;
  std::int64_t step;       ///< values from line to line,
  std::int64_t mask = -1;  ///< counted modulo mask + 1,
  int shift = 63;          ///< and 16 values further every 1 << shift lines
};

/// Rows x Vectors vectors of the result, held in registers over the whole depth.
template <int Bytes, int Rows, int Vectors>
AFFINIS_INLINE void block(const MatrixProduct& product, std::int64_t row, std::int64_t column, const float* panel, std::int64_t panel_step,
                         const Ahead& ahead) {
  using Floats = typename VectorOf<Bytes>::Floats;
  constexpr int kLanes = VectorOf<Bytes>::kLanes;
  Floats sums[Rows][Vectors] = {};
  // Four rows to a pointer: a pointer each would not fit into the registers.
  const float* left[(Rows + 3) / 4];
  for (int r = 0; r < Rows; r += 4) left[r / 4] = product.left + (row + r) * product.left_row;
  const std::int64_t left_row = product.left_row;
  for (std::int64_t begin = 0; begin < product.depth; begin += product.part) {
    for (std::int64_t k = 0; k < product.part; ++k) {
      if constexpr (Vectors > 1) {
        const std::int64_t line = begin + k;
        __builtin_prefetch(ahead.first + (line & ahead.mask) * ahead.step + (line >> ahead.shift) * 16);
      }
      Floats right[Vectors];
      for (int v = 0; v < Vectors; ++v) load(panel + v * kLanes, right[v]);
      for (int r = 0; r < Rows; ++r) {
        const float value = left[r / 4][(r % 4) * left_row];
        for (int v = 0; v < Vectors; ++v) sums[r][v] += right[v] * value;
      }
      for (const float*& each : left) each += product.left_step;
      panel += panel_step;
    }
    for (const float*& each : left) each += product.left_gap;
    panel += product.right_gap;
  }
  const std::int64_t there = std::min<std::int64_t>(Vectors * kLanes, product.columns - column);
  for (int r = 0; r < Rows; ++r) {
    float* to = product.result + (row + r) * product.result_row + column;
    if (there == Vectors * kLanes) {
      for (int v = 0; v < Vectors; ++v) {
        if (product.adds) {
          Floats before;
          load(to + v * kLanes, before);
          sums[r][v] += before;
        }
        store(sums[r][v], to + v * kLanes);
      }
      continue;
    }
    float values[Vectors * kLanes];
    for (int v = 0; v < Vectors; ++v) store(sums[r][v], values + v * kLanes);
    for (std::int64_t c = 0; c < there; ++c) to[c] = product.adds ? to[c] + values[c] : values[c];
  }
}

template <int Bytes, int Rows, int Vectors>
AFFINIS_INLINE void block_of(std::int64_t rows, const MatrixProduct& product, std::int64_t row, std::int64_t column, const float* panel,
                             std::int64_t panel_step, const Ahead& ahead) {
  if (rows == Rows) {
    block<Bytes, Rows, Vectors>(product, row, column, panel, panel_step, ahead);
  } else if constexpr (Rows > 1) {
    block_of<Bytes, Rows - 1, Vectors>(rows, product, row, column, panel, panel_step, ahead);
  }
}

/// Blocks of about as many rows each: short ones do not keep the arithmetic units busy.
template <int Bytes, int MostRows, int Vectors>
AFFINIS_INLINE void panel_product(const MatrixProduct& product, std::int64_t begin, std::int64_t end, std::int64_t column, const float* panel,
                                  std::int64_t panel_step) {
  std::int64_t blocks = (end - begin + MostRows - 1) / MostRows;
  const bool by_rows = product.right_column == 1;
  constexpr std::int64_t kWidth = Vectors * VectorOf<Bytes>::kLanes;
  const float* next = nullptr;
  if (column + 2 * kWidth <= product.columns && product.right_places == nullptr) {
    next = product.right + (column + kWidth) * product.right_column;
  } else if (column + kWidth >= product.columns && product.columns >= kWidth) {
    next = product.right_next;
  }
  const bool fetches = next != nullptr;
  Ahead ahead{panel, 0};
  if (fetches) ahead = by_rows ? Ahead{next, product.right_step} : Ahead{next, product.right_column, 15, 4};
  for (std::int64_t row = begin; row < end; --blocks) {
    const std::int64_t rows = (end - row + blocks - 1) / blocks;
    block_of<Bytes, MostRows, Vectors>(rows, product, row, column, panel, panel_step, ahead);
    row += rows;
    if (fetches) {
      ahead.first += by_rows ? 16 : 16 * product.right_column;
      if (row - begin > 2 * MostRows - 1) ahead = {panel, 0};
    }
  }
}

template <int Bytes, int MostRows>
AFFINIS_INLINE void multiply_with(const MatrixProduct& product, std::vector<float>& panel) {
  constexpr std::int64_t kLanes = VectorOf<Bytes>::kLanes;
  constexpr std::int64_t kWidth = kPanelVectors * kLanes;
  const std::int64_t most_rows = std::max<std::int64_t>(1, kBlockBytes / (4 * std::max<std::int64_t>(1, product.depth)) / MostRows) * MostRows;
  panel.resize(static_cast<std::size_t>(kWidth * product.depth));
  MatrixProduct packed = product;
  packed.right_gap = 0;
  for (std::int64_t begin = 0; begin < product.rows; begin += most_rows) {
    const std::int64_t end = std::min(product.rows, begin + most_rows);
    for (std::int64_t column = 0; column < product.columns; column += kWidth) {
      const std::int64_t width = product.columns - column > kLanes ? kWidth : kLanes;
      const float* from = panel.data();
      std::int64_t step = width;
      const MatrixProduct* with = &packed;
      if (product.right_column == 1 && product.right_places == nullptr && column + width <= product.columns &&
          (end - begin < kRowsWorthPacking || product.right_step == width)) {
        from = product.right + column;
        step = product.right_step;
        with = &product;
      } else {
        pack<Bytes>(product, column, width, panel.data());
      }
      if (width == kWidth) {
        panel_product<Bytes, MostRows, kPanelVectors>(*with, begin, end, column, from, step);
      } else {
        panel_product<Bytes, MostRows, 1>(*with, begin, end, column, from, step);
      }
    }
  }
}

// As many rows as leave the registers room for a panel's vectors and a value of the left matrix.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
__attribute__((target("arch=x86-64-v4"))) void multiply_512(const MatrixProduct& product, std::vector<float>& panel) {
  multiply_with<64, 12>(product, panel);
}
__attribute__((target("arch=x86-64-v3"))) void multiply_256(const MatrixProduct& product, std::vector<float>& panel) {
  multiply_with<32, 6>(product, panel);
}
#endif
void multiply_128(const MatrixProduct& product, std::vector<float>& panel) { multiply_with<16, 4>(product, panel); }

using Multiply = void (*)(const MatrixProduct&, std::vector<float>&);

Multiply fastest() {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
  if (__builtin_cpu_supports("x86-64-v4")) return multiply_512;
  if (__builtin_cpu_supports("x86-64-v3")) return multiply_256;
#endif
  return multiply_128;
}

}  // namespace

void multiply(const MatrixProduct& product) {
  static const Multiply chosen = fastest();
  thread_local std::vector<float> panel;
  MatrixProduct part = product;
  const bool parts = product.part > 0;
  const std::int64_t together = parts ? std::max<std::int64_t>(1, kMostDepth / product.part) * product.part : kMostDepth;
  for (std::int64_t step = 0; step == 0 || step < product.depth; step += together) {
    part.depth = std::min(together, product.depth - step);
    part.left = product.left + step * product.left_step + (parts ? step / product.part * product.left_gap : 0);
    if (!parts) part.part = std::max<std::int64_t>(1, part.depth);
    if (product.right_places != nullptr && product.right_column == 1) {
      part.right_places = product.right_places + step;
    } else {
      part.right = product.right + step * product.right_step + (parts ? step / product.part * product.right_gap : 0);
    }
    part.adds = product.adds || step > 0;
    chosen(part, panel);
  }
}

}  // namespace affinis::nn::detail
