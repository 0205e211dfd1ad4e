#include "tasks/builtin.h"

#include "tasks/families.h"

namespace affinis::tasks {

void register_builtin_tasks(task::TaskRegistry& registry) {
  register_image_tasks(registry);
  register_edge_tasks(registry);
  register_depth_tasks(registry);
  register_normal_tasks(registry);
  register_shading_tasks(registry);
  register_segmentation_tasks(registry);
  register_keypoint_tasks(registry);
  register_curvature_tasks(registry);
  register_unsupervised_segmentation_tasks(registry);
  register_colorization_tasks(registry);
  register_classification_tasks(registry);
  register_layout_tasks(registry);
  register_vanishing_point_tasks(registry);
  register_pose_tasks(registry);
  register_matching_tasks(registry);
  register_jigsaw_tasks(registry);
  register_random_projection_tasks(registry);
}

}  // namespace affinis::tasks
