#include "framework/nn/detail/cpu_convolutions.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "framework/nn/detail/cpu_path.h"
#include "framework/nn/detail/direct_convolution.h"
#include "framework/nn/detail/matrix_product.h"
#include "framework/nn/detail/windows.h"
#include "framework/nn/detail/winograd.h"

namespace affinis::nn::detail {
namespace {

// Measured with experiments/bench/convolutions: beyond these the copies around the products cost more than the products save.
constexpr std::int64_t kMostPixels = 256;
constexpr std::int64_t kFewPixels = 64;
constexpr std::int64_t kManyChannels = 32;  ///< what it takes beyond few pixels
constexpr std::int64_t kMostTransformed = std::int64_t{1} << 22;  ///< values: 16 MiB
constexpr std::int64_t kMostChannelsToDouble = 32;
constexpr std::int64_t kChannelsTogether = 32;  ///< whose transformed filters stay in the second cache
constexpr std::int64_t kMultiplicationsToShare = std::int64_t{1} << 17;  ///< that are worth a thread of their own

/// A channels-last tensor as the matrix that it is in memory: [N, C, H, W] -> [N H W, C].
torch::Tensor rows_of(const torch::Tensor& images) { return images.permute({0, 2, 3, 1}).view({-1, images.size(1)}); }

/// The other way. [N H W, C] -> [N, C, H, W].
torch::Tensor images_of(const torch::Tensor& rows, std::int64_t images, std::int64_t height, std::int64_t width) {
  return rows.view({images, height, width, rows.size(1)}).permute({0, 3, 1, 2});
}

/// [O, C, k, k] -> [O, k k C].
torch::Tensor filters_of(const torch::Tensor& weight) { return weight.permute({0, 2, 3, 1}).view({weight.size(0), -1}); }

/// The other way, strides as `weight` has them, which a kernel of one pixel leaves open.
torch::Tensor weight_of(const torch::Tensor& filters, const torch::Tensor& weight) {
  return filters.as_strided(weight.sizes(), weight.strides());
}

torch::Tensor plain(torch::IntArrayRef shape, const torch::Tensor& like) { return at::empty(shape, like.options().requires_grad(false)); }

torch::Tensor channels_last(torch::IntArrayRef shape, const torch::Tensor& like) {
  return at::empty(shape, like.options().requires_grad(false).memory_format(at::MemoryFormat::ChannelsLast));
}

const float* values(const torch::Tensor& tensor) { return tensor.const_data_ptr<float>(); }
float* writable(const torch::Tensor& tensor) { return tensor.mutable_data_ptr<float>(); }

/// [M, K] and [K, N] -> [M, N]. In the right matrix rows or columns have no gaps.
torch::Tensor product(const torch::Tensor& left, const torch::Tensor& right, const std::optional<torch::Tensor>& bias = {}) {
  const std::int64_t rows = left.size(0);
  const std::int64_t columns = right.size(1);
  torch::Tensor result = plain({rows, columns}, left);
  if (bias) result.copy_(*bias);
  // Where a matrix has one row or column, LibTorch leaves the stride open.
  const std::int64_t right_column = columns == 1 ? 1 : right.stride(1);
  const std::int64_t right_step = right_column != 1 && left.size(1) == 1 ? 1 : right.stride(0);
  AFFINIS_ASSERT(right_column == 1 || right_step == 1);
  const MatrixProduct whole{.rows = rows,
                            .columns = columns,
                            .depth = left.size(1),
                            .left = values(left),
                            .left_row = left.stride(0),
                            .left_step = left.stride(1),
                            .right = values(right),
                            .right_step = right_step,
                            .right_column = right_column,
                            .result = writable(result),
                            .result_row = columns,
                            .adds = bias.has_value()};
  const std::int64_t grain = 1 + kMultiplicationsToShare / (whole.columns * whole.depth);
  at::parallel_for(0, rows, grain, [&](std::int64_t begin, std::int64_t end) {
    MatrixProduct part = whole;
    part.rows = end - begin;
    part.left += begin * part.left_row;
    part.result += begin * columns;
    multiply(part);
  });
  return result;
}

/// A convolution of single pixels.
class Pointwise : public torch::autograd::Function<Pointwise> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& input, const torch::Tensor& weight,
                               const std::optional<torch::Tensor>& bias) {
    context->save_for_backward({input, weight});
    context->saved_data["bias"] = bias.has_value();
    const torch::Tensor rows = rows_of(input);
    const torch::Tensor filters = filters_of(weight).t();
    return images_of(product(rows, filters, bias), input.size(0), input.size(2), input.size(3));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    refuse_second_derivatives();
    const auto saved = context->get_saved_variables();
    const torch::Tensor &input = saved[0], &weight = saved[1];
    const torch::Tensor gradient = rows_of(as_rows(gradients[0]));
    torch::Tensor input_gradient;
    torch::Tensor weight_gradient;
    torch::Tensor bias_gradient;
    if (context->needs_input_grad(0)) {
      input_gradient = images_of(product(gradient, filters_of(weight)), input.size(0), input.size(2), input.size(3));
    }
    if (context->needs_input_grad(1)) weight_gradient = weight_of(product(gradient.t(), rows_of(input)), weight);
    if (context->saved_data["bias"].toBool() && context->needs_input_grad(2)) bias_gradient = gradient.sum(0);
    return {input_gradient, weight_gradient, bias_gradient};
  }
};

