// 2D (texture) edges, computed from the image.

#include <algorithm>
#include <cmath>

#include <ATen/ops/empty.h>
#include <opencv2/imgproc.hpp>

#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/pictures.h"
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

}  // namespace

void register_edge_tasks(task::TaskRegistry& registry) { register_type<Edge2d>(registry); }

}  // namespace affinis::tasks
