#include "transfer/loss_file.h"

#include "framework/core/error.h"
#include "framework/data/array_file.h"

namespace affinis::transfer {

void write_loss_file(const std::filesystem::path& path, const LossFile& file) {
  AFFINIS_ASSERT(file.indices.size() == file.losses.size());
  data::ArrayFile arrays;
  arrays.kind = "losses";
  arrays.attributes = {{"task", file.task}, {"network", file.network}};
  arrays.arrays["index"] = data::Array::of(file.indices);
  arrays.arrays["loss"] = data::Array::of(file.losses, {static_cast<std::int64_t>(file.losses.size())});
  data::write_array_file(path, arrays);
}

LossFile read_loss_file(const std::filesystem::path& path) {
  const data::ArrayFile arrays = data::read_array_file(path, "losses");
  const auto index = arrays.array("index", path).as<std::int64_t>();
  const auto loss = arrays.array("loss", path).as<double>();
  AFFINIS_CHECK(index.size() == loss.size(), ErrorCode::kFormat, "{}: {} losses for {} images; make the file anew",
                path.string(), loss.size(), index.size());
  return {arrays.attributes.value("task", ""), arrays.attributes.value("network", ""), {index.begin(), index.end()},
          {loss.begin(), loss.end()}};
}

}  // namespace affinis::transfer
