#include "transfer/forecast.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "framework/core/error.h"
#include "framework/core/random.h"

namespace affinis::transfer {
namespace {

struct Columns {
  at::Tensor values;  ///< [N, c] double
  at::Tensor valid;   ///< [N, c] bool
};

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

/// Flat positions in a picture, one drawn in each cell of a grid.
std::vector<std::int64_t> draw_pixels(std::int64_t height, std::int64_t width, std::int64_t count, RandomStream& stream) {
  const auto across = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(count)))));
  const std::int64_t down = (count + across - 1) / across;
  std::vector<std::int64_t> pixels;
  for (std::int64_t i = 0; i < count; ++i) {
    const double y = (static_cast<double>(i / across) + stream.uniform()) / static_cast<double>(down);
    const double x = (static_cast<double>(i % across) + stream.uniform()) / static_cast<double>(across);
    pixels.push_back(std::min(height - 1, static_cast<std::int64_t>(y * static_cast<double>(height))) * width +
                     std::min(width - 1, static_cast<std::int64_t>(x * static_cast<double>(width))));
  }
  return pixels;
}

/// A pixel up to an eighth of the picture away from each: near enough to share a segment as often as not.
std::vector<std::int64_t> draw_neighbours(const std::vector<std::int64_t>& pixels, std::int64_t height, std::int64_t width, RandomStream& stream) {
  const auto near = [&](std::int64_t at, std::int64_t size) {
    const std::int64_t reach = std::max<std::int64_t>(1, size / 8);
    const std::int64_t offset = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(2 * reach + 1))) - reach;
    return std::clamp<std::int64_t>(at + offset, 0, size - 1);
  };
  std::vector<std::int64_t> neighbours;
  for (const std::int64_t pixel : pixels) neighbours.push_back(near(pixel / width, height) * width + near(pixel % width, width));
  return neighbours;
}

/// The mask in the shape of `target`, all true without one.
at::Tensor valid_like(const at::Tensor& mask, const at::Tensor& target) {
  if (!mask.defined()) return at::ones(target.sizes(), at::kBool);
  at::Tensor valid = mask.ne(0);
  while (valid.dim() > target.dim()) valid = valid.squeeze(1);
  while (valid.dim() < target.dim()) valid = valid.unsqueeze(1);
  return valid.expand_as(target);
}

/// [N, ..., H, W] -> [N, ..., pixels].
at::Tensor at_pixels(const at::Tensor& maps, const std::vector<std::int64_t>& pixels) {
  return at::index_select(maps.flatten(-2), -1, at::tensor(pixels));
}

/// Integer labels [N, ...] as shares of `classes` classes, [N, ... * classes].
Columns one_hot(const at::Tensor& labels, const at::Tensor& valid, std::int64_t classes) {
  const at::Tensor known = valid & labels.ge(0) & labels.lt(classes);
  const at::Tensor values = at::one_hot(labels.clamp(0, classes - 1).to(at::kLong), classes);
  return {values.flatten(1).to(at::kDouble), known.unsqueeze(-1).expand_as(values).flatten(1)};
}

Columns columns_of(const task::Task& task, const train::TensorSet& set, const ForecastOptions& options) {
  const at::Tensor& target = set.target;
  const at::Tensor valid = valid_like(set.mask, target);
  const bool integers = !at::isFloatingType(target.scalar_type());
  const bool map = integers ? target.dim() == 3 : target.dim() == 4;
  const std::string& loss = task.info().loss;
  RandomStream stream(static_cast<std::uint64_t>(options.seed), "forecast/" + task.info().name);
  std::vector<std::int64_t> pixels;
  if (map) pixels = draw_pixels(target.size(-2), target.size(-1), options.pixels, stream);

  if (integers && map && contains(loss, "pairwise")) {
    const std::vector<std::int64_t> others = draw_neighbours(pixels, target.size(-2), target.size(-1), stream);
    return {at_pixels(target, pixels).eq(at_pixels(target, others)).to(at::kDouble), at_pixels(valid, pixels) & at_pixels(valid, others)};
  }
  if (integers) {
    const std::int64_t classes = task.prediction_shape().front();
    return map ? one_hot(at_pixels(target, pixels), at_pixels(valid, pixels), classes) : one_hot(target, valid, classes);
  }
  if (map) return {at_pixels(target, pixels).flatten(1).to(at::kDouble), at_pixels(valid, pixels).flatten(1)};
  return {target.flatten(1).to(at::kDouble), valid.flatten(1)};
}

