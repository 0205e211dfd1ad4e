#include "framework/task/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <ATen/ATen.h>
#include <opencv2/imgproc.hpp>

#include "framework/core/error.h"
#include "framework/task/detail/class_pixels.h"

namespace affinis::task {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Prediction, target and mask of a batch as contiguous float arrays on the CPU.
struct FloatBatch {
  at::Tensor prediction;
  at::Tensor target;
  at::Tensor mask;
  std::int64_t images = 0;
  std::int64_t channels = 0;
  std::int64_t pixels = 0;  ///< of one channel of one image

  FloatBatch(const at::Tensor& predicted, const Batch& batch) {
    const auto plain = [](const at::Tensor& tensor) { return tensor.detach().to(at::kCPU, at::kFloat).contiguous(); };
    AFFINIS_CHECK(predicted.sizes() == batch.target.sizes(), ErrorCode::kInternal,
                  "the metrics got a prediction of the shape {} for a target of the shape {}", c10::str(predicted.sizes()),
                  c10::str(batch.target.sizes()));
    prediction = plain(predicted);
    target = plain(batch.target);
    images = prediction.size(0);
    channels = prediction.dim() > 1 ? prediction.size(1) : 1;
    pixels = images * channels == 0 ? 0 : prediction.numel() / (images * channels);
    if (batch.mask.defined()) {
      mask = plain(batch.mask);
      AFFINIS_CHECK(mask.numel() == images * pixels, ErrorCode::kInternal, "the metrics got a mask of the shape {} for a target of the shape {}",
                    c10::str(batch.mask.sizes()), c10::str(batch.target.sizes()));
    }
  }

  const float* predicted_values(std::int64_t image) const { return prediction.const_data_ptr<float>() + image * channels * pixels; }
  const float* target_values(std::int64_t image) const { return target.const_data_ptr<float>() + image * channels * pixels; }
  /// Null when every pixel is valid.
  const float* mask_values(std::int64_t image) const {
    return mask.defined() ? mask.const_data_ptr<float>() + image * pixels : nullptr;
  }
};

bool is_valid(const float* mask, std::int64_t pixel) { return mask == nullptr || mask[pixel] != 0; }

class ErrorMetrics final : public MetricAccumulator {
 public:
  explicit ErrorMetrics(double scale) : scale_(scale) {}

  void add(const at::Tensor& prediction, const Batch& batch) override {
    const FloatBatch values(prediction, batch);
    for (std::int64_t image = 0; image < values.images; ++image) {
      const float* mask = values.mask_values(image);
      for (std::int64_t channel = 0; channel < values.channels; ++channel) {
        const float* p = values.predicted_values(image) + channel * values.pixels;
        const float* t = values.target_values(image) + channel * values.pixels;
        for (std::int64_t i = 0; i < values.pixels; ++i) {
          if (!is_valid(mask, i)) continue;
          const double error = static_cast<double>(p[i]) - t[i];
          absolute_ += std::abs(error);
          squared_ += error * error;
          ++count_;
        }
      }
    }
  }

  std::vector<double> result() const override {
    if (count_ == 0) return {kNaN, kNaN};
    const auto count = static_cast<double>(count_);
    return {scale_ * absolute_ / count, scale_ * std::sqrt(squared_ / count)};
  }

 private:
  double scale_;
  double absolute_ = 0;
  double squared_ = 0;
  std::int64_t count_ = 0;
};

class ImageMetrics final : public MetricAccumulator {
 public:
  void add(const at::Tensor& prediction, const Batch& batch) override {
    const FloatBatch values(prediction, batch);
    AFFINIS_CHECK(prediction.dim() == 4 && values.channels == 3, ErrorCode::kInternal, "image metrics need [N, 3, H, W], not {}",
                  c10::str(prediction.sizes()));
    errors_.add(prediction, batch);
    const auto height = static_cast<int>(prediction.size(2));
    const auto width = static_cast<int>(prediction.size(3));
    for (std::int64_t image = 0; image < values.images; ++image) {
      similarity_ += similarity(luma(values.predicted_values(image), height, width), luma(values.target_values(image), height, width));
      ++images_;
    }
  }

  std::vector<double> result() const override {
    const std::vector<double> errors = errors_.result();
    return {-20 * std::log10(errors[1]), errors[0], images_ == 0 ? kNaN : similarity_ / static_cast<double>(images_)};
  }

 private:
  static constexpr int kWindow = 11;

