#include <algorithm>
#include <vector>

#include "framework/nn/detail/layers.h"
#include "framework/nn/networks.h"

namespace affinis::nn {
namespace {

using detail::Activation;
using detail::Convolution;
using detail::DoublingConvolution;
using detail::Norm;
using detail::OutputConvolution;

/// One row of a decoder's table.
struct Row {
  std::int64_t channels;  ///< at width 64
  bool doubles = false;   ///< transposed convolution with stride 2
};

// Layers 2 to 14 of facts: taskonomy section 2.2.
const std::vector<Row> kDenseRows = {{1024}, {1024},     {512}, {256},      {256}, {128},     {64, true},
                                     {64},   {32, true}, {32},  {16, true}, {32},  {16, true}};
const std::vector<Row> kQuarterRows = {{1024}, {1024}, {512}, {512}, {512},       {512},
                                       {256},  {256},  {256}, {256, true}, {256}, {256, true}};

/// Below 8 channels the layers at full resolution carry less than an output of several channels needs and cost as much: a CPU's
/// vectors hold 8 or 16 channels.
constexpr std::int64_t kLeastChannels = 8;

std::int64_t scaled(std::int64_t channels, std::int64_t width) {
  return std::max(kLeastChannels, channels * width / 64);
}

/// (Transposed) convolution without bias, BatchNorm, leaky ReLU.
struct DecoderLayerImpl : torch::nn::Module {
  DecoderLayerImpl(std::int64_t in, std::int64_t out, bool doubles) : bn(register_module("bn", Norm(out, Activation::kLeakyRelu))) {
    if (doubles) {
      doubling = register_module("conv", DoublingConvolution(in, out));
    } else {
      conv = register_module("conv", Convolution(in, out, 3));
    }
  }
  torch::Tensor forward(const torch::Tensor& input) { return bn(doubling ? doubling(input) : conv(input)); }

  Norm bn;
  Convolution conv{nullptr};
  DoublingConvolution doubling{nullptr};
};
TORCH_MODULE(DecoderLayer);

/// Layers "layer2", "layer3", ... by the original's numbers, then "output": a convolution with bias.
struct DecoderImpl : torch::nn::Module {
  DecoderImpl(const std::vector<Row>& rows, std::int64_t input_channels, std::int64_t output_channels, std::int64_t width,
              std::int64_t output_kernel, bool tanh_)
      : tanh(tanh_) {
    std::int64_t in = input_channels;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::int64_t out = scaled(rows[i].channels, width);
      layers.push_back(register_module("layer" + std::to_string(i + 2), DecoderLayer(in, out, rows[i].doubles)));
      in = out;
    }
    output = register_module("output", OutputConvolution(in, output_channels, output_kernel));
  }

  torch::Tensor forward(const torch::Tensor& representation) {
    torch::Tensor x = representation.contiguous(at::MemoryFormat::ChannelsLast);
    for (DecoderLayer& layer : layers) x = layer(x);
    x = output(x);
    return tanh ? detail::bounded(x) : x;
  }

  bool tanh;
  std::vector<DecoderLayer> layers;
  OutputConvolution output{nullptr};
};

void check(std::int64_t input_channels, std::int64_t output_channels, std::int64_t width) {
  AFFINIS_CHECK(input_channels > 0 && output_channels > 0 && width > 0, ErrorCode::kUsage,
                "a decoder needs at least one input channel, output channel and unit of width, not {}, {} and {}", input_channels,
                output_channels, width);
}

}  // namespace

std::unique_ptr<Module> make_dense_decoder(const DenseDecoderOptions& options) {
  check(options.input_channels, options.output_channels, options.width);
  return wrap(std::make_shared<DecoderImpl>(kDenseRows, options.input_channels, options.output_channels, options.width, 3,
                                            options.output == OutputActivation::kTanh));
}

std::unique_ptr<Module> make_quarter_decoder(const QuarterDecoderOptions& options) {
  check(options.input_channels, options.output_channels, options.width);
  return wrap(std::make_shared<DecoderImpl>(kQuarterRows, options.input_channels, options.output_channels, options.width, 1, false));
}

}  // namespace affinis::nn
