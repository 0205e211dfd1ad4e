#pragma once

#include <cstdint>

// Loops for the CPU over maps of classes, for their cross-entropy and their metrics; float32, free of LibTorch; one thread, the same bits for the same input.
namespace affinis::task::detail {

/// Pixels that are handled together: few enough that the logits of dozens of classes are still in a core's caches at the second pass, many
/// enough that each class's row is worth reading ahead. 256 take up to a fifth longer (experiments/bench/cross_entropy).
constexpr std::int64_t kStretch = 1024;

/// The class of a pixel that does not count.
constexpr std::int32_t kNoClass = -1;

/// At most kStretch pixels of one image.
struct ClassPixels {
  std::int64_t count;
  std::int64_t classes;
  const float* logits;  ///< of class c and pixel i at c * plane + i
  std::int64_t plane;
  const float* class_weights;  ///< one a class; null: all 1
};

/// Labels as classes; `ignored` and what `mask` (may be null) leaves out become kNoClass. False when another label is no class.
bool classes_of(const std::int64_t* labels, const float* mask, std::int64_t count, std::int64_t classes, std::int64_t ignored,
                std::int32_t* result);

/// What the softmax of a pixel needs: its greatest logit, and the sum of exp(logit - greatest).
struct SoftmaxPixels {
  float* greatest;
  float* sum;

  SoftmaxPixels from(std::int64_t pixel) const { return {.greatest = greatest + pixel, .sum = sum + pixel}; }
};

/// The sum of the pixels' losses, which are 0 where there is no class. Fills `softmax`.
double class_losses(const ClassPixels& pixels, const std::int32_t* wanted, const SoftmaxPixels& softmax);

/// scale * (softmax - 1 at the wanted class) * the class's weight, 0 where there is no class; laid out as the logits.
void class_gradients(const ClassPixels& pixels, const std::int32_t* wanted, const SoftmaxPixels& softmax, float scale, float* gradient);

/// The class of each pixel's greatest logit, the first among equals. `count` pixels, of any number.
void likeliest_classes(const float* logits, std::int64_t count, std::int64_t classes, std::int64_t plane, std::int32_t* likeliest);

}  // namespace affinis::task::detail
