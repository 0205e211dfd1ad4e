#include "transfer/transfer_function.h"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/std.h>

#include "framework/nn/detail/layers.h"

namespace affinis::transfer {
namespace {

using nn::detail::Activation;
using nn::detail::Convolution;
using nn::detail::Norm;

/// Two convolutions of one width; the second has a bias because its BatchNorm comes after the ReLU.
struct BranchImpl : torch::nn::Module {
  explicit BranchImpl(std::int64_t channels)
      : conv1(register_module("conv1", Convolution(channels, channels, 3))),
        bn1(register_module("bn1", Norm(channels, Activation::kRelu))),
        conv2(register_module("conv2", Convolution(channels, channels, 3, 1, /*bias=*/true))),
        bn2(register_module("bn2", Norm(channels))) {}

  torch::Tensor forward(const torch::Tensor& input) { return bn2(at::relu(conv2(bn1(conv1(input))))); }

  Convolution conv1;
  Norm bn1;
  Convolution conv2;
  Norm bn2;
};
TORCH_MODULE(Branch);

torch::Tensor clip_to_deviations(const torch::Tensor& input, double sigma) {
  const torch::Tensor mean = input.mean({0, 2, 3}, true);
  const torch::Tensor reach = input.std({0, 2, 3}, false, true) * sigma;
  return at::minimum(at::maximum(input, mean - reach), mean + reach);
}

struct TransferFunctionImpl : torch::nn::Module {
  explicit TransferFunctionImpl(const TransferFunctionOptions& options)
      : clip_sigma(options.clip_sigma),
        left(register_module("left", Branch(options.order * options.representation_channels))),
        right(register_module("right", Branch(options.order * options.representation_channels))),
        bn(register_module("bn", Norm(transfer_output_channels(options)))) {}

  torch::Tensor forward(const torch::Tensor& representations) {
    torch::Tensor input = representations.contiguous(at::MemoryFormat::ChannelsLast);
    if (is_training() && clip_sigma > 0) input = clip_to_deviations(input, clip_sigma);
    return bn(at::cat({left(input), right(input)}, 1));
  }

  double clip_sigma;
  Branch left;
  Branch right;
  Norm bn;
};

struct PixelStreamImpl : torch::nn::Module {
  PixelStreamImpl(std::int64_t channels, std::int64_t image_channels)
      : conv1(register_module("conv1", Convolution(image_channels, channels / 2, 3))),
        bn1(register_module("bn1", Norm(channels / 2, Activation::kRelu))),
        conv2(register_module("conv2", Convolution(channels / 2, channels, 3, 4))),
        bn2(register_module("bn2", Norm(channels, Activation::kRelu))) {}

  torch::Tensor forward(const torch::Tensor& pixels) { return bn2(conv2(bn1(conv1(pixels)))); }

  Convolution conv1;
  Norm bn1;
  Convolution conv2;
  Norm bn2;
};
TORCH_MODULE(PixelStream);

struct ShallowTrunkImpl : torch::nn::Module {
  ShallowTrunkImpl(std::int64_t channels, std::int64_t image_channels)
      : left(register_module("left", PixelStream(channels, image_channels))),
        right(register_module("right", PixelStream(channels, image_channels))) {}

  torch::Tensor forward(const torch::Tensor& image) {
    const torch::Tensor pixels = at::avg_pool2d(image.contiguous(at::MemoryFormat::ChannelsLast), 4);
    return at::cat({left(pixels), right(pixels)}, 1);
  }

  PixelStream left;
  PixelStream right;
};

}  // namespace

std::int64_t transfer_output_channels(const TransferFunctionOptions& options) {
  return 2 * options.order * options.representation_channels;
}

std::unique_ptr<nn::Module> make_transfer_function(const TransferFunctionOptions& options) {
  return nn::wrap(std::make_shared<TransferFunctionImpl>(options));
}

std::unique_ptr<nn::Module> make_shallow_pixel_stream(std::int64_t representation_channels, std::int64_t image_channels) {
  return nn::wrap(std::make_shared<ShallowTrunkImpl>(representation_channels, image_channels));
}

}  // namespace affinis::transfer
