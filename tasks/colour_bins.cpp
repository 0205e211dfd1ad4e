#include "tasks/colour_bins.h"

#include <cmath>
#include <numeric>

#include <ATen/ATen.h>

#include "framework/core/error.h"

namespace affinis::tasks {
namespace {

constexpr int kGrid = 10;
constexpr std::int64_t kNearest = 10;
constexpr double kDeviation = 5;
/// Share of the uniform distribution in what the weights are the inverse of.
constexpr double kUniformShare = 0.5;
/// Inverse temperature of the decoding, 1 / 0.38 as released.
constexpr double kAnnealing = 2.606;

struct Row {
  int a;
  int least_b;
  int greatest_b;
};

constexpr Row kRows[] = {{-90, 50, 90},   {-80, 20, 90},   {-70, 0, 90},    {-60, -20, 90},  {-50, -30, 100}, {-40, -40, 100}, {-30, -50, 100},
                         {-20, -50, 100}, {-10, -60, 100}, {0, -70, 100},   {10, -80, 90},   {20, -80, 90},   {30, -90, 90},   {40, -100, 90},
                         {50, -100, 80},  {60, -110, 80},  {70, -110, 80},  {80, -110, 70},  {90, -110, 70},  {100, -90, 0}};

constexpr int kMillionths[kColourBins] = {
#include "tasks/colour_prior.inc"
};

/// [313, 2].
at::Tensor bins_like(const at::Tensor& tensor) {
  static const at::Tensor bins =
      at::from_blob(const_cast<ColourAb*>(colour_bins().data()), {kColourBins, 2}, at::TensorOptions().dtype(at::kFloat));
  return bins.to(tensor.device());
}

}  // namespace

const std::array<ColourAb, kColourBins>& colour_bins() {
  static const std::array<ColourAb, kColourBins> bins = [] {
    std::array<ColourAb, kColourBins> points{};
    std::size_t next = 0;
    for (const Row& row : kRows) {
      for (int b = row.least_b; b <= row.greatest_b; b += kGrid) points.at(next++) = {static_cast<float>(row.a), static_cast<float>(b)};
    }
    AFFINIS_CHECK(next == points.size(), ErrorCode::kInternal, "the table of colours holds {} bins, not {}", next, points.size());
    return points;
  }();
  return bins;
}

const std::array<double, kColourBins>& colour_prior() {
  static const std::array<double, kColourBins> prior = [] {
    std::array<double, kColourBins> shares{};
    const double sum = std::accumulate(std::begin(kMillionths), std::end(kMillionths), 0.0);
    for (std::size_t i = 0; i < shares.size(); ++i) shares[i] = kMillionths[i] / sum;
    return shares;
  }();
  return prior;
}

const std::array<float, kColourBins>& colour_weights() {
  static const std::array<float, kColourBins> weights = [] {
    const auto raw = [](double share) { return 1 / ((1 - kUniformShare) * share + kUniformShare / kColourBins); };
    double mean = 0;
    for (const double share : colour_prior()) mean += share * raw(share);
    std::array<float, kColourBins> values{};
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(raw(colour_prior()[i]) / mean);
    return values;
  }();
  return weights;
}

at::Tensor colour_loss(const at::Tensor& logits, const at::Tensor& ab) {
  AFFINIS_CHECK(logits.dim() == 4 && ab.dim() == 4 && logits.size(1) == kColourBins && ab.size(1) == 2 && logits.size(0) == ab.size(0) &&
                    logits.sizes().slice(2) == ab.sizes().slice(2),
                ErrorCode::kData, "logits of the shape {} do not fit colours of the shape {}; the task's head and example() must agree",
                c10::str(logits.sizes()), c10::str(ab.sizes()));
  const at::Tensor bins = bins_like(ab);
  const at::Tensor colours = ab.to(at::kFloat).flatten(2);
  const auto component = [&](int index) {
    return (colours.select(1, index).unsqueeze(1) - bins.select(1, index).view({1, kColourBins, 1})).square();
  };
  const at::Tensor squared = component(0) + component(1);
  const auto [nearest, which] = squared.topk(kNearest, 1, false, true);
  const at::Tensor shares = (nearest * (-0.5 / (kDeviation * kDeviation))).softmax(1);
  const at::Tensor errors = (logits.to(at::kFloat).flatten(2).log_softmax(1).gather(1, which) * shares).sum(1).neg();
  static const at::Tensor weights =
      at::from_blob(const_cast<float*>(colour_weights().data()), {kColourBins}, at::TensorOptions().dtype(at::kFloat));
  return (errors * weights.to(ab.device()).index({which.select(1, 0)})).mean(1);
}

at::Tensor decoded_colours(const at::Tensor& logits) {
  const at::Tensor shares = (logits.to(at::kFloat).flatten(2) * kAnnealing).softmax(1);
  return at::matmul(bins_like(logits).t(), shares).view({logits.size(0), 2, logits.size(2), logits.size(3)});
}

}  // namespace affinis::tasks
