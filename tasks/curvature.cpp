// How surfaces bend.

#include <ATen/ATen.h>

#include "framework/data/field.h"
#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/losses.h"
#include "framework/task/pictures.h"
#include "tasks/depth_mask.h"
#include "tasks/families.h"

namespace affinis::tasks {
namespace {

/// Mean and deviation of the two stored channels over Taskonomy, which standardises with them (Zamir et al. 2018).
constexpr float kMean[2] = {123.572F, 120.1F};
constexpr float kDeviation[2] = {31.922F, 21.658F};
/// Mean curvature (1/m) that pictures show in full colour: a radius of 10 cm.
constexpr float kReach = 10;

/// [..., 2, H, W] network values in 1/m.
at::Tensor per_metre(const at::Tensor& values) {
  const data::FieldSpec& spec = data::field_spec("principal_curvature");
  at::Tensor result = values.detach().to(at::kCPU, at::kDouble).clone();
  for (int channel = 0; channel < 2; ++channel) {
    at::Tensor plane = result.select(-3, channel);
    plane.mul_(kDeviation[channel] * spec.scale).add_(kMean[channel] * spec.scale + spec.offset);
  }
  return result;
}

/// Errors in 1/m, both channels alike.
class CurvatureMetrics final : public task::MetricAccumulator {
 public:
  void add(const at::Tensor& prediction, const task::Batch& batch) override {
    task::Batch physical = batch;
    physical.target = per_metre(batch.target);
    errors_->add(per_metre(prediction), physical);
  }
  std::vector<double> result() const override { return errors_->result(); }

 private:
  std::unique_ptr<task::MetricAccumulator> errors_ = task::error_metrics(1).make();
};

task::MetricSet curvature_metrics() {
  return {task::error_metrics(1, "1/m").infos, [] { return std::make_unique<CurvatureMetrics>(); }};
}

class Curvature final : public task::DenseTask {
 public:
  /// The original squashes its output with tanh, so that curvature beyond one deviation is out of reach.
  explicit Curvature(const task::TaskContext& context)
      : DenseTask(describe(), curvature_metrics(), context, 2,
                  context.paper_compatible ? nn::OutputActivation::kTanh : nn::OutputActivation::kLinear) {}

  static task::TaskInfo describe() {
    return {.name = "curvature",
            .aliases = {"principal_curvature"},
            .display_name = "Curvature",
            .family = "3d",
            .fields = {"rgb", "principal_curvature", "depth_zbuffer"},
            .head = "dense",
            .loss = "masked squared error",
            .metrics = curvature_metrics().infos,
            .doc = "greater and lesser principal curvature of the visible surface, standardised with Taskonomy's mean and deviation"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    constexpr std::uint8_t kNoCurvature = 255;
    const auto stored = image_field(samples, "principal_curvature").as<std::uint8_t>();
    const auto depths = image_field(samples, "depth_zbuffer").as<std::uint16_t>();
    at::Tensor target = at::empty({2, side(), side()}, at::TensorOptions().dtype(at::kFloat));
    at::Tensor mask = at::empty({1, side(), side()}, at::TensorOptions().dtype(at::kFloat));
    auto* greater = target.mutable_data_ptr<float>();
    float* lesser = greater + side() * side();
    auto* valid = mask.mutable_data_ptr<float>();
    for (std::size_t i = 0; i < depths.size(); ++i) {
      const std::uint8_t first = stored[2 * i];
      const std::uint8_t second = stored[2 * i + 1];
      greater[i] = (first - kMean[0]) / kDeviation[0];
      lesser[i] = (second - kMean[1]) / kDeviation[1];
      const bool missing = first == kNoCurvature && second == kNoCurvature;
      valid[i] = depths[i] < kFirstInvalidDepth && !missing ? 1.0F : 0.0F;
    }
    return {task::image_input(samples.front()), target, mask};
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::squared_error(prediction, batch.target, batch.mask);
  }

  /// Mean curvature: what bulges towards the camera is red, hollows are blue, white is flat or a saddle.
  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    return task::signed_picture(per_metre(target).mean(0, true), mask, kReach);
  }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override { return picture_of_target(prediction, {}); }
};

}  // namespace

void register_curvature_tasks(task::TaskRegistry& registry) { register_type<Curvature>(registry); }

}  // namespace affinis::tasks
