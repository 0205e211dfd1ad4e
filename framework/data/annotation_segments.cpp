#include <algorithm>
#include <cmath>
#include <vector>

#include <opencv2/imgproc.hpp>

#include "framework/data/annotation_methods.h"
#include "framework/data/graph_segmentation.h"

namespace affinis::data::methods {
namespace {

// What the labels of Taskonomy were made with is stated for pictures of this side; k and sizes below follow from it.
constexpr double kDesignSide = 512;
constexpr int kMostSegments = 255;

constexpr double kColourScale = 200.0 / 255;  ///< on colours from 0 to 1
constexpr double kColourSigma = 3;
constexpr double kLeastSigma = 0.5;  ///< below it a sampled Gaussian is the identity
constexpr double kColourLeastSize = 200;
constexpr int kLeastPixels = 6;  ///< at small sides: less is the rim of something, not a part of the room

/// Sixteen times the scale for colours: a floor's depth changes from row to row, and with less every row becomes a segment.
constexpr double kSurfaceScale = 16 * kColourScale;
constexpr double kSurfaceLeastSize = 200;

/// With s times the side a step is spread over s times the pixels and a segment has s^2 times as many: k grows with s.
double scale_at(double scale, int side) { return scale * side / kDesignSide; }
int size_at(double size, int side) { return std::max(kLeastPixels, static_cast<int>(std::lround(size * side * side / (kDesignSide * kDesignSide)))); }

FieldValue to_field(const char* name, int side, const std::vector<int>& segments) {
  FieldValue value = make_field_value(field_spec(name), side);
  const auto labels = value.as<std::uint8_t>();
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::uint8_t>(segments[i] == kNoSegment ? 255 : segments[i]);
  return value;
}

/// Colours from 0 to `white`.
FeatureImage colours_of(const cv::Mat& image, float white) {
  FeatureImage features{.side = image.rows, .channels = 3, .values = {}, .valid = {}};
  features.values.resize(3 * image.total());
  for (std::size_t i = 0; i < features.values.size(); ++i) features.values[i] = image.ptr<float>()[i] * white;
  return features;
}

/// Sobel's magnitude of sqrt(depth) / 256 as the field edge_occlusion has it; 0 beside pixels without depth.
cv::Mat occlusion_edges(const FieldValue& depth) {
  const auto side = static_cast<int>(depth.shape[0]);
  const auto invalid = static_cast<std::uint16_t>(*depth.spec->invalid);
  cv::Mat root(side, side, CV_32F);
  cv::Mat hole(side, side, CV_8U);
  for (int i = 0; i < side * side; ++i) {
    const std::uint16_t value = depth.as<std::uint16_t>()[static_cast<std::size_t>(i)];
    root.ptr<float>()[i] = std::sqrt(static_cast<float>(value)) / 256;
    hole.ptr()[i] = value == invalid ? 255 : 0;
  }
  cv::Mat along, across, edges;
  cv::Sobel(root, along, CV_32F, 1, 0, 3, 0.25, 0, cv::BORDER_REPLICATE);
  cv::Sobel(root, across, CV_32F, 0, 1, 3, 0.25, 0, cv::BORDER_REPLICATE);
  cv::magnitude(along, across, edges);
  cv::dilate(hole, hole, cv::Mat::ones(3, 3, CV_8U));
  edges.setTo(0, hole);
  return edges;
}

}  // namespace

FieldValue segment_unsup2d(const Sample& sample) {
  const FieldValue& rgb = sample.field("rgb");
  const auto side = static_cast<int>(rgb.shape[0]);
  cv::Mat image(side, side, CV_32FC3);
  for (std::size_t i = 0; i < rgb.bytes.size(); ++i) image.ptr<float>()[i] = static_cast<float>(rgb.as<std::uint8_t>()[i]) / 255;
  const double sigma = std::max(kLeastSigma, kColourSigma * side / kDesignSide);
  const int radius = static_cast<int>(std::ceil(4 * sigma));
  const cv::Mat weights = cv::getGaussianKernel(2 * radius + 1, sigma, CV_32F);
  cv::Mat smooth;
  cv::sepFilter2D(image, smooth, CV_32F, weights, weights, {-1, -1}, 0, cv::BORDER_REFLECT);

  const std::vector<int> grown = segment_graph(colours_of(smooth, 1), {.scale = scale_at(kColourScale, side), .min_size = size_at(kColourLeastSize, side)});
  const std::vector<int> few = limit_segments(side, grown, kMostSegments);
  return to_field("segment_unsup2d", side, join_segments(colours_of(image, 255), few, {.threshold = 0.005, .cuts = 10, .sigma = 255, .self_similarity = 2}));
}

FieldValue segment_unsup25d(const Sample& sample) {
  const FieldValue& depth = sample.field("depth_zbuffer");
  const FieldValue& normal = sample.field("normal");
  const auto side = static_cast<int>(depth.shape[0]);
  const cv::Mat edges = occlusion_edges(depth);
  constexpr std::size_t kChannels = 5;
  FeatureImage features{.side = side, .channels = static_cast<int>(kChannels), .values = {}, .valid = {}};
  features.values.resize(kChannels * edges.total());
  features.valid.resize(edges.total());
  const auto depths = depth.as<std::uint16_t>();
  const auto normals = normal.as<std::uint8_t>();
  for (std::size_t i = 0; i < depths.size(); ++i) {
    features.valid[i] = depths[i] != static_cast<std::uint16_t>(*depth.spec->invalid);
    float* feature = &features.values[kChannels * i];
    feature[0] = 2 * std::log2(1 + static_cast<float>(depths[i])) / 16;
    for (std::size_t c = 0; c < 3; ++c) feature[1 + c] = static_cast<float>(normals[3 * i + c]) / 255;
    feature[4] = 10 * edges.ptr<float>()[i];
  }
  const std::vector<int> grown = segment_graph(features, {.scale = scale_at(kSurfaceScale, side), .min_size = size_at(kSurfaceLeastSize, side)});
  const std::vector<int> few = limit_segments(side, grown, kMostSegments);
  for (float& value : features.values) value *= 255;
  return to_field("segment_unsup25d", side, join_segments(features, few, {.threshold = 1, .cuts = 100, .sigma = 255, .self_similarity = 1}));
}

}  // namespace affinis::data::methods
