#include "framework/train/batch_parts.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <ATen/ATen.h>

#include "framework/train/batch_tools.h"

namespace affinis::train {
namespace {

struct Rows {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

Rows rows_of(std::int64_t part, std::int64_t parts, std::int64_t rows) {
  const std::int64_t first = rows * part / parts;
  return {first, rows * (part + 1) / parts - first};
}

at::Tensor taken(const at::Tensor& tensor, Rows rows) { return tensor.defined() ? tensor.narrow(0, rows.first, rows.count) : tensor; }

std::vector<std::int64_t> taken(const std::vector<std::int64_t>& list, Rows rows, std::int64_t all) {
  const std::int64_t each = static_cast<std::int64_t>(list.size()) / all;
  const auto begin = list.begin() + rows.first * each;
  return {begin, begin + rows.count * each};
}

std::int64_t rows_in(const task::Batch& batch) { return batch.input.defined() ? batch.input.size(0) : batch.size(); }

/// One entry a row.
std::vector<bool> labelled_rows(const task::Batch& batch) {
  std::vector<bool> labelled(static_cast<std::size_t>(rows_in(batch)), batch.size() > 0);
  if (batch.size() == 0 || !batch.mask.defined()) return labelled;
  const at::Tensor rows = batch.mask.flatten(1).any(1).to(at::kCPU).contiguous();
  const bool* row = rows.const_data_ptr<bool>();
  labelled.assign(row, row + rows.numel());
  return labelled;
}

/// Of this rank's rows and those of all: in how many parts everybody takes them.
std::int64_t part_count(const std::vector<task::Batch>& batches, std::int64_t examples, const DataParallel& parallel) {
  std::int64_t most = 1;
  std::int64_t fewest = std::numeric_limits<std::int64_t>::max();
  for (const task::Batch& each : batches) {
    const std::int64_t rows = rows_in(each);
    most = std::max(most, rows);
    if (rows > 0) fewest = std::min(fewest, rows);
  }
  double all = static_cast<double>(most);
  parallel.sum({&all, 1});
  const std::int64_t wanted = (static_cast<std::int64_t>(all) + examples - 1) / examples;
  return std::max<std::int64_t>(1, std::min(wanted, parallel.least(fewest)));
}

}  // namespace

void BatchPart::leave_out(const std::vector<bool>& learns) {
  for (std::size_t h = 0; h < inputs.size(); ++h) {
    if (!learns[h] || labels[h].everywhere == 0) inputs[h] = at::Tensor();
  }
}

bool BatchPart::empty() const {
  return std::none_of(inputs.begin(), inputs.end(), [](const at::Tensor& each) { return each.defined(); });
}

BatchPart whole_part(std::vector<task::Batch> batches, const DataParallel& parallel, bool counted) {
  BatchPart part;
  part.labels = parallel.labels(batches, counted);
  part.inputs = inputs_of(batches);
  part.batches = std::move(batches);
  return part;
}

std::vector<BatchPart> micro_batches(const std::vector<task::Batch>& batches, std::int64_t examples, const DataParallel& parallel) {
  const std::int64_t count = part_count(batches, examples, parallel);
  std::vector<std::vector<bool>> labelled;
  for (const task::Batch& each : batches) labelled.push_back(labelled_rows(each));

  std::vector<BatchPart> parts(static_cast<std::size_t>(count));
  std::vector<double> here;  // [part, head]
  for (std::int64_t p = 0; p < count; ++p) {
    BatchPart& part = parts[static_cast<std::size_t>(p)];
    for (std::size_t h = 0; h < batches.size(); ++h) {
      const task::Batch& whole = batches[h];
      const std::int64_t all = rows_in(whole);
      const Rows rows = rows_of(p, count, all);
      std::size_t same = 0;
      while (!batches[same].input.is_same(whole.input)) ++same;
      part.inputs.push_back(same < h ? part.inputs[same] : taken(whole.input, rows));
      task::Batch own{part.inputs.back(), taken(whole.target, rows), taken(whole.mask, rows), {}, {}};
      if (!whole.indices.empty()) own.indices = taken(whole.indices, rows, all);
      if (!whole.sample_indices.empty()) own.sample_indices = taken(whole.sample_indices, rows, all);
      part.batches.push_back(std::move(own));
      const auto begin = labelled[h].begin() + rows.first;
      here.push_back(static_cast<double>(std::count(begin, begin + rows.count, true)));
    }
  }
  std::vector<double> on_all = here;
  parallel.sum(on_all);
  std::vector<double> everywhere(batches.size(), 0.0);
  for (std::size_t i = 0; i < on_all.size(); ++i) everywhere[i % batches.size()] += on_all[i];
  for (std::size_t i = 0; i < on_all.size(); ++i) {
    BatchPart& part = parts[i / batches.size()];
    const std::size_t head = i % batches.size();
    part.labels.push_back({static_cast<std::int64_t>(here[i]), static_cast<std::int64_t>(everywhere[head])});
    if (on_all[i] == 0) part.inputs[head] = at::Tensor();
  }
  return parts;
}

}  // namespace affinis::train
