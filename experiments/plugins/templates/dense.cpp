// New Task: a plug-in task for Affinis with one prediction a pixel.

#include <algorithm>
#include <cmath>
#include <span>

#include <ATen/ops/empty.h>

#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/pictures.h"
#include "framework/task/plugin.h"

namespace {

namespace data = affinis::data;
namespace nn = affinis::nn;
namespace task = affinis::task;

// ---- Edit from here: what is predicted. As it is: the height of every pixel above the floor. ----------------------------------------

constexpr double kHighest = 3;  // metres; what lies higher counts as that high

task::TaskInfo describe() {
  return {.name = "new_task",
          .aliases = {},
          .display_name = "New Task",
          .family = "3d",                                                  // 2d, 3d, geometric or semantic
          .fields = {"rgb", "depth_zbuffer", "camera", "room_box"},        // what label() reads; 'affinis data show' lists all
          .head = "dense",
          .loss = "masked L1",
          .metrics = task::error_metrics(kHighest / 2, "m").infos,
          .doc = "height above the floor of what each pixel sees, 0 to 3 m as -1 to 1"};
}

/// Writes each pixel's target, in [-1, 1], and whether it has one (1 or 0); both are row-major images of side x side pixels.
void label(const data::Sample& sample, std::int64_t side, float* target, float* mask) {
  const auto depth = sample.field("depth_zbuffer").as<std::uint16_t>();
  const auto camera = sample.field("camera").as<double>();  // location (3), rotation from world to camera (9), field of view (1)
  const double floor = sample.field("room_box").as<double>()[2];
  const double focal = static_cast<double>(side) / 2 / std::tan(camera[12] / 2);
  constexpr std::uint16_t kNoDepth = 65535;
  constexpr double kDepthUnit = 1.0 / 512;
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      const auto pixel = static_cast<std::size_t>(y * side + x);
      const bool valid = depth[pixel] != kNoDepth;
      const double along = valid ? depth[pixel] * kDepthUnit : 0;
      const double right = (static_cast<double>(x) + 0.5 - static_cast<double>(side) / 2) / focal * along;
      const double down = (static_cast<double>(y) + 0.5 - static_cast<double>(side) / 2) / focal * along;
      // The rotation's columns are the world's axes as the camera sees them: the third is up.
      const double height = camera[2] + camera[5] * right + camera[8] * down + camera[11] * along - floor;
      target[pixel] = static_cast<float>(2 * std::clamp(height / kHighest, 0.0, 1.0) - 1);
      mask[pixel] = valid ? 1.0F : 0.0F;
    }
  }
}

data::Image picture(const at::Tensor& values, const at::Tensor& mask) { return task::scalar_picture(values, mask, -1, 1); }

// ---- To here. Below is what every dense task needs. ------------------------------------------------------------------------------------

class NewTask final : public task::DenseTask {
 public:
  explicit NewTask(const task::TaskContext& context)
      : DenseTask(describe(), task::error_metrics(kHighest / 2, "m"), context, 1, nn::OutputActivation::kTanh) {}

  task::Example example(std::span<const data::Sample> samples, affinis::RandomStream&) const override {
    at::Tensor target = at::empty({1, side(), side()}, at::kFloat);
    at::Tensor mask = at::empty({1, side(), side()}, at::kFloat);
    label(samples.front(), side(), target.mutable_data_ptr<float>(), mask.mutable_data_ptr<float>());
    return {task::image_input(samples.front()), target, mask};
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override { return picture(target, mask); }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override { return picture(prediction, {}); }
};

void register_tasks(task::TaskRegistry& registry) {
  task::register_task(registry, {describe(), [](const task::TaskContext& context) { return std::make_shared<const NewTask>(context); }});
}

}  // namespace

AFFINIS_PLUGIN(register_tasks)
