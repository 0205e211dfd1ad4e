#include "framework/scenes/patterns.h"

#include <array>
#include <functional>

#include "framework/core/random.h"

namespace affinis::scenes {
namespace {

/// Tiling value noise: a lattice of `cells` x `cells_y` random numbers, smoothly interpolated.
class Noise {
 public:
  Noise(RandomStream& stream, int cells_x, int cells_y) : nx_(cells_x), ny_(cells_y), values_(static_cast<std::size_t>(cells_x) * static_cast<std::size_t>(cells_y)) {
    for (float& v : values_) v = static_cast<float>(stream.uniform(-1, 1));
  }
  float operator()(float u, float v) const {
    const float x = (u - std::floor(u)) * static_cast<float>(nx_), y = (v - std::floor(v)) * static_cast<float>(ny_);
    const int x0 = static_cast<int>(x), y0 = static_cast<int>(y);
    const float fx = smooth(x - static_cast<float>(x0)), fy = smooth(y - static_cast<float>(y0));
    const float a = at(x0, y0) * (1 - fx) + at(x0 + 1, y0) * fx, b = at(x0, y0 + 1) * (1 - fx) + at(x0 + 1, y0 + 1) * fx;
    return a * (1 - fy) + b * fy;
  }

 private:
  static float smooth(float t) { return t * t * (3 - 2 * t); }
  float at(int x, int y) const { return values_[static_cast<std::size_t>(y % ny_) * static_cast<std::size_t>(nx_) + static_cast<std::size_t>(x % nx_)]; }
  int nx_, ny_;
  std::vector<float> values_;
};

using Shader = std::function<Vec3(float u, float v)>;

Texture paint(int side, const Shader& shader) {
  std::vector<std::uint8_t> rgba(4u * static_cast<std::size_t>(side) * static_cast<std::size_t>(side), 255);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const Vec3 c = shader((static_cast<float>(x) + 0.5f) / static_cast<float>(side), 1 - (static_cast<float>(y) + 0.5f) / static_cast<float>(side));
      std::uint8_t* t = &rgba[4 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(side) + static_cast<std::size_t>(x))];
      t[0] = linear_to_srgb(c.x);
      t[1] = linear_to_srgb(c.y);
      t[2] = linear_to_srgb(c.z);
    }
  }
  return Texture(side, side, std::move(rgba));
}

Vec3 grey(float v) { return {v, v, v}; }
float fraction(float t) { return t - std::floor(t); }
/// Distance of t in [0, 1) from the nearest end.
float from_edge(float t) { return std::min(t, 1 - t); }

Texture planks(RandomStream& stream) {
  const int rows = 12 + 4 * static_cast<int>(stream.below(3));
  const auto stretch = static_cast<float>(stream.uniform(0.12, 0.35));
  struct Row {
    float shift;
    int boards;
    std::array<float, 4> tone, hue;
  };
  std::vector<Row> table(static_cast<std::size_t>(rows));
  for (Row& row : table) {
    row.shift = static_cast<float>(stream.uniform());
    row.boards = 2 + static_cast<int>(stream.below(2));
    for (std::size_t i = 0; i < 4; ++i) {
      row.tone[i] = 1 + stretch * static_cast<float>(stream.uniform(-1, 1));
      row.hue[i] = 0.06f * static_cast<float>(stream.uniform(-1, 1));
    }
  }
  const Noise fine(stream, 6, 128), coarse(stream, 4, 24), bend(stream, 8, 8);
  return paint(512, [=](float u, float v) {
    const float r = v * static_cast<float>(rows);
    const Row& row = table[std::min(table.size() - 1, static_cast<std::size_t>(r))];
    const float along = fraction(u + row.shift) * static_cast<float>(row.boards);
    const auto board = static_cast<std::size_t>(along) % 4;
    const float gap = std::min(from_edge(fraction(r)) / static_cast<float>(rows), 0.8f * from_edge(fraction(along)) / static_cast<float>(row.boards));
    const float warped = v + 0.006f * bend(u, v) + static_cast<float>(board) * 0.31f;
    const float grain = 1 + 0.10f * fine(u + row.shift, warped) + 0.10f * coarse(u + row.shift, warped);
    const float seam = gap < 0.0018f ? 0.45f : 1;
    const float t = 0.8f * row.tone[board] * grain * seam;
    return Vec3{t * (1 + row.hue[board]), t, t * (1 - row.hue[board])};
  });
}

