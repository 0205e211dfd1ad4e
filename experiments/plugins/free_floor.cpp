// A plug-in: what share of the view is floor? One number in [0, 1] per image, learnt by least squares.

#include <algorithm>
#include <cmath>

#include <ATen/ops/full.h>

#include "framework/core/error.h"
#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/losses.h"
#include "framework/task/plugin.h"

namespace {

namespace data = affinis::data;
namespace nn = affinis::nn;
namespace task = affinis::task;

constexpr const char* kName = "free_floor";
constexpr const char* kFloor = "floor";

task::TaskInfo describe() {
  return {.name = kName,
          .aliases = {},
          .display_name = "Free Floor",
          .family = "semantic",
          .fields = {"rgb", "semantic"},
          .head = "vector",
          .loss = "squared error",
          .metrics = task::error_metrics(1).infos,
          .doc = "share of the view that is floor, in [0, 1]"};
}

class FreeFloor final : public task::Task {
 public:
  explicit FreeFloor(const task::TaskContext& context) : info_(describe()), side_(context.image_side) {
    const std::vector<std::string>& names = task::vocabulary_of(context, "semantic", kName, 1);
    const auto found = std::find(names.begin(), names.end(), kFloor);
    AFFINIS_CHECK(found != names.end(), affinis::ErrorCode::kData,
                  "task '{}' needs a class '{}' in the data set's vocabulary 'semantic'; use it with data that tells floors apart", kName,
                  kFloor);
    floor_ = static_cast<std::uint8_t>(found - names.begin());
  }

  const task::TaskInfo& info() const override { return info_; }

  task::Example example(std::span<const data::Sample> samples, affinis::RandomStream&) const override {
    const auto labels = samples.front().field("semantic").as<std::uint8_t>();
    const auto floor = std::count(labels.begin(), labels.end(), floor_);
    const double share = static_cast<double>(floor) / static_cast<double>(labels.size());
    return {task::image_input(samples.front()), at::full({1}, share, at::kFloat), {}};
  }

  std::vector<std::int64_t> prediction_shape() const override { return {1}; }

  std::unique_ptr<nn::Module> make_head(const task::HeadInput& input) const override {
    return task::make_fully_connected_head(input, 1);
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::squared_error(prediction, batch.target, batch.mask);
  }

  std::unique_ptr<task::MetricAccumulator> make_metrics() const override { return task::error_metrics(1).make(); }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor&) const override { return gauge(target.item<double>()); }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override { return gauge(prediction.item<double>()); }

 private:
  /// A picture that is as full as the floor is wide.
  data::Image gauge(double share) const {
    const int size = static_cast<int>(side_);
    data::Image picture(size, size, 225);
    const int filled = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * size));
    for (int y = size - filled; y < size; ++y) {
      for (int x = 0; x < size; ++x) data::scalar_colour(share, picture.at(x, y));
    }
    return picture;
  }

  task::TaskInfo info_;
  std::int64_t side_;
  std::uint8_t floor_ = 0;
};

void register_free_floor(task::TaskRegistry& registry) {
  task::register_task(registry,
                      {describe(), [](const task::TaskContext& context) { return std::make_shared<const FreeFloor>(context); }});
}

}  // namespace

AFFINIS_PLUGIN(register_free_floor)
