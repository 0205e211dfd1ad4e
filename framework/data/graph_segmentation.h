#pragma once

#include <cstdint>
#include <vector>

namespace affinis::data {

/// Several numbers a pixel, row-major, and which pixels count.
struct FeatureImage {
  int side = 0;
  int channels = 0;
  std::vector<float> values;         ///< [side, side, channels]
  std::vector<std::uint8_t> valid;   ///< [side, side]; empty: all of them
};

inline constexpr int kNoSegment = -1;

/// How far segments may grow (Felzenszwalb and Huttenlocher 2004, section 4).
struct GraphSegmentationOptions {
  double scale = 1;   ///< k: a segment of n pixels bears k / n of difference beyond its own
  int min_size = 1;   ///< smaller segments join their most similar neighbour
};

/// Segments of the 8-connected pixel graph, edges weighted by Euclidean distance; equal edges in raster order. [side, side] numbers from 0
/// by first appearance, kNoSegment where a pixel does not count.
std::vector<int> segment_graph(const FeatureImage& image, const GraphSegmentationOptions& options);

/// When segments are joined again (Shi and Malik 2000, the recursive two-way cut).
struct NormalisedCutOptions {
  double threshold = 0.005;   ///< a group is cut no further when its best cut costs more
  int cuts = 10;              ///< splitting points tried along the eigenvector
  double sigma = 255;         ///< similarity of two neighbours: exp(-d^2 / sigma), d between mean features
  double self_similarity = 1; ///< of a segment with itself; greater keeps single segments together less
};

/// Joins segments that no normalised cut of the region adjacency graph parts; numbered by first appearance again.
std::vector<int> join_segments(const FeatureImage& image, const std::vector<int>& segments, const NormalisedCutOptions& options);

/// At most `most` segments: the smallest join the neighbour with which they share the longest border (or, without one, the first).
std::vector<int> limit_segments(int side, std::vector<int> segments, int most);

}  // namespace affinis::data