  /// Rec. 601 luma of an image in [-1, 1], in [0, 1].
  static cv::Mat luma(const float* planes, int height, int width) {
    cv::Mat grey(height, width, CV_32F);
    auto* out = grey.ptr<float>();
    const int count = height * width;
    for (int i = 0; i < count; ++i) {
      out[i] = 0.5F * (0.299F * planes[i] + 0.587F * planes[count + i] + 0.114F * planes[2 * count + i]) + 0.5F;
    }
    return grey;
  }

  static double similarity(const cv::Mat& a, const cv::Mat& b) {
    constexpr double kSigma = 1.5;
    constexpr float kSteadyMean = 0.01F * 0.01F;
    constexpr float kSteadyVariance = 0.03F * 0.03F;
    const auto blur = [](const cv::Mat& image) {
      cv::Mat blurred;
      cv::GaussianBlur(image, blurred, {kWindow, kWindow}, kSigma, kSigma, cv::BORDER_REFLECT_101);
      return blurred;
    };
    const cv::Mat mean_a = blur(a);
    const cv::Mat mean_b = blur(b);
    const cv::Mat square_a = blur(a.mul(a));
    const cv::Mat square_b = blur(b.mul(b));
    const cv::Mat product = blur(a.mul(b));
    // The windows of border pixels are not whole; an image smaller than one window has nothing else.
    const int border = std::min(a.rows, a.cols) >= kWindow ? kWindow / 2 : 0;
    double sum = 0;
    for (int y = border; y < a.rows - border; ++y) {
      for (int x = border; x < a.cols - border; ++x) {
        const float ma = mean_a.at<float>(y, x);
        const float mb = mean_b.at<float>(y, x);
        const float variances = square_a.at<float>(y, x) - ma * ma + square_b.at<float>(y, x) - mb * mb;
        const float covariance = product.at<float>(y, x) - ma * mb;
        sum += (2 * ma * mb + kSteadyMean) * (2 * covariance + kSteadyVariance) /
               ((ma * ma + mb * mb + kSteadyMean) * (variances + kSteadyVariance));
      }
    }
    return sum / (static_cast<double>(a.rows - 2 * border) * (a.cols - 2 * border));
  }

  ErrorMetrics errors_{0.5};
  double similarity_ = 0;
  std::int64_t images_ = 0;
};

class DepthMetrics final : public MetricAccumulator {
 public:
  explicit DepthMetrics(double (*metres)(float)) : metres_(metres) {}

  void add(const at::Tensor& prediction, const Batch& batch) override {
    constexpr double kStep = 1.0 / 512;
    const FloatBatch values(prediction, batch);
    for (std::int64_t image = 0; image < values.images; ++image) {
      const float* p = values.predicted_values(image);
      const float* t = values.target_values(image);
      const float* mask = values.mask_values(image);
      for (std::int64_t i = 0; i < values.pixels; ++i) {
        if (!is_valid(mask, i)) continue;
        const double predicted = std::max(metres_(p[i]), kStep);
        const double wanted = std::max(metres_(t[i]), kStep);
        const double error = predicted - wanted;
        relative_ += std::abs(error) / wanted;
        squared_ += error * error;
        if (std::max(predicted / wanted, wanted / predicted) < 1.25) ++near_;
        ++count_;
      }
    }
  }

  std::vector<double> result() const override {
    if (count_ == 0) return {kNaN, kNaN, kNaN};
    const auto count = static_cast<double>(count_);
    return {relative_ / count, std::sqrt(squared_ / count), static_cast<double>(near_) / count};
  }

 private:
  double (*metres_)(float);
  double relative_ = 0;
  double squared_ = 0;
  std::int64_t near_ = 0;
  std::int64_t count_ = 0;
};

class NormalMetrics final : public MetricAccumulator {
 public:
  void add(const at::Tensor& prediction, const Batch& batch) override {
    const FloatBatch values(prediction, batch);
    AFFINIS_CHECK(values.channels == 3, ErrorCode::kInternal, "normal metrics need [N, 3, H, W], not {}", c10::str(prediction.sizes()));
    const std::int64_t plane = values.pixels;
    for (std::int64_t image = 0; image < values.images; ++image) {
      const float* p = values.predicted_values(image);
      const float* t = values.target_values(image);
      const float* mask = values.mask_values(image);
      for (std::int64_t i = 0; i < plane; ++i) {
        if (is_valid(mask, i)) add_angle(degrees_between(p + i, t + i, plane));
      }
    }
  }

