#pragma once

#include "framework/task/task.h"

namespace affinis::tasks {

/// One function a file of this folder; register_builtin_tasks calls them all.
void register_image_tasks(task::TaskRegistry& registry);           ///< autoencoder, denoise, inpainting_whole
void register_edge_tasks(task::TaskRegistry& registry);            ///< edge2d, edge3d
void register_depth_tasks(task::TaskRegistry& registry);           ///< rgb2depth, rgb2mist
void register_normal_tasks(task::TaskRegistry& registry);          ///< rgb2sfnorm
void register_shading_tasks(task::TaskRegistry& registry);         ///< reshade
void register_segmentation_tasks(task::TaskRegistry& registry);    ///< segmentsemantic
void register_keypoint_tasks(task::TaskRegistry& registry);        ///< keypoint2d, keypoint3d
void register_curvature_tasks(task::TaskRegistry& registry);       ///< curvature
void register_unsupervised_segmentation_tasks(task::TaskRegistry& registry);  ///< segment2d, segment25d
void register_colorization_tasks(task::TaskRegistry& registry);    ///< colorization
void register_classification_tasks(task::TaskRegistry& registry);  ///< class_places, class_1000
void register_layout_tasks(task::TaskRegistry& registry);             ///< room_layout
void register_vanishing_point_tasks(task::TaskRegistry& registry);    ///< vanishing_point
void register_pose_tasks(task::TaskRegistry& registry);               ///< fix_pose, non_fixated_pose, ego_motion
void register_matching_tasks(task::TaskRegistry& registry);           ///< point_match
void register_jigsaw_tasks(task::TaskRegistry& registry);             ///< jigsaw
void register_random_projection_tasks(task::TaskRegistry& registry);  ///< random

/// Adds the task type of Task: its static describe() and a constructor from TaskContext.
template <typename Task>
void register_type(task::TaskRegistry& registry) {
  task::register_task(registry,
                      {Task::describe(), [](const task::TaskContext& context) { return std::make_shared<const Task>(context); }});
}

}  // namespace affinis::tasks