Tiles tiles_of(const torch::Tensor& images) { return {images.size(0), images.size(2), images.size(3), images.size(1)}; }

torch::Tensor transformed(const torch::Tensor& images, void (*transform)(const Tiles&, const float*, float*)) {
  const Tiles tiles = tiles_of(images);
  torch::Tensor result = plain({kTilePlaces, tiles.count(), tiles.channels}, images);
  transform(tiles, values(images), writable(result));
  return result;
}

/// Calls work(first, count, a thread's memory) for blocks of channels, on LibTorch's threads.
template <typename Work>
void for_each_block(std::int64_t channels, std::int64_t multiplications, const Work& work) {
  const std::int64_t blocks = (channels + kChannelsTogether - 1) / kChannelsTogether;
  const std::int64_t grain = 1 + kMultiplicationsToShare / (kTilePlaces * kChannelsTogether * multiplications);
  at::parallel_for(0, blocks, grain, [&](std::int64_t begin, std::int64_t end) {
    thread_local std::vector<float> memory;
    for (std::int64_t first = begin * kChannelsTogether; first < std::min(channels, end * kChannelsTogether); first += kChannelsTogether) {
      work(first, std::min(kChannelsTogether, channels - first), memory);
    }
  });
}

/// The products of all places, whose matrices follow each other so many values apart.
void multiply_places(MatrixProduct product, std::int64_t left, std::int64_t right, std::int64_t result) {
  for (std::int64_t place = 0; place < kTilePlaces; ++place) {
    product.right_next = place + 1 < kTilePlaces ? product.right + right : nullptr;
    multiply(product);
    product.left += left;
    product.right += right;
    product.result += result;
  }
}

/// Tiles [16, T, depth] times a block of filters, [16] matrices of `columns`, into columns `first` and following of the result.
void multiply_tiles(const torch::Tensor& tiles, const float* filters, std::int64_t columns, std::int64_t step, std::int64_t column, std::int64_t first,
                    const torch::Tensor& result) {
  const std::int64_t depth = tiles.size(2);
  multiply_places({.rows = tiles.size(1),
                   .columns = columns,
                   .depth = depth,
                   .left = values(tiles),
                   .left_row = depth,
                   .left_step = 1,
                   .right = filters,
                   .right_step = step,
                   .right_column = column,
                   .result = writable(result) + first,
                   .result_row = result.size(2)},
                  tiles.stride(0), columns * depth, result.stride(0));
}

/// Products of tiles [16, T, C] and filters: [16, T, O]. A few filters at a time are transformed and used at once: all of them would have to come
/// back from the memory beyond the caches, for the backward pass once more.
torch::Tensor outputs_of(const torch::Tensor& tiles, const torch::Tensor& weight) {
  const std::int64_t outputs = weight.size(0);
  const std::int64_t channels = weight.size(1);
  torch::Tensor result = plain({kTilePlaces, tiles.size(1), outputs}, tiles);
  for_each_block(outputs, tiles.size(1) * channels, [&](std::int64_t first, std::int64_t count, std::vector<float>& filters) {
    filters.resize(static_cast<std::size_t>(kTilePlaces * count * channels));
    transform_filters(count, channels, channels, values(weight) + first * 9 * channels, filters.data());
    multiply_tiles(tiles, filters.data(), count, 1, channels, first, result);
  });
  return result;
}

