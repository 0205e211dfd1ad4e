// New Task: a plug-in task for Affinis that looks at two views at once.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <ATen/ops/full.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>

#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/losses.h"
#include "framework/task/pictures.h"
#include "framework/task/plugin.h"

namespace {

namespace data = affinis::data;
namespace nn = affinis::nn;
namespace task = affinis::task;

// ---- Edit from here: which pairs, and what is said of them. As it is: which of two views of a room sees farther on average. -----------

task::TaskInfo describe() {
  return {.name = "new_task",
          .aliases = {},
          .display_name = "New Task",
          .family = "geometric",  // 2d, 3d, geometric or semantic
          .arity = 2,
          .partners = task::Partners::kScene,  // any two views of a room; kFixated, kOverlapping, kMatchOrNot: see framework/task/task.h
          .fields = {"rgb", "depth_zbuffer"},  // what label() reads; 'affinis data show' lists all
          .head = "vector",
          .loss = "cross-entropy",
          .metrics = task::classification_metrics(2).infos,
          .doc = "which of two views of a room sees farther on average"};
}

const std::vector<std::string> kClasses = {"first farther", "second farther"};

/// Mean depth in the steps of the data; 0 without any.
double mean_depth(const data::Sample& sample) {
  constexpr std::uint16_t kNoDepth = 65535;
  double sum = 0;
  double seen = 0;
  for (const std::uint16_t each : sample.field("depth_zbuffer").as<std::uint16_t>()) {
    if (each == kNoDepth) continue;
    sum += each;
    seen += 1;
  }
  return seen > 0 ? sum / seen : 0;
}

/// The class of a pair; nothing when it has none, and is not learnt from or tested on.
std::optional<std::int64_t> label(const data::Sample& first, const data::Sample& second) {
  const double one = mean_depth(first);
  const double other = mean_depth(second);
  if (one == other) return std::nullopt;
  return one > other ? 0 : 1;
}

// ---- To here. Below is what every classification of pairs needs. -------------------------------------------------------------------------

class NewTask final : public task::Task {
 public:
  explicit NewTask(const task::TaskContext& context)
      : info_(describe()), metrics_(task::classification_metrics(count())), side_(context.image_side) {}

  const task::TaskInfo& info() const override { return info_; }

  task::Example example(std::span<const data::Sample> samples, affinis::RandomStream&) const override {
    const std::optional<std::int64_t> found = label(samples[0], samples[1]);
    return {at::stack({task::image_input(samples[0]), task::image_input(samples[1])}), at::full({}, found.value_or(0), at::kLong),
            at::full({}, found ? 1.0 : 0.0, at::kFloat)};
  }

  std::vector<std::int64_t> prediction_shape() const override { return {count()}; }

  /// The two views' representations come one behind the other along the channels.
  std::unique_ptr<nn::Module> make_head(const task::HeadInput& input) const override {
    return task::make_fully_connected_head(input, count(), 3);
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::cross_entropy(prediction, batch.target, batch.mask);
  }

  std::unique_ptr<task::MetricAccumulator> make_metrics() const override { return metrics_.make(); }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor& mask) const override {
    std::vector<double> shares(kClasses.size());
    const bool known = !mask.defined() || mask.item<float>() != 0;
    shares[static_cast<std::size_t>(target.item<std::int64_t>())] = known ? 1 : 0;
    return task::ranked_classes_picture(shares, kClasses, side_);
  }

  data::Image picture_of_prediction(const at::Tensor& prediction) const override {
    const at::Tensor shares = at::softmax(prediction, 0, at::kDouble).contiguous();
    return task::ranked_classes_picture({shares.const_data_ptr<double>(), kClasses.size()}, kClasses, side_);
  }

 private:
  static std::int64_t count() { return static_cast<std::int64_t>(kClasses.size()); }

  task::TaskInfo info_;
  task::MetricSet metrics_;
  std::int64_t side_;
};

void register_tasks(task::TaskRegistry& registry) {
  task::register_task(registry, {describe(), [](const task::TaskContext& context) { return std::make_shared<const NewTask>(context); }});
}

}  // namespace

AFFINIS_PLUGIN(register_tasks)
