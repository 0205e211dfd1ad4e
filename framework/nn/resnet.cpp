#include <array>
#include <vector>

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/max_pool2d.h>
#include <torch/nn/modules/container/sequential.h>

#include "framework/nn/detail/layers.h"
#include "framework/nn/networks.h"

namespace affinis::nn {
namespace {

using detail::Activation;
using detail::Convolution;
using detail::Linear;
using detail::Norm;

constexpr std::int64_t kExpansion = 4;
constexpr std::array<std::int64_t, 4> kUnits = {3, 4, 6, 3};

/// A bottleneck unit: 1x1, 3x3 (with the stride), 1x1, added to the shortcut.
struct BottleneckImpl : torch::nn::Module {
  BottleneckImpl(std::int64_t in, std::int64_t width, std::int64_t stride_)
      : stride(stride_),
        conv1(register_module("conv1", Convolution(in, width, 1))),
        bn1(register_module("bn1", Norm(width, Activation::kRelu))),
        conv2(register_module("conv2", Convolution(width, width, 3, stride))),
        bn2(register_module("bn2", Norm(width, Activation::kRelu))),
        conv3(register_module("conv3", Convolution(width, width * kExpansion, 1))),
        bn3(register_module("bn3", Norm(width * kExpansion, Activation::kRelu))) {
    // Units begin as their shortcuts (Goyal et al. 2017, section 5.1): short trainings get much further in the same steps.
    bn3->initial_scale = 0;
    if (in != width * kExpansion) {
      downsample = register_module("downsample", torch::nn::Sequential(Convolution(in, width * kExpansion, 1, stride),
                                                                       Norm(width * kExpansion)));
    }
  }

  torch::Tensor forward(const torch::Tensor& input) {
    return bn3->forward_with(conv3(bn2(conv2(bn1(conv1(input))))), shortcut(input));
  }

  /// Projected where the channels change, else the input, thinned out by the stride as a 1x1 max pool does.
  torch::Tensor shortcut(const torch::Tensor& input) {
    if (downsample) return downsample->forward(input);
    if (stride == 1) return input;
    return input.slice(2, 0, c10::nullopt, stride).slice(3, 0, c10::nullopt, stride);
  }

  std::int64_t stride;
  Convolution conv1;
  Norm bn1;
  Convolution conv2;
  Norm bn2;
  Convolution conv3;
  Norm bn3;
  torch::nn::Sequential downsample{nullptr};
};
TORCH_MODULE(Bottleneck);

/// Stem and four stages; [N, C, S, S] -> [N, 32 width, S / output stride, ...]. A base class, so that names have no prefix.
struct ResNetTrunkImpl : torch::nn::Module {
  /// `stage_strides`: how much each of the four stages divides the side.
  ResNetTrunkImpl(std::int64_t input_channels, std::int64_t width, StridePlacement placement,
                  const std::array<std::int64_t, 4>& stage_strides)
      : slim(placement == StridePlacement::kLastUnit),
        conv1(register_module("conv1", Convolution(input_channels, width, 7, 2))),
        bn1(register_module("bn1", Norm(width, Activation::kRelu))) {
    std::int64_t in = width;
    for (std::size_t stage = 0; stage < kUnits.size(); ++stage) {
      const std::int64_t inner = width << stage;
      torch::nn::Sequential units;
      for (std::int64_t unit = 0; unit < kUnits[stage]; ++unit) {
        const bool strided = slim ? unit == kUnits[stage] - 1 : unit == 0;
        units->push_back(Bottleneck(in, inner, strided ? stage_strides[stage] : 1));
        in = inner * kExpansion;
      }
      layers[stage] = register_module("layer" + std::to_string(stage + 1), units);
    }
  }

  torch::Tensor trunk(const torch::Tensor& input) {
    torch::Tensor x = bn1(conv1(input.contiguous(at::MemoryFormat::ChannelsLast)));
    // TF SAME pads below and to the right only (ceil mode), torchvision all around.
    return stages_from(0, slim ? at::max_pool2d(x, 3, 2, 0, 1, true) : at::max_pool2d(x, 3, 2, 1));
  }

  torch::Tensor stages_from(std::size_t first, torch::Tensor x) {
    for (std::size_t stage = first; stage < layers.size(); ++stage) {
      x = layers[stage]->forward(x);
      if (stages_seen != nullptr) stages_seen->push_back(x);
    }
    return x;
  }

  bool slim;
  Convolution conv1;
  Norm bn1;
  std::array<torch::nn::Sequential, 4> layers{nullptr, nullptr, nullptr, nullptr};
  std::vector<torch::Tensor>* stages_seen = nullptr;  ///< see StageMaps
};

struct EncoderImpl : ResNetTrunkImpl {
  explicit EncoderImpl(const EncoderOptions& options)
      : ResNetTrunkImpl(options.input_channels, options.width, options.stride,
                        options.stride == StridePlacement::kLastUnit ? std::array<std::int64_t, 4>{2, 2, 1, 1}
                                                                     : std::array<std::int64_t, 4>{1, 2, 2, 1}),
        compress(register_module("compress",
                                 Convolution(32 * options.width, options.representation_channels, 3))),
        compress_bn(register_module("compress_bn", Norm(options.representation_channels, Activation::kRelu))) {}

  torch::Tensor forward(const torch::Tensor& image) { return top(trunk(image)); }
  torch::Tensor forward_from(std::size_t stage, const torch::Tensor& map) { return top(stages_from(stage + 1, map)); }
  torch::Tensor top(const torch::Tensor& map) { return compress_bn(compress(map)).contiguous(); }

  Convolution compress;
  Norm compress_bn;
};

struct ResNet50Impl : ResNetTrunkImpl {
  ResNet50Impl(std::int64_t classes, StridePlacement stride)
      : ResNetTrunkImpl(3, 64, stride,
                        stride == StridePlacement::kLastUnit ? std::array<std::int64_t, 4>{2, 2, 2, 1}
                                                             : std::array<std::int64_t, 4>{1, 2, 2, 2}),
        fc(register_module("fc", Linear(2048, classes, true, InitialRule{}))) {}

  torch::Tensor forward(const torch::Tensor& image) { return top(trunk(image)); }
  torch::Tensor forward_from(std::size_t stage, const torch::Tensor& map) { return top(stages_from(stage + 1, map)); }
  torch::Tensor top(const torch::Tensor& map) { return fc(at::adaptive_avg_pool2d(map, {1, 1}).flatten(1)); }

  Linear fc;
};

void require_positive(std::int64_t value, const char* what) {
  AFFINIS_CHECK(value > 0, ErrorCode::kUsage, "{} of a network must be at least 1, not {}", what, value);
}

}  // namespace

Scale scale_by_name(const std::string& name) {
  if (name == "paper") return {"paper", 256, 64};
  if (name == "desk") return {"desk", 64, 16};
  fail(ErrorCode::kUsage, "there is no scale named '{}'; the scales are desk (64 pixels, width 16) and paper (256 pixels, width 64)",
       name);
}

std::unique_ptr<Module> make_encoder(const EncoderOptions& options) {
  require_positive(options.input_channels, "the input channels");
  require_positive(options.width, "the width");
  require_positive(options.representation_channels, "the representation's channels");
  return wrap(std::make_shared<EncoderImpl>(options));
}

std::unique_ptr<Module> make_resnet50(std::int64_t classes, StridePlacement stride) {
  require_positive(classes, "the classes");
  return wrap(std::make_shared<ResNet50Impl>(classes, stride));
}

}  // namespace affinis::nn