Texture parquet(RandomStream& stream) {
  constexpr int kBlocks = 8, kStrips = 4;
  std::vector<float> tone(kBlocks * kBlocks * kStrips);
  for (float& t : tone) t = 1 + 0.16f * static_cast<float>(stream.uniform(-1, 1));
  const Noise grain(stream, 8, 160);
  return paint(512, [=](float u, float v) {
    const int i = static_cast<int>(u * kBlocks), j = static_cast<int>(v * kBlocks);
    float a = fraction(u * kBlocks), b = fraction(v * kBlocks);
    if ((i + j) % 2) std::swap(a, b);
    const int strip = static_cast<int>(b * kStrips);
    const float gap = std::min(from_edge(a), from_edge(fraction(b * kStrips)) / kStrips);
    const float lines = grain(a / kBlocks + 0.1f * static_cast<float>(strip), b / kBlocks + 0.13f * static_cast<float>(i + j));
    return grey(0.8f * tone[static_cast<std::size_t>((j * kBlocks + i) * kStrips + strip)] * (1 + 0.12f * lines) * (gap < 0.012f ? 0.5f : 1));
  });
}

Texture grain(RandomStream& stream) {
  const Noise fine(stream, 4, 96), coarse(stream, 3, 12), bend(stream, 5, 5);
  const auto strength = static_cast<float>(stream.uniform(0.08, 0.22));
  return paint(256, [=](float u, float v) {
    const float w = v + 0.03f * bend(u, v);
    const float t = 0.82f * (1 + strength * (0.6f * fine(u, w) + coarse(u, w)));
    return Vec3{t * 1.02f, t, t * 0.97f};
  });
}

Texture tiles(RandomStream& stream, bool chequer) {
  const int count = chequer ? 4 : 4 + static_cast<int>(stream.below(3));
  std::vector<float> tone(static_cast<std::size_t>(count * count));
  for (float& t : tone) t = 1 + 0.06f * static_cast<float>(stream.uniform(-1, 1));
  const Noise cloud(stream, 12, 12), fine(stream, 48, 48);
  const auto grout = static_cast<float>(stream.uniform(0.45, 0.8)), dark = static_cast<float>(stream.uniform(0.12, 0.5));
  return paint(512, [=](float u, float v) {
    const int i = static_cast<int>(u * static_cast<float>(count)), j = static_cast<int>(v * static_cast<float>(count));
    const float edge = std::min(from_edge(fraction(u * static_cast<float>(count))), from_edge(fraction(v * static_cast<float>(count))));
    const float base = chequer && (i + j) % 2 ? dark : 1;
    if (edge < 0.012f) return grey(0.85f * grout);
    const float bevel = edge < 0.03f ? 0.94f : 1;
    return grey(0.85f * base * bevel * tone[static_cast<std::size_t>(j * count + i)] * (1 + 0.06f * cloud(u, v) + 0.03f * fine(u, v)));
  });
}

Texture bricks(RandomStream& stream) {
  const int rows = 8 + 4 * static_cast<int>(stream.below(2)), columns = rows / 2;
  const bool running = stream.uniform() < 0.6;
  std::vector<float> tone(static_cast<std::size_t>(rows * columns));
  for (float& t : tone) t = 1 + 0.07f * static_cast<float>(stream.uniform(-1, 1));
  const auto grout = static_cast<float>(stream.uniform(0.55, 0.85));
  return paint(512, [=](float u, float v) {
    const int j = static_cast<int>(v * static_cast<float>(rows));
    const float a = fraction(u + (running && j % 2 ? 0.5f / static_cast<float>(columns) : 0)) * static_cast<float>(columns);
    const float edge = std::min(2 * from_edge(fraction(a)), from_edge(fraction(v * static_cast<float>(rows))));
    if (edge < 0.035f) return grey(0.85f * grout);
    return grey(0.86f * (edge < 0.08f ? 0.95f : 1) * tone[static_cast<std::size_t>(j * columns + static_cast<int>(a) % columns)]);
  });
}

