#pragma once

#include <array>

#include <opencv2/core/matx.hpp>

#include "framework/data/sample.h"

namespace affinis::tasks {

/// Taskonomy's camera (Blender's): +x right, +y up, looking along -z. x_world = rotation * x_camera + location; world +z is up.
struct CameraPose {
  cv::Vec3d location;
  cv::Matx33d rotation;
};

/// An axis-aligned box of the world.
struct WorldBox {
  cv::Vec3d least;
  cv::Vec3d greatest;
};

/// Three angles (radians) and three metres.
using PoseNumbers = std::array<double, 6>;
/// Nine numbers of a view: room_layout's and vanishing_point's targets.
using ViewNumbers = std::array<double, 9>;

/// The camera in the sample's field camera, which is stored as location and rotation from world to OpenCV camera (y down, z forward).
CameraPose camera_of(const data::Sample& sample);
/// The box in the sample's field room_box.
WorldBox room_box_of(const data::Sample& sample);

/// Turns about the fixed axes x, then y, then z ("static xyz"), radians.
cv::Matx33d rotation_from_euler(const cv::Vec3d& angles);
/// The inverse, with the turn about y in [-pi/2, pi/2]; where that is a quarter turn, the turn about z is 0.
cv::Vec3d euler_from_rotation(const cv::Matx33d& rotation);

/// How the first camera's coordinates become the second's, x_2 = R x_1 + t: static xyz angles of R = R2^T R1, then
/// t = R2^T (l1 - l2) (Taskonomy's camera poses).
PoseNumbers relative_pose(const CameraPose& first, const CameraPose& second);

/// The world is turned by quarter turns about z until the camera looks within 45 degrees of +x. Centre of the box in the camera's
/// frame, static xyz angles of the camera, sides of the box (Taskonomy's room_layout, before standardising).
ViewNumbers room_layout_numbers(const CameraPose& camera, const WorldBox& box);

/// The world is turned by quarter turns about z until the camera looks between +x and +y. The world's three axes as unit vectors in
/// the camera's frame, one behind the other (Taskonomy's vanishing_point_well_defined).
ViewNumbers vanishing_directions(const CameraPose& camera);

/// Degrees between two directions of any length; a direction of length zero is 90 degrees off.
double degrees_between(const cv::Vec3d& a, const cv::Vec3d& b);
/// Degrees of the turn that takes one rotation to the other.
double degrees_between(const cv::Matx33d& a, const cv::Matx33d& b);

}  // namespace affinis::tasks
