#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "framework/data/loader.h"
#include "framework/data/store.h"
#include "framework/task/task.h"

namespace affinis::train {

/// Batches for a network's heads, epoch after epoch. What comes out depends on (seed, epoch, batch) alone.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual std::int64_t batches_per_epoch() const = 0;
  /// Begins (again) at batch `first_batch` of epoch `epoch`.
  virtual void start(std::int64_t epoch, std::int64_t first_batch) = 0;
  /// One batch per head (heads whose inputs are the same tensor share one pass through the trunk); nothing at the end of the epoch.
  virtual std::optional<std::vector<task::Batch>> next() = 0;
  /// What error sentences call the sample with this index (Batch::indices).
  virtual std::string sample_name(std::int64_t index) const { return std::to_string(index); }
};

/// Reads samples from a store and makes one example per task from each. `options.fields` are added to those that the tasks ask for.
/// Every task has a random stream of its own, so a task's examples are the same alone and among others. Tasks that make equal inputs
/// get the same tensor. A task on several samples also gets partners of the sample as its TaskInfo::partners says, drawn by its stream
/// from `partner_pool` (positions; empty: the options' subset); a sample that lacks partners becomes an example without a label (the task must make masks). Throws Error(kData)
/// naming store and task when no sample has partners.
std::unique_ptr<BatchSource> make_store_source(std::shared_ptr<const data::Store> store,
                                               std::vector<std::shared_ptr<const task::Task>> tasks, data::LoaderOptions options,
                                               std::vector<std::int64_t> partner_pool = {});

/// All examples in memory, stacked: inputs [N, ...], target, mask (may be undefined). Transfers read cached representations this way.
struct TensorSet {
  at::Tensor input;
  at::Tensor target;
  at::Tensor mask;
  std::vector<std::int64_t> indices;
  std::vector<std::int64_t> sample_indices = {};  ///< as Batch::sample_indices
};

/// Rows of the tensors in an order shuffled per epoch from (seed, epoch), or as they are. `extra_inputs`, when there are any, are
/// joined to `input` along the channels (dimension 1, or 2 of five) batch by batch (several sources' representations). Half-precision inputs, targets and masks
/// become float32 batch by batch. Without `indices` a row's index is its position. Throws Error(kData) when the tensors' lengths
/// disagree or there is no row. With a `share` each batch is one rank's part of it.
std::unique_ptr<BatchSource> make_tensor_source(TensorSet set, std::int64_t batch_size, bool shuffle, std::uint64_t seed,
                                                std::vector<at::Tensor> extra_inputs = {}, data::BatchShare share = {});

}  // namespace affinis::train