Texture carpet(RandomStream& stream) {
  const Noise fine(stream, 128, 128), middle(stream, 32, 32), coarse(stream, 6, 6);
  return paint(256, [=](float u, float v) { return grey(0.78f * (1 + 0.22f * fine(u, v) + 0.07f * middle(u, v) + 0.05f * coarse(u, v))); });
}

/// A saturated or muted sRGB colour.
Vec3 any_colour(RandomStream& stream, double saturation, double value) {
  const double hue = stream.uniform(0, 6);
  const auto channel = [&](double shift) {
    const double k = std::fmod(shift + hue, 6.0);
    return value - value * saturation * std::max(0.0, std::min({k, 4 - k, 1.0}));
  };
  const auto byte = [](double t) { return srgb_to_linear(static_cast<std::uint8_t>(t * 255)); };
  return {byte(channel(5)), byte(channel(3)), byte(channel(1))};
}

Texture rug(RandomStream& stream) {
  const Vec3 ground = any_colour(stream, stream.uniform(0.3, 0.8), stream.uniform(0.35, 0.85));
  const Vec3 second = any_colour(stream, stream.uniform(0.2, 0.7), stream.uniform(0.4, 0.95));
  const Vec3 third = any_colour(stream, stream.uniform(0.1, 0.6), stream.uniform(0.6, 0.95));
  const std::uint64_t kind = stream.below(3);
  const auto count = static_cast<float>(4 + stream.below(6));
  const Noise fine(stream, 128, 128);
  return paint(256, [=](float u, float v) {
    const float edge = std::min(from_edge(u), from_edge(v));
    Vec3 c = ground;
    if (edge < 0.03f || (edge > 0.07f && edge < 0.10f)) {
      c = second;
    } else if (edge >= 0.10f) {
      const float a = fraction(u * count), b = fraction(v * count);
      if (kind == 0) c = std::abs(a - 0.5f) + std::abs(b - 0.5f) < 0.35f ? third : ground;
      if (kind == 1) c = fraction(v * count + 0.25f) < 0.5f ? ground : third;
      if (kind == 2) c = std::hypot(u - 0.5f, v - 0.5f) < 0.22f ? second : std::hypot(a - 0.5f, b - 0.5f) < 0.2f ? third : ground;
    }
    return c * (1 + 0.2f * fine(u, v));
  });
}

Texture wallpaper(RandomStream& stream) {
  const std::uint64_t kind = stream.below(4);
  const auto count = static_cast<float>(6 + stream.below(8));
  const auto depth = static_cast<float>(stream.uniform(0.07, 0.22));
  const Noise fine(stream, 64, 64);
  return paint(512, [=](float u, float v) {
    float mark = 0;
    const float a = fraction(u * count), b = fraction(v * count);
    if (kind == 0) mark = a < 0.5f ? 1.0f : 0.0f;
    if (kind == 1) mark = a < 0.12f || (a > 0.2f && a < 0.24f) ? 1.0f : 0.0f;
    if (kind == 2) {
      const float c = fraction(u * count + (static_cast<int>(v * count) % 2 ? 0.5f : 0));
      mark = std::hypot(c - 0.5f, b - 0.5f) < 0.2f ? 1.0f : 0.0f;
    }
    if (kind == 3) mark = std::abs(std::sin(2 * kPi * u * count / 2) + std::cos(2 * kPi * v * count / 2 + std::sin(2 * kPi * u * count / 2))) < 0.35f ? 1.0f : 0.0f;
    return grey(0.88f * (1 - depth * mark + 0.015f * fine(u, v)));
  });
}

