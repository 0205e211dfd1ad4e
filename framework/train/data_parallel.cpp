#include "framework/train/data_parallel.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "framework/train/batch_tools.h"

namespace affinis::train {
namespace {

constexpr std::size_t kBucketBytes = std::size_t{25} << 20;

std::int64_t labelled_images(const task::Batch& batch) {
  if (batch.size() == 0) return 0;
  if (!batch.mask.defined()) return batch.size();
  return batch.mask.flatten(1).any(1).sum().item<std::int64_t>();
}

}  // namespace

DataParallel::DataParallel(Ranks ranks)
    : collective_(ranks.collective != nullptr && ranks.collective->size() > 1 ? ranks.collective : nullptr),
      synchronise_norms_(ranks.synchronise_norms) {}

std::vector<DataParallel::Labels> DataParallel::labels(const std::vector<task::Batch>& batches, bool counted) const {
  std::vector<Labels> result;
  if (alone() && !counted) {
    for (const task::Batch& batch : batches) {
      const std::int64_t any = has_label(batch) ? 1 : 0;
      result.push_back({any, any});
    }
    return result;
  }
  std::vector<double> counts;
  for (const task::Batch& batch : batches) counts.push_back(static_cast<double>(labelled_images(batch)));
  std::vector<double> sums = counts;
  sum(sums);
  for (std::size_t h = 0; h < counts.size(); ++h) {
    result.push_back({static_cast<std::int64_t>(counts[h]), static_cast<std::int64_t>(sums[h])});
  }
  return result;
}

void DataParallel::sum_gradients(const Network& network) const {
  if (alone()) return;
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> gradients;
  for (const nn::NamedTensor& parameter : network.parameters()) {
    if (parameter.tensor.grad().defined()) gradients.push_back(parameter.tensor.grad());
  }
  for (std::size_t first = 0; first < gradients.size();) {
    std::size_t last = first;
    std::size_t bytes = 0;
    std::vector<at::Tensor> flat;
    while (last < gradients.size() && (last == first || bytes + gradients[last].nbytes() <= kBucketBytes)) {
      bytes += gradients[last].nbytes();
      flat.push_back(gradients[last].reshape({-1}));
      ++last;
    }
    at::Tensor bucket = at::cat(flat);
    collective_->sum(bucket);
    std::int64_t offset = 0;
    for (; first < last; ++first) {
      gradients[first].copy_(bucket.narrow(0, offset, gradients[first].numel()).view(gradients[first].sizes()));
      offset += gradients[first].numel();
    }
  }
}

void DataParallel::sum(std::span<double> values) const {
  if (alone() || values.empty()) return;
  at::Tensor tensor = at::tensor(at::ArrayRef<double>(values.data(), values.size()), at::kDouble);
  collective_->sum(tensor);
  std::copy_n(tensor.const_data_ptr<double>(), values.size(), values.begin());
}

std::int64_t DataParallel::least(std::int64_t number) const {
  if (alone()) return number;
  std::vector<double> numbers(static_cast<std::size_t>(collective_->size()), 0.0);
  numbers[static_cast<std::size_t>(collective_->rank())] = static_cast<double>(number);
  sum(numbers);
  return static_cast<std::int64_t>(*std::min_element(numbers.begin(), numbers.end()));
}

void DataParallel::sum(at::Tensor& tensor) const {
  if (!alone()) collective_->sum(tensor);
}

void DataParallel::follow(std::span<double> values) const {
  if (alone() || values.empty()) return;
  at::Tensor tensor = at::tensor(at::ArrayRef<double>(values.data(), values.size()), at::kDouble);
  collective_->broadcast(tensor);
  std::copy_n(tensor.const_data_ptr<double>(), values.size(), values.begin());
}

void DataParallel::follow(Network& network) const {
  if (alone()) return;
  const at::NoGradGuard no_gradients;
  for (const nn::NamedTensor& each : network.state()) {
    at::Tensor tensor = each.tensor.detach().contiguous();
    collective_->broadcast(tensor);
    at::Tensor target = each.tensor.detach();
    target.copy_(tensor);
  }
}

void DataParallel::wait_for_all() const {
  if (!alone()) collective_->wait_for_all();
}

}  // namespace affinis::train
