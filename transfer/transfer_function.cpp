#include "transfer/transfer_function.h"

#include <string>

#include <torch/nn.h>

#include "framework/nn/detail/torch_module.h"

namespace affinis::transfer {
namespace {

namespace tnn = torch::nn;

tnn::Conv2d convolution(std::int64_t in, std::int64_t out, bool bias, std::int64_t stride = 1) {
  return tnn::Conv2d(tnn::Conv2dOptions(in, out, 3).stride(stride).padding(1).bias(bias));
}

/// Two convolutions of one width; the second has a bias because its BatchNorm comes after the ReLU.
struct BranchImpl : tnn::Module {
  explicit BranchImpl(std::int64_t channels)
      : conv1(register_module("conv1", convolution(channels, channels, false))),
        bn1(register_module("bn1", tnn::BatchNorm2d(channels))),
        conv2(register_module("conv2", convolution(channels, channels, true))),
        bn2(register_module("bn2", tnn::BatchNorm2d(channels))) {}

  torch::Tensor forward(const torch::Tensor& input) {
    return bn2(torch::relu(conv2(torch::relu(bn1(conv1(input))))));
  }

  tnn::Conv2d conv1;
  tnn::BatchNorm2d bn1;
  tnn::Conv2d conv2;
  tnn::BatchNorm2d bn2;
};
TORCH_MODULE(Branch);

torch::Tensor clip_to_deviations(const torch::Tensor& input, double sigma) {
  const torch::Tensor mean = input.mean({0, 2, 3}, true);
  const torch::Tensor reach = input.std({0, 2, 3}, false, true) * sigma;
  return torch::minimum(torch::maximum(input, mean - reach), mean + reach);
}

struct TransferFunctionImpl : tnn::Module {
  explicit TransferFunctionImpl(const TransferFunctionOptions& options)
      : clip_sigma(options.clip_sigma),
        left(register_module("left", Branch(options.order * options.representation_channels))),
        right(register_module("right", Branch(options.order * options.representation_channels))),
        bn(register_module("bn", tnn::BatchNorm2d(transfer_output_channels(options)))) {}

  torch::Tensor forward(const torch::Tensor& representations) {
    const torch::Tensor input =
        is_training() && clip_sigma > 0 ? clip_to_deviations(representations, clip_sigma) : representations;
    return bn(torch::cat({left(input), right(input)}, 1));
  }

  double clip_sigma;
  Branch left;
  Branch right;
  tnn::BatchNorm2d bn;
};

struct PixelStreamImpl : tnn::Module {
  PixelStreamImpl(std::int64_t channels, std::int64_t image_channels)
      : conv1(register_module("conv1", convolution(image_channels, channels / 2, false))),
        bn1(register_module("bn1", tnn::BatchNorm2d(channels / 2))),
        conv2(register_module("conv2", convolution(channels / 2, channels, false, 4))),
        bn2(register_module("bn2", tnn::BatchNorm2d(channels))) {}

  torch::Tensor forward(const torch::Tensor& pixels) {
    return torch::relu(bn2(conv2(torch::relu(bn1(conv1(pixels))))));
  }

  tnn::Conv2d conv1;
  tnn::BatchNorm2d bn1;
  tnn::Conv2d conv2;
  tnn::BatchNorm2d bn2;
};
TORCH_MODULE(PixelStream);

struct ShallowTrunkImpl : tnn::Module {
  ShallowTrunkImpl(std::int64_t channels, std::int64_t image_channels)
      : left(register_module("left", PixelStream(channels, image_channels))),
        right(register_module("right", PixelStream(channels, image_channels))) {}

  torch::Tensor forward(const torch::Tensor& image) {
    const torch::Tensor pixels = torch::avg_pool2d(image, 4);
    return torch::cat({left(pixels), right(pixels)}, 1);
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
