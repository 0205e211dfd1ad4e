#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ops/dropout.h>
#include <torch/nn/modules/container/sequential.h>

#include "framework/nn/detail/layers.h"
#include "framework/nn/networks.h"
#include "tests/framework/train/toy.h"

namespace affinis::train::toy {

/// A convolution, a BatchNorm and dropout, as a unit of a stage.
struct TinyUnitImpl : torch::nn::Module {
  explicit TinyUnitImpl(std::int64_t channels, double dropout_)
      : conv1(register_module("conv1", nn::detail::Convolution(channels, channels, 3))),
        bn1(register_module("bn1", nn::detail::Norm(channels, nn::detail::Activation::kRelu))),
        dropout(dropout_) {}
  torch::Tensor forward(const torch::Tensor& input) { return at::dropout(bn1(conv1(input)), dropout, is_training()); }

  nn::detail::Convolution conv1;
  nn::detail::Norm bn1;
  double dropout;
};
TORCH_MODULE(TinyUnit);

/// The encoder's names on a network of a few hundred values: conv1, bn1, layer1 (two units), layer2 (one), compress. [N, 3, S, S] -> [N, 2, S, S].
struct TinyTrunkImpl : torch::nn::Module {
  explicit TinyTrunkImpl(double dropout)
      : conv1(register_module("conv1", nn::detail::Convolution(3, 4, 3))),
        bn1(register_module("bn1", nn::detail::Norm(4, nn::detail::Activation::kRelu))),
        layer1(register_module("layer1", torch::nn::Sequential(TinyUnit(4, dropout), TinyUnit(4, dropout)))),
        layer2(register_module("layer2", torch::nn::Sequential(TinyUnit(4, dropout)))),
        compress(register_module("compress", nn::detail::Convolution(4, 2, 3))),
        compress_bn(register_module("compress_bn", nn::detail::Norm(2, nn::detail::Activation::kRelu))) {}

  torch::Tensor forward(const torch::Tensor& image) {
    return stages_from(0, bn1(conv1(image.contiguous(at::MemoryFormat::ChannelsLast))));
  }
  torch::Tensor forward_from(std::size_t stage, const torch::Tensor& map) { return stages_from(stage + 1, map); }
  torch::Tensor stages_from(std::size_t first, torch::Tensor x) {
    const std::array<torch::nn::Sequential*, 2> layers = {&layer1, &layer2};
    for (std::size_t stage = first; stage < layers.size(); ++stage) {
      x = (*layers[stage])->forward(x);
      if (stages_seen != nullptr) stages_seen->push_back(x);
    }
    return compress_bn(compress(x)).contiguous();
  }

  nn::detail::Convolution conv1;
  nn::detail::Norm bn1;
  torch::nn::Sequential layer1;
  torch::nn::Sequential layer2;
  nn::detail::Convolution compress;
  nn::detail::Norm compress_bn;
  std::vector<torch::Tensor>* stages_seen = nullptr;
};

/// A tiny trunk before a vector head for the task "toy".
inline std::unique_ptr<Network> tiny_network(std::uint64_t seed = 1, double dropout = 0.2) {
  std::vector<Head> heads;
  heads.push_back({std::make_shared<Regression>("toy"), nn::make_vector_head({.input_features = 2 * 36, .outputs = 3, .hidden = 5, .dropout = 0.1})});
  auto network = std::make_unique<Network>(nn::wrap(std::make_shared<TinyTrunkImpl>(dropout)), std::move(heads));
  network->initialise(seed);
  return network;
}

/// 12 images of 6x6 and what to say about them.
inline TensorSet tiny_set() {
  TensorSet set;
  set.input = at::arange(12 * 3 * 36, at::kFloat).mul(0.37).sin().view({12, 3, 6, 6});
  set.target = at::arange(12 * 3, at::kFloat).mul(0.9).sin().view({12, 3});
  return set;
}

inline std::string bytes_under(const Network& network, const std::string& prefix) {
  std::vector<nn::NamedTensor> tensors;
  for (const nn::NamedTensor& each : network.state()) {
    if (each.name.starts_with(prefix)) tensors.push_back(each);
  }
  return bytes_of(tensors);
}

}  // namespace affinis::train::toy
