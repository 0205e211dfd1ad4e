// Edges of the image (texture) and of depth (occlusion), computed from the image and the z-depth.

#include <algorithm>
#include <cmath>

#include <ATen/ops/empty.h>
#include <opencv2/imgproc.hpp>

#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/pictures.h"
#include "tasks/depth_mask.h"
#include "tasks/families.h"

namespace affinis::tasks {
namespace {

/// Taskonomy smooths with sigma 2 at 512 pixels (Zamir et al. 2018, supplementary material); the same part of the picture at any side.
constexpr double kSigmaPerPixel = 2.0 / 512;
/// Taskonomy clips its edge strength at 0.08, where it is computed at 512 pixels.
constexpr float kPaperClip = 0.08F;
/// The step in grey (of a range of 1) whose edge at 512 pixels has the strength 0.08: the step that reaches the clip at every side.
constexpr double kClippedStep = 0.43;

/// Gaussian smoothing, then the magnitude of the Sobel gradient, in grey levels (of a range of 1) a pixel.
cv::Mat edge_strength(const cv::Mat& grey, double sigma) {
  cv::Mat smooth;
  cv::GaussianBlur(grey, smooth, {0, 0}, sigma, sigma, cv::BORDER_REFLECT_101);
  cv::Mat across;
  cv::Mat down;
  constexpr double kPerPixel = 1.0 / 8;
  cv::Sobel(smooth, across, CV_32F, 1, 0, 3, kPerPixel, 0, cv::BORDER_REFLECT_101);
  cv::Sobel(smooth, down, CV_32F, 0, 1, 3, kPerPixel, 0, cv::BORDER_REFLECT_101);
  cv::Mat strength(grey.size(), CV_32F);
  const auto* x = across.ptr<float>();
  const auto* y = down.ptr<float>();
  auto* out = strength.ptr<float>();
  const auto count = static_cast<std::ptrdiff_t>(grey.total());
  for (std::ptrdiff_t i = 0; i < count; ++i) out[i] = std::sqrt(x[i] * x[i] + y[i] * y[i]);
  return strength;
}

/// A gradient per pixel grows as pixels get larger, up to half a step: the paper's clip would saturate every edge of a small image. So
/// the clip follows the side, as the strength that a step of kClippedStep has after the same filters: 0.08 at 512 pixels, 0.13 at 256,
/// 0.21 at 64.
float clip_for(double sigma) {
  constexpr int kSide = 64;
  cv::Mat step(kSide, kSide, CV_32F, cv::Scalar(0));
  step.colRange(kSide / 2, kSide).setTo(kClippedStep);
  double greatest = 0;
  cv::minMaxLoc(edge_strength(step, sigma), nullptr, &greatest);
  return static_cast<float>(greatest);
}

class Edge2d final : public task::DenseTask {
 public:
  explicit Edge2d(const task::TaskContext& context)
      : DenseTask(describe(), task::error_metrics(0.5), context, 1, nn::OutputActivation::kTanh),
        sigma_(kSigmaPerPixel * static_cast<double>(context.image_side)),
        clip_(context.paper_compatible ? kPaperClip : clip_for(sigma_)) {}

  static task::TaskInfo describe() {
    return {.name = "edge2d",
            .aliases = {"edge_texture"},
            .display_name = "2D Edges",
            .family = "2d",
            .fields = {"rgb"},
            .head = "dense",
            .loss = "L1",
            .metrics = task::error_metrics(0.5).infos,
            .doc = "strength of the image's grey edges, clipped and scaled to [-1, 1]"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    const auto rgb = image_field(samples, "rgb").as<std::uint8_t>();
    const auto pixels = static_cast<int>(side());
    cv::Mat grey(pixels, pixels, CV_32F);
    auto* level = grey.ptr<float>();
    const std::uint8_t* byte = rgb.data();
    for (int i = 0; i < pixels * pixels; ++i, byte += 3) {
      level[i] = (0.299F * byte[0] + 0.587F * byte[1] + 0.114F * byte[2]) * (1.0F / 255);
    }
    const cv::Mat strength = edge_strength(grey, sigma_);
    at::Tensor target = at::empty({1, side(), side()}, at::TensorOptions().dtype(at::kFloat));
    auto* out = target.mutable_data_ptr<float>();
    const auto* in = strength.ptr<float>();
    const float scale = 2 / clip_;
    for (int i = 0; i < pixels * pixels; ++i) out[i] = std::min(in[i] * scale, 2.0F) - 1;
    return {task::image_input(samples.front()), target, {}};
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    return task::grey_picture(target, mask, -1, 1);
  }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override { return task::grey_picture(prediction, {}, -1, 1); }

 private:
  double sigma_;
  float clip_;
};

/// Taskonomy's occlusion edges are the Sobel gradient of sqrt(depth) / 256 at 512 pixels, from [0, 0.00625] (Zamir et al. 2018) ...
constexpr double kPaperOcclusionRange = 0.00625;
/// ... then blurred with this sigma at 256 pixels.
constexpr double kBlurPerPixel = 4.0 / 256;

/// What becomes 1. Steps of depth are as strong at every side, slopes grow as pixels get larger: the paper's range would make bright
/// edges of most floors in small images, a range that grows as slopes do would lose the steps. Half of either (in logarithms).
double occlusion_range(std::int64_t side) { return kPaperOcclusionRange * std::sqrt(512.0 / static_cast<double>(side)); }

class Edge3d final : public task::DenseTask {
 public:
  explicit Edge3d(const task::TaskContext& context)
      : DenseTask(describe(), task::error_metrics(0.5), context, 1, nn::OutputActivation::kTanh),
        clips_(!context.paper_compatible),
        sigma_(context.paper_compatible ? kBlurPerPixel * 256 : kBlurPerPixel * static_cast<double>(context.image_side)),
        range_(static_cast<float>(context.paper_compatible ? kPaperOcclusionRange : occlusion_range(context.image_side))) {}

