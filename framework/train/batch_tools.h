#pragma once

#include <cstddef>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/train/batch_source.h"
#include "framework/train/network.h"

namespace affinis::train {

/// Where the network's parameters are; the CPU when it has none.
c10::Device device_of(const Network& network);

/// The batch's tensors on the device.
task::Batch to_device(task::Batch batch, const c10::Device& device);
/// All heads' batches on the device; inputs that were one tensor stay one. Throws Error(kInternal) unless there is one batch a head.
std::vector<task::Batch> to_device(std::vector<task::Batch> batches, const c10::Device& device, std::size_t heads);

std::vector<at::Tensor> inputs_of(const std::vector<task::Batch>& batches);

/// False when nothing in the batch is labelled: no target, or a mask of zeros.
bool has_label(const task::Batch& batch);

}  // namespace affinis::train
