#pragma once

#include <ATen/ATen.h>

#include "framework/task/heads.h"
#include "framework/task/losses.h"

namespace affinis::task::testing {

/// Mean red of an image, valid where the image is not black; each flaw breaks one promise of a task.
class ToyTask : public Task {
 public:
  enum class Flaw { kNone, kShape, kNaN, kNoise, kMask, kDetached, kMixesImages, kOtherLoss, kMetrics, kThrows, kNameless, kOneImage };

  explicit ToyTask(Flaw flaw = Flaw::kNone, std::int64_t arity = 1) : flaw_(flaw) {
    info_.name = "toy";
    info_.display_name = "Toy";
    info_.family = "2d";
    info_.loss = "squared error";
    info_.doc = "mean red of an image";
    info_.fields = {"rgb"};
    info_.head = "vector";
    info_.metrics = error_metrics(1).infos;
    info_.arity = arity;
    if (flaw == Flaw::kNameless) info_.doc.clear();
    if (flaw == Flaw::kMetrics) info_.metrics.pop_back();
  }

  const TaskInfo& info() const override { return info_; }

  Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    if (flaw_ == Flaw::kThrows) throw std::runtime_error("no toys today");
    const auto pixels = samples.front().field("rgb").as<std::uint8_t>();
    double red = 0;
    for (std::size_t i = 0; i < pixels.size(); i += 3) red += pixels[i];
    red /= 255.0 * static_cast<double>(pixels.size() / 3);
    if (flaw_ == Flaw::kNoise) red += 1e-3 * static_cast<double>(calls_++);
    if (flaw_ == Flaw::kNaN) red = std::numeric_limits<double>::quiet_NaN();
    const std::vector<std::int64_t> images = info_.arity > 1 ? std::vector<std::int64_t>{info_.arity, 3, 64, 64} : std::vector<std::int64_t>{3, 64, 64};
    return {at::full(images, red, at::kFloat), at::full({1}, red, at::kFloat), at::full({1}, red > 0 ? 1.0 : 0.0, at::kFloat)};
  }

  std::vector<std::int64_t> prediction_shape() const override { return {flaw_ == Flaw::kShape ? 2 : 1}; }

  std::unique_ptr<nn::Module> make_head(const HeadInput& input) const override {
    if (flaw_ == Flaw::kOneImage) return std::make_unique<HeadOfTheFirst>(input, info_.arity);
    return make_fully_connected_head(input, 1);
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const Batch& batch) const override {
    if (flaw_ == Flaw::kMask) {
      const at::Tensor each = (prediction - batch.target).pow(2).flatten(1).mean(1);
      return at::where(batch.mask.flatten() != 0, each, at::full({1}, std::numeric_limits<float>::quiet_NaN())) + 1e-3 * batch.target.sum();
    }
    const at::Tensor used = flaw_ == Flaw::kDetached ? prediction.detach() + 0 * prediction : prediction;
    at::Tensor each = squared_error(used, batch.target, batch.mask);
    if (flaw_ == Flaw::kMixesImages) each = each + prediction.mean();
    return each;
  }

  at::Tensor loss(const at::Tensor& prediction, const Batch& batch) const override {
    const at::Tensor right = Task::loss(prediction, batch);
    return flaw_ == Flaw::kOtherLoss ? right * 2 : right;
  }

  std::unique_ptr<MetricAccumulator> make_metrics() const override { return error_metrics(1).make(); }
  data::Image picture_of_target(const at::Tensor&, const at::Tensor&) const override { return data::Image(8, 8, 1); }
  data::Image picture_of_prediction(const at::Tensor&) const override { return data::Image(8, 8, 2); }

 private:
  /// A head that looks at the first image alone.
  class HeadOfTheFirst final : public nn::Module {
   public:
    HeadOfTheFirst(HeadInput input, std::int64_t arity) : channels_(input.channels / arity) {
      input.channels = channels_;
      head_ = make_fully_connected_head(input, 1);
    }
    at::Tensor forward(const at::Tensor& input) override { return head_->forward(input.narrow(1, 0, channels_)); }
    std::vector<nn::NamedTensor> parameters() const override { return head_->parameters(); }
    std::vector<nn::NamedTensor> buffers() const override { return head_->buffers(); }
    void set_training(bool training) override { head_->set_training(training); }
    void to(const c10::Device& device) override { head_->to(device); }

   private:
    std::int64_t channels_;
    std::unique_ptr<nn::Module> head_;
  };

  Flaw flaw_;
  TaskInfo info_;
  mutable std::int64_t calls_ = 0;
};

/// A type of that name which makes toys.
inline TaskType toy_type(const std::string& name, const std::vector<std::string>& aliases = {}) {
  TaskType type;
  type.info.name = name;
  type.info.aliases = aliases;
  type.make = [](const TaskContext&) { return std::make_shared<const ToyTask>(); };
  return type;
}

/// Samples of a red that grows with the sample; the first one is black when `with_black`.
inline std::vector<data::Sample> red_samples(std::int64_t count, bool with_black = false) {
  std::vector<data::Sample> samples;
  for (std::int64_t i = 0; i < count; ++i) {
    data::Sample sample;
    sample.key = {"building", "room", i};
    sample.index = i;
    data::FieldValue rgb = data::make_field_value(data::field_spec("rgb"), 64);
    const auto level = static_cast<std::uint8_t>(with_black ? 50 * i : 50 * (i + 1));
    for (std::uint8_t& value : rgb.as<std::uint8_t>()) value = level;
    sample.fields.emplace("rgb", std::move(rgb));
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace affinis::task::testing
