// Distances from the camera.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <ATen/ops/empty.h>

#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/pictures.h"
#include "tasks/depth_mask.h"
#include "tasks/families.h"

namespace affinis::tasks {
namespace {

constexpr double kUnitsPerMetre = 512;
/// ln 65536: what scales the logarithm of a 16-bit depth to [0, 1].
const double kLogRange = std::log(65536.0);
/// What pictures show, in metres: from here ...
constexpr double kNearest = 0.25;
/// ... to there.
constexpr double kFarthest = 16;

/// A stored depth as networks see it: ln(1 + depth) / ln 65536, by depth.
const std::vector<float>& network_depths() {
  static const std::vector<float> table = [] {
    std::vector<float> values(65536);
    for (std::size_t depth = 0; depth < values.size(); ++depth) {
      values[depth] = static_cast<float>(std::log1p(static_cast<double>(depth)) / kLogRange);
    }
    return values;
  }();
  return table;
}

/// The inverse, in metres; predictions beyond the range count as its ends.
double metres(float network_depth) {
  const double share = std::clamp(static_cast<double>(network_depth), 0.0, 1.0);
  return std::expm1(share * kLogRange) / kUnitsPerMetre;
}

float network_depth_of(double distance) { return static_cast<float>(std::log1p(distance * kUnitsPerMetre) / kLogRange); }

/// Distances of the named field; valid is what the z-depth says for both kinds, as in the original.
class DistanceTask : public task::DenseTask {
 public:
  DistanceTask(task::TaskInfo info, const task::TaskContext& context, std::string field)
      : DenseTask(std::move(info), task::depth_metrics(&metres), context, 1, nn::OutputActivation::kTanh), field_(std::move(field)) {}

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    const auto distances = image_field(samples, field_).as<std::uint16_t>();
    const auto depths = image_field(samples, "depth_zbuffer").as<std::uint16_t>();
    at::Tensor target = at::empty({1, side(), side()}, at::TensorOptions().dtype(at::kFloat));
    at::Tensor mask = at::empty({1, side(), side()}, at::TensorOptions().dtype(at::kFloat));
    auto* value = target.mutable_data_ptr<float>();
    auto* valid = mask.mutable_data_ptr<float>();
    const float* table = network_depths().data();
    for (std::size_t i = 0; i < depths.size(); ++i) {
      value[i] = table[distances[i]];
      valid[i] = depths[i] < kFirstInvalidDepth ? 1.0F : 0.0F;
    }
    return {task::image_input(samples.front()), target, mask};
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    return task::scalar_picture(target, mask, network_depth_of(kNearest), network_depth_of(kFarthest));
  }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override { return picture_of_target(prediction, {}); }

 private:
  std::string field_;
};

class ZDepth final : public DistanceTask {
 public:
  explicit ZDepth(const task::TaskContext& context) : DistanceTask(describe(), context, "depth_zbuffer") {}

  static task::TaskInfo describe() {
    return {.name = "rgb2depth",
            .aliases = {"depth_zbuffer", "depth"},
            .display_name = "Z-Depth",
            .family = "3d",
            .fields = {"rgb", "depth_zbuffer"},
            .head = "dense",
            .loss = "masked L1",
            .metrics = task::depth_metrics(&metres).infos,
            .doc = "logarithm of the distance along the viewing direction: ln(1 + 512 z) / ln 65536, z in metres, in [0, 1]"};
  }
};

class EuclideanDistance final : public DistanceTask {
 public:
  explicit EuclideanDistance(const task::TaskContext& context) : DistanceTask(describe(), context, "depth_euclidean") {}

  static task::TaskInfo describe() {
    return {.name = "rgb2mist",
            .aliases = {"depth_euclidean", "mist", "distance"},
            .display_name = "Distance",
            .family = "3d",
            .fields = {"rgb", "depth_euclidean", "depth_zbuffer"},
            .head = "dense",
            .loss = "masked L1",
            .metrics = task::depth_metrics(&metres).infos,
            .doc = "logarithm of the distance from the camera's centre: ln(1 + 512 d) / ln 65536, d in metres, in [0, 1]"};
  }
};

}  // namespace

void register_depth_tasks(task::TaskRegistry& registry) {
  register_type<ZDepth>(registry);
  register_type<EuclideanDistance>(registry);
}

}  // namespace affinis::tasks
