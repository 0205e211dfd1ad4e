#include "taxonomy/clustering.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "taxonomy/known_values.h"

namespace affinis::taxonomy {
namespace {

const std::array<std::string, 4> kDistances = {"cityblock", "euclidean", "cosine", "correlation"};
const std::array<std::string, 5> kLinkages = {"average", "complete", "single", "ward", "weighted"};

template <std::size_t Count>
std::size_t position_of(std::string_view name, const std::array<std::string, Count>& names, const char* what) {
  const auto found = std::find(names.begin(), names.end(), name);
  AFFINIS_CHECK(found != names.end(), ErrorCode::kUsage, "there is no {} '{}'; choose one of {}", what, name, join(names, ", "));
  return static_cast<std::size_t>(found - names.begin());
}

/// The features that both rows have.
struct SharedFeatures {
  std::vector<double> a;
  std::vector<double> b;
};

void centre(std::vector<double>& values) {
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  for (double& value : values) value -= mean;
}

double angle_distance(const SharedFeatures& shared) {
  const double product = std::inner_product(shared.a.begin(), shared.a.end(), shared.b.begin(), 0.0);
  const double a = std::inner_product(shared.a.begin(), shared.a.end(), shared.a.begin(), 0.0);
  const double b = std::inner_product(shared.b.begin(), shared.b.end(), shared.b.begin(), 0.0);
  if (a <= 0 || b <= 0) return kMissing;
  return std::clamp(1 - product / (std::sqrt(a) * std::sqrt(b)), 0.0, 2.0);
}

double distance_of(SharedFeatures& shared, std::size_t features, Distance distance) {
  if (shared.a.empty()) return kMissing;
  const double scale = static_cast<double>(features) / static_cast<double>(shared.a.size());
  double sum = 0;
  switch (distance) {
    case Distance::kCityBlock:
      for (std::size_t f = 0; f < shared.a.size(); ++f) sum += std::abs(shared.a[f] - shared.b[f]);
      return sum * scale;
    case Distance::kEuclidean:
      for (std::size_t f = 0; f < shared.a.size(); ++f) sum += (shared.a[f] - shared.b[f]) * (shared.a[f] - shared.b[f]);
      return std::sqrt(sum * scale);
    case Distance::kCorrelation:
      centre(shared.a);
      centre(shared.b);
      return angle_distance(shared);
    case Distance::kCosine:
      return angle_distance(shared);
  }
  return kMissing;
}

/// The Lance-Williams update: distance of cluster k to the union of i and j.
double updated(Linkage linkage, double ik, double jk, double ij, double i, double j, double k) {
  switch (linkage) {
    case Linkage::kAverage: return (i * ik + j * jk) / (i + j);
    case Linkage::kComplete: return std::max(ik, jk);
    case Linkage::kSingle: return std::min(ik, jk);
    case Linkage::kWard:
      return std::sqrt(std::max(0.0, ((i + k) * ik * ik + (j + k) * jk * jk - k * ij * ij) / (i + j + k)));
    case Linkage::kWeighted: return (ik + jk) / 2;
  }
  return kMissing;
}

double pairs(double count) { return count * (count - 1) / 2; }

}  // namespace

Distance parse_distance(std::string_view name) { return static_cast<Distance>(position_of(name, kDistances, "distance")); }
const char* distance_name(Distance distance) { return kDistances[static_cast<std::size_t>(distance)].c_str(); }
Linkage parse_linkage(std::string_view name) { return static_cast<Linkage>(position_of(name, kLinkages, "linkage")); }
const char* linkage_name(Linkage linkage) { return kLinkages[static_cast<std::size_t>(linkage)].c_str(); }

std::vector<double> pairwise_distances(std::span<const double> rows, std::size_t features, Distance distance) {
  AFFINIS_ASSERT(features > 0 && rows.size() % features == 0);
  const std::size_t count = rows.size() / features;
  std::vector<double> distances(count * count, 0.0);
  SharedFeatures shared;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) {
      shared.a.clear();
      shared.b.clear();
      for (std::size_t f = 0; f < features; ++f) {
        const double a = rows[i * features + f];
        const double b = rows[j * features + f];
        if (std::isnan(a) || std::isnan(b)) continue;
        shared.a.push_back(a);
        shared.b.push_back(b);
      }
      distances[i * count + j] = distances[j * count + i] = distance_of(shared, features, distance);
    }
  }
  return distances;
}