/// Products of transformed gradients [16, T, O] and filters: [16, T, C].
torch::Tensor inputs_of(const torch::Tensor& tiles, const torch::Tensor& weight) {
  const std::int64_t outputs = weight.size(0);
  const std::int64_t channels = weight.size(1);
  torch::Tensor result = plain({kTilePlaces, tiles.size(1), channels}, tiles);
  for_each_block(channels, tiles.size(1) * outputs, [&](std::int64_t first, std::int64_t count, std::vector<float>& filters) {
    filters.resize(static_cast<std::size_t>(kTilePlaces * count * outputs));
    transform_filters(outputs, count, channels, values(weight) + first, filters.data());
    multiply_tiles(tiles, filters.data(), count, count, 1, first, result);
  });
  return result;
}

/// Products of transformed gradients [16, T, O] and tiles [16, T, C], transformed back into the gradient of the filters.
void filters_gradient(const torch::Tensor& gradients, const torch::Tensor& tiles, const torch::Tensor& weight_gradient) {
  const std::int64_t outputs = gradients.size(2);
  const std::int64_t channels = tiles.size(2);
  const std::int64_t depth = tiles.size(1);
  for_each_block(channels, outputs * depth, [&](std::int64_t first, std::int64_t count, std::vector<float>& products) {
    products.resize(static_cast<std::size_t>(kTilePlaces * outputs * count));
    multiply_places({.rows = outputs,
                     .columns = count,
                     .depth = depth,
                     .left = values(gradients),
                     .left_row = 1,
                     .left_step = outputs,
                     .right = values(tiles) + first,
                     .right_step = channels,
                     .right_column = 1,
                     .result = products.data(),
                     .result_row = count},
                    gradients.stride(0), tiles.stride(0), outputs * count);
    transform_filter_gradient(outputs, count, channels, products.data(), writable(weight_gradient) + first);
  });
}

class Winograd : public torch::autograd::Function<Winograd> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& input, const torch::Tensor& weight,
                               const std::optional<torch::Tensor>& bias) {
    context->save_for_backward({input, weight});
    context->saved_data["bias"] = bias.has_value();
    const torch::Tensor products = outputs_of(transformed(input, input_to_tiles), weight);
    torch::Tensor output = channels_last({input.size(0), weight.size(0), input.size(2), input.size(3)}, input);
    tiles_to_output(tiles_of(output), values(products), bias ? values(*bias) : nullptr, writable(output));
    return output;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    refuse_second_derivatives();
    const auto saved = context->get_saved_variables();
    const torch::Tensor &input = saved[0], &weight = saved[1];
    const torch::Tensor gradient = as_rows(gradients[0]);
    const torch::Tensor tiles = transformed(gradient, output_gradient_to_tiles);
    torch::Tensor input_gradient;
    torch::Tensor weight_gradient;
    torch::Tensor bias_gradient;
    if (context->needs_input_grad(0)) {
      input_gradient = channels_last(input.sizes(), input);
      tiles_to_input_gradient(tiles_of(input), values(inputs_of(tiles, weight)), writable(input_gradient));
    }
    if (context->needs_input_grad(1)) {
      // The input is transformed again: saved, it would take four times the input's memory until here.
      weight_gradient = at::empty_like(weight);
      filters_gradient(tiles, transformed(input, input_to_tiles), weight_gradient);
    }
    if (context->saved_data["bias"].toBool() && context->needs_input_grad(2)) bias_gradient = rows_of(gradient).sum(0);
    return {input_gradient, weight_gradient, bias_gradient};
  }
};

Windows windows_to_double(const torch::Tensor& images) { return {images.size(0), images.size(2), images.size(3), images.size(1), 2}; }

