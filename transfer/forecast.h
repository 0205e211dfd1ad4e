#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/task/task.h"
#include "framework/train/batch_source.h"

namespace affinis::transfer {

/// What a forecast asks a representation for.
struct ForecastOptions {
  std::int64_t pixels = 16;  ///< of each dense label (or pairs of pixels, for segmentations without classes), the same in every image
  std::int64_t seed = 1;     ///< of where they lie
};

/// A target's labels as columns of numbers, on the images that transfers learn from and on the test images.
struct ReadoutLabels {
  enum class Error {
    kAbsolute,  ///< mean of absolute differences
    kSquared,   ///< mean of squared differences; of one-hot classes: the Brier score
    kLength,    ///< length of the difference
  };
  Error error = Error::kAbsolute;
  at::Tensor training;    ///< [N, c] double; a missing value has the mean of its column
  at::Tensor test;        ///< [M, c] double
  at::Tensor test_valid;  ///< [M, c] bool
};

/// Labels at fixed pixels: values as they are, classes one-hot, segments (which have no names) as whether two pixels share one. Both sets
/// hold the task's targets; inputs are not looked at. Throws Error(kData) that names the task when no training image has a label.
ReadoutLabels readout_labels(const task::Task& task, const train::TensorSet& training, const train::TensorSet& test,
                             const ForecastOptions& options);

/// Ridge regression from representations to anything, in closed form. One singular value decomposition serves all targets and
/// penalties; the penalty of each target is the one of 13 from 1e-4 to 1e2 times the mean squared singular value whose exact leave-one-out error
/// (Golub, Heath and Wahba 1979) is the smallest.
class RidgeReadout {
 public:
  /// Representations [N, ...] and [M, ...], one row an example; columns are brought to mean 0 and deviation 1 of the training set.
  RidgeReadout(const at::Tensor& training, const at::Tensor& test);

  /// [N, c] -> predictions [M, c], double.
  at::Tensor predict(const at::Tensor& labels) const;
  /// The penalty that predict() chose for these labels, as a multiple of the mean squared singular value.
  double penalty(const at::Tensor& labels) const;

 private:
  struct Choice {
    double multiple = 0;
    double penalty = 0;
  };
  Choice choose(const at::Tensor& projected, const at::Tensor& centred) const;

  at::Tensor left_;      ///< [N, r]
  at::Tensor singular_;  ///< [r]
  at::Tensor test_;      ///< [M, r]: test rows in the right singular basis
};

/// One error a test image; NaN where it has no label.
std::vector<double> readout_errors(const ReadoutLabels& labels, const at::Tensor& predictions);
/// What guessing the training set's mean gives.
std::vector<double> constant_errors(const ReadoutLabels& labels);

}  // namespace affinis::transfer
