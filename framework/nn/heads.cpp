#include <vector>

#include <ATen/ops/dropout.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>

#include "framework/nn/detail/layers.h"
#include "framework/nn/networks.h"

namespace affinis::nn {
namespace {

using detail::Activation;
using detail::Linear;
using detail::Norm;

constexpr InitialRule kHeadRule = {InitialRule::Kind::kTruncatedNormal, 0.01};

/// "hidden1", "bn1", "hidden2", ... then "output".
struct VectorHeadImpl : torch::nn::Module {
  explicit VectorHeadImpl(const VectorHeadOptions& options) : dropout(options.dropout) {
    std::int64_t in = options.input_features;
    for (std::int64_t layer = 1; layer < options.layers; ++layer) {
      const std::string number = std::to_string(layer);
      hidden.push_back(register_module("hidden" + number, Linear(in, options.hidden, !options.batch_norm, kHeadRule)));
      if (options.batch_norm) norms.push_back(register_module("bn" + number, Norm(options.hidden, Activation::kRelu)));
      in = options.hidden;
    }
    output = register_module("output", Linear(in, options.outputs, true, kHeadRule));
  }

  torch::Tensor forward(const torch::Tensor& representation) {
    torch::Tensor x = representation.flatten(1);
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      x = hidden[i](x);
      x = norms.empty() ? at::relu_(x) : norms[i](x);
      x = at::dropout(x, dropout, is_training());
    }
    return output(x);
  }

  double dropout;
  std::vector<Linear> hidden;
  std::vector<Norm> norms;
  Linear output{nullptr};
};

struct ConstantImpl : torch::nn::Module, StatesInitialRule {
  explicit ConstantImpl(const std::vector<std::int64_t>& shape) : value(register_parameter("value", at::zeros(shape))) {}

  torch::Tensor forward(const torch::Tensor& input) {
    std::vector<std::int64_t> shape = value.sizes().vec();
    shape.insert(shape.begin(), input.size(0));
    return value.unsqueeze(0).expand(shape);
  }
  InitialRule initial_rule(const std::string& /*parameter*/, const at::Tensor& /*value*/) const override {
    return {InitialRule::Kind::kConstant, 0};
  }

  torch::Tensor value;
};

}  // namespace

std::unique_ptr<Module> make_vector_head(const VectorHeadOptions& options) {
  AFFINIS_CHECK(options.input_features > 0 && options.outputs > 0 && options.layers > 0 && options.hidden > 0, ErrorCode::kUsage,
                "a vector head needs at least one input feature, output, layer and hidden unit, not {}, {}, {} and {}",
                options.input_features, options.outputs, options.layers, options.hidden);
  AFFINIS_CHECK(options.dropout >= 0 && options.dropout < 1, ErrorCode::kUsage, "dropout must be in [0, 1), not {}", options.dropout);
  return wrap(std::make_shared<VectorHeadImpl>(options));
}

std::unique_ptr<Module> make_constant(const std::vector<std::int64_t>& shape) {
  for (const std::int64_t side : shape) {
    AFFINIS_CHECK(side > 0, ErrorCode::kUsage, "every side of a constant's shape must be at least 1, not {}", side);
  }
  return wrap(std::make_shared<ConstantImpl>(shape));
}

}  // namespace affinis::nn
