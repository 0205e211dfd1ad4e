// The image cut into nine tiles: in which order do they lie?

#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <opencv2/imgproc.hpp>

#include "framework/core/error.h"
#include "framework/task/image_input.h"
#include "framework/task/losses.h"
#include "tasks/families.h"
#include "tasks/permutations.h"
#include "tasks/vector_task.h"
#include "tasks/view_pictures.h"

namespace affinis::tasks {
namespace {

class Jigsaw final : public VectorTask {
 public:
  explicit Jigsaw(const task::TaskContext& context)
      : VectorTask(describe(), task::classification_metrics(kPermutationCount), context, {.outputs = kPermutationCount, .layers = 3}) {}

  static task::TaskInfo describe() {
    return {.name = "jigsaw",
            .aliases = {},
            .display_name = "Jigsaw",
            .family = "geometric",
            .arity = kTiles,
            .samples = 1,
            .source = true,
            .target = false,
            .fields = {"rgb"},
            .head = "vector",
            .loss = "cross-entropy",
            .metrics = task::classification_metrics(kPermutationCount).infos,
            .doc = "which of 100 permutations the nine tiles of the image are in, as logits"};
  }

  task::Example example(std::span<const data::Sample> samples, RandomStream& stream) const override {
    check_count(samples);
    const data::FieldValue& rgb = samples.front().field("rgb");
    constexpr std::int64_t kLeastSide = 12;
    AFFINIS_CHECK(rgb.shape.size() == 3 && rgb.shape[0] == rgb.shape[1] && rgb.shape[2] == 3 && rgb.shape[0] >= kLeastSide, ErrorCode::kData,
                  "sample {}: field rgb is not a square image of three channels and at least {} pixels a side, which nine tiles need",
                  samples.front().key.name(), kLeastSide);
    const auto side = static_cast<int>(rgb.shape[0]);
    const int unit = side / kColumns;
    // A random part of each tile, so that edges do not continue from one to the next.
    const int crop = unit * 9 / 10;
    // OpenCV's matrices of foreign memory are not const; this one is only read.
    const cv::Mat image(side, side, CV_8UC3, const_cast<std::uint8_t*>(rgb.as<std::uint8_t>().data()));
    const auto order = stream.below(kPermutationCount);
    at::Tensor tiles = at::empty({kTiles, 3, side, side}, at::TensorOptions().dtype(at::kFloat));
    auto* planes = static_cast<float*>(tiles.mutable_data_ptr());
    cv::Mat tile;
    for (const int place : jigsaw_permutations()[order]) {
      const auto shift = [&] { return static_cast<int>(stream.below(static_cast<std::uint64_t>(unit - crop + 1))); };
      const int x = place % kColumns * unit + shift();
      const int y = place / kColumns * unit + shift();
      cv::resize(image(cv::Rect(x, y, crop, crop)), tile, {side, side}, 0, 0, cv::INTER_LINEAR);
      task::bytes_to_planes(tile.data, std::int64_t{side} * side, 3, planes);
      planes += std::int64_t{3} * side * side;
    }
    return {std::move(tiles), at::scalar_tensor(static_cast<std::int64_t>(order), at::kLong), {}};
  }

  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    return task::cross_entropy(prediction, batch.target, batch.mask);
  }

  data::Image picture_of_target(const at::Tensor& target, const at::Tensor&) const override {
    return tiles_picture(jigsaw_permutations().at(static_cast<std::size_t>(target.item<std::int64_t>())), picture_side());
  }

  data::Image picture_of_prediction(const at::Tensor& prediction) const override {
    return picture_of_target(prediction.detach().argmax(0), {});
  }

 private:
  static constexpr int kColumns = 3;
  static constexpr std::int64_t kTiles = 9;
};

}  // namespace

void register_jigsaw_tasks(task::TaskRegistry& registry) { register_type<Jigsaw>(registry); }

}  // namespace affinis::tasks
