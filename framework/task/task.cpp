#include "framework/task/task.h"

#include <cmath>

#include <ATen/ATen.h>

#include "framework/core/error.h"
#include "framework/task/image_input.h"
#include "framework/task/pictures.h"

namespace affinis::task {
namespace {

Batch rows_of(const Batch& batch, const std::vector<std::int64_t>& rows, const at::Tensor& index) {
  const auto pick = [&](const at::Tensor& tensor) { return tensor.defined() ? tensor.index_select(0, index) : tensor; };
  Batch result{pick(batch.input), pick(batch.target), pick(batch.mask), {}, {}};
  if (!batch.indices.empty()) {
    for (const std::int64_t row : rows) result.indices.push_back(batch.indices.at(static_cast<std::size_t>(row)));
  }
  return result;
}

}  // namespace

Batch collate(std::span<const Example> examples, std::span<const std::int64_t> indices) {
  AFFINIS_CHECK(!examples.empty() && examples.size() == indices.size(), ErrorCode::kInternal,
                "{} examples and {} indices do not make a batch", examples.size(), indices.size());
  std::vector<at::Tensor> inputs;
  std::vector<at::Tensor> targets;
  std::vector<at::Tensor> masks;
  const Example& first = examples.front();
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const Example& example = examples[i];
    AFFINIS_CHECK(example.input.defined() && example.target.defined(), ErrorCode::kInternal,
                  "example {} of the batch has no {}; the task's example() must fill it", i,
                  example.input.defined() ? "target" : "input");
    AFFINIS_CHECK(example.mask.defined() == first.mask.defined(), ErrorCode::kInternal,
                  "example {} of the batch has {} mask, unlike the first; the task's example() must always fill it or never", i,
                  example.mask.defined() ? "a" : "no");
    AFFINIS_CHECK(example.input.sizes() == first.input.sizes() && example.target.sizes() == first.target.sizes(), ErrorCode::kInternal,
                  "example {} of the batch has an input of the shape {} and a target of the shape {}, the first {} and {}", i,
                  c10::str(example.input.sizes()), c10::str(example.target.sizes()), c10::str(first.input.sizes()),
                  c10::str(first.target.sizes()));
    inputs.push_back(example.input);
    targets.push_back(example.target);
    if (example.mask.defined()) masks.push_back(example.mask);
  }
  return {at::stack(inputs), at::stack(targets), masks.empty() ? at::Tensor() : at::stack(masks), {indices.begin(), indices.end()}, {}};
}

at::Tensor Task::encoder_input(const data::Sample& sample) const { return image_input(sample); }

at::Tensor Task::loss(const at::Tensor& prediction, const Batch& batch) const {
  const at::Tensor each = per_image_loss(prediction, batch);
  const at::Tensor values = each.detach().to(at::kCPU, at::kFloat).contiguous();
  const float* value = values.const_data_ptr<float>();
  std::vector<std::int64_t> labelled;
  std::vector<std::int64_t> others;
  for (std::int64_t i = 0; i < values.numel(); ++i) (std::isnan(value[i]) ? others : labelled).push_back(i);
  if (others.empty()) return each.mean();

  // A diverged prediction makes NaN too, and that must reach the trainer.
  const auto index_of = [&](const std::vector<std::int64_t>& rows) { return at::tensor(rows, at::kLong).to(prediction.device()); };
  const at::Tensor unlabelled = prediction.detach().index_select(0, index_of(others));
  if (!at::isfinite(unlabelled).all().item<bool>()) return each.mean();
  // The sum over no rows keeps the result on the graph: its gradient is zero.
  if (labelled.empty()) return prediction.slice(0, 0, 0).sum();
  // Rows without labels are taken out before the loss: 0 / 0 has a NaN gradient even when its value is not used.
  const at::Tensor index = index_of(labelled);
  return per_image_loss(prediction.index_select(0, index), rows_of(batch, labelled, index)).mean();
}

data::Image Task::picture_of_input(const at::Tensor& input) const {
  const auto channels = input.dim() < 3 ? 0 : input.size(-3);
  AFFINIS_CHECK((input.dim() == 3 || input.dim() == 4) && (channels == 1 || channels == 3), ErrorCode::kInternal,
                "task '{}' has inputs of the shape {}, which are no images: it must override picture_of_input()", info().name,
                c10::str(input.sizes()));
  const auto one = [&](const at::Tensor& image) { return channels == 1 ? grey_picture(image, {}, -1, 1) : colour_picture(image); };
  if (input.dim() == 3) return one(input);
  // Nine tiles are seen as a square, a pair or a triplet as a row.
  const std::int64_t images = input.size(0);
  const std::int64_t columns = images > 4 ? static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(images)))) : images;
  const std::int64_t rows = (images + columns - 1) / columns;
  data::Image picture(static_cast<int>(columns * input.size(3)), static_cast<int>(rows * input.size(2)));
  for (std::int64_t i = 0; i < images; ++i) {
    data::paste(picture, one(input.select(0, i)), static_cast<int>(i % columns * input.size(3)), static_cast<int>(i / columns * input.size(2)));
  }
  return picture;
}

void register_task(TaskRegistry& registry, TaskType type) {
  const std::string name = type.info.name;
  const std::vector<std::string> aliases = type.info.aliases;
  AFFINIS_CHECK(!name.empty() && type.make, ErrorCode::kUsage, "the task '{}' ({}) has no {}; fill it before registering", name,
                type.info.display_name, name.empty() ? "name" : "make function");
  registry.add(name, aliases, std::make_shared<TaskType>(std::move(type)));
}

}  // namespace affinis::task