  static task::TaskInfo describe() {
    return {.name = "edge3d",
            .aliases = {"edge_occlusion", "edge"},
            .display_name = "3D Edges",
            .family = "3d",
            .fields = {"rgb", "depth_zbuffer"},
            .head = "dense",
            .loss = "masked L1",
            .metrics = task::error_metrics(0.5).infos,
            .doc = "strength of edges of depth (where one thing hides another), clipped, blurred and scaled to [-1, 1]"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    const auto depths = image_field(samples, "depth_zbuffer").as<std::uint16_t>();
    const auto pixels = static_cast<int>(side());
    cv::Mat root(pixels, pixels, CV_32F);
    cv::Mat known(pixels, pixels, CV_8U);
    at::Tensor mask = at::empty({1, side(), side()}, at::TensorOptions().dtype(at::kFloat));
    auto* value = root.ptr<float>();
    auto* has_depth = known.ptr<std::uint8_t>();
    auto* valid = mask.mutable_data_ptr<float>();
    for (std::size_t i = 0; i < depths.size(); ++i) {
      value[i] = std::sqrt(static_cast<float>(depths[i])) * (1.0F / 256);
      has_depth[i] = depths[i] < kFirstInvalidDepth ? 1 : 0;
      valid[i] = has_depth[i];
    }
    // The border of a hole in the depth is no edge of the scene.
    cv::erode(known, known, cv::Mat::ones(3, 3, CV_8U));
    cv::Mat strength = gradient(root);
    auto* in = strength.ptr<float>();
    for (int i = 0; i < pixels * pixels; ++i) {
      const float share = has_depth[i] != 0 ? in[i] / range_ : 0.0F;
      in[i] = clips_ ? std::min(share, 1.0F) : share;
    }
    cv::GaussianBlur(strength, strength, {0, 0}, sigma_, sigma_, cv::BORDER_REPLICATE);
    at::Tensor target = at::empty({1, side(), side()}, at::TensorOptions().dtype(at::kFloat));
    auto* out = target.mutable_data_ptr<float>();
    in = strength.ptr<float>();
    for (int i = 0; i < pixels * pixels; ++i) out[i] = 2 * in[i] - 1;
    return {task::image_input(samples.front()), target, mask};
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    return task::grey_picture(target, mask, -1, 1);
  }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override { return task::grey_picture(prediction, {}, -1, 1); }

 private:
  /// Length of the Sobel gradient over sqrt(2), each kernel of weight one: scikit-image's sobel, which the original calls.
  static cv::Mat gradient(const cv::Mat& image) {
    constexpr double kUnitWeight = 1.0 / 4;
    cv::Mat across;
    cv::Mat down;
    cv::Sobel(image, across, CV_32F, 1, 0, 3, kUnitWeight, 0, cv::BORDER_REPLICATE);
    cv::Sobel(image, down, CV_32F, 0, 1, 3, kUnitWeight, 0, cv::BORDER_REPLICATE);
    cv::Mat length(image.size(), CV_32F);
    const auto* x = across.ptr<float>();
    const auto* y = down.ptr<float>();
    auto* out = length.ptr<float>();
    for (std::size_t i = 0; i < image.total(); ++i) out[i] = std::sqrt((x[i] * x[i] + y[i] * y[i]) * 0.5F);
    return length;
  }

  bool clips_;
  double sigma_;
  float range_;
};

}  // namespace

void register_edge_tasks(task::TaskRegistry& registry) {
  register_type<Edge2d>(registry);
  register_type<Edge3d>(registry);
}

}  // namespace affinis::tasks
