#include "framework/train/batch_tools.h"

#include <utility>

#include <ATen/ATen.h>

#include "framework/core/error.h"

namespace affinis::train {
namespace {

at::Tensor moved(const at::Tensor& tensor, const c10::Device& device) {
  return tensor.defined() && tensor.device() != device ? tensor.to(device) : tensor;
}

}  // namespace

c10::Device device_of(const Network& network) {
  const std::vector<nn::NamedTensor> parameters = network.parameters();
  return parameters.empty() ? c10::Device(at::kCPU) : parameters.front().tensor.device();
}

task::Batch to_device(task::Batch batch, const c10::Device& device) {
  batch.input = moved(batch.input, device);
  batch.target = moved(batch.target, device);
  batch.mask = moved(batch.mask, device);
  return batch;
}

std::vector<task::Batch> to_device(std::vector<task::Batch> batches, const c10::Device& device, std::size_t heads) {
  AFFINIS_CHECK(batches.size() == heads, ErrorCode::kInternal, "the batch source makes batches for {} heads but the network has {}",
                batches.size(), heads);
  const std::vector<at::Tensor> inputs = inputs_of(batches);
  for (std::size_t i = 0; i < batches.size(); ++i) {
    std::size_t first = 0;
    while (!inputs[first].is_same(inputs[i])) ++first;
    if (first < i) batches[i].input = batches[first].input;
    batches[i] = to_device(std::move(batches[i]), device);
  }
  return batches;
}

std::vector<at::Tensor> inputs_of(const std::vector<task::Batch>& batches) {
  std::vector<at::Tensor> inputs;
  for (const task::Batch& batch : batches) inputs.push_back(batch.input);
  return inputs;
}

bool has_label(const task::Batch& batch) {
  if (batch.size() == 0) return false;
  return !batch.mask.defined() || batch.mask.any().item<bool>();
}

}  // namespace affinis::train
