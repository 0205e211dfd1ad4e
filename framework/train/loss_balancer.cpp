#include "framework/train/loss_balancer.h"

#include <ATen/ATen.h>

namespace affinis::train {
namespace {

class EqualBalancer : public LossBalancer {
 public:
  void backward(std::span<const at::Tensor> losses) override {
    at::Tensor total;
    for (const at::Tensor& loss : losses) {
      if (loss.defined()) total = total.defined() ? total + loss : loss;
    }
    if (!total.defined() || !total.requires_grad()) return;
    if (losses.size() > 1) total = total / static_cast<double>(losses.size());
    total.backward();
  }
};

}  // namespace

std::unique_ptr<LossBalancer> make_equal_balancer() { return std::make_unique<EqualBalancer>(); }

}  // namespace affinis::train
