#pragma once

#include <string>

#include <c10/core/Device.h>

namespace affinis::transfer {

/// LibTorch's device of a worker's slot: the CPU for every "cpu:N" (slots are processes, not cores), GPU N for "cuda:N". Throws Error(kConfig)
/// for a slot of another kind, and for a GPU that this build or machine does not have.
c10::Device device_of_slot(const std::string& slot);

}  // namespace affinis::transfer