/// A transposed convolution: the windows of its output, two pixels apart, are products of the input.
class Doubling : public torch::autograd::Function<Doubling> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& input, const torch::Tensor& weight) {
    context->save_for_backward({input, weight});
    torch::Tensor output = channels_last({input.size(0), weight.size(1), 2 * input.size(2), 2 * input.size(3)}, input);
    scatter_windows(windows_to_double(output), values(product(rows_of(input), filters_of(weight))), writable(output));
    return output;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    refuse_second_derivatives();
    const auto saved = context->get_saved_variables();
    const torch::Tensor &input = saved[0], &weight = saved[1];
    const torch::Tensor gradient = as_rows(gradients[0]);
    const Windows windows = windows_to_double(gradient);
    const torch::Tensor matrix = plain({windows.count(), windows.length()}, gradient);
    gather_windows(windows, values(gradient), writable(matrix));
    torch::Tensor input_gradient;
    torch::Tensor weight_gradient;
    if (context->needs_input_grad(0)) {
      input_gradient = images_of(product(matrix, filters_of(weight).t()), input.size(0), input.size(2), input.size(3));
    }
    if (context->needs_input_grad(1)) weight_gradient = weight_of(product(rows_of(input).t(), matrix), weight);
    return {input_gradient, weight_gradient};
  }
};

constexpr std::int64_t kImagesTogether = 4;  ///< whose share of a weight's gradient is one sum, whatever the number of threads

ConvolutionShape shape_of(const torch::Tensor& input, std::int64_t outputs) {
  return {input.size(0), input.size(2), input.size(3), input.size(1), outputs};
}

/// Some of the images' pixels, each with `channels`.
template <typename Value>
Value* skip(Value* images, const ConvolutionShape& shape, std::int64_t first, std::int64_t channels) {
  return images + first * shape.height * shape.width * channels;
}

/// Calls work(part of the images, number of the first) on LibTorch's threads.
template <typename Work>
void for_some_images(const ConvolutionShape& shape, std::int64_t together, const Work& work) {
  const std::int64_t parts = (shape.images + together - 1) / together;
  const std::int64_t multiplications = together * shape.height * shape.width * shape.channels * shape.outputs * 9;
  at::parallel_for(0, parts, 1 + kMultiplicationsToShare / multiplications, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      ConvolutionShape some = shape;
      some.images = std::min(together, shape.images - part * together);
      work(some, part * together);
    }
  });
}

/// The sum of what add(part of the images, number of the first, sum) gives.
template <typename Add>
torch::Tensor sum_of_images(const ConvolutionShape& shape, const torch::Tensor& weight, const Add& add) {
  const std::int64_t parts = (shape.images + kImagesTogether - 1) / kImagesTogether;
  torch::Tensor sums = at::zeros({parts, weight.numel()}, weight.options().requires_grad(false));
  float* const to = writable(sums);
  for_some_images(shape, kImagesTogether, [&](const ConvolutionShape& some, std::int64_t first) { add(some, first, to + first / kImagesTogether * weight.numel()); });
  return sums.sum(0).as_strided(weight.sizes(), weight.strides());
}

/// The three passes of a convolution between few channels.
struct DirectPasses {
  void (*forward)(const ConvolutionShape&, const float* input, const float* weight, float* output);
  void (*input_gradient)(const ConvolutionShape&, const float* gradient, const float* weight, float* input_gradient);
  void (*add_weight_gradient)(const ConvolutionShape&, const float* input, const float* gradient, float* weight_gradient);
};

