#pragma once

#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <opencv2/core/matx.hpp>

#include "framework/task/metrics.h"

namespace affinis::tasks {

/// What one example's numbers say about poses: pairs of rotation and translation (metres).
using Poses = std::vector<std::pair<cv::Matx33d, cv::Vec3d>>;

/// "rotation_error_mean", "rotation_error_median" (degrees of the turn between prediction and truth), "translation_error_mean",
/// "translation_error_median" (m) over all poses of all valid examples; `poses_of` reads an example's numbers. Medians are exact.
task::MetricSet pose_metrics(std::function<Poses(std::span<const double> numbers)> poses_of);

/// "angular_error_mean", "angular_error_median" (degrees) over the three directions of all valid examples of nine numbers.
task::MetricSet direction_metrics();

/// "centre_error" (m, distance of the boxes' centres), "size_error" (m, mean over the three sides), "rotation_error" (degrees): means over
/// valid examples; `layout_of` turns an example's nine numbers into metres and radians.
task::MetricSet layout_metrics(std::function<std::vector<double>(std::span<const double> numbers)> layout_of);

/// "accuracy" and "auc" (area under the ROC curve, ties count half) of [N, 2] logits of no and yes against [N] labels.
task::MetricSet matching_metrics();

/// "top1" and "top5" as task::classification_metrics(classes), of shares [N, K] too: the greatest share is the label.
task::MetricSet shares_metrics(std::int64_t classes);

}  // namespace affinis::tasks
