// New Task: a plug-in task for Affinis with one class an image.

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <ATen/ops/full.h>
#include <ATen/ops/softmax.h>

#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/losses.h"
#include "framework/task/pictures.h"
#include "framework/task/plugin.h"

namespace {

namespace data = affinis::data;
namespace nn = affinis::nn;
namespace task = affinis::task;

// ---- Edit from here: the classes. As it is: which class of things fills most of the view, beside the room itself. ---------------------

task::TaskInfo describe() {
  return {.name = "new_task",
          .aliases = {},
          .display_name = "New Task",
          .family = "semantic",           // 2d, 3d, geometric or semantic
          .fields = {"rgb", "semantic"},  // what label() reads; 'affinis data show' lists all
          .head = "vector",
          .loss = "cross-entropy",
          .metrics = task::classification_metrics(0).infos,
          .doc = "class of things that fills most of the view, walls, floors and ceilings left out"};
}

/// The classes' names, from the data set (a list of your own is as good).
std::vector<std::string> classes(const task::TaskContext& context) { return task::vocabulary_of(context, "semantic", describe().name, 2); }

/// The class of one view; nothing when it has none, and is not learnt from or tested on.
std::optional<std::int64_t> label(const data::Sample& sample, const std::vector<std::string>& names) {
  std::vector<std::int64_t> pixels(names.size());
  for (const std::uint8_t each : sample.field("semantic").as<std::uint8_t>()) {
    if (each < names.size()) ++pixels[each];
  }
  constexpr std::array<std::string_view, 5> kNotThings = {"background", "uncertain", "wall", "floor", "ceiling"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::find(kNotThings.begin(), kNotThings.end(), names[i]) != kNotThings.end()) pixels[i] = 0;
  }
  const auto most = std::max_element(pixels.begin(), pixels.end());
  if (*most == 0) return std::nullopt;
  return most - pixels.begin();
}

// ---- To here. Below is what every classification needs. --------------------------------------------------------------------------------

class NewTask final : public task::Task {
 public:
  explicit NewTask(const task::TaskContext& context)
      : info_(describe()), names_(classes(context)), metrics_(task::classification_metrics(count())), side_(context.image_side) {
    info_.metrics = metrics_.infos;
  }

  const task::TaskInfo& info() const override { return info_; }

  task::Example example(std::span<const data::Sample> samples, affinis::RandomStream&) const override {
    const std::optional<std::int64_t> found = label(samples.front(), names_);
    return {task::image_input(samples.front()), at::full({}, found.value_or(0), at::kLong), at::full({}, found ? 1.0 : 0.0, at::kFloat)};
  }

  std::vector<std::int64_t> prediction_shape() const override { return {count()}; }

  std::unique_ptr<nn::Module> make_head(const task::HeadInput& input) const override {
    return task::make_fully_connected_head(input, count());
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::cross_entropy(prediction, batch.target, batch.mask);
  }

  std::unique_ptr<task::MetricAccumulator> make_metrics() const override { return metrics_.make(); }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    std::vector<double> shares(names_.size());
    const bool known = !mask.defined() || mask.item<float>() != 0;
    shares[static_cast<std::size_t>(target.item<std::int64_t>())] = known ? 1 : 0;
    return task::ranked_classes_picture(shares, names_, side_);
  }

  data::Image picture_of_prediction(const at::Tensor& prediction) const override {
    const at::Tensor shares = at::softmax(prediction, 0, at::kDouble).contiguous();
    return task::ranked_classes_picture({shares.const_data_ptr<double>(), names_.size()}, names_, side_);
  }

 private:
  std::int64_t count() const { return static_cast<std::int64_t>(names_.size()); }

  task::TaskInfo info_;
  std::vector<std::string> names_;
  task::MetricSet metrics_;
  std::int64_t side_;
};

void register_tasks(task::TaskRegistry& registry) {
  task::register_task(registry, {describe(), [](const task::TaskContext& context) { return std::make_shared<const NewTask>(context); }});
}

}  // namespace

AFFINIS_PLUGIN(register_tasks)
