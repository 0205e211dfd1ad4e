// The scene under another light.

#include <ATen/ops/empty.h>

#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/pictures.h"
#include "tasks/depth_mask.h"
#include "tasks/families.h"

namespace affinis::tasks {
namespace {

class Reshade final : public task::DenseTask {
 public:
  explicit Reshade(const task::TaskContext& context)
      : DenseTask(describe(), task::error_metrics(0.5), context, 1, nn::OutputActivation::kTanh) {}

  static task::TaskInfo describe() {
    return {.name = "reshade",
            .aliases = {"reshading"},
            .display_name = "Reshading",
            .family = "3d",
            .fields = {"rgb", "reshading", "depth_zbuffer"},
            .head = "dense",
            .loss = "masked L1",
            .metrics = task::error_metrics(0.5).infos,
            .doc = "brightness of the white-painted scene under a single light at the camera, in [-1, 1]"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    const auto shades = image_field(samples, "reshading").as<std::uint8_t>();
    const auto depths = image_field(samples, "depth_zbuffer").as<std::uint16_t>();
    at::Tensor target = at::empty({1, side(), side()}, at::TensorOptions().dtype(at::kFloat));
    at::Tensor mask = at::empty({1, side(), side()}, at::TensorOptions().dtype(at::kFloat));
    task::bytes_to_planes(shades.data(), side() * side(), 1, target.mutable_data_ptr<float>());
    auto* valid = mask.mutable_data_ptr<float>();
    for (std::size_t i = 0; i < depths.size(); ++i) valid[i] = depths[i] < kFirstInvalidDepth ? 1.0F : 0.0F;
    return {task::image_input(samples.front()), target, mask};
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    return task::grey_picture(target, mask, -1, 1);
  }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override { return task::grey_picture(prediction, {}, -1, 1); }
};

}  // namespace

void register_shading_tasks(task::TaskRegistry& registry) { register_type<Reshade>(registry); }

}  // namespace affinis::tasks
