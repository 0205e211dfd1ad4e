#include <algorithm>
#include <numeric>
#include <utility>

#include <ATen/ATen.h>

#include "framework/core/error.h"
#include "framework/train/batch_source.h"

namespace affinis::train {
namespace {

at::Tensor widened(const at::Tensor& tensor) {
  const bool narrow = tensor.scalar_type() == at::kHalf || tensor.scalar_type() == at::kBFloat16;
  return narrow ? tensor.to(at::kFloat) : tensor;
}

class TensorSource : public BatchSource {
 public:
  TensorSource(TensorSet set, std::vector<at::Tensor> extra_inputs, data::LoaderOptions order)
      : set_(std::move(set)), extra_inputs_(std::move(extra_inputs)), order_options_(std::move(order)) {
    AFFINIS_CHECK(order_options_.batch_size >= 1, ErrorCode::kUsage, "batch_size is {}; it must be at least 1", order_options_.batch_size);
    AFFINIS_CHECK(set_.input.defined() && set_.target.defined() && set_.input.size(0) > 0, ErrorCode::kData,
                  "a set of tensors to train or evaluate on has no example; give it at least one row of inputs and targets");
    rows_ = set_.input.size(0);
    if (set_.indices.empty()) {
      set_.indices.resize(static_cast<std::size_t>(rows_));
      std::iota(set_.indices.begin(), set_.indices.end(), 0);
    }
    const std::int64_t last = rows_ % order_options_.batch_size;
    AFFINIS_CHECK(order_options_.batch_size >= order_options_.share.ranks && (last == 0 || last >= order_options_.share.ranks), ErrorCode::kUsage,
                  "{} rows in batches of {} leave a batch without a row for each of {} ranks; choose another batch_size", rows_,
                  order_options_.batch_size, order_options_.share.ranks);
    check_rows("targets", set_.target.size(0));
    check_rows("indices", static_cast<std::int64_t>(set_.indices.size()));
    if (set_.mask.defined()) check_rows("masks", set_.mask.size(0));
    for (const at::Tensor& extra : extra_inputs_) check_rows("further inputs", extra.size(0));
    start(0, 0);
  }

  std::int64_t batches_per_epoch() const override { return (rows_ + order_options_.batch_size - 1) / order_options_.batch_size; }

  void start(std::int64_t epoch, std::int64_t first_batch) override {
    if (order_options_.shuffle && epoch != epoch_) order_ = data::epoch_order(order_options_, rows_, epoch);
    epoch_ = epoch;
    next_row_ = first_batch * order_options_.batch_size;
  }

  std::optional<std::vector<task::Batch>> next() override {
    if (next_row_ >= rows_) return std::nullopt;
    const std::int64_t whole = std::min(order_options_.batch_size, rows_ - next_row_);
    const std::int64_t first = next_row_ + order_options_.share.begin(whole);
    const std::int64_t count = next_row_ + order_options_.share.end(whole) - first;
    at::Tensor rows;
    if (order_options_.shuffle) rows = at::from_blob(order_.data() + first, {count}, at::kLong).to(set_.input.device());

    task::Batch batch;
    batch.input = take(set_.input, rows, first, count);
    if (!extra_inputs_.empty()) {
      std::vector<at::Tensor> parts = {batch.input};
      for (const at::Tensor& extra : extra_inputs_) parts.push_back(take(extra, rows, first, count));
      // Representations of examples of several images are [N, images, channels, ...].
      batch.input = at::cat(parts, batch.input.dim() == 5 ? 2 : 1);
    }
    batch.input = widened(batch.input);
    batch.target = widened(take(set_.target, rows, first, count));
    if (set_.mask.defined()) batch.mask = widened(take(set_.mask, rows, first, count));
    batch.indices.reserve(static_cast<std::size_t>(count));
    for (std::int64_t row = first; row < first + count; ++row) {
      const std::int64_t position = order_options_.shuffle ? order_[static_cast<std::size_t>(row)] : row;
      batch.indices.push_back(set_.indices[static_cast<std::size_t>(position)]);
    }
    next_row_ += whole;
    std::vector<task::Batch> batches;
    batches.push_back(std::move(batch));
    return batches;
  }

 private:
  void check_rows(const char* what, std::int64_t count) const {
    AFFINIS_CHECK(count == rows_, ErrorCode::kData, "a set of tensors has {} inputs but {} {}; every example needs one of each", rows_,
                  count, what);
  }

  static at::Tensor take(const at::Tensor& tensor, const at::Tensor& rows, std::int64_t first, std::int64_t count) {
    return rows.defined() ? tensor.index_select(0, rows) : tensor.narrow(0, first, count);
  }

  TensorSet set_;
  std::vector<at::Tensor> extra_inputs_;
  data::LoaderOptions order_options_;
  std::int64_t rows_ = 0;
  std::vector<std::int64_t> order_;
  std::int64_t epoch_ = -1;
  std::int64_t next_row_ = 0;
};

}  // namespace

std::unique_ptr<BatchSource> make_tensor_source(TensorSet set, std::int64_t batch_size, bool shuffle, std::uint64_t seed,
                                                std::vector<at::Tensor> extra_inputs, data::BatchShare share) {
  data::LoaderOptions order;
  order.share = share;
  order.batch_size = batch_size;
  order.shuffle = shuffle;
  order.seed = seed;
  return std::make_unique<TensorSource>(std::move(set), std::move(extra_inputs), std::move(order));
}

}  // namespace affinis::train
