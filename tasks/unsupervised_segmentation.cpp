// Which pixels belong together, without any class.

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include <ATen/ATen.h>

#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/metric_loss.h"
#include "framework/task/pictures.h"
#include "tasks/families.h"

namespace affinis::tasks {
namespace {

/// Numbers that describe a pixel, and pixels an image that the loss compares with each other (Zamir et al. 2018).
constexpr std::int64_t kDimensions = 64;
constexpr std::int64_t kComparedPixels = 300;

constexpr std::uint8_t kNoSegment = 255;

/// Pairs of different compared pixels, counted over the whole set by (same segment, near each other).
class PairMetrics final : public task::MetricAccumulator {
 public:
  void add(const at::Tensor& prediction, const task::Batch& batch) override {
    const at::Tensor mask = batch.mask.to(at::kCPU);
    const task::ChosenPixels chosen = task::chosen_pixels(batch.target.to(at::kCPU, at::kLong), mask);
    const at::Tensor near =
        (task::squared_distances(prediction.detach().to(at::kCPU), chosen.positions) < task::kSameSegmentLimit).contiguous();
    const at::Tensor labels = chosen.labels.contiguous();
    const std::int64_t pixels = labels.size(1);
    for (std::int64_t image = 0; image < labels.size(0); ++image) {
      const std::int64_t count = chosen.valid[image].sum().item<std::int64_t>();
      const std::int64_t* label = labels.const_data_ptr<std::int64_t>() + image * pixels;
      const bool* row = near.const_data_ptr<bool>() + image * pixels * pixels;
      for (std::int64_t i = 0; i < count; ++i, row += pixels) {
        for (std::int64_t j = 0; j < i; ++j) ++pairs_[label[i] == label[j] ? 1 : 0][row[j] ? 1 : 0];
      }
    }
  }

  std::vector<double> result() const override {
    const auto count = [&](int same, int near) { return static_cast<double>(pairs_[same][near]); };
    const double right = count(0, 0) + count(1, 1);
    const double wrong = count(0, 1) + count(1, 0);
    if (right + wrong == 0) return {kNaN, kNaN};
    const double found = 2 * count(1, 1) + wrong;
    return {found == 0 ? kNaN : 2 * count(1, 1) / found, right / (right + wrong)};
  }

  static std::vector<task::MetricInfo> infos() {
    return {{"pair_f1", "", true, "F1 score over pairs of compared pixels: the same segment against nearer than the loss's point of indifference"},
            {"pair_accuracy", "", true, "share of pairs of compared pixels that are rightly told the same or different segments"}};
  }

 private:
  static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  std::array<std::array<std::int64_t, 2>, 2> pairs_{};
};

/// The head ends in tanh as in the original. That costs nothing: 64 numbers in [-1, 1] are up to 256 apart (squared) and the loss knows no
/// difference beyond 80. Without it a fresh head easily puts pixels beyond those 80, where the loss has no slope.
class SegmentTask : public task::DenseTask {
 public:
  SegmentTask(task::TaskInfo info, const task::TaskContext& context, std::string field)
      : DenseTask(std::move(info), {PairMetrics::infos(), [] { return std::make_unique<PairMetrics>(); }}, context, kDimensions,
                  nn::OutputActivation::kTanh),
        field_(std::move(field)) {}

  /// The target is the whole map of segments; the mask is set at the pixels that the loss compares, drawn among those with a segment.
  task::Example example(std::span<const data::Sample> samples, RandomStream& stream) const override {
    const auto segments = image_field(samples, field_).as<std::uint8_t>();
    at::Tensor target = at::empty({side(), side()}, at::TensorOptions().dtype(at::kLong));
    at::Tensor mask = at::zeros({side(), side()}, at::TensorOptions().dtype(at::kFloat));
    std::copy(segments.begin(), segments.end(), target.mutable_data_ptr<std::int64_t>());
    std::vector<std::uint32_t> labelled;
    labelled.reserve(segments.size());
    for (std::size_t i = 0; i < segments.size(); ++i) {
      if (segments[i] != kNoSegment) labelled.push_back(static_cast<std::uint32_t>(i));
    }
    auto* chosen = mask.mutable_data_ptr<float>();
    const std::size_t count = std::min<std::size_t>(labelled.size(), kComparedPixels);
    for (std::size_t i = 0; i < count; ++i) {
      std::swap(labelled[i], labelled[i + static_cast<std::size_t>(stream.below(labelled.size() - i))]);
      chosen[labelled[i]] = 1;
    }
    return {task::image_input(samples.front()), target, mask};
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::metric_loss(prediction, batch.target, batch.mask);
  }

  /// The mask only says which pixels the loss looks at: the picture shows all of them.
  data::Image picture_of_target(const at::Tensor& target, const at::Tensor&) const override {
    return task::label_picture(target, target != kNoSegment, 1);
  }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override { return task::embedding_picture(prediction); }

 private:
  std::string field_;
};

class Segment2d final : public SegmentTask {
 public:
  explicit Segment2d(const task::TaskContext& context) : SegmentTask(describe(), context, "segment_unsup2d") {}

  static task::TaskInfo describe() {
    return {.name = "segment2d",
            .aliases = {"segment_unsup2d"},
            .display_name = "2D Segm.",
            .family = "2d",
            .fields = {"rgb", "segment_unsup2d"},
            .head = "dense",
            .loss = "pairwise metric",
            .metrics = PairMetrics::infos(),
            .doc = "64 numbers a pixel, near each other for pixels of the same segment of colour; 300 pixels an image are compared"};
  }
};

class Segment25d final : public SegmentTask {
 public:
  explicit Segment25d(const task::TaskContext& context) : SegmentTask(describe(), context, "segment_unsup25d") {}

  static task::TaskInfo describe() {
    return {.name = "segment25d",
            .aliases = {"segment_unsup25d"},
            .display_name = "2.5D Segm.",
            .family = "3d",
            .fields = {"rgb", "segment_unsup25d"},
            .head = "dense",
            .loss = "pairwise metric",
            .metrics = PairMetrics::infos(),
            .doc = "64 numbers a pixel, near each other for pixels of the same segment of depth, direction and edges; 300 pixels an image are "
                   "compared"};
  }
};

}  // namespace

void register_unsupervised_segmentation_tasks(task::TaskRegistry& registry) {
  register_type<Segment2d>(registry);
  register_type<Segment25d>(registry);
}

}  // namespace affinis::tasks
