#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "framework/data/annotation_methods.h"

namespace affinis::data::methods {
namespace {

// Taskonomy's labels: ten scales, evenly spaced, at 512 pixels.
constexpr int kScales = 10;
constexpr double kFinest = 1;
constexpr double kCoarsest = 30;
constexpr double kKeypointDesignSide = 512;
/// Below this many pixels a sampled Gaussian is no smoothing and the Hessian is that of the noise.
constexpr double kLeastKeypointSigma = 0.6;

cv::Mat grey_image(const FieldValue& rgb) {
  const auto side = static_cast<int>(rgb.shape[0]);
  cv::Mat grey(side, side, CV_32F);
  const auto colours = rgb.as<std::uint8_t>();
  for (int i = 0; i < side * side; ++i) {
    const std::uint8_t* colour = &colours[3 * static_cast<std::size_t>(i)];
    grey.ptr<float>()[i] = (0.299f * colour[0] + 0.587f * colour[1] + 0.114f * colour[2]) / 255;
  }
  return grey;
}

}  // namespace

FieldValue keypoints2d(const Sample& sample) {
  const cv::Mat grey = grey_image(sample.field("rgb"));
  const int side = grey.rows;
  const double finest = std::max(kLeastKeypointSigma, kFinest * side / kKeypointDesignSide);
  const double coarsest = std::max(finest, kCoarsest * side / kKeypointDesignSide);
  cv::Mat best = cv::Mat::zeros(side, side, CV_32F);
  for (int scale = 0; scale < kScales; ++scale) {
    const double sigma = finest + (coarsest - finest) * scale / (kScales - 1);
    const int radius = static_cast<int>(std::ceil(4 * sigma));
    const cv::Mat weights = cv::getGaussianKernel(2 * radius + 1, sigma, CV_32F);
    // One pixel beyond the image, so that differences at its rim see what the smoothing saw.
    cv::Mat padded, smooth;
    cv::copyMakeBorder(grey, padded, 1, 1, 1, 1, cv::BORDER_REFLECT_101);
    cv::sepFilter2D(padded, smooth, CV_32F, weights, weights, {-1, -1}, 0, cv::BORDER_REFLECT_101);
    const auto normalisation = static_cast<float>(std::pow(sigma, 4));
    for (int y = 0; y < side; ++y) {
      const float* above = smooth.ptr<float>(y) + 1;
      const float* here = smooth.ptr<float>(y + 1) + 1;
      const float* below = smooth.ptr<float>(y + 2) + 1;
      float* out = best.ptr<float>(y);
      for (int x = 0; x < side; ++x) {
        const float xx = here[x - 1] - 2 * here[x] + here[x + 1];
        const float yy = above[x] - 2 * here[x] + below[x];
        const float xy = (below[x + 1] - below[x - 1] - above[x + 1] + above[x - 1]) / 4;
        out[x] = std::max(out[x], normalisation * (xx * yy - xy * xy));
      }
    }
  }
  FieldValue value = make_field_value(field_spec("keypoints2d"), side);
  const auto elements = value.as<std::uint16_t>();
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<std::uint16_t>(std::lround(std::min(1.0f, best.ptr<float>()[i]) * 65535));
  return value;
}

}  // namespace affinis::data::methods
