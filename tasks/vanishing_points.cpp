// Where the directions of the walls point.

#include "framework/task/losses.h"
#include "tasks/camera_geometry.h"
#include "tasks/families.h"
#include "tasks/vector_task.h"
#include "tasks/view_metrics.h"
#include "tasks/view_pictures.h"

namespace affinis::tasks {
namespace {

class VanishingPoints final : public VectorTask {
 public:
  explicit VanishingPoints(const task::TaskContext& context) : VectorTask(describe(), direction_metrics(), context, {.outputs = 9}) {}

  static task::TaskInfo describe() {
    return {.name = "vanishing_point",
            .aliases = {"vanishing_point_well_defined"},
            .display_name = "Vanishing Pts.",
            .family = "geometric",
            .fields = {"rgb", "camera"},
            .head = "vector",
            .loss = "mean squared error",
            .metrics = direction_metrics().infos,
            .doc = "the directions of the room's three axes in the camera's frame (+x right, +y up, looking along -z), unit vectors"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    return {images_of(samples), vector_tensor(vanishing_directions(camera_of(samples.front()))), {}};
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::squared_error(prediction, batch.target, batch.mask);
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor&) const override { return picture_of_prediction(target); }

  data::Image picture_of_prediction(const at::Tensor& prediction) const override {
    return directions_picture(numbers_of(prediction), picture_side());
  }
};

}  // namespace

void register_vanishing_point_tasks(task::TaskRegistry& registry) { register_type<VanishingPoints>(registry); }

}  // namespace affinis::tasks
