#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "framework/scenes/vector.h"

namespace affinis::scenes {

/// A tiling picture with an alpha channel and its mip levels. Sampling is thread-safe.
class Texture {
 public:
  /// `rgba` are sRGB bytes [height, width, 4]; linear filtering happens on linear light.
  Texture(int width, int height, std::vector<std::uint8_t> rgba);

  /// Decodes a JPEG or PNG and shrinks it to at most `max_side`. Throws Error(kFormat) that names `name`.
  static Texture decode(std::span<const std::byte> bytes, int max_side, const std::string& name);

  /// Linear RGB at `uv` (repeating, v up), blurred over `footprint` (a length in texture widths).
  Vec3 sample(Vec2 uv, float footprint) const;
  /// Alpha in [0, 1], nearest texel of the finest level.
  float alpha(Vec2 uv) const;
  bool has_alpha() const { return has_alpha_; }
  /// Mean linear colour.
  Vec3 mean() const { return mean_; }

 private:
  struct Level {
    int width = 0, height = 0;
    std::size_t offset = 0;  ///< first texel in texels_
  };
  Vec3 bilinear(const Level& level, Vec2 uv) const;

  std::vector<Level> levels_;
  std::vector<std::uint8_t> texels_;
  bool has_alpha_ = false;
  Vec3 mean_;
};

/// sRGB byte to linear light, and back with clamping.
float srgb_to_linear(std::uint8_t value);
std::uint8_t linear_to_srgb(float value);
/// Linear colour of an sRGB triple 0xRRGGBB.
Vec3 colour(std::uint32_t rgb);

}  // namespace affinis::scenes
