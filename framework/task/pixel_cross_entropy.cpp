#include "framework/task/detail/pixel_cross_entropy.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "framework/core/error.h"
#include "framework/task/detail/class_pixels.h"

namespace affinis::task::detail {
namespace {

constexpr std::int64_t kLogitsToShare = std::int64_t{1} << 15;  ///< that are worth a thread of their own

/// What the logits [N, K, ...] are compared with, contiguous; mask and weights may be undefined.
struct Targets {
  at::Tensor labels;         ///< [N, ...], int64
  at::Tensor mask;           ///< [N, ...], float
  at::Tensor class_weights;  ///< [K], float
};

/// Maps of classes [N, K, ...], cut into stretches of pixels.
class Maps {
 public:
  Maps(const at::Tensor& logits, const at::Tensor& class_weights)
      : logits_(logits.const_data_ptr<float>()),
        class_weights_(class_weights.defined() ? class_weights.const_data_ptr<float>() : nullptr),
        images_(logits.size(0)),
        classes_(logits.size(1)),
        plane_(logits.numel() / (images_ * classes_)),
        an_image_((plane_ + kStretch - 1) / kStretch) {}

  std::int64_t images() const { return images_; }
  std::int64_t plane() const { return plane_; }
  std::int64_t stretches_an_image() const { return an_image_; }
  std::int64_t stretches() const { return images_ * an_image_; }
  std::int64_t image(std::int64_t stretch) const { return stretch / an_image_; }
  /// Where a stretch begins among the pixels, and among the logits, of all images.
  std::int64_t pixel(std::int64_t stretch) const { return image(stretch) * plane_ + first(stretch); }
  std::int64_t logit(std::int64_t stretch) const { return image(stretch) * classes_ * plane_ + first(stretch); }

  ClassPixels pixels(std::int64_t stretch) const {
    return {.count = std::min(kStretch, plane_ - first(stretch)),
            .classes = classes_,
            .logits = logits_ + logit(stretch),
            .plane = plane_,
            .class_weights = class_weights_};
  }

  /// Calls work(stretch) for each, on LibTorch's threads.
  template <typename Work>
  void for_each_stretch(const Work& work) const {
    at::parallel_for(0, stretches(), 1 + kLogitsToShare / (kStretch * classes_), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t stretch = begin; stretch < end; ++stretch) work(stretch);
    });
  }

 private:
  std::int64_t first(std::int64_t stretch) const { return stretch % an_image_ * kStretch; }

  const float* logits_;
  const float* class_weights_;
  std::int64_t images_;
  std::int64_t classes_;
  std::int64_t plane_;
  std::int64_t an_image_;
};

void check_labels(const std::int64_t* labels, const float* mask, const ClassPixels& pixels) {
  for (std::int64_t i = 0; i < pixels.count; ++i) {
    if ((mask != nullptr && mask[i] == 0) || labels[i] == kIgnoredLabel) continue;
    AFFINIS_CHECK(labels[i] >= 0 && labels[i] < pixels.classes, ErrorCode::kData,
                  "a pixel has the label {}, but the logits are those of {} classes; a label is at least 0 and below that, or {} for none",
                  labels[i], pixels.classes, kIgnoredLabel);
  }
}

/// What the backward pass needs of the forward pass, a value a pixel.
struct Kept {
  at::Tensor wanted;
  at::Tensor greatest;
  at::Tensor sum;

  explicit Kept(at::IntArrayRef pixels)
      : wanted(at::empty(pixels, at::kInt)), greatest(at::empty(pixels, at::kFloat)), sum(at::empty(pixels, at::kFloat)) {}
};

/// The sum of each stretch's losses. Without `kept` nothing else stays.
std::vector<double> stretch_losses(const Maps& maps, const Targets& targets, const Kept* kept) {
  const auto* const labels = targets.labels.const_data_ptr<std::int64_t>();
  const float* const mask = targets.mask.defined() ? targets.mask.const_data_ptr<float>() : nullptr;
  auto* const kept_wanted = kept ? kept->wanted.mutable_data_ptr<std::int32_t>() : nullptr;
  const SoftmaxPixels kept_softmax{.greatest = kept ? kept->greatest.mutable_data_ptr<float>() : nullptr,
                                   .sum = kept ? kept->sum.mutable_data_ptr<float>() : nullptr};
  std::vector<double> losses(static_cast<std::size_t>(maps.stretches()));
  maps.for_each_stretch([&](std::int64_t stretch) {
    std::int32_t passing_wanted[kStretch];
    float passing_greatest[kStretch];
    float passing_sum[kStretch];
    const ClassPixels pixels = maps.pixels(stretch);
    const std::int64_t at = maps.pixel(stretch);
    const float* const valid = mask ? mask + at : nullptr;
    std::int32_t* const wanted = kept ? kept_wanted + at : passing_wanted;
    const SoftmaxPixels softmax = kept ? kept_softmax.from(at) : SoftmaxPixels{.greatest = passing_greatest, .sum = passing_sum};
    if (!classes_of(labels + at, valid, pixels.count, pixels.classes, kIgnoredLabel, wanted)) check_labels(labels + at, valid, pixels);
    losses[static_cast<std::size_t>(stretch)] = class_losses(pixels, wanted, softmax);
  });
  return losses;
}

