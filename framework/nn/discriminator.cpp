#include "framework/nn/discriminator.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <ATen/ops/leaky_relu.h>

#include "framework/core/error.h"
#include "framework/nn/detail/layers.h"

namespace affinis::nn {
namespace {

using detail::Activation;
using detail::Convolution;
using detail::ConvolutionImpl;
using detail::Norm;

constexpr std::int64_t kLeastSide =
    4;  // what the original's last strided layer makes of 256 pixels
constexpr std::int64_t kLeastChannels = 8;

std::int64_t divided(std::int64_t side, std::int64_t stride) {
  return (side + stride - 1) / stride;
}

std::int64_t stride_at(std::int64_t side) {
  for (const std::int64_t stride : {4, 2}) {
    if (divided(side, stride) >= kLeastSide) return stride;
  }
  return 1;
}

/// An even kernel padded by its half makes one row and one column too many; without the first ones
/// it is TensorFlow's SAME.
torch::Tensor without_first(const torch::Tensor& x) {
  return x.narrow(2, 1, x.size(2) - 1).narrow(3, 1, x.size(3) - 1);
}

/// The layer that judges. He's rule over a single output would begin with logits in the tens, where
/// a sigmoid has no slope.
struct PatchLogitsImpl : ConvolutionImpl, StatesInitialRule {
  explicit PatchLogitsImpl(std::int64_t in) : ConvolutionImpl(in, 1, 4, 1, /*bias=*/true) {}
  InitialRule initial_rule(const std::string& parameter, const at::Tensor& value) const override {
    if (parameter != "weight") return {};
    return {InitialRule::Kind::kNormal, std::sqrt(1.0 / static_cast<double>(value[0].numel()))};
  }
};
TORCH_MODULE(PatchLogits);

struct DiscriminatorImpl : torch::nn::Module {
  explicit DiscriminatorImpl(const DiscriminatorOptions& options) {
    const auto scaled = [&](std::int64_t channels) {
      return std::max(kLeastChannels, channels * options.width / 64);
    };
    std::int64_t in = options.input_channels + options.target_channels;
    std::int64_t side = options.side;
    for (const std::int64_t channels : {64, 128, 256}) {
      const std::string number = std::to_string(strided.size() + 1);
      const bool first = strided.empty();
      const std::int64_t stride = stride_at(side);
      strided.push_back(register_module(
          "conv" + number, Convolution(in, scaled(channels), 5, stride, /*bias=*/first)));
      if (!first)
        norms.push_back(
            register_module("bn" + number, Norm(scaled(channels), Activation::kLeakyRelu)));
      in = scaled(channels);
      side = divided(side, stride);
    }
    patch = register_module("conv4", Convolution(in, scaled(512), 4));
    norms.push_back(register_module("bn4", Norm(scaled(512), Activation::kLeakyRelu)));
    output = register_module("output", PatchLogits(scaled(512)));
  }

  torch::Tensor forward(const torch::Tensor& input) {
    torch::Tensor x =
        at::leaky_relu(strided[0](input.contiguous(at::MemoryFormat::ChannelsLast)), 0.2);
    x = norms[0](strided[1](x));
    x = norms[1](strided[2](x));
    x = norms[2](without_first(patch(x)).contiguous(at::MemoryFormat::ChannelsLast));
    return without_first(output(x)).contiguous();
  }

  std::vector<Convolution> strided;
  std::vector<Norm> norms;
  Convolution patch{nullptr};
  PatchLogits output{nullptr};
};

}  // namespace

std::unique_ptr<Module> make_discriminator(const DiscriminatorOptions& options) {
  AFFINIS_CHECK(options.input_channels > 0 && options.target_channels > 0 && options.side > 0 &&
                    options.width > 0,
                ErrorCode::kUsage,
                "a discriminator needs at least one input channel, target channel, pixel and unit "
                "of width, not {}, {}, {} and {}",
                options.input_channels, options.target_channels, options.side, options.width);
  return wrap(std::make_shared<DiscriminatorImpl>(options));
}

}  // namespace affinis::nn
