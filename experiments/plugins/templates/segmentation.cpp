// New Task: a plug-in task for Affinis with one class a pixel.

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/empty.h>

#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/losses.h"
#include "framework/task/pictures.h"
#include "framework/task/plugin.h"

namespace {

namespace data = affinis::data;
namespace nn = affinis::nn;
namespace task = affinis::task;

// ---- Edit from here: the classes. As it is: whether a pixel shows a wall, the floor, the ceiling or a thing. -------------------------

const std::vector<std::string> kClasses = {"wall", "floor", "ceiling", "thing"};  // the last takes what the others leave
constexpr std::int64_t kNoClass = -1;  // is not learnt from or tested on

task::TaskInfo describe() {
  return {.name = "new_task",
          .aliases = {},
          .display_name = "New Task",
          .family = "semantic",           // 2d, 3d, geometric or semantic
          .fields = {"rgb", "semantic"},  // what label() reads; 'affinis data show' lists all
          .head = "dense",
          .loss = "cross-entropy",
          .metrics = task::segmentation_metrics(0).infos,
          .doc = "whether each pixel shows a wall, the floor, the ceiling or a thing, as logits"};
}

/// The class that each label of the data set belongs to.
std::vector<std::int64_t> classes_of_labels(const task::TaskContext& context) {
  std::vector<std::int64_t> classes;
  for (const std::string& name : task::vocabulary_of(context, "semantic", describe().name, 2)) {
    const auto found = std::find(kClasses.begin(), kClasses.end() - 1, name);
    const bool unknown = name == "background" || name == "uncertain";
    classes.push_back(unknown ? kNoClass : found - kClasses.begin());
  }
  return classes;
}

/// Writes each pixel's class, or kNoClass; a row-major image of side x side pixels.
void label(const data::Sample& sample, const std::vector<std::int64_t>& class_of, std::int64_t side, std::int64_t* classes) {
  const auto labels = sample.field("semantic").as<std::uint8_t>();
  for (std::int64_t i = 0; i < side * side; ++i) {
    const std::uint8_t each = labels[static_cast<std::size_t>(i)];
    classes[i] = each < class_of.size() ? class_of[each] : kNoClass;
  }
}

// ---- To here. Below is what every segmentation needs. ----------------------------------------------------------------------------------

class NewTask final : public task::DenseTask {
 public:
  explicit NewTask(const task::TaskContext& context)
      : DenseTask(describe(), task::segmentation_metrics(count()), context, count(), nn::OutputActivation::kLinear),
        class_of_(classes_of_labels(context)) {}

  task::Example example(std::span<const data::Sample> samples, affinis::RandomStream&) const override {
    at::Tensor target = at::empty({side(), side()}, at::kLong);
    label(samples.front(), class_of_, side(), target.mutable_data_ptr<std::int64_t>());
    const at::Tensor mask = (target != kNoClass).to(at::kFloat);
    return {task::image_input(samples.front()), target.clamp_min(0), mask};
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::cross_entropy(prediction, batch.target, batch.mask);
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    return task::label_picture(target, mask, 1);
  }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override {
    return task::label_picture(at::argmax(prediction, 0), {}, 1);
  }

 private:
  static std::int64_t count() { return static_cast<std::int64_t>(kClasses.size()); }

  std::vector<std::int64_t> class_of_;
};

void register_tasks(task::TaskRegistry& registry) {
  task::register_task(registry, {describe(), [](const task::TaskContext& context) { return std::make_shared<const NewTask>(context); }});
}

}  // namespace

AFFINIS_PLUGIN(register_tasks)
