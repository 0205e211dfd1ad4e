#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "framework/nn/networks.h"
#include "framework/train/batch_source.h"

namespace affinis::transfer {

/// An encoder that stays as it was drawn: the trunk of random projections, and what a network must beat to have learnt a representation.
/// Its weights are buffers, under the encoder's own names: nothing trains, always in evaluation mode.
class RandomEncoder : public nn::Module {
 public:
  explicit RandomEncoder(const nn::EncoderOptions& options);

  /// Draws the weights from `seed`, then takes as running statistics those of up to `batches` batches of the images, pooled, so that
  /// what each layer puts out has about unit scale. Every BatchNorm scale is 1: learning encoders begin with their residual units
  /// switched off, which would leave most of the depth out here. Throws Error(kData) without any batch.
  void draw(std::uint64_t seed, train::BatchSource& images, std::int64_t batches = 16);

  at::Tensor forward(const at::Tensor& input) override;
  std::vector<nn::NamedTensor> parameters() const override { return {}; }
  std::vector<nn::NamedTensor> buffers() const override { return nn::state_of(*encoder_); }
  void set_training(bool) override {}
  void to(const c10::Device& device) override { encoder_->to(device); }

 private:
  std::unique_ptr<nn::Module> encoder_;
};

}  // namespace affinis::transfer
