// One class for the whole image.

#include <algorithm>
#include <array>

#include <ATen/ops/full.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/softmax.h>

#include "framework/core/error.h"
#include "framework/task/heads.h"
#include "framework/task/losses.h"
#include "framework/task/pictures.h"
#include "tasks/families.h"
#include "tasks/vector_task.h"
#include "tasks/view_metrics.h"

namespace affinis::tasks {
namespace {

/// What tasks with one class an image share: a label (the class, or shares of all classes by option) over a vocabulary.
class ImageClass : public VectorTask {
 public:
  ImageClass(task::TaskInfo info, const task::TaskContext& context, const std::vector<std::string>& names)
      : VectorTask(std::move(info), shares_metrics(static_cast<std::int64_t>(names.size())), context,
                   {.outputs = static_cast<std::int64_t>(names.size())}),
        names_(names),
        soft_(context.soft_labels) {}

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    if (soft_) return task::soft_cross_entropy(prediction, batch.target, batch.mask);
    return task::cross_entropy(prediction, batch.target, batch.mask);
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    std::vector<double> shares(names_.size(), 0.0);
    if (!mask.defined() || mask.ne(0).any().item<bool>()) {
      if (soft_) {
        shares = numbers_of(target);
      } else {
        shares.at(static_cast<std::size_t>(target.item<std::int64_t>())) = 1;
      }
    }
    return task::ranked_classes_picture(shares, names_, picture_side());
  }

  data::Image picture_of_prediction(const at::Tensor& prediction) const override {
    return task::ranked_classes_picture(numbers_of(at::softmax(prediction.detach().to(at::kCPU, at::kDouble), 0)), names_, picture_side());
  }

 protected:
  const std::vector<std::string>& names() const { return names_; }
  bool soft() const { return soft_; }

  /// The example of shares that sum to 1, or one without a label when they are all zero; the hard label is the greatest share's.
  task::Example labelled(at::Tensor image, const std::vector<double>& shares) const {
    const auto greatest = std::max_element(shares.begin(), shares.end());
    const bool known = *greatest > 0;
    if (!soft_) {
      return {std::move(image), at::scalar_tensor(static_cast<std::int64_t>(greatest - shares.begin()), at::kLong),
              at::scalar_tensor(known ? 1.0 : 0.0, at::kFloat)};
    }
    return {std::move(image), vector_tensor(shares), at::full({outputs()}, known ? 1.0 : 0.0, at::TensorOptions().dtype(at::kFloat))};
  }

  /// Throws Error(kData) that names sample, field and vocabulary when the label is none of the vocabulary's.
  void check_label(const data::Sample& sample, const char* field, std::int64_t label, const char* vocabulary) const {
    AFFINIS_CHECK(label >= 0 && label < outputs(), ErrorCode::kData,
                  "sample {}: field {} holds the label {}, but the data set's vocabulary '{}' has {} names; run `affinis data check`",
                  sample.key.name(), field, label, vocabulary, names_.size());
  }

 private:
  std::vector<std::string> names_;
  bool soft_;
};

class SceneClass final : public ImageClass {
 public:
  explicit SceneClass(const task::TaskContext& context)
      : ImageClass(describe(), context, task::vocabulary_of(context, kVocabulary, describe().name, 2)) {}

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

  /// Soft labels: a teacher that is nearly sure. The room's own class gets 0.9, and 0.1 is spread evenly over all classes, its own too.
  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    constexpr double kUncertain = 0.1;
    constexpr std::int32_t kNoLabel = -1;
    at::Tensor image = images_of(samples);
    const std::int32_t label = samples.front().field("room_class").as<std::int32_t>().front();
    std::vector<double> shares(names().size(), 0.0);
    if (label == kNoLabel) return labelled(std::move(image), shares);
    check_label(samples.front(), "room_class", label, kVocabulary);
    if (soft()) std::fill(shares.begin(), shares.end(), kUncertain / static_cast<double>(shares.size()));
    shares[static_cast<std::size_t>(label)] += soft() ? 1 - kUncertain : 1;
    return labelled(std::move(image), shares);
  }

 private:
  static constexpr const char* kVocabulary = "scene";
};

class ObjectClass final : public ImageClass {
 public:
  explicit ObjectClass(const task::TaskContext& context)
      : ImageClass(describe(), context, task::vocabulary_of(context, kVocabulary, describe().name, 2)) {}

  static task::TaskInfo describe() {
    return {.name = "class_1000",
            .aliases = {"class_object"},
            .display_name = "Object Class. (1000)",
            .family = "semantic",
            .fields = {"rgb", "object"},
            .head = "vector",
            .loss = "cross-entropy",
            .metrics = task::classification_metrics(0).infos,
            .doc = "kind of object that fills most of the image, as logits over the data set's object classes; soft labels are the shares of "
                   "visible object pixels"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    constexpr std::size_t kNoObject = 255;
    at::Tensor image = images_of(samples);
    std::array<std::int64_t, 256> counts{};
    for (const std::uint8_t label : samples.front().field("object").as<std::uint8_t>()) ++counts[label];
    std::vector<double> shares(names().size(), 0.0);
    double all = 0;
    for (std::size_t label = 0; label < kNoObject; ++label) {
      if (counts[label] == 0) continue;
      check_label(samples.front(), "object", static_cast<std::int64_t>(label), kVocabulary);
      shares[label] = static_cast<double>(counts[label]);
      all += shares[label];
    }
    for (double& share : shares) share /= std::max(all, 1.0);
    return labelled(std::move(image), shares);
  }

 private:
  static constexpr const char* kVocabulary = "object";
};

}  // namespace

void register_classification_tasks(task::TaskRegistry& registry) {
  register_type<SceneClass>(registry);
  register_type<ObjectClass>(registry);
}

}  // namespace affinis::tasks
