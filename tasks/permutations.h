#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace affinis::tasks {

/// A permutation of nine tiles: position i holds tile p[i].
using Permutation = std::array<int, 9>;

inline constexpr std::size_t kPermutationCount = 100;

/// The jigsaw's permutations, the same in every program. Any two differ in at least seven places: eight is impossible for more than
/// 9! / 7! = 72 permutations. They are taken from the 504 projective maps x -> (a x + b) / (c x + d) of the line over the field of eight
/// elements, two of which agree in two places at most, greedily by the sum of distances to those already taken. The first one is the
/// image in order.
const std::vector<Permutation>& jigsaw_permutations();

/// In how many places two permutations differ.
int hamming_distance(const Permutation& a, const Permutation& b);

}  // namespace affinis::tasks
