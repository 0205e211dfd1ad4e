#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <opencv2/core/matx.hpp>

#include "framework/data/image.h"

namespace affinis::tasks {

/// Square pictures of `side` pixels for tasks that predict a few numbers about a view. Targets and predictions go through the same
/// function.

/// The world's axes as arrows from the middle of the image, as the camera sees them, and their numbers below; an arrow that points away
/// from the camera ends in a full disc, one that points towards the viewer in a ring.
data::Image directions_picture(std::span<const double> nine_numbers, std::int64_t side);

/// The room's box as a wire frame, seen from the camera with a field of view of 90 degrees (floor thick), and its sides in metres.
/// `layout`: centre in the camera's frame (3), static xyz angles of the camera (3), sides (3).
data::Image layout_picture(std::span<const double> layout, std::int64_t side);

/// The cameras from above in the frame of the last one, which stands in the lower half and looks up; below the numbers of each.
/// `poses`: rotation and translation from each other camera to the last. `names`: of those cameras, then of the last.
data::Image cameras_picture(const std::vector<std::pair<cv::Matx33d, cv::Vec3d>>& poses, const std::vector<std::string>& names,
                            std::int64_t side);

/// Nine tiles with the numbers (1 to 9) and colours of their places in the image.
data::Image tiles_picture(std::span<const int> places, std::int64_t side);

/// A bar a number around a middle line, from -3 to 3.
data::Image numbers_picture(std::span<const double> numbers, std::int64_t side);

}  // namespace affinis::tasks
