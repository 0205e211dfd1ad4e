#include "framework/data/graph_segmentation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <map>
#include <utility>

#include <boost/pending/disjoint_sets.hpp>
#include <opencv2/core.hpp>

namespace affinis::data {
namespace {

/// Sets of pixels or segments on Boost's union by rank.
class Sets {
 public:
  explicit Sets(std::size_t count) : ranks_(count), parents_(count), sets_(ranks_.data(), parents_.data()) {
    for (std::size_t i = 0; i < count; ++i) sets_.make_set(static_cast<int>(i));
  }
  int root(int element) { return sets_.find_set(element); }
  int join(int a, int b) {
    sets_.link(a, b);
    return root(a);
  }

 private:
  std::vector<int> ranks_;
  std::vector<int> parents_;
  boost::disjoint_sets<int*, int*> sets_;
};

struct Edge {
  float weight = 0;
  int a = 0;
  int b = 0;
};

// Half of the eight neighbours: every pair once.
constexpr std::array<std::pair<int, int>, 4> kNeighbours = {{{1, 0}, {0, 1}, {1, 1}, {-1, 1}}};

/// Calls visit(pixel, neighbour) for every pair of touching pixels, in raster order.
template <typename Visit>
void for_each_pair(int side, Visit visit) {
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      for (const auto& [dx, dy] : kNeighbours) {
        if (x + dx < 0 || x + dx >= side || y + dy >= side) continue;
        visit(y * side + x, (y + dy) * side + x + dx);
      }
    }
  }
}

std::vector<int> renumbered(const std::vector<int>& segments) {
  std::map<int, int> numbers;
  std::vector<int> result(segments.size(), kNoSegment);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i] != kNoSegment) result[i] = numbers.emplace(segments[i], static_cast<int>(numbers.size())).first->second;
  }
  return result;
}

int segment_count(const std::vector<int>& segments) {
  return segments.empty() ? 0 : *std::max_element(segments.begin(), segments.end()) + 1;
}

std::vector<Edge> sorted_edges(const FeatureImage& image) {
  std::vector<Edge> edges;
  edges.reserve(4 * static_cast<std::size_t>(image.side) * static_cast<std::size_t>(image.side));
  for_each_pair(image.side, [&](int a, int b) {
    if (!image.valid.empty() && (image.valid[a] == 0 || image.valid[b] == 0)) return;
    float sum = 0;
    for (int c = 0; c < image.channels; ++c) {
      const float difference = image.values[static_cast<std::size_t>(a * image.channels + c)] - image.values[static_cast<std::size_t>(b * image.channels + c)];
      sum += difference * difference;
    }
    edges.push_back({std::sqrt(sum), a, b});
  });
  std::stable_sort(edges.begin(), edges.end(), [](const Edge& left, const Edge& right) { return left.weight < right.weight; });
  return edges;
}

/// Recursive two-way cuts of a symmetric similarity matrix.
class NormalisedCuts {
 public:
  NormalisedCuts(cv::Mat similarity, const NormalisedCutOptions& options)
      : similarity_(std::move(similarity)), options_(options), group_(static_cast<std::size_t>(similarity_.rows)) {
    std::vector<int> all(group_.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
    cut(all);
  }
  const std::vector<int>& groups() const { return group_; }

 private:
  double weight(int a, int b) const { return similarity_.at<double>(a, b); }

  /// What parting `left` from the rest costs: what is cut, relative to all that each side is tied to.
  double cost(const std::vector<int>& nodes, const std::vector<bool>& left) const {
    double between = 0, tied_left = 0, tied_right = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (std::size_t j = 0; j < nodes.size(); ++j) {
        const double w = weight(nodes[i], nodes[j]);
        (left[i] ? tied_left : tied_right) += w;
        if (left[i] && !left[j]) between += w;
      }
    }
    return tied_left > 0 && tied_right > 0 ? between / tied_left + between / tied_right : 2;
  }

  /// Eigenvector of the second least eigenvalue of the normalised Laplacian, as a value a node.
  std::vector<double> fiedler(const std::vector<int>& nodes) const {
    const int count = static_cast<int>(nodes.size());
    std::vector<double> root(nodes.size());
    for (int i = 0; i < count; ++i) {
      double degree = 0;
      for (int j = 0; j < count; ++j) degree += weight(nodes[i], nodes[j]);
      root[i] = 1 / std::sqrt(degree);
    }
    cv::Mat normalised(count, count, CV_64F);
    for (int i = 0; i < count; ++i) {
      for (int j = 0; j < count; ++j) normalised.at<double>(i, j) = root[i] * weight(nodes[i], nodes[j]) * root[j];
    }
    cv::Mat values, vectors;
    cv::eigen(normalised, values, vectors);
    std::vector<double> vector(nodes.size());
    for (int i = 0; i < count; ++i) vector[i] = vectors.at<double>(1, i) * root[i];
    return vector;
  }

