#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/train/batch_source.h"
#include "framework/train/data_parallel.h"

namespace affinis::train {

/// Some rows of a step's batch that go through the network at once: the whole batch, or a micro-batch. One entry a head in every list.
struct BatchPart {
  std::vector<task::Batch> batches;
  std::vector<at::Tensor> inputs;            ///< undefined for heads that take no part
  std::vector<DataParallel::Labels> labels;  ///< here: in this part; everywhere: in the whole batch, on all ranks

  /// Takes the heads out that do not learn in this step, or have no label in the whole batch.
  void leave_out(const std::vector<bool>& learns);
  /// Whether no head takes part.
  bool empty() const;
};

/// The batch as one part. `counted`: as DataParallel::labels().
BatchPart whole_part(std::vector<task::Batch> batches, const DataParallel& parallel, bool counted);

/// The batch in as few parts as hold at most `examples` of all ranks together each, of nearly equal sizes; every rank has as many, with a
/// row at least in each. Nothing is copied. A head takes no part where none of its images has a label on any rank; inputs that were one
/// tensor stay one. Collective.
std::vector<BatchPart> micro_batches(const std::vector<task::Batch>& batches, std::int64_t examples, const DataParallel& parallel);

}  // namespace affinis::train
