#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/nn/module.h"
#include "framework/train/parameter_groups.h"
#include "framework/train/trainer.h"

namespace affinis::train {

/// Adam (Kingma and Ba 2015; beta 0.9 and 0.999, epsilon 1e-8) or SGD with momentum, weight decay as L2 added to the gradient. LibTorch's
/// fused kernels do the arithmetic: one call for all tensors of the same step size and decay, so that hundreds of small ones cost what one
/// large one does. A parameter that has no gradient, or needs none at the moment, is left alone, moments and all: one that is set free
/// later begins with none. The results are PyTorch's.
class Optimizer {
 public:
  /// Frozen groups, and parameters that need no gradient, are neither moved nor part of the state.
  Optimizer(const TrainerOptions& options, const std::vector<ParameterGroup>& groups);
  /// All in one group with the training's step size and decay.
  Optimizer(const TrainerOptions& options, const std::vector<nn::NamedTensor>& parameters);

  void zero_gradients();
  /// Norm of all gradients together, in double; NaN or infinite when any element is.
  double gradient_norm() const;
  void scale_gradients(double factor);
  /// Name of the first parameter whose gradient has an element that is NaN or infinite; empty when none has.
  std::string first_bad_gradient() const;
  /// Each group by `learning_rate` times its own rate.
  void step(double learning_rate);

  /// "first.<parameter>", "second.<parameter>" (Adam), "momentum.<parameter>" (SGD), "steps" [parameters]; the tensors are the live ones.
  std::vector<nn::NamedTensor> state() const;
  /// Throws Error(kData) when a tensor is missing or has another shape.
  void load_state(const std::vector<nn::NamedTensor>& state);

 private:
  /// What one call of a kernel treats alike.
  struct Kind {
    double rate;
    double weight_decay;
  };

  bool adam_;
  double momentum_;
  std::vector<nn::NamedTensor> parameters_;
  std::vector<Kind> kinds_;
  std::vector<std::size_t> kind_of_;  ///< one a parameter
  std::vector<at::Tensor> first_;
  std::vector<at::Tensor> second_;
  at::Tensor steps_;
  std::vector<at::Tensor> step_of_;  ///< views of steps_, one a parameter
};

}  // namespace affinis::train
