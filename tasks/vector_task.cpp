#include "tasks/vector_task.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>

#include "framework/core/error.h"
#include "framework/nn/networks.h"
#include "framework/task/image_input.h"

namespace affinis::tasks {

VectorTask::VectorTask(task::TaskInfo info, task::MetricSet metrics, const task::TaskContext& context, VectorHead head)
    : info_(std::move(info)), metrics_(std::move(metrics)), side_(context.image_side), head_(head) {
  info_.metrics = metrics_.infos;
}

std::unique_ptr<nn::Module> VectorTask::make_head(const task::HeadInput& input) const {
  constexpr std::int64_t kPaperWidth = 64;
  return nn::make_vector_head({.input_features = input.channels * input.side * input.side,
                               .outputs = head_.outputs,
                               .layers = head_.layers,
                               .hidden = std::max<std::int64_t>(1, head_.hidden * input.width / kPaperWidth),
                               .batch_norm = head_.batch_norm});
}

void VectorTask::check_count(std::span<const data::Sample> samples) const {
  AFFINIS_CHECK(static_cast<std::int64_t>(samples.size()) == info_.sample_count(), ErrorCode::kInternal,
                "task '{}' makes an example from {} samples, not from {}", info_.name, info_.sample_count(), samples.size());
}

at::Tensor VectorTask::images_of(std::span<const data::Sample> samples) const {
  check_count(samples);
  if (samples.size() == 1) return task::image_input(samples.front());
  std::vector<at::Tensor> images;
  for (const data::Sample& sample : samples) {
    images.push_back(task::image_input(sample));
    AFFINIS_CHECK(images.back().size(1) == images.front().size(1), ErrorCode::kData,
                  "samples {} and {} have images of different sides ({} and {}); import them at one size", samples.front().key.name(),
                  sample.key.name(), images.front().size(1), images.back().size(1));
  }
  return at::stack(images);
}

at::Tensor vector_tensor(std::span<const double> numbers) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(numbers.size())}, at::TensorOptions().dtype(at::kFloat));
  std::transform(numbers.begin(), numbers.end(), static_cast<float*>(tensor.mutable_data_ptr()),
                 [](double number) { return static_cast<float>(number); });
  return tensor;
}

at::Tensor all_valid(std::int64_t count) { return at::ones({count}, at::TensorOptions().dtype(at::kFloat)); }

std::vector<double> numbers_of(const at::Tensor& tensor) {
  const at::Tensor plain = tensor.detach().to(at::kCPU, at::kDouble).contiguous();
  return {plain.const_data_ptr<double>(), plain.const_data_ptr<double>() + plain.numel()};
}

}  // namespace affinis::tasks
