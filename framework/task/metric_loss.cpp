#include "framework/task/metric_loss.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "framework/core/error.h"

namespace affinis::task {

ChosenPixels chosen_pixels(const at::Tensor& labels, const at::Tensor& mask) {
  AFFINIS_CHECK(labels.sizes() == mask.sizes(), ErrorCode::kData, "labels of the shape {} do not fit a mask of the shape {}; make example() give both alike",
                c10::str(labels.sizes()), c10::str(mask.sizes()));
  const at::Tensor chosen = (mask != 0).flatten(1);
  const at::Tensor counts = chosen.sum(1);
  const std::int64_t most = std::max<std::int64_t>(1, counts.numel() == 0 ? 0 : counts.max().item<std::int64_t>());
  // A stable sort brings the chosen pixels to the front without changing their order.
  const at::Tensor positions = chosen.to(at::kByte).argsort(true, 1, true).slice(1, 0, std::min(most, chosen.size(1)));
  const at::Tensor valid = at::arange(positions.size(1), counts.options()).unsqueeze(0).lt(counts.unsqueeze(1)).to(at::kFloat);
  return {positions, labels.flatten(1).gather(1, positions), valid};
}

at::Tensor squared_distances(const at::Tensor& embedding, const at::Tensor& positions) {
  constexpr double kFarthest = 80;
  const at::Tensor rows = embedding.to(at::kFloat).flatten(2);
  const at::Tensor picked = rows.gather(2, positions.unsqueeze(1).expand({-1, rows.size(1), -1})).transpose(1, 2);
  // Distances do not change with the origin, but the rounding errors of lengths minus products do.
  const at::Tensor centred = picked - picked.mean(1, true);
  const at::Tensor lengths = centred.square().sum(2);
  const at::Tensor products = at::bmm(centred, centred.transpose(1, 2));
  return (lengths.unsqueeze(2) + lengths.unsqueeze(1) - 2 * products).clamp(0, kFarthest);
}

at::Tensor metric_loss(const at::Tensor& embedding, const at::Tensor& labels, const at::Tensor& mask) {
  AFFINIS_CHECK(embedding.dim() == labels.dim() + 1 && embedding.size(0) == labels.size(0) && embedding.sizes().slice(2) == labels.sizes().slice(1),
                ErrorCode::kData, "embeddings of the shape {} do not fit labels of the shape {}; the task's head and example() must agree",
                c10::str(embedding.sizes()), c10::str(labels.sizes()));
  constexpr double kLeast = 1e-7;
  const ChosenPixels chosen = chosen_pixels(labels, mask);
  const at::Tensor distances = squared_distances(embedding, chosen.positions);
  // With s = 2 / (1 + e^d): log s = log 2 - softplus(d), and 1 - s = tanh(d / 2), both without cancellation.
  const at::Tensor log_same = (std::log(2.0) - at::softplus(distances)).clamp(std::log(kLeast), std::log1p(-kLeast));
  const at::Tensor log_other = (distances * 0.5).tanh().clamp(kLeast, 1 - kLeast).log();
  const at::Tensor same = chosen.labels.unsqueeze(2) == chosen.labels.unsqueeze(1);
  const at::Tensor pairs = chosen.valid.unsqueeze(2) * chosen.valid.unsqueeze(1);
  const at::Tensor errors = at::where(same, log_same, log_other).neg() * pairs;
  return errors.flatten(1).sum(1).div(pairs.flatten(1).sum(1));
}

}  // namespace affinis::task
