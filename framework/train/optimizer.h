#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/nn/module.h"
#include "framework/train/trainer.h"

namespace affinis::train {

/// Adam (Kingma and Ba 2015; beta 0.9 and 0.999, epsilon 1e-8) or SGD with momentum, weight decay as L2 added to the gradient. LibTorch's
/// fused kernels do the arithmetic: one call for all tensors, so that hundreds of small ones cost what one large one does. A parameter
/// without a gradient is left alone, moments and all. The results are PyTorch's.
class Optimizer {
 public:
  /// Parameters that need no gradient are frozen: they are neither moved nor part of the state.
  Optimizer(const TrainerOptions& options, const std::vector<nn::NamedTensor>& parameters);

  void zero_gradients();
  /// Norm of all gradients together, in double; NaN or infinite when any element is.
  double gradient_norm() const;
  void scale_gradients(double factor);
  /// Name of the first parameter whose gradient has an element that is NaN or infinite; empty when none has.
  std::string first_bad_gradient() const;
  void step(double learning_rate);

  /// "first.<parameter>", "second.<parameter>" (Adam), "momentum.<parameter>" (SGD), "steps" [parameters]; the tensors are the live ones.
  std::vector<nn::NamedTensor> state() const;
  /// Throws Error(kData) when a tensor is missing or has another shape.
  void load_state(const std::vector<nn::NamedTensor>& state);

 private:
  bool adam_;
  double weight_decay_;
  double momentum_;
  std::vector<nn::NamedTensor> parameters_;
  std::vector<at::Tensor> first_;
  std::vector<at::Tensor> second_;
  at::Tensor steps_;
  std::vector<at::Tensor> step_of_;  ///< views of steps_, one a parameter
};

}  // namespace affinis::train
