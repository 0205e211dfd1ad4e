#include "tasks/permutations.h"

#include <algorithm>
#include <set>

#include "framework/core/error.h"

namespace affinis::tasks {
namespace {

constexpr int kFieldSize = 8;
/// The point at infinity of the projective line.
constexpr int kInfinity = 8;

/// Polynomials over two elements modulo x^3 + x + 1, coefficients as bits.
int product(int a, int b) {
  constexpr int kModulus = 0b1011;
  int result = 0;
  for (int bit = 0; bit < 3; ++bit) {
    if (b & (1 << bit)) result ^= a << bit;
  }
  for (int bit = 4; bit >= 3; --bit) {
    if (result & (1 << bit)) result ^= kModulus << (bit - 3);
  }
  return result;
}

int quotient(int a, int b) {
  for (int result = 0; result < kFieldSize; ++result) {
    if (product(result, b) == a) return result;
  }
  return 0;
}

Permutation projective_map(int a, int b, int c, int d) {
  Permutation map{};
  for (int x = 0; x < kFieldSize; ++x) {
    const int below = product(c, x) ^ d;
    map[static_cast<std::size_t>(x)] = below == 0 ? kInfinity : quotient(product(a, x) ^ b, below);
  }
  map[kInfinity] = c == 0 ? kInfinity : quotient(a, c);
  return map;
}

std::vector<Permutation> choose() {
  std::set<Permutation> maps;
  for (int code = 0; code < kFieldSize * kFieldSize * kFieldSize * kFieldSize; ++code) {
    const int a = code & 7;
    const int b = (code >> 3) & 7;
    const int c = (code >> 6) & 7;
    const int d = code >> 9;
    if ((product(a, d) ^ product(b, c)) != 0) maps.insert(projective_map(a, b, c, d));
  }
  AFFINIS_ASSERT(maps.size() == 504);
  std::vector<Permutation> left(maps.begin(), maps.end());
  std::vector<int> distances(left.size(), 0);
  std::vector<Permutation> chosen;
  // The least of them in order is the identity.
  for (std::size_t next = 0; chosen.size() < kPermutationCount;) {
    chosen.push_back(left[next]);
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(next));
    distances.erase(distances.begin() + static_cast<std::ptrdiff_t>(next));
    for (std::size_t i = 0; i < left.size(); ++i) distances[i] += hamming_distance(left[i], chosen.back());
    next = static_cast<std::size_t>(std::max_element(distances.begin(), distances.end()) - distances.begin());
  }
  return chosen;
}

}  // namespace

const std::vector<Permutation>& jigsaw_permutations() {
  static const std::vector<Permutation> permutations = choose();
  return permutations;
}

int hamming_distance(const Permutation& a, const Permutation& b) {
  int distance = 0;
  for (std::size_t i = 0; i < a.size(); ++i) distance += a[i] != b[i];
  return distance;
}

}  // namespace affinis::tasks
