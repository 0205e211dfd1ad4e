#include "transfer/representation.h"

#include <algorithm>
#include <cstring>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "framework/core/error.h"
#include "framework/data/array_file.h"

namespace affinis::transfer {
namespace {

constexpr std::int64_t kEncodingBatch = 32;

at::ScalarType stored_type(RepresentationPrecision precision) {
  return precision == RepresentationPrecision::kHalf ? at::kHalf : at::kFloat;
}

}  // namespace

Representations encode(nn::Module& encoder, const c10::Device& device, const task::Task& source, const data::Store& store,
                       const std::vector<std::int64_t>& positions, RepresentationPrecision precision) {
  const at::NoGradGuard no_gradients;
  encoder.set_training(false);
  static const std::vector<std::string> kFields = {"rgb"};
  std::vector<at::Tensor> parts;
  for (std::size_t first = 0; first < positions.size(); first += kEncodingBatch) {
    std::vector<at::Tensor> images;
    for (std::size_t i = first; i < std::min(positions.size(), first + kEncodingBatch); ++i) {
      images.push_back(source.encoder_input(store.read(positions[i], kFields)));
    }
    parts.push_back(encoder.forward(at::stack(images).to(device)).to(stored_type(precision)).to(at::kCPU, at::kFloat));
  }
  return {source.info().name, positions, parts.empty() ? at::Tensor() : at::cat(parts).contiguous()};
}

at::Tensor of_examples(const Representations& representations, const train::TensorSet& set) {
  const at::Tensor& values = representations.values;
  if (set.sample_indices.empty()) return values;
  std::vector<std::int64_t> rows;
  for (const std::int64_t position : set.sample_indices) {
    const auto it = std::lower_bound(representations.indices.begin(), representations.indices.end(), position);
    AFFINIS_ASSERT(it != representations.indices.end() && *it == position);
    rows.push_back(it - representations.indices.begin());
  }
  const auto examples = static_cast<std::int64_t>(set.indices.size());
  return at::index_select(values, 0, at::tensor(rows, at::kLong))
      .view({examples, static_cast<std::int64_t>(rows.size()) / examples, values.size(1), values.size(2), values.size(3)});
}

void write_representations(const std::filesystem::path& path, const Representations& representations,
                           RepresentationPrecision precision) {
  const at::Tensor values = representations.values.to(stored_type(precision)).contiguous();
  const auto* bytes = static_cast<const std::byte*>(values.const_data_ptr());
  data::ArrayFile file;
  file.kind = "representations";
  file.attributes = {{"source", representations.source}};
  file.arrays["index"] = data::Array::of(representations.indices);
  file.arrays["values"] = {precision == RepresentationPrecision::kHalf ? data::ArrayType::kF16 : data::ArrayType::kF32,
                           values.sizes().vec(),
                           {bytes, bytes + values.nbytes()}};
  data::write_array_file(path, file);
}

Representations read_representations(const std::filesystem::path& path) {
  const data::ArrayFile file = data::read_array_file(path, "representations");
  const data::Array& stored = file.array("values", path);
  const bool half = stored.type == data::ArrayType::kF16;
  AFFINIS_CHECK((half || stored.type == data::ArrayType::kF32) && stored.shape.size() == 4, ErrorCode::kFormat,
                "{}: the representations are not four-dimensional half or single precision; make the file anew", path.string());
  at::Tensor values = at::empty(stored.shape, at::TensorOptions().dtype(half ? at::kHalf : at::kFloat));
  std::memcpy(values.mutable_data_ptr(), stored.bytes.data(), stored.bytes.size());
  const auto index = file.array("index", path).as<std::int64_t>();
  return {file.attributes.value("source", ""), {index.begin(), index.end()}, values.to(at::kFloat)};
}

}  // namespace affinis::transfer
