// Tasks whose target is the image itself.

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/ops/empty_like.h>

#include "framework/task/heads.h"
#include "framework/task/image_input.h"
#include "framework/task/pictures.h"
#include "tasks/families.h"

namespace affinis::tasks {
namespace {

/// Noise of variance 0.01 in [0, 1], which is a deviation of 0.2 in [-1, 1].
constexpr float kNoiseDeviation = 0.2F;

/// A uniform number in (0, 1] from 32 bits.
float open_unit(std::uint32_t bits) { return (static_cast<float>(bits >> 8) + 1) * 0x1p-24F; }

/// Box-Muller, both normals of a pair used: 64 bits of the stream a pair.
void add_noise(const float* clean, std::int64_t count, float deviation, RandomStream& stream, float* noisy) {
  for (std::int64_t i = 0; i < count; i += 2) {
    const std::uint64_t bits = stream.bits();
    const float radius = deviation * std::sqrt(-2 * std::log(open_unit(static_cast<std::uint32_t>(bits >> 32))));
    const float angle = 2 * std::numbers::pi_v<float> * open_unit(static_cast<std::uint32_t>(bits));
    noisy[i] = std::clamp(clean[i] + radius * std::cos(angle), -1.0F, 1.0F);
    if (i + 1 < count) noisy[i + 1] = std::clamp(clean[i + 1] + radius * std::sin(angle), -1.0F, 1.0F);
  }
}

class ImageTask : public task::DenseTask {
 public:
  ImageTask(task::TaskInfo info, const task::TaskContext& context)
      : DenseTask(std::move(info), task::image_metrics(), context, 3, nn::OutputActivation::kTanh) {}

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor&) const override { return task::colour_picture(target); }
  data::Image picture_of_prediction(const at::Tensor& prediction) const override { return task::colour_picture(prediction); }
};

class Autoencoder final : public ImageTask {
 public:
  explicit Autoencoder(const task::TaskContext& context) : ImageTask(describe(), context) {}

  static task::TaskInfo describe() {
    return {.name = "autoencoder",
            .aliases = {"autoencoding"},
            .display_name = "Autoencoding",
            .family = "2d",
            .fields = {"rgb"},
            .head = "dense",
            .loss = "L1",
            .metrics = task::image_metrics().infos,
            .doc = "the image itself, through the representation, in [-1, 1]"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    image_field(samples, "rgb");
    const at::Tensor image = task::image_input(samples.front());
    return {image, image, {}};
  }
};

class Denoise final : public ImageTask {
 public:
  explicit Denoise(const task::TaskContext& context) : ImageTask(describe(), context) {}

  static task::TaskInfo describe() {
    return {.name = "denoise",
            .aliases = {"denoising"},
            .display_name = "Denoising",
            .family = "2d",
            .fields = {"rgb"},
            .head = "dense",
            .loss = "L1",
            .metrics = task::image_metrics().infos,
            .doc = "the clean image, in [-1, 1], from one with Gaussian noise of variance 0.01 (of a range of 1), clipped to the range"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream& stream) const override {
    image_field(samples, "rgb");
    const at::Tensor clean = task::image_input(samples.front());
    at::Tensor noisy = at::empty_like(clean);
    add_noise(clean.const_data_ptr<float>(), clean.numel(), kNoiseDeviation, stream, noisy.mutable_data_ptr<float>());
    return {noisy, clean, {}};
  }
};

class Inpainting final : public ImageTask {
 public:
  explicit Inpainting(const task::TaskContext& context) : ImageTask(describe(), context) {}

  static task::TaskInfo describe() {
    return {.name = "inpainting_whole",
            .aliases = {"impainting_whole", "inpainting"},
            .display_name = "In-painting",
            .family = "2d",
            .target = false,
            .fields = {"rgb"},
            .head = "dense",
            .loss = "L1",
            .metrics = task::image_metrics().infos,
            .doc = "the whole image, in [-1, 1], from one whose middle half of rows and columns is 0 (mid-grey)"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream&) const override {
    image_field(samples, "rgb");
    const at::Tensor whole = task::image_input(samples.front());
    at::Tensor holed = whole.clone();
    auto* value = holed.mutable_data_ptr<float>();
    const std::int64_t first = side() / 4;
    const std::int64_t last = side() * 3 / 4;
    for (std::int64_t row = 0; row < 3 * side(); ++row) {
      const std::int64_t y = row % side();
      if (y >= first && y < last) std::fill(value + row * side() + first, value + row * side() + last, 0.0F);
    }
    return {holed, whole, {}};
  }
};

}  // namespace

void register_image_tasks(task::TaskRegistry& registry) {
  register_type<Autoencoder>(registry);
  register_type<Inpainting>(registry);
  register_type<Denoise>(registry);
}

}  // namespace affinis::tasks
