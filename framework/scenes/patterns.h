#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "framework/scenes/model.h"
#include "framework/scenes/texture.h"

namespace affinis::scenes {

/// Procedural, tiling surface structures. All are light in the mean, so that a tint decides the colour.
enum class Pattern {
  kPlanks,     ///< floor boards, varied tones
  kParquet,    ///< short blocks in a basket weave
  kGrain,      ///< furniture wood
  kTiles,      ///< square tiles with grout
  kChequer,    ///< two-tone square tiles
  kBricks,     ///< wall tiles in a running bond
  kCarpet,     ///< fine fleece
  kRug,        ///< borders and bands, once over the texture
  kWallpaper,  ///< stripes, dots or ornaments
  kPlaster,    ///< slightly uneven paint
  kFabric,     ///< woven
  kMarble,
  kPainting,   ///< a picture in a frame, once over the texture
  kBooks,      ///< a row of spines
};

/// Makes each pattern once, when first asked for; thread-safe. A pattern depends on (pattern, variant) alone.
class Patterns {
 public:
  /// Number of variants that differ; pictures have more, as one sees several at once.
  static constexpr std::uint64_t kVariants = 8;
  static constexpr std::uint64_t kPaintings = 20;

  std::shared_ptr<const Texture> get(Pattern pattern, std::uint64_t variant);
  /// A material with this pattern in the colour `tint`, at the pattern's natural size.
  Material material(Pattern pattern, std::uint64_t variant, Vec3 tint);
  /// Metres that one texture covers; 1 for pictures that are stretched over their surface.
  static float extent(Pattern pattern);

 private:
  std::mutex mutex_;
  std::map<std::pair<Pattern, std::uint64_t>, std::shared_ptr<const Texture>> made_;
};

}  // namespace affinis::scenes
