// Whether two views look at the same point.

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/softmax.h>

#include "framework/task/losses.h"
#include "framework/task/pictures.h"
#include "tasks/families.h"
#include "tasks/vector_task.h"
#include "tasks/view_metrics.h"

namespace affinis::tasks {
namespace {

class PointMatch final : public VectorTask {
 public:
  explicit PointMatch(const task::TaskContext& context)
      : VectorTask(describe(), matching_metrics(), context, {.outputs = 2, .layers = 2, .hidden = 256}) {}

  static task::TaskInfo describe() {
    return {.name = "point_match",
            .aliases = {"point_matching"},
            .display_name = "Matching",
            .family = "geometric",
            .arity = 2,
            .partners = task::Partners::kMatchOrNot,
            .fields = {"rgb", "fixation"},
            .head = "vector",
            .loss = "cross-entropy",
            .metrics = matching_metrics().infos,
            .doc = "whether both views look at the same point of the same scene, as logits of no and yes"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    at::Tensor images = images_of(samples);
    const data::SampleKey& first = samples[0].key;
    const data::SampleKey& second = samples[1].key;
    const std::int32_t point = samples[0].field("fixation").as<std::int32_t>().front();
    const std::int32_t other_point = samples[1].field("fixation").as<std::int32_t>().front();
    const bool same_scene = first.building == second.building && first.scene == second.scene;
    const bool match = same_scene && point == other_point && point >= 0;
    // Within a scene, a view whose point is not known may match or not.
    const bool known = !same_scene || (point >= 0 && other_point >= 0);
    return {std::move(images), at::scalar_tensor(match ? 1 : 0, at::kLong), at::scalar_tensor(known ? 1.0 : 0.0, at::kFloat)};
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::cross_entropy(prediction, batch.target, batch.mask);
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    std::vector<double> shares(2, 0.0);
    if (!mask.defined() || mask.item<float>() != 0) shares.at(static_cast<std::size_t>(target.item<std::int64_t>())) = 1;
    return task::ranked_classes_picture(shares, names(), picture_side());
  }

  data::Image picture_of_prediction(const at::Tensor& prediction) const override {
    return task::ranked_classes_picture(numbers_of(at::softmax(prediction.detach().to(at::kCPU, at::kDouble), 0)), names(), picture_side());
  }

 private:
  static const std::vector<std::string>& names() {
    static const std::vector<std::string> names = {"another point", "same point"};
    return names;
  }
};

}  // namespace

void register_matching_tasks(task::TaskRegistry& registry) { register_type<PointMatch>(registry); }

}  // namespace affinis::tasks