  std::vector<double> result() const override {
    if (count_ == 0) return std::vector<double>(5, kNaN);
    const auto count = static_cast<double>(count_);
    std::vector<double> values = {sum_ / count, median()};
    for (const std::int64_t within : within_) values.push_back(static_cast<double>(within) / count);
    return values;
  }

 private:
  static constexpr int kBinsPerDegree = 100;
  static constexpr double kLimits[3] = {11.25, 22.5, 30};

  static double degrees_between(const float* a, const float* b, std::int64_t stride) {
    double dot = 0;
    double square_a = 0;
    double square_b = 0;
    for (std::int64_t channel = 0; channel < 3; ++channel) {
      const double va = a[channel * stride];
      const double vb = b[channel * stride];
      dot += va * vb;
      square_a += va * va;
      square_b += vb * vb;
    }
    const double lengths = std::sqrt(square_a * square_b);
    const double cosine = lengths > 0 ? std::clamp(dot / lengths, -1.0, 1.0) : 0.0;
    return std::acos(cosine) * (180 / std::numbers::pi);
  }

  void add_angle(double degrees) {
    if (std::isnan(degrees)) degrees = 180;
    sum_ += degrees;
    for (std::size_t i = 0; i < 3; ++i) within_[i] += degrees < kLimits[i];
    const auto bin = static_cast<std::size_t>(degrees * kBinsPerDegree);
    ++histogram_[std::min(bin, histogram_.size() - 1)];
    ++count_;
  }

  double median() const {
    std::int64_t below = 0;
    for (std::size_t bin = 0; bin < histogram_.size(); ++bin) {
      below += histogram_[bin];
      if (2 * below >= count_) return (static_cast<double>(bin) + 0.5) / kBinsPerDegree;
    }
    return kNaN;
  }

  std::vector<std::int64_t> histogram_ = std::vector<std::int64_t>(180 * kBinsPerDegree);
  std::int64_t within_[3] = {0, 0, 0};
  double sum_ = 0;
  std::int64_t count_ = 0;
};

/// Logits, labels and mask of a batch for metrics of classes.
struct LabelBatch {
  at::Tensor logits;
  at::Tensor labels;
  at::Tensor mask;
  std::int64_t images = 0;
  std::int64_t pixels = 0;

  LabelBatch(const at::Tensor& predicted, const Batch& batch, std::int64_t classes) {
    AFFINIS_CHECK(predicted.dim() == batch.target.dim() + 1 && predicted.size(1) == classes, ErrorCode::kInternal,
                  "the metrics of {} classes got logits of the shape {} for labels of the shape {}", classes, c10::str(predicted.sizes()),
                  c10::str(batch.target.sizes()));
    logits = predicted.detach().to(at::kCPU, at::kFloat).contiguous();
    labels = batch.target.to(at::kCPU, at::kLong).contiguous();
    images = labels.size(0);
    pixels = images == 0 ? 0 : labels.numel() / images;
    if (batch.mask.defined()) mask = batch.mask.to(at::kCPU, at::kFloat).contiguous();
  }

  const float* mask_values(std::int64_t image) const {
    return mask.defined() ? mask.const_data_ptr<float>() + image * pixels : nullptr;
  }
};

class SegmentationMetrics final : public MetricAccumulator {
 public:
  explicit SegmentationMetrics(std::int64_t classes)
      : classes_(classes), confusion_(static_cast<std::size_t>(classes * classes)) {}

  void add(const at::Tensor& prediction, const Batch& batch) override {
    const LabelBatch values(prediction, batch, classes_);
    const std::int64_t plane = values.pixels;
    std::vector<std::int32_t> winner(static_cast<std::size_t>(plane));
    for (std::int64_t image = 0; image < values.images; ++image) {
      const float* logits = values.logits.const_data_ptr<float>() + image * classes_ * plane;
      const std::int64_t* labels = values.labels.const_data_ptr<std::int64_t>() + image * plane;
      const float* mask = values.mask_values(image);
      detail::likeliest_classes(logits, plane, classes_, plane, winner.data());
      for (std::int64_t i = 0; i < plane; ++i) {
        if (is_valid(mask, i)) ++confusion_[static_cast<std::size_t>(labels[i] * classes_ + winner[static_cast<std::size_t>(i)])];
      }
    }
  }

