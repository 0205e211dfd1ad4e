// What an encoder that has learned nothing says.

#include <array>
#include <cmath>

#include "framework/core/error.h"
#include "framework/task/losses.h"
#include "tasks/families.h"
#include "tasks/vector_task.h"
#include "tasks/view_pictures.h"

namespace affinis::tasks {
namespace {

/// The image is averaged over so many columns and rows, so that the numbers mean the same at every size.
constexpr std::size_t kCells = 16;
constexpr std::size_t kValues = kCells * kCells * 3;
constexpr std::size_t kOutputs = 16;
/// Deviation of cell values of an image in [-1, 1] around its mean colour (0.34 over 120 pictures of rendered rooms); makes the numbers'
/// deviation about 1.
constexpr double kContrast = 0.35;

/// Normal weights, [output][cell][channel], that sum to zero over the cells: else the brightness would be most of every number.
const std::vector<double>& weights() {
  static const std::vector<double> table = [] {
    RandomStream stream(1, "random projection");
    std::vector<double> values(kOutputs * kValues);
    for (double& value : values) value = stream.normal();
    for (std::size_t output = 0; output < kOutputs; ++output) {
      for (std::size_t channel = 0; channel < 3; ++channel) {
        double* first = values.data() + output * kValues + channel;
        double mean = 0;
        for (std::size_t cell = 0; cell < kValues; cell += 3) mean += first[cell] / (kCells * kCells);
        for (std::size_t cell = 0; cell < kValues; cell += 3) first[cell] -= mean;
      }
    }
    const double scale = 1 / (kContrast * std::sqrt(static_cast<double>(kValues)));
    for (double& value : values) value *= scale;
    return values;
  }();
  return table;
}

class RandomProjection final : public VectorTask {
 public:
  explicit RandomProjection(const task::TaskContext& context)
      : VectorTask(describe(), task::error_metrics(1), context, {.outputs = kOutputs}) {}

  static task::TaskInfo describe() {
    return {.name = "random",
            .aliases = {"random_projection"},
            .display_name = "Random Proj.",
            .family = "2d",
            .encoder_learns = false,
            .source = true,
            .target = false,
            .fields = {"rgb"},
            .head = "vector",
            .loss = "mean squared error",
            .metrics = task::error_metrics(1).infos,
            .doc = "an encoder that stays as it was drawn; its head learns 16 fixed random projections of the image, about unit variance"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    at::Tensor image = images_of(samples);
    const auto side = static_cast<std::size_t>(image.size(1));
    AFFINIS_CHECK(side >= kCells, ErrorCode::kData, "sample {}: task 'random' needs images of at least {} pixels a side, not {}",
                  samples.front().key.name(), kCells, side);
    const auto* value = image.const_data_ptr<float>();
    std::array<double, kValues> sums{};
    std::array<double, kCells * kCells> counts{};
    for (std::size_t channel = 0; channel < 3; ++channel) {
      for (std::size_t y = 0; y < side; ++y) {
        for (std::size_t x = 0; x < side; ++x) {
          const std::size_t cell = y * kCells / side * kCells + x * kCells / side;
          sums[3 * cell + channel] += static_cast<double>(*value++);
          if (channel == 0) ++counts[cell];
        }
      }
    }
    for (std::size_t i = 0; i < kValues; ++i) sums[i] /= counts[i / 3];
    std::array<double, kOutputs> numbers{};
    const double* weight = weights().data();
    for (double& number : numbers) {
      for (const double each : sums) number += *weight++ * each;
    }
    return {std::move(image), vector_tensor(numbers), {}};
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::squared_error(prediction, batch.target, batch.mask);
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor&) const override { return picture_of_prediction(target); }

  data::Image picture_of_prediction(const at::Tensor& prediction) const override {
    return numbers_picture(numbers_of(prediction), picture_side());
  }
};

}  // namespace

void register_random_projection_tasks(task::TaskRegistry& registry) { register_type<RandomProjection>(registry); }

}  // namespace affinis::tasks
