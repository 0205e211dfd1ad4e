#include "transfer/random_encoder.h"

#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "framework/core/error.h"

namespace affinis::transfer {
namespace {

/// Every batch pulls the running statistics towards its own by this share.
constexpr double kBatchNormMomentum = 0.1;

/// The mean of the batches' statistics: a momentum average forgets, and begins at 0 and 1.
void pool_statistics(nn::Module& encoder, train::BatchSource& images, std::int64_t batches) {
  std::vector<nn::NamedTensor> statistics;
  for (const nn::NamedTensor& buffer : encoder.buffers()) {
    if (buffer.name.ends_with("running_mean") || buffer.name.ends_with("running_var")) statistics.push_back(buffer);
  }
  std::vector<at::Tensor> sums(statistics.size());
  std::vector<at::Tensor> begin;
  for (const nn::NamedTensor& each : statistics) begin.push_back(each.tensor.clone());
  encoder.set_training(true);
  images.start(0, 0);
  std::int64_t count = 0;
  for (; count < batches; ++count) {
    const auto batch = images.next();
    if (!batch) break;
    const at::Tensor& input = batch->front().input;
    encoder.forward(input.dim() == 5 ? input.flatten(0, 1) : input);
    for (std::size_t i = 0; i < statistics.size(); ++i) {
      const at::Tensor own = begin[i] + (statistics[i].tensor - begin[i]) / kBatchNormMomentum;
      sums[i] = sums[i].defined() ? sums[i] + own : own;
      statistics[i].tensor.copy_(begin[i]);
    }
  }
  AFFINIS_CHECK(count > 0, ErrorCode::kData, "a random encoder's statistics need at least one batch of images");
  for (std::size_t i = 0; i < statistics.size(); ++i) statistics[i].tensor.copy_(sums[i] / static_cast<double>(count));
  encoder.set_training(false);
}

}  // namespace

RandomEncoder::RandomEncoder(const nn::EncoderOptions& options) : encoder_(nn::make_encoder(options)) {
  encoder_->set_training(false);
  for (const nn::NamedTensor& parameter : encoder_->parameters()) parameter.tensor.set_requires_grad(false);
}

void RandomEncoder::draw(std::uint64_t seed, train::BatchSource& images, std::int64_t batches) {
  const at::NoGradGuard no_gradients;
  nn::initialise(*encoder_, seed);
  for (const nn::NamedTensor& parameter : encoder_->parameters()) {
    // Norms' scales are the only weights with one dimension.
    if (parameter.name.ends_with("weight") && parameter.tensor.dim() == 1) parameter.tensor.fill_(1);
  }
  pool_statistics(*encoder_, images, batches);
}

at::Tensor RandomEncoder::forward(const at::Tensor& input) {
  const at::NoGradGuard no_gradients;
  return encoder_->forward(input);
}

}  // namespace affinis::transfer
