#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace affinis::nn {

/// How initialise() fills one parameter.
struct InitialRule {
  enum class Kind {
    kDefault,          ///< by shape and name, as initialise() says
    kNormal,           ///< mean 0, deviation `value`
    kTruncatedNormal,  ///< as kNormal, nothing beyond two deviations
    kConstant,         ///< `value` everywhere
  };
  Kind kind = Kind::kDefault;
  double value = 0;
};

/// A tensor and its dotted name ("block1.0.conv1.weight").
struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

/// A differentiable function with named parameters: encoders, decoders, transfer functions. Implementations wrap torch::nn modules in
/// their .cpp (nn/detail/torch_module.h), so that headers stay free of torch/nn.h. The networks of this folder take tensors in any memory
/// format and give contiguous ones. Not thread-safe.
class Module {
 public:
  virtual ~Module() = default;

  /// [N, ...] -> [N, ...]; the first dimension is the batch.
  virtual at::Tensor forward(const at::Tensor& input) = 0;
  /// Trainable tensors; names and order are stable across runs.
  virtual std::vector<NamedTensor> parameters() const = 0;
  /// Non-trainable state (BatchNorm's running statistics).
  virtual std::vector<NamedTensor> buffers() const = 0;
  /// Training mode (batch statistics, dropout) or evaluation mode.
  virtual void set_training(bool training) = 0;
  virtual void to(const c10::Device& device) = 0;
  /// The rule that the module states for one of its parameters.
  virtual InitialRule initial_rule(const std::string& /*parameter*/) const { return {}; }
};

/// Number of elements in all parameters.
std::int64_t parameter_count(const Module& module);

/// Parameters and buffers in one list, each name prefixed ("encoder." + name).
std::vector<NamedTensor> state_of(const Module& module, const std::string& prefix = {});

/// Copies `state` into the module by name (the prefix is added to the module's own names; entries without the prefix are left alone).
/// Floating-point types convert into one another. A `num_batches_tracked` may be missing, as in old PyTorch files. Throws Error(kData)
/// that lists every missing name, unexpected name under the prefix, wrong shape and wrong type, with the nearest names; the module is
/// unchanged then.
void load_state(Module& module, const std::vector<NamedTensor>& state, const std::string& prefix = {});

/// Fills every parameter from a generator seeded by (seed, its name), so that neither order of construction, other modules nor the device
/// matter, and resets BatchNorm's running statistics. Convolutions and linear layers: He normal, fan out (He et al. 2015), unless the
/// module states another rule; other parameters named "weight" (norms): 1; everything else: 0.
void initialise(Module& module, std::uint64_t seed);

}  // namespace affinis::nn
