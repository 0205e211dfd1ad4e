#pragma once

#include <memory>

#include <c10/core/Device.h>

#include "framework/train/batch_source.h"

namespace affinis::train {

/// A source whose next batch is copied to the GPU, through page-locked memory and a stream of its own, while the current one is worked on.
/// On the CPU it is `source` itself. The source must outlive it.
class DeviceCopies {
 public:
  DeviceCopies(BatchSource& source, const c10::Device& device);
  ~DeviceCopies();

  void start(std::int64_t epoch, std::int64_t first_batch);
  std::optional<std::vector<task::Batch>> next();

 private:
  struct Ahead;
  BatchSource& source_;
  std::unique_ptr<Ahead> ahead_;  ///< null on the CPU
};

}  // namespace affinis::train
