#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace affinis::taxonomy {

/// How far apart two rows of features are.
enum class Distance {
  kCityBlock,    ///< sum of absolute differences
  kEuclidean,
  kCosine,       ///< 1 - cosine of the angle
  kCorrelation,  ///< 1 - Pearson's correlation
};

/// How far apart two clusters are (Lance and Williams 1967).
enum class Linkage {
  kAverage,   ///< mean over all pairs (UPGMA)
  kComplete,  ///< the farthest pair
  kSingle,    ///< the nearest pair
  kWard,      ///< growth of the within-cluster variance; for Euclidean distances
  kWeighted,  ///< mean of the two merged clusters' distances (WPGMA)
};

/// "cityblock", "euclidean", "cosine", "correlation"; throws Error(kUsage) otherwise.
Distance parse_distance(std::string_view name);
const char* distance_name(Distance distance);
/// "average", "complete", "single", "ward", "weighted"; throws Error(kUsage) otherwise.
Linkage parse_linkage(std::string_view name);
const char* linkage_name(Linkage linkage);

/// Distances of all pairs of `rows` (rows x features, row-major), a symmetric matrix with zeros on its diagonal. A missing feature (NaN)
/// is left out of the pairs that lack it, and sums are scaled up to all features. NaN where two rows share no feature, or where
/// cosine or correlation are undefined (a row without length, or without variance).
std::vector<double> pairwise_distances(std::span<const double> rows, std::size_t features, Distance distance);

/// One step of agglomerative clustering: nodes below `count` are leaves, node count + i is the result of step i.
struct Merge {
  std::size_t first = 0;   ///< the node that holds the lower leaf
  std::size_t second = 0;
  double height = 0;       ///< the distance of the two; never below that of an earlier step
  std::size_t size = 0;    ///< leaves of the result
};

/// Merges the nearest two clusters until one is left: count - 1 steps. Of equally near pairs the one whose clusters' lowest leaves come
/// first is taken, so that the same matrix always gives the same tree. Takes a symmetric matrix without NaN; ward wants Euclidean
/// distances. O(count^3) time. Throws Error(kNumeric) for NaN.
std::vector<Merge> agglomerate(std::vector<double> distances, std::size_t count, Linkage linkage);

/// The clusters that are left when all but the last `clusters` - 1 steps are done: a label a leaf, numbered by lowest leaf.
/// Throws Error(kUsage) unless 1 <= clusters <= leaves.
std::vector<std::size_t> cut(std::span<const Merge> merges, std::size_t clusters);

/// Agreement of two partitions of the same things, corrected for chance (Hubert and Arabie 1985): 1 for equal ones, about 0 for unrelated
/// ones. 1 also when both are the same trivial partition (all in one, or each alone). Throws Error(kInternal) when sizes differ.
double adjusted_rand(std::span<const std::size_t> a, std::span<const std::size_t> b);

}  // namespace affinis::taxonomy