/// A 3x3 convolution between few channels, or a transposed one that doubles the side.
template <bool kDoubles>
class Direct : public torch::autograd::Function<Direct<kDoubles>> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& input, const torch::Tensor& weight) {
    context->save_for_backward({input, weight});
    const ConvolutionShape shape = shape_of(input, weight.size(kDoubles ? 1 : 0));
    torch::Tensor output = channels_last({shape.images, shape.outputs, kSide * shape.height, kSide * shape.width}, input);
    float* const to = writable(output);
    for_some_images(shape, 1, [&](const ConvolutionShape& some, std::int64_t first) {
      kPasses.forward(some, skip(values(input), shape, first, shape.channels), values(weight), skip(to, shape, first, kSide * kSide * shape.outputs));
    });
    return output;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    refuse_second_derivatives();
    const auto saved = context->get_saved_variables();
    const torch::Tensor &input = saved[0], &weight = saved[1];
    const torch::Tensor gradient = as_rows(gradients[0]);
    const ConvolutionShape shape = shape_of(input, weight.size(kDoubles ? 1 : 0));
    const auto of = [&](std::int64_t first) { return skip(values(gradient), shape, first, kSide * kSide * shape.outputs); };
    torch::Tensor input_gradient;
    torch::Tensor weight_gradient;
    if (context->needs_input_grad(0)) {
      input_gradient = channels_last(input.sizes(), input);
      float* const to = writable(input_gradient);
      for_some_images(shape, 1, [&](const ConvolutionShape& some, std::int64_t first) {
        kPasses.input_gradient(some, of(first), values(weight), skip(to, shape, first, shape.channels));
      });
    }
    if (context->needs_input_grad(1)) {
      weight_gradient = sum_of_images(shape, weight, [&](const ConvolutionShape& some, std::int64_t first, float* to) {
        kPasses.add_weight_gradient(some, skip(values(input), shape, first, shape.channels), of(first), to);
      });
    }
    return {input_gradient, weight_gradient};
  }

 private:
  static constexpr std::int64_t kSide = kDoubles ? 2 : 1;  ///< output pixels beside an input pixel
  static constexpr DirectPasses kPasses = kDoubles ? DirectPasses{doubling_forward, doubling_input_gradient, add_doubling_weight_gradient}
                                                   : DirectPasses{direct_forward, direct_input_gradient, add_direct_weight_gradient};
};

/// Whether work can be shared out among LibTorch's threads.
bool has_all_threads() {
#ifdef _OPENMP
  return true;
#else
  return at::get_num_threads() == 1;
#endif
}

bool suits(const torch::Tensor& input, const torch::Tensor& weight) {
  return has_all_threads() && input.dim() == 4 && suits_kernels(input) && suits_kernels(weight) &&
         !at::autocast::is_autocast_enabled(at::kCPU);
}

bool suits_direct(const torch::Tensor& input, const torch::Tensor& weight) {
  const auto few = [](std::int64_t channels) { return channels == 4 || channels == 8; };
  return weight.size(2) == 3 && weight.size(3) == 3 && few(weight.size(0)) && few(weight.size(1)) && input.size(2) * input.size(3) > kFewPixels;
}

bool suits_winograd(const torch::Tensor& input, const torch::Tensor& weight) {
  const std::int64_t pixels = input.size(2) * input.size(3);
  const auto [fewest, most] = std::minmax(weight.size(0), weight.size(1));
  return weight.size(2) == 3 && weight.size(3) == 3 && input.size(2) % 2 == 0 && input.size(3) % 2 == 0 &&
         pixels <= (fewest < kManyChannels ? kFewPixels : kMostPixels) && kTilePlaces / 4 * pixels * input.size(0) * most <= kMostTransformed;
}

}  // namespace

std::optional<torch::Tensor> cpu_convolution(const torch::Tensor& input, const torch::Tensor& weight, const torch::Tensor& bias,
                                             std::int64_t stride) {
  if (stride != 1 || !suits(input, weight) || input.size(1) != weight.size(1)) return std::nullopt;
  const std::optional<torch::Tensor> added = bias.defined() ? std::optional<torch::Tensor>(bias) : std::nullopt;
  if (weight.size(2) == 1 && weight.size(3) == 1) return Pointwise::apply(input, weight, added);
  if (!added && suits_direct(input, weight)) return Direct<false>::apply(input, weight);
  if (suits_winograd(input, weight)) return Winograd::apply(input, weight, added);
  return std::nullopt;
}

std::optional<torch::Tensor> cpu_doubling_convolution(const torch::Tensor& input, const torch::Tensor& weight) {
  if (!suits(input, weight) || input.size(1) != weight.size(0)) return std::nullopt;
  if (suits_direct(input, weight)) return Direct<true>::apply(input, weight);
  if (input.size(2) * input.size(3) > kMostPixels || std::max(weight.size(0), weight.size(1)) > kMostChannelsToDouble) return std::nullopt;
  return Doubling::apply(input, weight);
}

}  // namespace affinis::nn::detail
