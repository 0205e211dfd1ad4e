// One class for the whole image.

#include <algorithm>

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/softmax.h>

#include "framework/core/error.h"
#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/losses.h"
#include "framework/task/pictures.h"
#include "tasks/families.h"

namespace affinis::tasks {
namespace {

/// Side of a picture in which a class name can be read.
constexpr std::int64_t kLegible = 128;

constexpr const char* kVocabulary = "scene";

class SceneClass final : public task::Task {
 public:
  explicit SceneClass(const task::TaskContext& context)
      : info_(describe()),
        names_(task::vocabulary_of(context, kVocabulary, info_.name, 2)),
        metrics_(task::classification_metrics(static_cast<std::int64_t>(names_.size()))),
        side_(context.image_side) {
    info_.metrics = metrics_.infos;
  }

  static task::TaskInfo describe() {
    return {.name = "class_places",
            .aliases = {"class_scene"},
            .display_name = "Scene Class.",
            .family = "semantic",
            .fields = {"rgb", "room_class"},
            .head = "vector",
            .loss = "cross-entropy",
            .metrics = task::classification_metrics(0).infos,
            .doc = "kind of room, as logits over the data set's scene classes"};
  }

  const task::TaskInfo& info() const override { return info_; }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    AFFINIS_CHECK(samples.size() == 1, ErrorCode::kInternal, "task '{}' makes an example from one sample, not from {}", info_.name,
                  samples.size());
    const data::Sample& sample = samples.front();
    constexpr std::int32_t kNoLabel = -1;
    const std::int32_t label = sample.field("room_class").as<std::int32_t>().front();
    AFFINIS_CHECK(label >= kNoLabel && label < static_cast<std::int64_t>(names_.size()), ErrorCode::kData,
                  "sample {}: field room_class holds the label {}, but the data set's vocabulary '{}' has {} names; run `affinis data check`",
                  sample.key.name(), label, kVocabulary, names_.size());
    const bool known = label != kNoLabel;
    return {task::image_input(sample), at::scalar_tensor(known ? label : 0, at::kLong),
            at::scalar_tensor(known ? 1.0 : 0.0, at::kFloat)};
  }

  std::vector<std::int64_t> prediction_shape() const override { return {static_cast<std::int64_t>(names_.size())}; }

  std::unique_ptr<nn::Module> make_head(const task::HeadInput& input) const override {
    return task::make_fully_connected_head(input, static_cast<std::int64_t>(names_.size()));
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::cross_entropy(prediction, batch.target, batch.mask);
  }

  std::unique_ptr<task::MetricAccumulator> make_metrics() const override { return metrics_.make(); }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    std::vector<double> shares(names_.size(), 0.0);
    if (!mask.defined() || mask.item<float>() != 0) shares.at(static_cast<std::size_t>(target.item<std::int64_t>())) = 1;
    return task::ranked_classes_picture(shares, names_, std::max<std::int64_t>(side_, kLegible));
  }

  data::Image picture_of_prediction(const at::Tensor& prediction) const override {
    const at::Tensor shares = at::softmax(prediction.detach().to(at::kCPU, at::kDouble), 0).contiguous();
    return task::ranked_classes_picture({shares.const_data_ptr<double>(), names_.size()}, names_, std::max<std::int64_t>(side_, kLegible));
  }

 private:
  task::TaskInfo info_;
  std::vector<std::string> names_;
  task::MetricSet metrics_;
  std::int64_t side_;
};

}  // namespace

void register_classification_tasks(task::TaskRegistry& registry) { register_type<SceneClass>(registry); }

}  // namespace affinis::tasks