/// class_gradients for all pixels, by LibTorch's differentiable operations. scales: [N].
at::Tensor differentiable_gradient(const at::Tensor& logits, const at::Tensor& wanted, const at::Tensor& class_weights, const at::Tensor& scales) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(logits.dim()), 1);
  shape[0] = logits.size(0);
  at::Tensor factors = scales.view(shape);
  if (class_weights.defined()) {
    factors = factors * class_weights.index_select(0, wanted.clamp_min(0).flatten()).view(wanted.sizes()).unsqueeze(1);
  }
  shape[0] = 1;
  shape[1] = logits.size(1);
  const at::Tensor classes = wanted.unsqueeze(1);
  const at::Tensor gradient = factors * (at::softmax(logits, 1) - (classes == at::arange(logits.size(1), classes.options()).view(shape)).to(at::kFloat));
  return at::where(classes == kNoClass, at::zeros({}, gradient.options()), gradient);
}

/// How many pixels each image's sum is divided by.
at::Tensor divisors(const Maps& maps, const Targets& targets) {
  if (targets.mask.defined()) return targets.mask.flatten(1).sum(1);
  return at::full({maps.images()}, static_cast<double>(maps.plane()), at::kFloat);
}

at::Tensor mean_losses(const Maps& maps, const Targets& targets, const at::Tensor& counts, const Kept* kept) {
  const std::vector<double> losses = stretch_losses(maps, targets, kept);
  const float* const count = counts.const_data_ptr<float>();
  const at::Tensor result = at::empty({maps.images()}, at::kFloat);
  for (std::int64_t image = 0; image < maps.images(); ++image) {
    const auto begin = losses.begin() + image * maps.stretches_an_image();
    const double sum = std::accumulate(begin, begin + maps.stretches_an_image(), 0.0);
    result.mutable_data_ptr<float>()[image] = static_cast<float>(sum / static_cast<double>(count[image]));
  }
  return result;
}

class PixelCrossEntropy : public torch::autograd::Function<PixelCrossEntropy> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& logits, const Targets& targets) {
    const Maps maps(logits, targets.class_weights);
    const at::Tensor counts = divisors(maps, targets);
    const Kept kept(targets.labels.sizes());
    context->save_for_backward({logits, kept.wanted, kept.greatest, kept.sum, counts, targets.class_weights});
    return mean_losses(maps, targets, counts, &kept);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &logits = saved[0], &wanted = saved[1], &greatest = saved[2], &sum = saved[3], &counts = saved[4], &class_weights = saved[5];
    const at::Tensor scales = gradients[0] / counts;
    if (at::GradMode::is_enabled()) return {differentiable_gradient(logits, wanted, class_weights, scales), {}};
    const Maps maps(logits, class_weights);
    const at::Tensor gradient = at::empty(logits.sizes(), at::kFloat);
    const float* const scale = scales.const_data_ptr<float>();
    const auto* const classes = wanted.const_data_ptr<std::int32_t>();
    const SoftmaxPixels softmax{.greatest = greatest.mutable_data_ptr<float>(), .sum = sum.mutable_data_ptr<float>()};
    float* const result = gradient.mutable_data_ptr<float>();
    maps.for_each_stretch([&](std::int64_t stretch) {
      const std::int64_t at = maps.pixel(stretch);
      class_gradients(maps.pixels(stretch), classes + at, softmax.from(at), scale[maps.image(stretch)], result + maps.logit(stretch));
    });
    return {gradient, {}};
  }
};

bool suits(const at::Tensor& logits, const at::Tensor& labels, const at::Tensor& mask, const at::Tensor& class_weights) {
  return logits.is_cpu() && logits.scalar_type() == at::kFloat && logits.dim() > 2 && logits.numel() > 0 && labels.is_cpu() &&
         (!mask.defined() || (mask.is_cpu() && mask.sizes() == labels.sizes() && !mask.requires_grad())) &&
         (!class_weights.defined() || (class_weights.dim() == 1 && class_weights.size(0) == logits.size(1))) &&
         !at::autocast::is_autocast_enabled(at::kCPU);
}

}  // namespace

std::optional<at::Tensor> cpu_cross_entropy(const at::Tensor& logits, const at::Tensor& labels, const at::Tensor& mask,
                                            const at::Tensor& class_weights) {
  if (!suits(logits, labels, mask, class_weights)) return std::nullopt;
  const auto plain = [](const at::Tensor& tensor, at::ScalarType type) {
    return tensor.defined() ? tensor.detach().to(at::kCPU, type).contiguous() : tensor;
  };
  const at::Tensor numbers = logits.contiguous();
  const Targets targets{.labels = plain(labels, at::kLong), .mask = plain(mask, at::kFloat), .class_weights = plain(class_weights, at::kFloat)};
  if (at::GradMode::is_enabled() && logits.requires_grad()) return PixelCrossEntropy::apply(numbers, targets);
  const Maps maps(numbers, targets.class_weights);
  return mean_losses(maps, targets, divisors(maps, targets), nullptr);
}

}  // namespace affinis::task::detail
