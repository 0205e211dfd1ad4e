// What every pixel shows.

#include <algorithm>
#include <array>
#include <string_view>

#include <ATen/ops/argmax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include "framework/core/error.h"
#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/losses.h"
#include "framework/task/pictures.h"
#include "tasks/families.h"

namespace affinis::tasks {
namespace {

constexpr const char* kVocabulary = "semantic";

struct PaperClass {
  std::string_view name;
  double weight;
};

/// Taskonomy's classes behind label 0 and the weights of its class-balanced loss (the released class prior, four decimals).
constexpr std::array<PaperClass, 17> kPaperClasses = {{{"background", 0.5424},
                                                       {"bottle", 9.1674},
                                                       {"chair", 7.3310},
                                                       {"couch", 7.1620},
                                                       {"potted plant", 8.7229},
                                                       {"bed", 7.6133},
                                                       {"dining table", 8.2369},
                                                       {"toilet", 9.1486},
                                                       {"tv", 8.8220},
                                                       {"microwave", 9.0858},
                                                       {"oven", 8.9141},
                                                       {"toaster", 9.1772},
                                                       {"sink", 9.0354},
                                                       {"refrigerator", 8.6039},
                                                       {"book", 9.1699},
                                                       {"clock", 9.1467},
                                                       {"vase", 9.1374}}};

bool same_name(std::string_view ours, std::string_view paper) {
  return std::equal(ours.begin(), ours.end(), paper.begin(), paper.end(), [](char a, char b) { return (a == '_' ? ' ' : a) == b; });
}

/// The paper's weights for the paper's vocabulary, nothing (all classes alike) for every other one.
at::Tensor class_weights(const std::vector<std::string>& vocabulary) {
  if (vocabulary.size() != kPaperClasses.size() + 1) return {};
  std::vector<double> weights;
  for (std::size_t i = 0; i < kPaperClasses.size(); ++i) {
    if (!same_name(vocabulary[i + 1], kPaperClasses[i].name)) return {};
    weights.push_back(kPaperClasses[i].weight);
  }
  return at::tensor(weights, at::kFloat);
}

class SemanticSegmentation final : public task::DenseTask {
 public:
  explicit SemanticSegmentation(const task::TaskContext& context) : SemanticSegmentation(context, names_in(context)) {}

  static task::TaskInfo describe() {
    return {.name = "segmentsemantic",
            .aliases = {"segmentsemantic_rb", "segment_semantic"},
            .display_name = "Semantic Segm.",
            .family = "semantic",
            .fields = {"rgb", "semantic"},
            .head = "dense",
            .loss = "cross-entropy",
            .metrics = task::segmentation_metrics(0).infos,
            .doc = "class of what each pixel shows, as logits over the data set's semantic classes behind label 0 (uncertain, masked)"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    constexpr std::uint8_t kUncertain = 0;
    constexpr std::uint8_t kNoLabel = 255;
    const auto labels = image_field(samples, "semantic").as<std::uint8_t>();
    at::Tensor target = at::empty({side(), side()}, at::TensorOptions().dtype(at::kLong));
    at::Tensor mask = at::empty({side(), side()}, at::TensorOptions().dtype(at::kFloat));
    auto* classes = target.mutable_data_ptr<std::int64_t>();
    auto* valid = mask.mutable_data_ptr<float>();
    std::uint8_t greatest = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const std::uint8_t label = labels[i];
      const bool known = label != kUncertain && label != kNoLabel;
      classes[i] = known ? label - 1 : 0;
      valid[i] = known ? 1.0F : 0.0F;
      greatest = std::max(greatest, known ? label : kUncertain);
    }
    AFFINIS_CHECK(greatest <= channels(), ErrorCode::kData,
                  "sample {}: field semantic holds the label {}, but the data set's vocabulary '{}' ends at {}; run `affinis data check`",
                  samples.front().key.name(), static_cast<int>(greatest), kVocabulary, channels());
    return {task::image_input(samples.front()), target, mask};
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::cross_entropy(prediction, batch.target, batch.mask, weights_);
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    return task::label_picture(target, mask, 1);
  }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override {
    return task::label_picture(at::argmax(prediction, 0), {}, 1);
  }

 private:
  static const std::vector<std::string>& names_in(const task::TaskContext& context) {
    return task::vocabulary_of(context, kVocabulary, "segmentsemantic", 3);
  }

  /// The original squashes its logits with tanh, which bounds the likeliest class of 17 to a share of 0.32.
  SemanticSegmentation(const task::TaskContext& context, const std::vector<std::string>& vocabulary)
      : DenseTask(describe(), task::segmentation_metrics(static_cast<std::int64_t>(vocabulary.size()) - 1), context,
                  static_cast<std::int64_t>(vocabulary.size()) - 1,
                  context.paper_compatible ? nn::OutputActivation::kTanh : nn::OutputActivation::kLinear),
        weights_(class_weights(vocabulary)) {}

  at::Tensor weights_;
};

}  // namespace

void register_segmentation_tasks(task::TaskRegistry& registry) { register_type<SemanticSegmentation>(registry); }

}  // namespace affinis::tasks