Texture plaster(RandomStream& stream) {
  const Noise coarse(stream, 5, 5), middle(stream, 24, 24), fine(stream, 96, 96);
  return paint(256, [=](float u, float v) { return grey(0.88f * (1 + 0.015f * coarse(u, v) + 0.012f * middle(u, v) + 0.015f * fine(u, v))); });
}

Texture fabric(RandomStream& stream) {
  const Noise fine(stream, 100, 100), coarse(stream, 8, 8);
  const bool striped = stream.uniform() < 0.25;
  const auto count = static_cast<float>(4 + stream.below(6));
  return paint(256, [=](float u, float v) {
    const float weave = 0.06f * std::sin(2 * kPi * u * 64) * std::sin(2 * kPi * v * 64);
    const float stripe = striped && fraction(u * count) < 0.4f ? 0.75f : 1;
    return grey(0.8f * stripe * (1 + weave + 0.10f * fine(u, v) + 0.05f * coarse(u, v)));
  });
}

Texture marble(RandomStream& stream) {
  const Noise bend(stream, 4, 4), middle(stream, 10, 10), fine(stream, 40, 40);
  return paint(256, [=](float u, float v) {
    const float w = bend(u, v) + 0.5f * middle(u, v) + 0.2f * fine(u, v);
    const float vein = std::exp(-40 * std::abs(w - 0.15f)) + 0.6f * std::exp(-60 * std::abs(w + 0.3f));
    return grey(0.85f * (1 - 0.35f * std::min(1.0f, vein) + 0.04f * middle(u, v)));
  });
}

Texture painting(RandomStream& stream, std::uint64_t variant) {
  const Vec3 frame = variant % 3 == 0 ? colour(0x2a2320) : variant % 3 == 1 ? colour(0xb08a4a) : colour(0xe8e4dc);
  const Vec3 sky = any_colour(stream, stream.uniform(0.2, 0.6), stream.uniform(0.7, 0.95)), land = any_colour(stream, stream.uniform(0.3, 0.8), stream.uniform(0.25, 0.7));
  const Vec3 accent = any_colour(stream, stream.uniform(0.5, 0.95), stream.uniform(0.5, 0.95)), other = any_colour(stream, stream.uniform(0.3, 0.9), stream.uniform(0.3, 0.9));
  const std::uint64_t kind = variant % 4;
  const bool mount = stream.uniform() < 0.5;
  const Noise ridge(stream, 5, 1), strokes(stream, 24, 24), patches(stream, 4, 4);
  const auto sx = static_cast<float>(stream.uniform(0.3, 0.7)), sy = static_cast<float>(stream.uniform(0.55, 0.75));
  return paint(256, [=](float u, float v) {
    const float edge = std::min(from_edge(u), from_edge(v));
    if (edge < 0.05f) return frame * (edge < 0.012f ? 0.7f : 1);
    if (mount && edge < 0.14f) return colour(0xf2efe8);
    Vec3 c;
    if (kind == 0) {  // landscape
      c = v > 0.45f + 0.12f * ridge(u, 0) ? lerp(sky, colour(0xf4f0e6), 1.2f - v) : land * (0.6f + 0.8f * v);
      if (std::hypot(u - sx, v - sy) < 0.06f) c = colour(0xffe9b0);
    } else if (kind == 1) {  // blocks of colour
      c = u < sx ? (v < sy ? accent : sky) : (v < 1 - sy ? land : other);
    } else if (kind == 2) {  // a vase of flowers
      c = sky * (0.7f + 0.3f * v);
      if (v < 0.3f) c = land;
      if (std::abs(u - 0.5f) < 0.09f && v > 0.22f && v < 0.48f) c = other;
      for (int i = 0; i < 7; ++i) {
        const auto k = static_cast<float>(i);
        if (std::hypot(u - (0.5f + 0.22f * std::sin(2.4f * k)), v - (0.62f + 0.14f * std::cos(1.7f * k))) < 0.075f) c = i % 2 ? accent : other;
      }
    } else {  // free forms
      c = patches(u, v) > 0.2f ? accent : patches(v, u) > 0.1f ? other : patches(u + 0.4f, v) > 0 ? sky : land;
    }
    return c * (1 + 0.12f * strokes(u, v));
  });
}

