// A plug-in of parametrised tasks: one number for one cell of a 3 x 3 grid over the image, by least squares. Three statistics make 27
// tasks out of one class: experiments/hydra-50.toml trains most of them in one network together with the bank.

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>

#include <ATen/ops/full.h>

#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/losses.h"
#include "framework/task/plugin.h"

namespace {

namespace data = affinis::data;
namespace nn = affinis::nn;
namespace task = affinis::task;

constexpr std::int64_t kGrid = 3;
constexpr std::uint16_t kFirstInvalidDepth = 64500;

enum class Statistic { kDepth, kFacing, kClutter };

struct Kind {
  Statistic statistic;
  const char* name;
  const char* title;
  const char* field;
  const char* doc;
};

constexpr std::array<Kind, 3> kKinds = {{
    {Statistic::kDepth, "cell_depth", "Cell Depth", "depth_zbuffer", "mean depth of the visible surfaces in a cell, as a share of 16 m"},
    {Statistic::kFacing, "cell_facing", "Cell Facing", "normal", "share of a cell whose surface faces up"},
    {Statistic::kClutter, "cell_clutter", "Cell Clutter", "instance", "number of different objects in a cell, as a share of 8"},
}};

task::TaskInfo describe(const Kind& kind, std::int64_t cell) {
  const std::string number = std::to_string(cell + 1);
  return {.name = std::string(kind.name) + "_" + number,
          .aliases = {},
          .display_name = std::string(kind.title) + " " + number,
          .family = "geometric",
          .fields = {"rgb", kind.field},
          .head = "vector",
          .loss = "squared error",
          .metrics = task::error_metrics(1).infos,
          .doc = std::string(kind.doc) + " (cell " + number + " of 9, row by row)"};
}

class CellStatistic final : public task::Task {
 public:
  CellStatistic(const Kind& kind, std::int64_t cell, const task::TaskContext& context)
      : info_(describe(kind, cell)), statistic_(kind.statistic), cell_(cell), side_(context.image_side) {}

  const task::TaskInfo& info() const override { return info_; }

  task::Example example(std::span<const data::Sample> samples, affinis::RandomStream&) const override {
    const double value = statistic_ == Statistic::kDepth    ? depth(samples.front())
                         : statistic_ == Statistic::kFacing ? facing(samples.front())
                                                            : clutter(samples.front());
    // A cell in which nothing is seen has no depth.
    const bool labelled = std::isfinite(value);
    return {task::image_input(samples.front()), at::full({1}, labelled ? value : 0.0, at::kFloat), at::full({1}, labelled ? 1.0 : 0.0, at::kFloat)};
  }

  std::vector<std::int64_t> prediction_shape() const override { return {1}; }

  std::unique_ptr<nn::Module> make_head(const task::HeadInput& input) const override { return task::make_fully_connected_head(input, 1); }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::squared_error(prediction, batch.target, batch.mask);
  }

  std::unique_ptr<task::MetricAccumulator> make_metrics() const override { return task::error_metrics(1).make(); }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor&) const override { return shown(target.item<double>()); }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override { return shown(prediction.item<double>()); }

 private:
  std::int64_t top() const { return cell_ / kGrid * side_ / kGrid; }
  std::int64_t bottom() const { return (cell_ / kGrid + 1) * side_ / kGrid; }
  std::int64_t left() const { return cell_ % kGrid * side_ / kGrid; }
  std::int64_t right() const { return (cell_ % kGrid + 1) * side_ / kGrid; }

  template <typename Visit>
  void each_pixel(const Visit& visit) const {
    for (std::int64_t y = top(); y < bottom(); ++y) {
      for (std::int64_t x = left(); x < right(); ++x) visit(static_cast<std::size_t>(y * side_ + x));
    }
  }

  double depth(const data::Sample& sample) const {
    constexpr double kReach = 16 * 512;
    const auto depths = sample.field("depth_zbuffer").as<std::uint16_t>();
    double sum = 0;
    double count = 0;
    each_pixel([&](std::size_t i) {
      if (depths[i] >= kFirstInvalidDepth) return;
      sum += depths[i];
      count += 1;
    });
    return sum / count / kReach;
  }

  double facing(const data::Sample& sample) const {
    constexpr std::uint8_t kUp = 38;  // the component along +y (down) below -0.7
    const auto normals = sample.field("normal").as<std::uint8_t>();
    double up = 0;
    double count = 0;
    each_pixel([&](std::size_t i) {
      up += normals[3 * i + 1] < kUp ? 1 : 0;
      count += 1;
    });
    return up / count;
  }

  double clutter(const data::Sample& sample) const {
    constexpr double kMany = 8;
    const auto instances = sample.field("instance").as<std::uint16_t>();
    std::set<std::uint16_t> objects;
    each_pixel([&](std::size_t i) { objects.insert(instances[i]); });
    return static_cast<double>(objects.size()) / kMany;
  }

  /// The cell, coloured by the number, on grey.
  data::Image shown(double value) const {
    data::Image picture(static_cast<int>(side_), static_cast<int>(side_), 225);
    for (std::int64_t y = top(); y < bottom(); ++y) {
      for (std::int64_t x = left(); x < right(); ++x)
        data::scalar_colour(std::clamp(value, 0.0, 1.0), picture.at(static_cast<int>(x), static_cast<int>(y)));
    }
    return picture;
  }

  task::TaskInfo info_;
  Statistic statistic_;
  std::int64_t cell_;
  std::int64_t side_;
};

void register_cell_statistics(task::TaskRegistry& registry) {
  for (const Kind& kind : kKinds) {
    for (std::int64_t cell = 0; cell < kGrid * kGrid; ++cell) {
      task::register_task(registry, {describe(kind, cell), [kind, cell](const task::TaskContext& context) {
                                       return std::make_shared<const CellStatistic>(kind, cell, context);
                                     }});
    }
  }
}

}  // namespace

AFFINIS_PLUGIN(register_cell_statistics)
