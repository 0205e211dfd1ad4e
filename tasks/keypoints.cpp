// Points that stand out: in the image, or as landmarks on surfaces.

#include <algorithm>

#include <ATen/ops/empty.h>

#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/pictures.h"
#include "tasks/depth_mask.h"
#include "tasks/families.h"

namespace affinis::tasks {
namespace {

/// Responses of the blob detector are shares of 65535 and rarely above this one (Taskonomy's range). The detector's filters are
/// normalised by their area, so the range does not depend on the image's side.
constexpr float kGreatestBlob = 0.005F;

/// The stored response, a 16-bit share, from [0, greatest] to [-1, 1]; what is above is clipped.
void scaled_shares(std::span<const std::uint16_t> stored, float greatest, float* out) {
  const float scale = 2 / (65535 * greatest);
  for (std::size_t i = 0; i < stored.size(); ++i) out[i] = std::min(static_cast<float>(stored[i]) * scale, 2.0F) - 1;
}

class KeypointTask : public task::DenseTask {
 public:
  KeypointTask(task::TaskInfo info, const task::TaskContext& context)
      : DenseTask(std::move(info), task::error_metrics(0.5), context, 1, nn::OutputActivation::kTanh) {}

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    return task::scalar_picture(target, mask, -1, 1);
  }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override { return task::scalar_picture(prediction, {}, -1, 1); }
};

class Keypoint2d final : public KeypointTask {
 public:
  explicit Keypoint2d(const task::TaskContext& context) : KeypointTask(describe(), context) {}

  static task::TaskInfo describe() {
    return {.name = "keypoint2d",
            .aliases = {"keypoints2d"},
            .display_name = "2D Keypoints",
            .family = "2d",
            .fields = {"rgb", "keypoints2d"},
            .head = "dense",
            .loss = "L1",
            .metrics = task::error_metrics(0.5).infos,
            .doc = "response of a blob detector at every pixel, clipped at 0.005 and scaled to [-1, 1]"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    at::Tensor target = at::empty({1, side(), side()}, at::TensorOptions().dtype(at::kFloat));
    scaled_shares(image_field(samples, "keypoints2d").as<std::uint16_t>(), kGreatestBlob, target.mutable_data_ptr<float>());
    return {task::image_input(samples.front()), target, {}};
  }
};

class Keypoint3d final : public KeypointTask {
 public:
  explicit Keypoint3d(const task::TaskContext& context) : KeypointTask(describe(), context) {}

  static task::TaskInfo describe() {
    return {.name = "keypoint3d",
            .aliases = {"keypoints3d", "keypoint"},
            .display_name = "3D Keypoints",
            .family = "3d",
            .fields = {"rgb", "keypoints3d", "depth_zbuffer"},
            .head = "dense",
            .loss = "masked L1",
            .metrics = task::error_metrics(0.5).infos,
            .doc = "interest of the surface as a landmark (borders of depth, changes of the surface), from [0, 1] to [-1, 1]"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    at::Tensor target = at::empty({1, side(), side()}, at::TensorOptions().dtype(at::kFloat));
    scaled_shares(image_field(samples, "keypoints3d").as<std::uint16_t>(), 1, target.mutable_data_ptr<float>());
    const auto depths = image_field(samples, "depth_zbuffer").as<std::uint16_t>();
    at::Tensor mask = at::empty({1, side(), side()}, at::TensorOptions().dtype(at::kFloat));
    auto* valid = mask.mutable_data_ptr<float>();
    for (std::size_t i = 0; i < depths.size(); ++i) valid[i] = depths[i] < kFirstInvalidDepth ? 1.0F : 0.0F;
    return {task::image_input(samples.front()), target, mask};
  }
};

}  // namespace

void register_keypoint_tasks(task::TaskRegistry& registry) {
  register_type<Keypoint2d>(registry);
  register_type<Keypoint3d>(registry);
}

}  // namespace affinis::tasks