  /// Nodes that are tied to each other by more than nothing, in the order of their first nodes.
  std::vector<std::vector<int>> components(const std::vector<int>& nodes) const {
    Sets sets(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (std::size_t j = i + 1; j < nodes.size(); ++j) {
        if (weight(nodes[i], nodes[j]) <= kNoTie) continue;
        const int a = sets.root(static_cast<int>(i)), b = sets.root(static_cast<int>(j));
        if (a != b) sets.join(a, b);
      }
    }
    std::map<int, std::size_t> places;
    std::vector<std::vector<int>> parts;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto [place, fresh] = places.emplace(sets.root(static_cast<int>(i)), parts.size());
      if (fresh) parts.emplace_back();
      parts[place->second].push_back(nodes[i]);
    }
    return parts;
  }

  void cut(const std::vector<int>& nodes) {
    // A cut that costs nothing is the best one: it needs no eigenvectors, whose effort grows with the cube of the nodes.
    const std::vector<std::vector<int>> parts_apart = components(nodes);
    if (parts_apart.size() > 1) {
      for (const std::vector<int>& part : parts_apart) cut(part);
      return;
    }
    double best = options_.threshold;
    std::vector<bool> best_left;
    if (nodes.size() >= 2) {
      const std::vector<double> vector = fiedler(nodes);
      const auto [least, most] = std::minmax_element(vector.begin(), vector.end());
      for (int i = 0; i < options_.cuts; ++i) {
        const double at = *least + (*most - *least) * i / options_.cuts;
        std::vector<bool> left(nodes.size());
        for (std::size_t n = 0; n < nodes.size(); ++n) left[n] = vector[n] > at;
        const double value = cost(nodes, left);
        if (value < best) {
          best = value;
          best_left = left;
        }
      }
    }
    if (best_left.empty()) {
      for (const int node : nodes) group_[static_cast<std::size_t>(node)] = count_;
      ++count_;
      return;
    }
    std::vector<int> parts[2];
    for (std::size_t n = 0; n < nodes.size(); ++n) parts[best_left[n] ? 0 : 1].push_back(nodes[n]);
    cut(parts[0]);
    cut(parts[1]);
  }

  /// Below it two segments are as good as apart: a colour distance of 48 levels of 255 at the usual sigma.
  static constexpr double kNoTie = 1e-4;

  cv::Mat similarity_;
  NormalisedCutOptions options_;
  std::vector<int> group_;
  int count_ = 0;
};

}  // namespace

std::vector<int> segment_graph(const FeatureImage& image, const GraphSegmentationOptions& options) {
  const auto count = static_cast<std::size_t>(image.side) * static_cast<std::size_t>(image.side);
  const std::vector<Edge> edges = sorted_edges(image);
  Sets sets(count);
  std::vector<int> sizes(count, 1);
  std::vector<double> bounds(count, options.scale);
  for (const Edge& edge : edges) {
    const int a = sets.root(edge.a);
    const int b = sets.root(edge.b);
    if (a == b || edge.weight >= std::min(bounds[a], bounds[b])) continue;
    const int size = sizes[a] + sizes[b];
    const int root = sets.join(a, b);
    sizes[root] = size;
    bounds[root] = edge.weight + options.scale / size;
  }
  for (const Edge& edge : edges) {
    const int a = sets.root(edge.a);
    const int b = sets.root(edge.b);
    if (a == b || (sizes[a] >= options.min_size && sizes[b] >= options.min_size)) continue;
    const int size = sizes[a] + sizes[b];
    sizes[sets.join(a, b)] = size;
  }
  std::vector<int> segments(count, kNoSegment);
  for (std::size_t i = 0; i < count; ++i) {
    if (image.valid.empty() || image.valid[i] != 0) segments[i] = sets.root(static_cast<int>(i));
  }
  return renumbered(segments);
}

std::vector<int> join_segments(const FeatureImage& image, const std::vector<int>& segments, const NormalisedCutOptions& options) {
  const int count = segment_count(segments);
  if (count < 2) return segments;
  cv::Mat means = cv::Mat::zeros(count, image.channels, CV_64F);
  std::vector<int> sizes(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i] == kNoSegment) continue;
    ++sizes[static_cast<std::size_t>(segments[i])];
    for (int c = 0; c < image.channels; ++c) means.at<double>(segments[i], c) += static_cast<double>(image.values[i * image.channels + c]);
  }
  for (int s = 0; s < count; ++s) means.row(s) /= sizes[static_cast<std::size_t>(s)];

  cv::Mat similarity = cv::Mat::zeros(count, count, CV_64F);
  for (int s = 0; s < count; ++s) similarity.at<double>(s, s) = options.self_similarity;
  for_each_pair(image.side, [&](int a, int b) {
    const int s = segments[static_cast<std::size_t>(a)];
    const int t = segments[static_cast<std::size_t>(b)];
    if (s == t || s == kNoSegment || t == kNoSegment || similarity.at<double>(s, t) > 0) return;
    const double distance = cv::norm(means.row(s), means.row(t));
    similarity.at<double>(s, t) = similarity.at<double>(t, s) = std::exp(-distance * distance / options.sigma);
  });
  const NormalisedCuts cuts(similarity, options);
  std::vector<int> joined(segments.size(), kNoSegment);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i] != kNoSegment) joined[i] = cuts.groups()[static_cast<std::size_t>(segments[i])];
  }
  return renumbered(joined);
}

std::vector<int> limit_segments(int side, std::vector<int> segments, int most) {
  while (segment_count(segments) > most) {
    std::vector<int> sizes(static_cast<std::size_t>(segment_count(segments)));
    for (const int segment : segments) {
      if (segment != kNoSegment) ++sizes[static_cast<std::size_t>(segment)];
    }
    const int smallest = static_cast<int>(std::min_element(sizes.begin(), sizes.end()) - sizes.begin());
    std::vector<int> borders(sizes.size());
    for_each_pair(side, [&](int a, int b) {
      const int s = segments[static_cast<std::size_t>(a)];
      const int t = segments[static_cast<std::size_t>(b)];
      if (s == t || s == kNoSegment || t == kNoSegment || (s != smallest && t != smallest)) return;
      ++borders[static_cast<std::size_t>(s == smallest ? t : s)];
    });
    int target = static_cast<int>(std::max_element(borders.begin(), borders.end()) - borders.begin());
    if (target == smallest) target = smallest == 0 ? 1 : 0;
    std::replace(segments.begin(), segments.end(), smallest, target);
    segments = renumbered(segments);
  }
  return segments;
}

}  // namespace affinis::data