Texture books(RandomStream& stream) {
  struct Spine {
    float right, height;
    Vec3 colour;
    bool band;
  };
  std::vector<Spine> spines;
  for (float at = 0; at < 1;) {
    at += static_cast<float>(stream.uniform(0.03, 0.075));
    spines.push_back({at, static_cast<float>(stream.uniform(0.72, 0.98)), any_colour(stream, stream.uniform(0.2, 0.85), stream.uniform(0.25, 0.9)), stream.uniform() < 0.6});
  }
  spines.back().right = 1;
  return paint(256, [=](float u, float v) {
    std::size_t i = 0;
    while (i + 1 < spines.size() && spines[i].right < u) ++i;
    const Spine& spine = spines[i];
    const float left = i ? spines[i - 1].right : 0, across = (u - left) / (spine.right - left);
    if (v > spine.height) return grey(0.03f);
    Vec3 c = spine.colour * (0.55f + 0.6f * std::sin(kPi * across));
    if (spine.band && (std::abs(v - 0.8f * spine.height) < 0.03f || std::abs(v - 0.2f) < 0.02f)) c = colour(0xe2cf9a);
    return c;
  });
}

Texture make(Pattern pattern, std::uint64_t variant) {
  RandomStream stream(0, "pattern", {static_cast<std::uint64_t>(pattern), variant});
  switch (pattern) {
    case Pattern::kPlanks: return planks(stream);
    case Pattern::kParquet: return parquet(stream);
    case Pattern::kGrain: return grain(stream);
    case Pattern::kTiles: return tiles(stream, false);
    case Pattern::kChequer: return tiles(stream, true);
    case Pattern::kBricks: return bricks(stream);
    case Pattern::kCarpet: return carpet(stream);
    case Pattern::kRug: return rug(stream);
    case Pattern::kWallpaper: return wallpaper(stream);
    case Pattern::kPlaster: return plaster(stream);
    case Pattern::kFabric: return fabric(stream);
    case Pattern::kMarble: return marble(stream);
    case Pattern::kPainting: return painting(stream, variant);
    case Pattern::kBooks: return books(stream);
  }
  return plaster(stream);
}

}  // namespace

float Patterns::extent(Pattern pattern) {
  switch (pattern) {
    case Pattern::kPlanks: return 2.0f;
    case Pattern::kParquet: return 2.4f;
    case Pattern::kGrain: return 1.2f;
    case Pattern::kTiles: return 1.6f;
    case Pattern::kChequer: return 1.6f;
    case Pattern::kBricks: return 1.4f;
    case Pattern::kCarpet: return 1.0f;
    case Pattern::kWallpaper: return 1.6f;
    case Pattern::kPlaster: return 2.0f;
    case Pattern::kFabric: return 0.7f;
    case Pattern::kMarble: return 1.5f;
    case Pattern::kRug:
    case Pattern::kPainting:
    case Pattern::kBooks: return 1.0f;
  }
  return 1.0f;
}

std::shared_ptr<const Texture> Patterns::get(Pattern pattern, std::uint64_t variant) {
  variant %= pattern == Pattern::kPainting ? kPaintings : kVariants;
  const std::lock_guard lock(mutex_);
  auto& texture = made_[{pattern, variant}];
  if (!texture) texture = std::make_shared<const Texture>(make(pattern, variant));
  return texture;
}

Material Patterns::material(Pattern pattern, std::uint64_t variant, Vec3 tint) {
  Material material;
  material.texture = get(pattern, variant);
  material.uv_scale = 1 / extent(pattern);
  material.tint = tint;
  return material;
}

}  // namespace affinis::scenes
