// Orientation of surfaces.

#include <ATen/ops/empty.h>

#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/pictures.h"
#include "tasks/depth_mask.h"
#include "tasks/families.h"

namespace affinis::tasks {
namespace {

class SurfaceNormal final : public task::DenseTask {
 public:
  explicit SurfaceNormal(const task::TaskContext& context)
      : DenseTask(describe(), task::normal_metrics(), context, 3, nn::OutputActivation::kTanh) {}

  static task::TaskInfo describe() {
    return {.name = "rgb2sfnorm",
            .aliases = {"normal"},
            .display_name = "Normals",
            .family = "3d",
            .fields = {"rgb", "normal", "depth_zbuffer"},
            .head = "dense",
            .loss = "masked L1",
            .metrics = task::normal_metrics().infos,
            .doc = "unit normal of the visible surface in the camera's frame (+x right, +y down, +z forward), components in [-1, 1]"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    constexpr std::uint8_t kNoNormal = 128;
    const auto normals = image_field(samples, "normal").as<std::uint8_t>();
    const auto depths = image_field(samples, "depth_zbuffer").as<std::uint16_t>();
    at::Tensor target = at::empty({3, side(), side()}, at::TensorOptions().dtype(at::kFloat));
    at::Tensor mask = at::empty({1, side(), side()}, at::TensorOptions().dtype(at::kFloat));
    task::bytes_to_planes(normals.data(), side() * side(), 3, target.mutable_data_ptr<float>());
    auto* valid = mask.mutable_data_ptr<float>();
    const std::uint8_t* normal = normals.data();
    for (std::size_t i = 0; i < depths.size(); ++i, normal += 3) {
      const bool missing = normal[0] == kNoNormal && normal[1] == kNoNormal && normal[2] == kNoNormal;
      valid[i] = depths[i] < kFirstInvalidDepth && !missing ? 1.0F : 0.0F;
    }
    return {task::image_input(samples.front()), target, mask};
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    return task::normal_picture(target, mask);
  }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override { return task::normal_picture(prediction, {}); }
};

}  // namespace

void register_normal_tasks(task::TaskRegistry& registry) { register_type<SurfaceNormal>(registry); }

}  // namespace affinis::tasks
