#include "framework/train/device_copies.h"

#include <utility>

#ifdef AFFINIS_CUDA
#include <ATen/Tensor.h>
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace affinis::train {

#ifdef AFFINIS_CUDA

struct DeviceCopies::Ahead {
  explicit Ahead(const c10::Device& the_device) : device(the_device), stream(c10::cuda::getStreamFromPool(false, the_device.index())) {}

  c10::Device device;
  c10::cuda::CUDAStream stream;
  at::cuda::CUDAEvent copied;
  std::optional<std::vector<task::Batch>> batches;
  std::vector<at::Tensor> pinned;  ///< page-locked memory that a copy may still read
  bool begun = false;

  at::Tensor copy(const at::Tensor& tensor) {
    if (!tensor.defined() || tensor.is_cuda()) return tensor;
    pinned.push_back(tensor.pin_memory());
    return pinned.back().to(device, /*non_blocking=*/true);
  }

  void fetch(BatchSource& source) {
    // The copies before have been waited for by now: next() synchronised with them.
    pinned.clear();
    batches = source.next();
    if (!batches) return;
    const c10::cuda::CUDAStreamGuard guard(stream);
    std::vector<at::Tensor> inputs;
    for (const task::Batch& batch : *batches) inputs.push_back(batch.input);
    for (std::size_t i = 0; i < batches->size(); ++i) {
      task::Batch& batch = (*batches)[i];
      std::size_t first = 0;
      while (!inputs[first].is_same(inputs[i])) ++first;
      batch.input = first < i ? (*batches)[first].input : copy(batch.input);
      batch.target = copy(batch.target);
      batch.mask = copy(batch.mask);
    }
    copied.record(stream);
  }

  std::optional<std::vector<task::Batch>> take() {
    if (!batches) return std::nullopt;
    copied.synchronize();
    const c10::cuda::CUDAStream current = c10::cuda::getCurrentCUDAStream(device.index());
    for (const task::Batch& batch : *batches) {
      for (const at::Tensor& tensor : {batch.input, batch.target, batch.mask}) {
        if (tensor.defined()) c10::cuda::CUDACachingAllocator::recordStream(tensor.storage().data_ptr(), current);
      }
    }
    return std::exchange(batches, std::nullopt);
  }
};

DeviceCopies::DeviceCopies(BatchSource& source, const c10::Device& device) : source_(source) {
  if (device.is_cuda()) ahead_ = std::make_unique<Ahead>(device);
}

void DeviceCopies::start(std::int64_t epoch, std::int64_t first_batch) {
  source_.start(epoch, first_batch);
  if (!ahead_) return;
  ahead_->batches.reset();
  ahead_->begun = false;
}

std::optional<std::vector<task::Batch>> DeviceCopies::next() {
  if (!ahead_) return source_.next();
  if (!ahead_->begun) ahead_->fetch(source_);
  ahead_->begun = true;
  std::optional<std::vector<task::Batch>> ready = ahead_->take();
  if (ready) ahead_->fetch(source_);
  return ready;
}

#else

struct DeviceCopies::Ahead {};

DeviceCopies::DeviceCopies(BatchSource& source, const c10::Device& /*device*/) : source_(source) {}

void DeviceCopies::start(std::int64_t epoch, std::int64_t first_batch) { source_.start(epoch, first_batch); }

std::optional<std::vector<task::Batch>> DeviceCopies::next() { return source_.next(); }

#endif

DeviceCopies::~DeviceCopies() = default;

}  // namespace affinis::train
