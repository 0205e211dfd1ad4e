#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "framework/task/task.h"

namespace affinis::task {

/// What a family of metrics reports, and how to make the accumulator that reports it (values in the order of `infos`).
/// All of them are exact over the whole set: sums run in double over every valid element of every batch, in order.
struct MetricSet {
  std::vector<MetricInfo> infos;
  std::function<std::unique_ptr<MetricAccumulator>()> make;
};

/// "mae", "rmse" of [N, C, H, W] or [N, C] values over valid elements, times `scale` (0.5 turns a range of [-1, 1] into shares).
MetricSet error_metrics(double scale, const std::string& unit = {});

/// "psnr" (dB, from the mean squared error over the whole set), "mae", "ssim" of [N, 3, H, W] images in [-1, 1], as shares of the full
/// range. SSIM (Wang et al. 2004): luma, Gaussian window of 11 pixels with sigma 1.5, inside the border only, mean over images.
MetricSet image_metrics();

/// "abs_rel" (|p - t| / t), "rmse" (m), "delta_1.25" (share with max(p / t, t / p) < 1.25) of [N, 1, H, W] depths over valid pixels;
/// `metres` turns a network value into metres. Distances below 1/512 m, the data's step, count as that.
MetricSet depth_metrics(double (*metres)(float value));

/// "angular_error_mean", "angular_error_median" (degrees), "within_11.25", "within_22.5", "within_30" (shares) of [N, 3, H, W] directions
/// over valid pixels. Both sides are normalised; a prediction of length zero is 90 degrees off. The median comes from a histogram with
/// bins of 1/100 degree over all pixels and is the middle of its bin.
MetricSet normal_metrics();

/// "miou" and "pixel_accuracy" of [N, K, H, W] logits against [N, H, W] labels over valid pixels, from one confusion matrix. A class
/// that is neither in the targets nor in the predictions does not count in the mean. With `classes` 0 only the infos are of use.
MetricSet segmentation_metrics(std::int64_t classes);

/// "top1" and, above five classes, "top5" of [N, K] logits against [N] labels. Between equal logits the lower class ranks first.
/// With `classes` 0 the infos hold both.
MetricSet classification_metrics(std::int64_t classes);

}  // namespace affinis::task
