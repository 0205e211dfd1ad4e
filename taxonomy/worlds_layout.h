#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "taxonomy/instance.h"

namespace affinis::taxonomy {

/// What Worlds looks up and never changes: which edges use a source, and which sets of three
/// sources the edges need. A *use* is a source of an edge, by its position in Instance::use_source.
/// The *cases* of world a are the ordered pairs (b, c) for which some edge needs a, b and c.
struct WorldsLayout {
  explicit WorldsLayout(const Instance& instance);

  /// An edge that uses the world's own source.
  struct Own {
    std::uint32_t target;
    std::uint32_t edge;
    std::uint32_t use;
  };
  std::vector<std::uint32_t> own_begin;  ///< of a world
  std::vector<Own> own;

  /// An ordered pair of partners in a world.
  struct Case {
    std::uint32_t second;
    std::uint32_t third;
  };
  std::vector<std::uint32_t> case_begin;  ///< of a world
  std::vector<Case> cases;                ///< of a world: ascending
  /// The six cases of three sources: three worlds with two orders each.
  std::vector<std::array<std::uint32_t, 6>> triples;
  std::vector<std::uint32_t> case_world;  ///< of a case

  /// "Edges of one target that use a, b and c", in one of their three worlds: its two cases.
  using Bundle = std::array<std::uint32_t, 2>;
  std::vector<std::uint32_t> bundle_begin;  ///< of a world
  std::vector<Bundle> bundles;
  std::vector<std::uint32_t> member_begin;  ///< of a use: the bundles of its edge in its world
  std::vector<std::uint32_t> member;
};

}  // namespace affinis::taxonomy