  std::vector<double> result() const override {
    double overlap_sum = 0;
    std::int64_t present = 0;
    std::int64_t right = 0;
    std::int64_t all = 0;
    for (std::int64_t each = 0; each < classes_; ++each) {
      std::int64_t wanted = 0;
      std::int64_t predicted = 0;
      for (std::int64_t other = 0; other < classes_; ++other) {
        wanted += count(each, other);
        predicted += count(other, each);
      }
      const std::int64_t both = count(each, each);
      right += both;
      all += wanted;
      const std::int64_t either = wanted + predicted - both;
      if (either == 0) continue;
      overlap_sum += static_cast<double>(both) / static_cast<double>(either);
      ++present;
    }
    if (all == 0) return {kNaN, kNaN};
    return {overlap_sum / static_cast<double>(present), static_cast<double>(right) / static_cast<double>(all)};
  }

 private:
  std::int64_t count(std::int64_t wanted, std::int64_t predicted) const {
    return confusion_[static_cast<std::size_t>(wanted * classes_ + predicted)];
  }

  std::int64_t classes_;
  std::vector<std::int64_t> confusion_;  ///< row: target, column: prediction
};

class ClassificationMetrics final : public MetricAccumulator {
 public:
  explicit ClassificationMetrics(std::int64_t classes) : classes_(classes) {}

  void add(const at::Tensor& prediction, const Batch& batch) override {
    const LabelBatch values(prediction, batch, classes_);
    for (std::int64_t image = 0; image < values.images; ++image) {
      if (!is_valid(values.mask_values(image), 0)) continue;
      const float* logits = values.logits.const_data_ptr<float>() + image * classes_;
      const std::int64_t label = values.labels.const_data_ptr<std::int64_t>()[image];
      std::int64_t rank = 0;
      for (std::int64_t each = 0; each < classes_; ++each) {
        rank += logits[each] > logits[label] || (logits[each] == logits[label] && each < label);
      }
      first_ += rank < 1;
      among_five_ += rank < 5;
      ++count_;
    }
  }

  std::vector<double> result() const override {
    const auto share = [&](std::int64_t right) { return count_ == 0 ? kNaN : static_cast<double>(right) / static_cast<double>(count_); };
    std::vector<double> values = {share(first_)};
    if (classes_ > 5) values.push_back(share(among_five_));
    return values;
  }

 private:
  std::int64_t classes_;
  std::int64_t first_ = 0;
  std::int64_t among_five_ = 0;
  std::int64_t count_ = 0;
};

}  // namespace

MetricSet error_metrics(double scale, const std::string& unit) {
  return {{{"mae", unit, false, "mean absolute error over all valid values of the set"},
           {"rmse", unit, false, "root of the mean squared error over all valid values of the set"}},
          [scale] { return std::make_unique<ErrorMetrics>(scale); }};
}

MetricSet image_metrics() {
  return {{{"psnr", "dB", true, "peak signal to noise ratio, from the mean squared error over the whole set"},
           {"mae", "", false, "mean absolute error as a share of the full range"},
           {"ssim", "", true, "structural similarity of the luma (Wang et al. 2004), mean over images"}},
          [] { return std::make_unique<ImageMetrics>(); }};
}

MetricSet depth_metrics(double (*metres)(float value)) {
  return {{{"abs_rel", "", false, "mean of |prediction - truth| / truth"},
           {"rmse", "m", false, "root of the mean squared error"},
           {"delta_1.25", "", true, "share of pixels whose ratio to the truth is below 1.25 either way"}},
          [metres] { return std::make_unique<DepthMetrics>(metres); }};
}

MetricSet normal_metrics() {
  return {{{"angular_error_mean", "deg", false, "mean angle between prediction and truth"},
           {"angular_error_median", "deg", false, "median angle over all pixels of the set, to 1/100 degree"},
           {"within_11.25", "", true, "share of pixels less than 11.25 degrees off"},
           {"within_22.5", "", true, "share of pixels less than 22.5 degrees off"},
           {"within_30", "", true, "share of pixels less than 30 degrees off"}},
          [] { return std::make_unique<NormalMetrics>(); }};
}

MetricSet segmentation_metrics(std::int64_t classes) {
  return {{{"miou", "", true, "intersection over union, mean over the classes that occur in truth or prediction"},
           {"pixel_accuracy", "", true, "share of labelled pixels whose most likely class is right"}},
          [classes] { return std::make_unique<SegmentationMetrics>(classes); }};
}

MetricSet classification_metrics(std::int64_t classes) {
  MetricSet set{{{"top1", "", true, "share of images whose most likely class is right"}},
                [classes] { return std::make_unique<ClassificationMetrics>(classes); }};
  if (classes == 0 || classes > 5) {
    set.infos.push_back({"top5", "", true, "share of images whose class is among the five most likely (only above five classes)"});
  }
  return set;
}

}  // namespace affinis::task
