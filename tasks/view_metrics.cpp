#include "tasks/view_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/core/error.h"
#include "tasks/camera_geometry.h"
#include "tasks/vector_task.h"

namespace affinis::tasks {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? kNaN : sum / static_cast<double>(values.size());
}

/// Of an even number of values the mean of the two in the middle.
double median(std::vector<double> values) {
  if (values.empty()) return kNaN;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 != 0) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

/// Whether an example's mask, of one number or of several, has any set.
bool is_valid(const at::Tensor& mask, std::int64_t example) {
  return !mask.defined() || mask.select(0, example).ne(0).any().item<bool>();
}

/// An example's errors, kept until the set is through: medians need all of them.
class NumberMetrics : public task::MetricAccumulator {
 public:
  void add(const at::Tensor& prediction, const task::Batch& batch) override {
    AFFINIS_CHECK(prediction.sizes() == batch.target.sizes(), ErrorCode::kInternal,
                  "the metrics got a prediction of the shape {} for a target of the shape {}", c10::str(prediction.sizes()),
                  c10::str(batch.target.sizes()));
    for (std::int64_t i = 0; i < prediction.size(0); ++i) {
      if (is_valid(batch.mask, i)) add_example(numbers_of(prediction.select(0, i)), numbers_of(batch.target.select(0, i)));
    }
  }

 protected:
  virtual void add_example(const std::vector<double>& predicted, const std::vector<double>& wanted) = 0;
};

class PoseMetrics final : public NumberMetrics {
 public:
  explicit PoseMetrics(std::function<Poses(std::span<const double>)> poses_of) : poses_of_(std::move(poses_of)) {}

  std::vector<double> result() const override { return {mean(degrees_), median(degrees_), mean(metres_), median(metres_)}; }

 private:
  void add_example(const std::vector<double>& predicted, const std::vector<double>& wanted) override {
    const Poses p = poses_of_(predicted);
    const Poses t = poses_of_(wanted);
    for (std::size_t i = 0; i < p.size(); ++i) {
      degrees_.push_back(degrees_between(p[i].first, t[i].first));
      metres_.push_back(cv::norm(p[i].second - t[i].second));
    }
  }

  std::function<Poses(std::span<const double>)> poses_of_;
  std::vector<double> degrees_;
  std::vector<double> metres_;
};

class DirectionMetrics final : public NumberMetrics {
 public:
  std::vector<double> result() const override { return {mean(degrees_), median(degrees_)}; }

 private:
  void add_example(const std::vector<double>& predicted, const std::vector<double>& wanted) override {
    for (std::size_t i = 0; i + 2 < predicted.size(); i += 3) {
      degrees_.push_back(degrees_between(cv::Vec3d(predicted.data() + i), cv::Vec3d(wanted.data() + i)));
    }
  }

  std::vector<double> degrees_;
};

class LayoutMetrics final : public NumberMetrics {
 public:
  explicit LayoutMetrics(std::function<std::vector<double>(std::span<const double>)> layout_of) : layout_of_(std::move(layout_of)) {}

  std::vector<double> result() const override { return {mean(centres_), mean(sizes_), mean(degrees_)}; }

 private:
  void add_example(const std::vector<double>& predicted, const std::vector<double>& wanted) override {
    const std::vector<double> p = layout_of_(predicted);
    const std::vector<double> t = layout_of_(wanted);
    const auto triple = [](const std::vector<double>& numbers, std::size_t first) { return cv::Vec3d(numbers.data() + first); };
    centres_.push_back(cv::norm(triple(p, 0) - triple(t, 0)));
    degrees_.push_back(degrees_between(rotation_from_euler(triple(p, 3)), rotation_from_euler(triple(t, 3))));
    sizes_.push_back(cv::norm(triple(p, 6) - triple(t, 6), cv::NORM_L1) / 3);
  }

  std::function<std::vector<double>(std::span<const double>)> layout_of_;
  std::vector<double> centres_;
  std::vector<double> sizes_;
  std::vector<double> degrees_;
};

