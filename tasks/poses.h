#pragma once

#include <ATen/core/Tensor.h>

#include "tasks/camera_geometry.h"

namespace affinis::tasks {

/// What poses are standardised with: (pose - mean) / deviation.
struct PoseScale {
  PoseNumbers mean;
  PoseNumbers deviation;
};

/// Of pairs that look at the same point, and of those that do not. The paper's are Taskonomy's; its deviations of the first two angles
/// of fixated pairs exceed what an angle can be, so that these hardly count in its loss. The others were measured on rendered rooms.
const PoseScale& fixated_scale(bool paper_compatible);
const PoseScale& overlapping_scale(bool paper_compatible);

/// The pose from the first camera to the third by way of the second: R = R23 R12, t = R23 t12 + t23, differentiable. All are [N, 6]:
/// static xyz angles in radians, then metres.
at::Tensor composed_poses(const at::Tensor& first_to_second, const at::Tensor& second_to_third);

}  // namespace affinis::tasks
