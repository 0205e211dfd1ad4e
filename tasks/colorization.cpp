// The colours of a picture from its lightness.

#include <array>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <opencv2/imgproc.hpp>

#include "framework/core/error.h"
#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/pictures.h"
#include "tasks/colour_bins.h"
#include "tasks/families.h"

namespace affinis::tasks {
namespace {

/// The head's resolution is this part of the image's.
constexpr std::int64_t kReduction = 4;
/// Lightness (of 100) that pictures are drawn with: the target does not hold any.
constexpr float kPictureLightness = 65;

/// A square image of three channels in [0, 1].
cv::Mat unit_colours(const data::Sample& sample) {
  const data::FieldValue& rgb = sample.field("rgb");
  AFFINIS_CHECK(rgb.shape.size() == 3 && rgb.shape[0] == rgb.shape[1] && rgb.shape[2] == 3, ErrorCode::kData,
                "sample {}: field rgb is not a square image of three channels; import it with its images resized", sample.key.name());
  const auto side = static_cast<int>(rgb.shape[0]);
  const cv::Mat bytes(side, side, CV_8UC3, const_cast<std::uint8_t*>(rgb.as<std::uint8_t>().data()));
  cv::Mat image;
  bytes.convertTo(image, CV_32FC3, 1.0 / 255);
  return image;
}

cv::Mat lab_of(const cv::Mat& image) {
  cv::Mat lab;
  cv::cvtColor(image, lab, cv::COLOR_RGB2Lab);
  return lab;
}

/// Lightness in [-1, 1]: [1, S, S].
at::Tensor lightness(const cv::Mat& image) {
  const cv::Mat lab = lab_of(image);
  at::Tensor result = at::empty({1, image.rows, image.cols}, at::TensorOptions().dtype(at::kFloat));
  auto* out = result.mutable_data_ptr<float>();
  const auto* in = lab.ptr<cv::Vec3f>();
  for (std::size_t i = 0; i < lab.total(); ++i) out[i] = in[i][0] * (1.0F / 50) - 1;
  return result;
}

class ColourMetrics final : public task::MetricAccumulator {
 public:
  void add(const at::Tensor& prediction, const task::Batch& batch) override {
    const at::Tensor difference = decoded_colours(prediction.detach().to(at::kCPU)) - batch.target.to(at::kCPU, at::kFloat);
    const at::Tensor lengths = difference.to(at::kDouble).square().sum(1).sqrt().contiguous();
    const double* length = lengths.const_data_ptr<double>();
    for (std::int64_t i = 0; i < lengths.numel(); ++i) {
      sum_ += length[i];
      near_ += length[i] < kNear ? 1 : 0;
      ++count_;
    }
  }

  std::vector<double> result() const override {
    constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
    if (count_ == 0) return {kNaN, kNaN};
    return {sum_ / static_cast<double>(count_), static_cast<double>(near_) / static_cast<double>(count_)};
  }

  static std::vector<task::MetricInfo> infos() {
    return {{"ab_error", "", false, "mean distance between decoded and true colour in the ab plane of CIE Lab"},
            {"within_10", "", true, "share of pixels whose decoded colour is less than 10 off in the ab plane"}};
  }

 private:
  static constexpr double kNear = 10;
  double sum_ = 0;
  std::int64_t near_ = 0;
  std::int64_t count_ = 0;
};

class Colorization final : public task::DenseTask {
 public:
  explicit Colorization(const task::TaskContext& context)
      : DenseTask(describe(), {ColourMetrics::infos(), [] { return std::make_unique<ColourMetrics>(); }}, context, kColourBins,
                  nn::OutputActivation::kLinear) {}

  static task::TaskInfo describe() {
    return {.name = "colorization",
            .aliases = {},
            .display_name = "Colorization",
            .family = "2d",
            .input_channels = 1,
            .target = false,
            .fields = {"rgb"},
            .head = "quarter",
            .loss = "rebalanced soft cross-entropy",
            .metrics = ColourMetrics::infos(),
            .doc = "colour of each pixel from the lightness alone, at a quarter of the side, as logits over 313 bins of the ab plane of CIE Lab"};
  }

  std::vector<std::int64_t> prediction_shape() const override { return {kColourBins, side() / kReduction, side() / kReduction}; }

  std::unique_ptr<nn::Module> make_head(const task::HeadInput& input) const override {
    AFFINIS_CHECK(input.side * 16 == side(), ErrorCode::kUsage,
                  "task 'colorization' was made for images of {} pixels and gets a representation of {}; give network and data the same scale",
                  side(), input.side);
    return nn::make_quarter_decoder({.input_channels = input.channels, .output_channels = kColourBins, .width = input.width});
  }

  /// The target is a and b of the shrunk image, [2, S / 4, S / 4]: the loss spreads them over bins.
  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    image_field(samples, "rgb");
    const cv::Mat image = unit_colours(samples.front());
    const auto small_side = static_cast<int>(side() / kReduction);
    cv::Mat small;
    cv::resize(image, small, {small_side, small_side}, 0, 0, cv::INTER_AREA);
    const cv::Mat lab = lab_of(small);
    at::Tensor target = at::empty({2, small_side, small_side}, at::TensorOptions().dtype(at::kFloat));
    auto* out = target.mutable_data_ptr<float>();
    const auto* in = lab.ptr<cv::Vec3f>();
    const std::size_t count = lab.total();
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = in[i][1];
      out[count + i] = in[i][2];
    }
    return {lightness(image), target, {}};
  }

  at::Tensor encoder_input(const data::Sample& sample) const override { return lightness(unit_colours(sample)); }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return colour_loss(prediction, batch.target);
  }

  /// The colours at one lightness, enlarged to the image's side.
  data::Image picture_of_target(const at::Tensor& target, const at::Tensor&) const override {
    const at::Tensor ab = target.detach().to(at::kCPU, at::kFloat).contiguous();
    const auto height = static_cast<int>(ab.size(1));
    const auto width = static_cast<int>(ab.size(2));
    const float* value = ab.const_data_ptr<float>();
    cv::Mat lab(height, width, CV_32FC3);
    auto* pixel = lab.ptr<cv::Vec3f>();
    for (std::size_t i = 0; i < lab.total(); ++i) pixel[i] = {kPictureLightness, value[i], value[lab.total() + i]};
    cv::Mat rgb;
    cv::cvtColor(lab, rgb, cv::COLOR_Lab2RGB);
    data::Image picture(width, height);
    const auto* unit = rgb.ptr<cv::Vec3f>();
    for (std::size_t i = 0; i < rgb.total(); ++i) {
      for (int channel = 0; channel < 3; ++channel) {
        picture.pixels[3 * i + static_cast<std::size_t>(channel)] = cv::saturate_cast<std::uint8_t>(255 * unit[i][channel]);
      }
    }
    return data::enlarge(picture, static_cast<int>(kReduction));
  }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override {
    return picture_of_target(decoded_colours(prediction.detach().to(at::kCPU).unsqueeze(0))[0], {});
  }
};

}  // namespace

void register_colorization_tasks(task::TaskRegistry& registry) { register_type<Colorization>(registry); }

}  // namespace affinis::tasks