std::vector<Merge> agglomerate(std::vector<double> distances, std::size_t count, Linkage linkage) {
  AFFINIS_ASSERT(distances.size() == count * count);
  AFFINIS_CHECK(std::none_of(distances.begin(), distances.end(), [](double d) { return std::isnan(d); }), ErrorCode::kNumeric,
                "a distance between two rows is not a number, so that they cannot be clustered");
  // A cluster lives in the slot of its lowest leaf, so that scanning slots in order is the tie rule.
  std::vector<std::size_t> slots(count);
  std::iota(slots.begin(), slots.end(), std::size_t{0});
  std::vector<std::size_t> nodes = slots;
  std::vector<std::size_t> sizes(count, 1);
  std::vector<Merge> merges;
  while (slots.size() > 1) {
    std::size_t best_i = slots[0];
    std::size_t best_j = slots[1];
    for (std::size_t x = 0; x < slots.size(); ++x) {
      for (std::size_t y = x + 1; y < slots.size(); ++y) {
        if (distances[slots[x] * count + slots[y]] < distances[best_i * count + best_j]) {
          best_i = slots[x];
          best_j = slots[y];
        }
      }
    }
    const double height = distances[best_i * count + best_j];
    for (const std::size_t k : slots) {
      if (k == best_i || k == best_j) continue;
      const double value = updated(linkage, distances[best_i * count + k], distances[best_j * count + k], height,
                                   static_cast<double>(sizes[best_i]), static_cast<double>(sizes[best_j]), static_cast<double>(sizes[k]));
      distances[best_i * count + k] = distances[k * count + best_i] = value;
    }
    sizes[best_i] += sizes[best_j];
    // Rounding may put a step a last bit below the one before it.
    merges.push_back({nodes[best_i], nodes[best_j], merges.empty() ? height : std::max(height, merges.back().height), sizes[best_i]});
    nodes[best_i] = count + merges.size() - 1;
    slots.erase(std::find(slots.begin(), slots.end(), best_j));
  }
  return merges;
}

std::vector<std::size_t> cut(std::span<const Merge> merges, std::size_t clusters) {
  const std::size_t count = merges.size() + 1;
  AFFINIS_CHECK(clusters >= 1 && clusters <= count, ErrorCode::kUsage, "a tree of {} tasks cannot be cut into {} clusters; choose 1 to {}",
                count, clusters, count);
  std::vector<std::size_t> parent(count + merges.size());
  std::iota(parent.begin(), parent.end(), std::size_t{0});
  for (std::size_t step = 0; step + clusters < count; ++step) {
    parent[merges[step].first] = parent[merges[step].second] = count + step;
  }
  std::map<std::size_t, std::size_t> numbers;
  std::vector<std::size_t> labels;
  for (std::size_t leaf = 0; leaf < count; ++leaf) {
    std::size_t top = leaf;
    while (parent[top] != top) top = parent[top];
    labels.push_back(numbers.emplace(top, numbers.size()).first->second);
  }
  return labels;
}

double adjusted_rand(std::span<const std::size_t> a, std::span<const std::size_t> b) {
  AFFINIS_ASSERT(a.size() == b.size());
  std::map<std::pair<std::size_t, std::size_t>, double> both;
  std::map<std::size_t, double> in_a;
  std::map<std::size_t, double> in_b;
  for (std::size_t i = 0; i < a.size(); ++i) {
    both[{a[i], b[i]}] += 1;
    in_a[a[i]] += 1;
    in_b[b[i]] += 1;
  }
  const auto sum = [](const auto& counts) {
    double total = 0;
    for (const auto& [key, count] : counts) total += pairs(count);
    return total;
  };
  const double all = pairs(static_cast<double>(a.size()));
  const double together = sum(both);
  const double most = (sum(in_a) + sum(in_b)) / 2;
  const double expected = all > 0 ? sum(in_a) * sum(in_b) / all : 0;
  return most == expected ? 1.0 : (together - expected) / (most - expected);
}

}  // namespace affinis::taxonomy
