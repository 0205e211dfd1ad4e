#pragma once

#include <memory>
#include <span>

#include <ATen/core/Tensor.h>

namespace affinis::train {

/// Decides what several heads' losses together do to the weights.
class LossBalancer {
 public:
  virtual ~LossBalancer() = default;
  /// Leaves the gradients of one step in the parameters. `losses` has one scalar a head, undefined where the batch has no label for it.
  virtual void backward(std::span<const at::Tensor> losses) = 0;
};

/// The mean over all heads; a head without labels adds nothing and leaves the others' share as it is.
std::unique_ptr<LossBalancer> make_equal_balancer();

}  // namespace affinis::train