class MatchingMetrics final : public task::MetricAccumulator {
 public:
  void add(const at::Tensor& prediction, const task::Batch& batch) override {
    for (std::int64_t i = 0; i < prediction.size(0); ++i) {
      if (!is_valid(batch.mask, i)) continue;
      const std::vector<double> logits = numbers_of(prediction.select(0, i));
      const bool match = batch.target.select(0, i).item<std::int64_t>() != 0;
      scores_.emplace_back(logits.at(1) - logits.at(0), match);
      right_ += (scores_.back().first > 0) == match;
    }
  }

  std::vector<double> result() const override {
    if (scores_.empty()) return {kNaN, kNaN};
    return {static_cast<double>(right_) / static_cast<double>(scores_.size()), area()};
  }

 private:
  /// Share of (match, other) pairs in which the match scores higher.
  double area() const {
    std::vector<std::pair<double, bool>> sorted = scores_;
    std::sort(sorted.begin(), sorted.end());
    double pairs = 0;
    double others = 0;
    double matches = 0;
    for (std::size_t i = 0; i < sorted.size();) {
      double tied_others = 0;
      double tied_matches = 0;
      const double score = sorted[i].first;
      for (; i < sorted.size() && sorted[i].first == score; ++i) (sorted[i].second ? tied_matches : tied_others) += 1;
      pairs += tied_matches * (others + tied_others / 2);
      others += tied_others;
      matches += tied_matches;
    }
    return matches > 0 && others > 0 ? pairs / (matches * others) : kNaN;
  }

  std::vector<std::pair<double, bool>> scores_;
  std::int64_t right_ = 0;
};

class SharesMetrics final : public task::MetricAccumulator {
 public:
  explicit SharesMetrics(std::int64_t classes) : labels_(task::classification_metrics(classes).make()) {}

  void add(const at::Tensor& prediction, const task::Batch& batch) override {
    if (batch.target.dim() < 2) return labels_->add(prediction, batch);
    task::Batch hard;
    hard.target = batch.target.argmax(1);
    if (batch.mask.defined()) hard.mask = batch.mask.ne(0).any(1).to(at::kFloat);
    labels_->add(prediction, hard);
  }

  std::vector<double> result() const override { return labels_->result(); }

 private:
  std::unique_ptr<task::MetricAccumulator> labels_;
};

}  // namespace

task::MetricSet pose_metrics(std::function<Poses(std::span<const double>)> poses_of) {
  return {{{"rotation_error_mean", "deg", false, "mean angle of the turn between prediction and truth"},
           {"rotation_error_median", "deg", false, "median angle of the turn between prediction and truth"},
           {"translation_error_mean", "m", false, "mean distance between predicted and true position of the other camera"},
           {"translation_error_median", "m", false, "median distance between predicted and true position of the other camera"}},
          [poses_of = std::move(poses_of)] { return std::make_unique<PoseMetrics>(poses_of); }};
}

task::MetricSet direction_metrics() {
  return {{{"angular_error_mean", "deg", false, "mean angle between predicted and true directions of the world's axes"},
           {"angular_error_median", "deg", false, "median angle between predicted and true directions of the world's axes"}},
          [] { return std::make_unique<DirectionMetrics>(); }};
}

task::MetricSet layout_metrics(std::function<std::vector<double>(std::span<const double>)> layout_of) {
  return {{{"centre_error", "m", false, "mean distance between the centres of the predicted and the true box"},
           {"size_error", "m", false, "mean absolute error of the box's three sides"},
           {"rotation_error", "deg", false, "mean angle of the turn between predicted and true box, seen from the camera"}},
          [layout_of = std::move(layout_of)] { return std::make_unique<LayoutMetrics>(layout_of); }};
}

task::MetricSet matching_metrics() {
  return {{{"accuracy", "", true, "share of pairs that are judged rightly"},
           {"auc", "", true, "chance that a matching pair scores higher than one that does not match (area under the ROC curve)"}},
          [] { return std::make_unique<MatchingMetrics>(); }};
}

task::MetricSet shares_metrics(std::int64_t classes) {
  return {task::classification_metrics(classes).infos, [classes] { return std::make_unique<SharesMetrics>(classes); }};
}

}  // namespace affinis::tasks