ReadoutLabels::Error error_of(const task::Task& task, const train::TensorSet& set) {
  const std::string& loss = task.info().loss;
  const bool classes = !at::isFloatingType(set.target.scalar_type()) || contains(loss, "cross-entropy");
  if (classes || contains(loss, "squared")) return ReadoutLabels::Error::kSquared;
  return contains(loss, "length") ? ReadoutLabels::Error::kLength : ReadoutLabels::Error::kAbsolute;
}

std::vector<double> to_vector(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

}  // namespace

ReadoutLabels readout_labels(const task::Task& task, const train::TensorSet& training, const train::TensorSet& test,
                             const ForecastOptions& options) {
  const at::NoGradGuard no_gradients;
  const Columns learnt = columns_of(task, training, options);
  const Columns asked = columns_of(task, test, options);
  const at::Tensor counts = learnt.valid.sum(0, true);
  AFFINIS_CHECK(counts.sum().item<std::int64_t>() > 0, ErrorCode::kData,
                "no transfer image has a label of {} at the pixels that a forecast looks at; raise --pixels or use more images", task.info().name);
  const at::Tensor means = at::where(learnt.valid, learnt.values, 0.0).sum(0, true) / counts.clamp_min(1);
  return {error_of(task, training), at::where(learnt.valid, learnt.values, means), asked.values, asked.valid};
}

RidgeReadout::RidgeReadout(const at::Tensor& training, const at::Tensor& test) {
  const at::NoGradGuard no_gradients;
  const at::Tensor rows = training.flatten(1).to(at::kDouble);
  const at::Tensor mean = rows.mean(0, true);
  at::Tensor deviation = rows.std(0, false, true);
  // A channel that never changes says nothing; dividing by its rounding error would make it shout.
  deviation = at::where(deviation > 1e-9, deviation, std::numeric_limits<double>::infinity());
  const auto [left, singular, right] = at::linalg_svd((rows - mean) / deviation, false);
  left_ = left;
  singular_ = singular;
  test_ = at::matmul((test.flatten(1).to(at::kDouble) - mean) / deviation, right.transpose(0, 1));
}

RidgeReadout::Choice RidgeReadout::choose(const at::Tensor& projected, const at::Tensor& centred) const {
  const at::Tensor squares = singular_ * singular_;
  const double scale = std::max(squares.mean().item<double>(), std::numeric_limits<double>::min());
  const double rows = static_cast<double>(left_.size(0));
  Choice best;
  double least = std::numeric_limits<double>::infinity();
  for (int step = 0; step < 13; ++step) {
    const double multiple = std::pow(10.0, -4 + 0.5 * step);
    const at::Tensor shrink = squares / (squares + multiple * scale);
    const at::Tensor fitted = at::matmul(left_ * shrink, projected);
    const at::Tensor leverage = (left_ * left_ * shrink).sum(1, true) + 1 / rows;  // the mean is fitted too
    const at::Tensor left_out = (centred - fitted) / (1 - leverage).clamp_min(1e-9);
    const double error = (left_out * left_out).sum().item<double>();
    if (error < least) {
      least = error;
      best = {multiple, multiple * scale};
    }
  }
  return best;
}

at::Tensor RidgeReadout::predict(const at::Tensor& labels) const {
  const at::NoGradGuard no_gradients;
  const at::Tensor mean = labels.mean(0, true);
  const at::Tensor centred = labels - mean;
  const at::Tensor projected = at::matmul(left_.transpose(0, 1), centred);
  const at::Tensor filter = singular_ / (singular_ * singular_ + choose(projected, centred).penalty);
  return at::matmul(test_, filter.unsqueeze(1) * projected) + mean;
}

double RidgeReadout::penalty(const at::Tensor& labels) const {
  const at::NoGradGuard no_gradients;
  const at::Tensor centred = labels - labels.mean(0, true);
  return choose(at::matmul(left_.transpose(0, 1), centred), centred).multiple;
}

std::vector<double> readout_errors(const ReadoutLabels& labels, const at::Tensor& predictions) {
  const at::NoGradGuard no_gradients;
  at::Tensor difference = (predictions - labels.test).abs();
  if (labels.error != ReadoutLabels::Error::kAbsolute) difference = difference * difference;
  const at::Tensor counts = labels.test_valid.sum(1).to(at::kDouble);
  at::Tensor errors = at::where(labels.test_valid, difference, 0.0).sum(1) / counts;  // 0 / 0: no label
  if (labels.error == ReadoutLabels::Error::kLength) errors = errors.sqrt();
  return to_vector(errors);
}

std::vector<double> constant_errors(const ReadoutLabels& labels) {
  return readout_errors(labels, labels.training.mean(0, true).expand_as(labels.test));
}

}  // namespace affinis::transfer
