// New Task: a plug-in task for Affinis with a few numbers about three views at once.

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <span>
#include <vector>

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/losses.h"
#include "framework/task/plugin.h"

namespace {

namespace data = affinis::data;
namespace nn = affinis::nn;
namespace task = affinis::task;

// ---- Edit from here: which triplets, and the numbers. As it is: how far the camera went from the first view to the second to the third. --

constexpr std::int64_t kViews = 3;  // any number from 2 on
constexpr std::int64_t kNumbers = 2;
constexpr double kUnit = 2;  // metres that a target of 1 stands for: networks learn numbers around 1 best

task::TaskInfo describe() {
  return {.name = "new_task",
          .aliases = {},
          .display_name = "New Task",
          .family = "geometric",  // 2d, 3d, geometric or semantic
          .arity = kViews,
          .partners = task::Partners::kFixated,  // views of one point; kScene, kOverlapping: see framework/task/task.h
          .fields = {"rgb", "camera"},           // what label() reads; 'affinis data show' lists all
          .head = "vector",
          .loss = "squared error",
          .metrics = task::error_metrics(kUnit, "m").infos,
          .doc = "distance from the first camera to the second, and from there to the third, in units of 2 m"};
}

/// The numbers of one triplet; nothing when it has none, and is not learnt from or tested on.
std::optional<std::array<double, kNumbers>> label(std::span<const data::Sample> views) {
  std::array<double, kNumbers> distances{};
  for (std::size_t i = 0; i < distances.size(); ++i) {
    const auto from = views[i].field("camera").as<double>();  // location (3), rotation from world to camera (9), field of view (1)
    const auto to = views[i + 1].field("camera").as<double>();
    distances[i] = std::hypot(to[0] - from[0], to[1] - from[1], to[2] - from[2]) / kUnit;
  }
  return distances;
}

// ---- To here. Below is what every regression on several views needs. -------------------------------------------------------------------

class NewTask final : public task::Task {
 public:
  explicit NewTask(const task::TaskContext& context) : info_(describe()), side_(context.image_side) {}

  const task::TaskInfo& info() const override { return info_; }

  task::Example example(std::span<const data::Sample> samples, affinis::RandomStream&) const override {
    std::vector<at::Tensor> images;
    for (const data::Sample& sample : samples) images.push_back(task::image_input(sample));
    const std::optional<std::array<double, kNumbers>> found = label(samples);
    at::Tensor target = at::empty({kNumbers}, at::kFloat);
    for (std::int64_t i = 0; i < kNumbers; ++i) {
      target.mutable_data_ptr<float>()[i] = found ? static_cast<float>((*found)[static_cast<std::size_t>(i)]) : 0.0F;
    }
    return {at::stack(images), target, at::full({1}, found ? 1.0 : 0.0, at::kFloat)};
  }

  std::vector<std::int64_t> prediction_shape() const override { return {kNumbers}; }

  /// The views' representations come one behind the other along the channels.
  std::unique_ptr<nn::Module> make_head(const task::HeadInput& input) const override {
    return task::make_fully_connected_head(input, kNumbers, 3);
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::squared_error(prediction, batch.target, batch.mask);
  }

  std::unique_ptr<task::MetricAccumulator> make_metrics() const override { return task::error_metrics(kUnit, "m").make(); }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor&) const override { return bars(target); }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override { return bars(prediction); }

 private:
  /// One upright bar a number; 2 fills the picture.
  data::Image bars(const at::Tensor& numbers) const {
    constexpr double kTop = 2;
    const int size = static_cast<int>(side_);
    data::Image image(size, size, 225);
    for (int x = 0; x < size; ++x) {
      const double value = numbers[x * kNumbers / size].item<double>() / kTop;
      const int filled = static_cast<int>(std::lround(std::clamp(value, 0.0, 1.0) * size));
      for (int y = size - filled; y < size; ++y) data::scalar_colour(std::clamp(value, 0.0, 1.0), image.at(x, y));
    }
    return image;
  }

  task::TaskInfo info_;
  std::int64_t side_;
};

void register_tasks(task::TaskRegistry& registry) {
  task::register_task(registry, {describe(), [](const task::TaskContext& context) { return std::make_shared<const NewTask>(context); }});
}

}  // namespace

AFFINIS_PLUGIN(register_tasks)
