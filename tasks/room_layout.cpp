// The box of the room.

#include "framework/task/losses.h"
#include "tasks/camera_geometry.h"
#include "tasks/families.h"
#include "tasks/vector_task.h"
#include "tasks/view_metrics.h"
#include "tasks/view_pictures.h"

namespace affinis::tasks {
namespace {

/// Taskonomy's constants. Rendered rooms come near enough: over 120 views of 15 of them deviations of the standardised numbers lie
/// between 0.1 and 1.2, and none exceeds 3.1. Their cameras do not roll, which makes the fifth number a constant.
constexpr ViewNumbers kMean = {0.006072743318127848,  0.010272365569691076, -3.135909774145468, 1.5603802322235532, 5.6228218371102496e-05,
                               -1.5669352793761442, 5.622875878174759,    4.082800262277375,  2.7713941642895956};
constexpr ViewNumbers kDeviation = {0.8669452525283652, 0.687915294956501, 2.080513632043758, 0.19627420479282623, 0.014680602791251812,
                                    0.4183827359302299, 3.991778013006544, 2.703495278378409, 1.2269185938626304};

std::vector<double> metric_layout(std::span<const double> numbers) {
  std::vector<double> layout(kMean.size());
  for (std::size_t i = 0; i < layout.size(); ++i) layout[i] = kMean[i] + kDeviation[i] * numbers[i];
  return layout;
}

class RoomLayout final : public VectorTask {
 public:
  explicit RoomLayout(const task::TaskContext& context) : VectorTask(describe(), layout_metrics(metric_layout), context, {.outputs = 9}) {}

  static task::TaskInfo describe() {
    return {.name = "room_layout",
            .aliases = {"layout"},
            .display_name = "Layout",
            .family = "geometric",
            .fields = {"rgb", "camera", "room_box"},
            .head = "vector",
            .loss = "mean squared error",
            .metrics = layout_metrics(metric_layout).infos,
            .doc = "the room's box in the camera's frame, standardised: centre (m), turn (static xyz angles, rad), sides (m)"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    at::Tensor image = images_of(samples);
    ViewNumbers numbers = room_layout_numbers(camera_of(samples.front()), room_box_of(samples.front()));
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = (numbers[i] - kMean[i]) / kDeviation[i];
    return {std::move(image), vector_tensor(numbers), {}};
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::squared_error(prediction, batch.target, batch.mask);
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor&) const override { return picture_of_prediction(target); }

  data::Image picture_of_prediction(const at::Tensor& prediction) const override {
    return layout_picture(metric_layout(numbers_of(prediction)), picture_side());
  }
};

}  // namespace

void register_layout_tasks(task::TaskRegistry& registry) { register_type<RoomLayout>(registry); }

}  // namespace affinis::tasks
