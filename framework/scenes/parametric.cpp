#include "framework/scenes/parametric.h"

namespace affinis::scenes {
namespace {

/// Colours that furniture has.
constexpr std::uint32_t kWoods[] = {0xa8744a, 0x7b4b2a, 0xc9a06c, 0x5a3a28, 0xd8bf94, 0xe9e4da};
constexpr std::uint32_t kFabrics[] = {0x7d8a94, 0x8c3b34, 0x3f5a7a, 0xb7a68c, 0x55684f, 0x4a4a50, 0xc0803c, 0x6d4a6b};
constexpr std::uint32_t kBright[] = {0xd94f3d, 0x3c78b5, 0xe0a83a, 0x4f9a5b, 0x8d5aa8, 0xe8e2d4};

/// Builds one piece; front towards -y, standing on z = 0.
class Builder {
 public:
  Builder(Role role, std::uint64_t variant, Patterns& patterns) : stream_(0, "parametric", {static_cast<std::uint64_t>(role), variant}), variant_(variant), patterns_(patterns) {
    wood_ = mesh.add_material(patterns.material(Pattern::kGrain, variant, colour(pick(kWoods)) * 1.2f));
    mesh.materials[wood_].shine = 0.05f;
    cloth_ = mesh.add_material(patterns.material(Pattern::kFabric, variant, colour(pick(kFabrics)) * 1.25f));
    white_ = plain(0xeeeeea, 0.12f);
    dark_ = plain(0x26262a, 0.06f);
    metal_ = plain(0x9a9ca0, 0.3f);
  }

  Mesh mesh;

  void bed() {
    const float w = uniform(1.4f, 1.8f), d = 2.1f, h = uniform(0.85f, 1.1f);
    const std::uint16_t sheet = cloth(0xe6e0d6), pillow = cloth(0xf2f0ec), cover = cloth_;
    box(-w / 2, -d / 2, 0.08f, w / 2, d / 2, 0.30f, wood_);
    box(-w / 2, d / 2 - 0.06f, 0, w / 2, d / 2, h, wood_);
    box(-w / 2, -d / 2, 0, w / 2, -d / 2 + 0.05f, 0.42f, wood_);
    box(-w / 2 + 0.03f, -d / 2 + 0.06f, 0.30f, w / 2 - 0.03f, d / 2 - 0.07f, 0.50f, sheet);
    box(-w / 2 + 0.005f, -d / 2 + 0.055f, 0.26f, w / 2 - 0.005f, d / 2 - 0.72f, 0.54f, cover);
    for (const float side : {-1.0f, 1.0f}) mesh.add_ellipsoid({side * w / 4, d / 2 - 0.36f, 0.55f}, {w / 4 - 0.06f, 0.22f, 0.09f}, pillow);
  }
  void nightstand() {
    const float w = uniform(0.4f, 0.5f), d = 0.4f, h = uniform(0.42f, 0.5f);
    drawers(w, d, h, 2);
  }
  void wardrobe() {
    const float w = uniform(1.0f, 2.0f), d = 0.6f, h = uniform(1.95f, 2.15f);
    box(-w / 2, -d / 2 + 0.02f, 0, w / 2, d / 2, h, wood_);
    const int doors = w > 1.4f ? 3 : 2;
    for (int i = 0; i < doors; ++i) {
      const float l = -w / 2 + w * static_cast<float>(i) / static_cast<float>(doors), r = l + w / static_cast<float>(doors);
      box(l + 0.008f, -d / 2, 0.06f, r - 0.008f, -d / 2 + 0.02f, h - 0.03f, variant_ % 2 ? white_ : wood_);
      box(r - 0.07f, -d / 2 - 0.025f, 0.95f, r - 0.05f, -d / 2, 1.15f, metal_);
    }
  }
  void drawers(float w, float d, float h, int count) {
    box(-w / 2, -d / 2 + 0.02f, 0.04f, w / 2, d / 2, h, wood_);
    for (int i = 0; i < count; ++i) {
      const float l = 0.06f + (h - 0.09f) * static_cast<float>(i) / static_cast<float>(count), u = l + (h - 0.09f) / static_cast<float>(count);
      box(-w / 2 + 0.015f, -d / 2, l + 0.01f, w / 2 - 0.015f, -d / 2 + 0.02f, u - 0.005f, wood_);
      box(-0.08f, -d / 2 - 0.02f, (l + u) / 2 - 0.01f, 0.08f, -d / 2, (l + u) / 2 + 0.01f, metal_);
    }
    box(-w / 2 - 0.01f, -d / 2 - 0.01f, h, w / 2 + 0.01f, d / 2, h + 0.02f, wood_);
    for (const float x : {-w / 2, w / 2 - 0.05f}) {
      for (const float y : {-d / 2 + 0.03f, d / 2 - 0.05f}) box(x, y, 0, x + 0.05f, y + 0.05f, 0.05f, dark_);
    }
  }
  void table(float w, float d, float h, bool round) {
    const std::uint16_t top = variant_ % 3 == 2 ? white_ : wood_;
    if (round) {
      mesh.add_cylinder({0, 0, h - 0.035f}, 0.035f, w / 2, w / 2, top, 32);
      mesh.add_cylinder({0, 0, 0.03f}, h - 0.06f, 0.05f, 0.05f, wood_);
      mesh.add_cylinder({0, 0, 0}, 0.03f, w * 0.3f, w * 0.26f, wood_, 28);
      return;
    }
    box(-w / 2, -d / 2, h - 0.035f, w / 2, d / 2, h, top);
    for (const float x : {-w / 2 + 0.04f, w / 2 - 0.10f}) {
      for (const float y : {-d / 2 + 0.04f, d / 2 - 0.10f}) box(x, y, 0, x + 0.06f, y + 0.06f, h - 0.035f, wood_);
    }
    box(-w / 2 + 0.07f, -d / 2 + 0.06f, h - 0.11f, w / 2 - 0.07f, -d / 2 + 0.08f, h - 0.035f, wood_);
    box(-w / 2 + 0.07f, d / 2 - 0.08f, h - 0.11f, w / 2 - 0.07f, d / 2 - 0.06f, h - 0.035f, wood_);
  }
  void desk() {
    const float w = uniform(1.2f, 1.6f), d = uniform(0.65f, 0.8f), h = 0.74f;
    table(w, d, h, false);
    box(w / 2 - 0.48f, -d / 2 + 0.06f, 0.05f, w / 2 - 0.08f, d / 2 - 0.06f, h - 0.04f, variant_ % 2 ? white_ : wood_);
    for (int i = 0; i < 3; ++i) {
      const float z = 0.1f + 0.2f * static_cast<float>(i);
      box(w / 2 - 0.46f, -d / 2 + 0.04f, z, w / 2 - 0.10f, -d / 2 + 0.06f, z + 0.18f, wood_);
      box(w / 2 - 0.34f, -d / 2 + 0.02f, z + 0.08f, w / 2 - 0.22f, -d / 2 + 0.04f, z + 0.10f, metal_);
    }
    box(-w / 2 + 0.1f, d / 2 - 0.07f, 0.3f, w / 2 - 0.1f, d / 2 - 0.05f, h - 0.05f, wood_);
  }
  void dressing_table() {
    table(0.9f, 0.45f, 0.75f, false);
    box(-0.3f, 0.17f, 0.75f, 0.3f, 0.2f, 1.35f, wood_);
    const std::uint16_t glass = mirror();
    mesh.add_quad({-0.26f, 0.168f, 0.80f}, {0.26f, 0.168f, 0.80f}, {0.26f, 0.168f, 1.31f}, {-0.26f, 0.168f, 1.31f}, glass);
  }
  void office_chair() {
    const std::uint16_t seat = variant_ % 2 ? cloth_ : dark_;
    for (int i = 0; i < 5; ++i) {
      const float a = 2 * kPi * static_cast<float>(i) / 5 + 0.3f;
      const Vec3 end{0.26f * std::cos(a), 0.26f * std::sin(a), 0.06f};
      beam({0, 0, 0.08f}, end, 0.022f, dark_);
      mesh.add_ellipsoid({end.x, end.y, 0.03f}, {0.03f, 0.03f, 0.03f}, dark_, 8);
    }
    mesh.add_cylinder({0, 0, 0.08f}, 0.36f, 0.03f, 0.03f, metal_, 12);
    cushion(-0.25f, -0.25f, 0.43f, 0.25f, 0.24f, 0.52f, seat);
    box(-0.04f, 0.22f, 0.45f, 0.04f, 0.26f, 0.75f, dark_);
    cushion(-0.23f, 0.20f, 0.60f, 0.23f, 0.27f, 1.05f, seat);
    for (const float s : {-1.0f, 1.0f}) {
      box(s * 0.28f - 0.025f, -0.12f, 0.66f, s * 0.28f + 0.025f, 0.16f, 0.69f, dark_);
      box(s * 0.28f - 0.015f, 0.0f, 0.48f, s * 0.28f + 0.015f, 0.04f, 0.66f, dark_);
    }
  }
  void sofa(float w) {
    const float d = 0.88f, arm = 0.17f;
    const int seats = std::max(1, static_cast<int>((w - 2 * arm) / 0.6f + 0.3f));
    box(-w / 2 + arm, -d / 2 + 0.04f, 0.08f, w / 2 - arm, d / 2, 0.28f, cloth_);
    for (const float s : {-1.0f, 1.0f}) cushion(s * (w / 2 - arm / 2) - arm / 2, -d / 2, 0.06f, s * (w / 2 - arm / 2) + arm / 2, d / 2, 0.62f, cloth_);
    cushion(-w / 2 + arm, d / 2 - 0.2f, 0.1f, w / 2 - arm, d / 2, 0.82f, cloth_);
    for (int i = 0; i < seats; ++i) {
      const float l = -w / 2 + arm + (w - 2 * arm) * static_cast<float>(i) / static_cast<float>(seats), r = l + (w - 2 * arm) / static_cast<float>(seats);
      cushion(l + 0.005f, -d / 2 + 0.01f, 0.28f, r - 0.005f, d / 2 - 0.2f, 0.45f, cloth_);
      cushion(l + 0.01f, d / 2 - 0.34f, 0.44f, r - 0.01f, d / 2 - 0.17f, 0.86f, cloth_);
    }
    for (const float x : {-w / 2 + 0.06f, w / 2 - 0.11f}) {
      for (const float y : {-d / 2 + 0.06f, d / 2 - 0.11f}) box(x, y, 0, x + 0.05f, y + 0.05f, 0.08f, dark_);
    }
    const std::uint16_t accent = cloth(pick(kBright));
    mesh.add_ellipsoid({-w / 2 + arm + 0.2f, 0.02f, 0.60f}, {0.2f, 0.09f, 0.17f}, accent, 12);
  }
  void tv() {
    const float w = uniform(0.9f, 1.25f), h = w * 0.58f;
    box(-0.25f, -0.12f, 0, 0.25f, 0.12f, 0.02f, dark_);
    box(-0.05f, -0.01f, 0.02f, 0.05f, 0.03f, 0.1f, dark_);
    box(-w / 2, -0.02f, 0.07f, w / 2, 0.03f, 0.07f + h, dark_);
    screen(-w / 2 + 0.02f, w / 2 - 0.02f, -0.022f, 0.09f, 0.05f + h);
  }
  void computer() {
    const std::uint16_t frame = variant_ % 2 ? white_ : dark_;
    box(-0.13f, -0.02f, 0, 0.13f, 0.16f, 0.015f, frame);
    box(-0.03f, 0.06f, 0.015f, 0.03f, 0.09f, 0.2f, frame);
    box(-0.27f, 0.03f, 0.12f, 0.27f, 0.06f, 0.47f, frame);
    screen(-0.25f, 0.25f, 0.028f, 0.14f, 0.45f, true);
    box(-0.22f, -0.24f, 0, 0.18f, -0.10f, 0.02f, frame);
    mesh.add_ellipsoid({0.26f, -0.17f, 0.015f}, {0.03f, 0.05f, 0.018f}, frame, 10);
  }
  void bookcase(bool tall) {
    const float w = uniform(0.8f, 1.2f), d = 0.32f, h = tall ? uniform(1.7f, 2.1f) : 1.1f, t = 0.022f;
    box(-w / 2, -d / 2, 0, -w / 2 + t, d / 2, h, wood_);
    box(w / 2 - t, -d / 2, 0, w / 2, d / 2, h, wood_);
    box(-w / 2 + t, d / 2 - 0.01f, 0, w / 2 - t, d / 2, h, wood_);
    const int shelves = static_cast<int>(h / 0.36f);
    for (int i = 0; i <= shelves; ++i) {
      const float z = 0.06f + (h - 0.06f - t) * static_cast<float>(i) / static_cast<float>(shelves);
      box(-w / 2 + t, -d / 2, z, w / 2 - t, d / 2 - 0.01f, z + t, wood_);
      if (i == shelves) break;
      const float room = (h - 0.06f - t) / static_cast<float>(shelves) - t;
      for (float x = -w / 2 + t + 0.01f; x < w / 2 - 0.2f;) {
        const float run = uniform(0.2f, 0.42f), end = std::min(x + run, w / 2 - t - 0.01f);
        if (stream_.uniform() < 0.8) {
          row_of_books(x, end, -d / 2 + 0.05f, d / 2 - 0.03f, z + t, z + t + std::min(room - 0.02f, uniform(0.22f, 0.29f)));
        } else {
          mesh.add_ellipsoid({(x + end) / 2, 0, z + t + 0.09f}, {0.07f, 0.07f, 0.09f}, plain(pick(kBright), 0.2f), 10);
        }
        x = end + 0.015f;
      }
    }
  }
  void books() {
    const float w = uniform(0.2f, 0.35f);
    row_of_books(-w / 2, w / 2, -0.08f, 0.08f, 0, 0.24f);
  }
  void plant(float height) {
    const float pot = 0.16f * height + 0.05f;
    mesh.add_cylinder({0, 0, 0}, 1.3f * pot, 0.75f * pot, pot, plain(pick(kBright), 0.12f));
    const std::uint16_t leaf = plain(variant_ % 2 ? 0x3f7a35 : 0x557f3a, 0.08f), stem = plain(0x5b4630, 0);
    mesh.add_cylinder({0, 0, 1.2f * pot}, 0.45f * height, 0.02f * height + 0.006f, 0.012f, stem, 8);
    const int leaves = 26;
    for (int i = 0; i < leaves; ++i) {
      const float a = 2.39996f * static_cast<float>(i), t = static_cast<float>(i) / static_cast<float>(leaves);
      const float z = height * (0.42f + 0.5f * t), r = height * (0.30f - 0.2f * t * t);
      const Vec3 root{0, 0, z - 0.1f * height}, tip{r * std::cos(a), r * std::sin(a), std::min(height, z + uniform(-0.04f, 0.08f) * height)};
      leaf_blade(root, tip, 0.085f * height, leaf);
    }
  }
  void vase() {
    const std::uint16_t glaze = plain(pick(kBright), 0.3f);
    const float s = uniform(0.8f, 1.2f);
    mesh.add_cylinder({0, 0, 0}, 0.10f * s, 0.045f * s, 0.085f * s, glaze);
    mesh.add_cylinder({0, 0, 0.10f * s}, 0.10f * s, 0.085f * s, 0.035f * s, glaze);
    mesh.add_cylinder({0, 0, 0.20f * s}, 0.05f * s, 0.035f * s, 0.05f * s, glaze);
  }
  void lamp(float height, float shade) {
    const std::uint16_t shade_material = lit(0xf4e3c0, 1.1f);
    mesh.add_cylinder({0, 0, 0}, 0.025f, 0.45f * shade + 0.05f, 0.4f * shade + 0.05f, metal_);
    mesh.add_cylinder({0, 0, 0.02f}, height - 0.1f, 0.013f, 0.013f, metal_, 10);
    mesh.add_cylinder({0, 0, height - 1.3f * shade}, 1.3f * shade, shade, 0.65f * shade, shade_material, 24);
  }
  void desk_lamp() {
    const std::uint16_t body = plain(pick(kBright), 0.2f);
    mesh.add_cylinder({0, 0.08f, 0}, 0.02f, 0.08f, 0.08f, body);
    beam({0, 0.08f, 0.02f}, {0, 0.15f, 0.25f}, 0.012f, metal_);
    beam({0, 0.15f, 0.25f}, {0, -0.06f, 0.40f}, 0.012f, metal_);
    mesh.add_cylinder({0, -0.09f, 0.32f}, 0.09f, 0.08f, 0.03f, body);
    mesh.add_ellipsoid({0, -0.09f, 0.325f}, {0.04f, 0.04f, 0.015f}, lit(0xfff2d0, 4.0f), 10);
  }
  void hanging_lamp() {
    const float cord = uniform(0.35f, 0.55f);
    const bool globe = variant_ % 2;
    mesh.add_cylinder({0, 0, 0.22f}, cord, 0.006f, 0.006f, dark_, 6);
    mesh.add_cylinder({0, 0, 0.22f + cord}, 0.03f, 0.05f, 0.05f, white_);
    if (globe) {
      mesh.add_ellipsoid({0, 0, 0.14f}, {0.14f, 0.14f, 0.14f}, lit(0xfff3dc, 2.2f), 20);
    } else {
      mesh.add_cylinder({0, 0, 0.03f}, 0.22f, 0.2f, 0.06f, plain(pick(kBright), 0.1f), 28);
      mesh.add_ellipsoid({0, 0, 0.04f}, {0.07f, 0.07f, 0.04f}, lit(0xfff3dc, 5.0f), 12);
    }
  }
  void printer() {
    box(-0.22f, -0.18f, 0, 0.22f, 0.18f, 0.18f, variant_ % 2 ? white_ : dark_);
    box(-0.18f, -0.26f, 0.05f, 0.18f, -0.18f, 0.065f, dark_);
    box(-0.15f, -0.25f, 0.066f, 0.15f, -0.10f, 0.07f, plain(0xffffff, 0));
    box(-0.2f, -0.17f, 0.18f, 0.2f, 0.17f, 0.2f, metal_);
  }
  void desk_thing() {
    switch (variant_ % 3) {
      case 0:
        mesh.add_cylinder({0, 0, 0}, 0.1f, 0.04f, 0.04f, plain(pick(kBright), 0.1f));
        for (int i = 0; i < 4; ++i) beam({0.015f * static_cast<float>(i) - 0.02f, 0, 0.05f}, {0.02f * static_cast<float>(i) - 0.03f, 0.01f, 0.16f}, 0.004f, plain(pick(kBright), 0));
        break;
      case 1:
        for (int i = 0; i < 3; ++i) box(-0.13f, -0.17f, 0.06f * static_cast<float>(i), 0.13f, 0.17f, 0.06f * static_cast<float>(i) + 0.012f, dark_);
        for (const float x : {-0.13f, 0.12f}) box(x, 0.15f, 0, x + 0.01f, 0.17f, 0.13f, dark_);
        break;
      default: books(); break;
    }
  }
  void water_cooler() {
    box(-0.16f, -0.16f, 0, 0.16f, 0.16f, 0.95f, white_);
    box(-0.1f, -0.17f, 0.6f, 0.1f, -0.16f, 0.8f, dark_);
    mesh.add_cylinder({0, 0, 0.95f}, 0.3f, 0.13f, 0.13f, plain(0x7fb4d8, 0.3f));
  }
  void whiteboard() {
    box(-0.7f, 0, 0, 0.7f, 0.025f, 0.95f, metal_);
    mesh.add_quad({-0.67f, -0.001f, 0.03f}, {0.67f, -0.001f, 0.03f}, {0.67f, -0.001f, 0.92f}, {-0.67f, -0.001f, 0.92f}, plain(0xf6f7f7, 0.2f));
    for (int i = 0; i < 4; ++i) {
      const float z = 0.75f - 0.14f * static_cast<float>(i), end = uniform(-0.2f, 0.5f);
      mesh.add_quad({-0.55f, -0.002f, z}, {end, -0.002f, z}, {end, -0.002f, z + 0.02f}, {-0.55f, -0.002f, z + 0.02f}, plain(pick(kBright), 0));
    }
  }
  void dustbin() { mesh.add_cylinder({0, 0, 0}, 0.34f, 0.10f, 0.14f, plain(pick(kFabrics), 0.1f)); }
  void toilet() {
    const std::uint16_t seat = plain(0xf7f7f5, 0.35f);
    box(-0.19f, 0.14f, 0.38f, 0.19f, 0.33f, 0.80f, white_);
    box(-0.20f, 0.13f, 0.80f, 0.20f, 0.335f, 0.83f, white_);
    mesh.add_cylinder({0, 0.23f, 0.83f}, 0.012f, 0.025f, 0.025f, metal_, 10);
    mesh.add_cylinder({0, -0.02f, 0}, 0.28f, 0.12f, 0.15f, white_, 24);
    box(-0.12f, 0.0f, 0, 0.12f, 0.32f, 0.38f, white_);
    const std::size_t first = mesh.vertices.size();
    mesh.add_cylinder({0, 0, 0.26f}, 0.13f, 0.145f, 0.19f, white_, 28);
    mesh.add_cylinder({0, 0, 0.39f}, 0.03f, 0.2f, 0.2f, seat, 28);
    for (std::size_t i = first; i < mesh.vertices.size(); ++i) {
      mesh.vertices[i].position.y = mesh.vertices[i].position.y * 1.25f - 0.08f;
    }
    box(-0.19f, 0.11f, 0.42f, 0.19f, 0.14f, 0.80f, seat);
  }
  void washbasin() {
    const float w = uniform(0.55f, 0.95f);
    box(-w / 2 + 0.02f, -0.2f, 0.05f, w / 2 - 0.02f, 0.24f, 0.76f, variant_ % 2 ? wood_ : white_);
    box(-0.006f, -0.205f, 0.1f, 0.006f, -0.2f, 0.72f, dark_);
    for (const float x : {-0.06f, 0.04f}) box(x, -0.225f, 0.5f, x + 0.02f, -0.2f, 0.62f, metal_);
    // The rim is a frame around the bowl, whose bottom lies lower.
    const float bw = std::min(0.25f, w / 2 - 0.08f);
    box(-w / 2, -0.24f, 0.76f, -bw, 0.24f, 0.86f, white_);
    box(bw, -0.24f, 0.76f, w / 2, 0.24f, 0.86f, white_);
    box(-bw, -0.24f, 0.76f, bw, -0.19f, 0.86f, white_);
    box(-bw, 0.1f, 0.76f, bw, 0.24f, 0.86f, white_);
    mesh.add_quad({-bw, -0.19f, 0.775f}, {bw, -0.19f, 0.775f}, {bw, 0.1f, 0.775f}, {-bw, 0.1f, 0.775f}, white_);
    tap(0, 0.16f, 0.86f);
  }
  void bathtub() {
    const float w = uniform(1.55f, 1.8f), d = 0.75f, h = 0.56f, r = 0.07f;
    box(-w / 2, -d / 2, 0, w / 2, -d / 2 + r, h, white_);
    box(-w / 2, d / 2 - r, 0, w / 2, d / 2, h, white_);
    box(-w / 2, -d / 2 + r, 0, -w / 2 + 0.12f, d / 2 - r, h, white_);
    box(w / 2 - 0.09f, -d / 2 + r, 0, w / 2, d / 2 - r, h, white_);
    box(-w / 2 + 0.12f, -d / 2 + r, 0, w / 2 - 0.09f, d / 2 - r, 0.14f, white_);
    tap(-w / 2 + 0.06f, 0, h);
  }
  void shower() {
    const float s = 0.9f;
    const std::uint16_t glass = this->glass();
    box(-s / 2, -s / 2, 0, s / 2, s / 2, 0.1f, white_);
    box(-s / 2, -s / 2, 0.1f, -s / 2 + 0.01f, s / 2, 1.95f, glass);
    box(-s / 2 + 0.02f, -s / 2, 0.1f, s / 2, -s / 2 + 0.01f, 1.95f, glass);
    for (const float x : {-s / 2, s / 2 - 0.03f}) box(x, -s / 2, 0.1f, x + 0.03f, -s / 2 + 0.03f, 2.0f, metal_);
    box(-s / 2, -s / 2, 1.95f, s / 2, -s / 2 + 0.03f, 2.0f, metal_);
    box(-s / 2, -s / 2, 1.95f, -s / 2 + 0.03f, s / 2, 2.0f, metal_);
    mesh.add_cylinder({0, s / 2 - 0.04f, 0.9f}, 1.15f, 0.012f, 0.012f, metal_, 10);
    mesh.add_cylinder({0, s / 2 - 0.14f, 2.0f}, 0.03f, 0.09f, 0.03f, metal_);
    box(-0.08f, s / 2 - 0.06f, 1.0f, 0.08f, s / 2, 1.06f, metal_);
  }
  void washing_machine() {
    box(-0.3f, -0.28f, 0.02f, 0.3f, 0.3f, 0.85f, white_);
    box(-0.28f, -0.29f, 0.72f, -0.08f, -0.28f, 0.82f, metal_);
    disc({0, -0.285f, 0.42f}, 0.20f, metal_);
    disc({0, -0.29f, 0.42f}, 0.15f, plain(0x2b3640, 0.4f));
    disc({0.18f, -0.285f, 0.77f}, 0.04f, metal_);
    box(-0.29f, -0.26f, 0, 0.29f, 0.28f, 0.02f, dark_);
  }
  void towel_rack() {
    const std::uint16_t towel = cloth(pick(kBright));
    box(-0.3f, 0.05f, 0.48f, 0.3f, 0.07f, 0.5f, metal_);
    for (const float x : {-0.3f, 0.28f}) box(x, 0.05f, 0.48f, x + 0.02f, 0.12f, 0.5f, metal_);
    cushion(-0.24f, 0.03f, 0.0f, 0.22f, 0.085f, 0.51f, towel);
  }
  void laundry_basket() { mesh.add_cylinder({0, 0, 0}, 0.55f, 0.18f, 0.23f, mesh.add_material(patterns_.material(Pattern::kFabric, variant_, colour(0xb89468)))); }
  void bath_mat() { box(-0.38f, -0.25f, 0, 0.38f, 0.25f, 0.014f, cloth(pick(kFabrics))); }
  void rug() {
    const float w = uniform(1.9f, 2.6f), d = uniform(1.3f, 1.8f);
    const std::uint16_t face = mesh.add_material(patterns_.material(Pattern::kRug, variant_, {1, 1, 1}));
    box(-w / 2, -d / 2, 0, w / 2, d / 2, 0.010f, dark_);
    mesh.add_picture({-w / 2, -d / 2, 0.012f}, {w / 2, -d / 2, 0.012f}, {w / 2, d / 2, 0.012f}, {-w / 2, d / 2, 0.012f}, face);
  }
  void radiator() {
    const float w = uniform(0.7f, 1.1f);
    box(-w / 2, 0.0f, 0.1f, w / 2, 0.04f, 0.6f, white_);
    for (float x = -w / 2; x < w / 2 - 0.03f; x += 0.07f) box(x, -0.05f, 0.1f, x + 0.04f, 0.0f, 0.6f, white_);
    for (const float x : {-w / 2 + 0.08f, w / 2 - 0.1f}) box(x, -0.01f, 0, x + 0.02f, 0.01f, 0.1f, metal_);
  }
  void bath_thing() {
    const std::uint16_t bottle = plain(pick(kBright), 0.25f);
    mesh.add_cylinder({0, 0, 0}, 0.13f, 0.03f, 0.028f, bottle);
    mesh.add_cylinder({0, 0, 0.13f}, 0.04f, 0.012f, 0.012f, white_, 10);
    mesh.add_cylinder({0.09f, 0, 0}, 0.10f, 0.035f, 0.04f, plain(pick(kBright), 0.15f));
    beam({0.09f, 0.01f, 0.05f}, {0.11f, 0.01f, 0.19f}, 0.006f, plain(pick(kBright), 0));
  }
  void toilet_brush() {
    mesh.add_cylinder({0, 0, 0}, 0.13f, 0.05f, 0.055f, white_);
    mesh.add_cylinder({0, 0, 0.13f}, 0.27f, 0.01f, 0.01f, metal_, 8);
  }
  void kitchen_base(bool sink) {
    const float w = 0.6f, d = 0.62f;
    const std::uint16_t front = kitchen_front(), top = worktop();
    box(-w / 2, -d / 2 + 0.08f, 0, w / 2, d / 2, 0.1f, dark_);
    box(-w / 2, -d / 2 + 0.04f, 0.1f, w / 2, d / 2, sink ? 0.70f : 0.86f, white_);
    const bool as_drawers = !sink && variant_ % 3 == 1;
    for (int i = 0; i < (as_drawers ? 3 : 1); ++i) {
      const float l = 0.11f + 0.25f * static_cast<float>(i), u = as_drawers ? l + 0.24f : 0.85f;
      box(-w / 2 + 0.004f, -d / 2 + 0.02f, l, w / 2 - 0.004f, -d / 2 + 0.04f, u, front);
      box(-0.08f, -d / 2, u - 0.06f, 0.08f, -d / 2 + 0.02f, u - 0.045f, metal_);
    }
    if (!sink) {
      box(-w / 2, -d / 2, 0.86f, w / 2, d / 2, 0.9f, top);
      return;
    }
    box(-w / 2, -d / 2, 0.86f, w / 2, -0.19f, 0.9f, top);
    box(-w / 2, 0.17f, 0.86f, w / 2, d / 2, 0.9f, top);
    box(-w / 2, -0.19f, 0.86f, -0.23f, 0.17f, 0.9f, top);
    box(0.23f, -0.19f, 0.86f, w / 2, 0.17f, 0.9f, top);
    for (const float x : {-0.23f, 0.22f}) box(x, -0.19f, 0.7f, x + 0.01f, 0.17f, 0.9f, metal_);
    for (const float y : {-0.19f, 0.16f}) box(-0.22f, y, 0.7f, 0.22f, y + 0.01f, 0.9f, metal_);
    mesh.add_quad({-0.22f, -0.18f, 0.72f}, {0.22f, -0.18f, 0.72f}, {0.22f, 0.16f, 0.72f}, {-0.22f, 0.16f, 0.72f}, metal_);
    box(-w / 2 + 0.02f, -d / 2 + 0.04f, 0.7f, w / 2 - 0.02f, -d / 2 + 0.06f, 0.86f, white_);
    for (const float x : {-w / 2, w / 2 - 0.015f}) box(x, -d / 2 + 0.04f, 0.7f, x + 0.015f, d / 2, 0.86f, white_);
    tap(0, 0.22f, 0.9f);
  }
  void stove() {
    const std::uint16_t body = variant_ % 2 ? white_ : metal_;
    box(-0.3f, -0.29f, 0, 0.3f, 0.31f, 0.88f, body);
    box(-0.3f, -0.31f, 0.88f, 0.3f, 0.31f, 0.905f, dark_);
    box(-0.27f, -0.305f, 0.2f, 0.27f, -0.29f, 0.68f, plain(0x15161a, 0.5f));
    box(-0.24f, -0.335f, 0.70f, 0.24f, -0.315f, 0.72f, metal_);
    for (int i = 0; i < 4; ++i) {
      disc({-0.21f + 0.14f * static_cast<float>(i), -0.30f, 0.80f}, 0.028f, dark_);
      mesh.add_cylinder({i % 2 ? 0.14f : -0.14f, i / 2 ? 0.14f : -0.14f, 0.905f}, 0.008f, 0.1f, 0.1f, metal_, 24);
    }
  }
  void fridge() {
    const float h = uniform(1.7f, 1.85f);
    const std::uint16_t body = variant_ % 2 ? white_ : plain(0xb8babd, 0.3f);
    box(-0.3f, -0.27f, 0.02f, 0.3f, 0.32f, h, body);
    box(-0.3f, -0.31f, 0.05f, 0.3f, -0.28f, 0.65f, body);
    box(-0.3f, -0.31f, 0.665f, 0.3f, -0.28f, h, body);
    for (const float z : {0.35f, 0.75f}) box(-0.27f, -0.345f, z, -0.25f, -0.31f, z + 0.28f, metal_);
    box(-0.28f, -0.25f, 0, 0.28f, 0.3f, 0.02f, dark_);
  }
  void kitchen_upper() {
    const float w = 0.6f, d = 0.36f, h = 0.72f;
    box(-w / 2, -d / 2 + 0.02f, 0, w / 2, d / 2, h, white_);
    for (const float s : {-1.0f, 1.0f}) {
      const float l = s < 0 ? -w / 2 + 0.004f : 0.003f, r = s < 0 ? -0.003f : w / 2 - 0.004f;
      box(l, -d / 2, 0.004f, r, -d / 2 + 0.02f, h - 0.004f, kitchen_front());
      box(s * 0.05f - 0.007f, -d / 2 - 0.02f, 0.06f, s * 0.05f + 0.007f, -d / 2, 0.2f, metal_);
    }
  }
  void hood() {
    box(-0.3f, -0.22f, 0, 0.3f, 0.22f, 0.06f, metal_);
    box(-0.13f, -0.02f, 0.06f, 0.13f, 0.22f, 0.75f, metal_);
  }
  void counter_thing() {
    switch (variant_ % 3) {
      case 0:  // microwave
        box(-0.24f, -0.17f, 0, 0.24f, 0.17f, 0.28f, white_);
        box(-0.22f, -0.175f, 0.03f, 0.1f, -0.17f, 0.25f, plain(0x15161a, 0.5f));
        break;
      case 1:  // kettle
        mesh.add_cylinder({0, 0, 0}, 0.2f, 0.09f, 0.065f, metal_);
        mesh.add_ellipsoid({0, 0, 0.2f}, {0.065f, 0.065f, 0.03f}, dark_, 12);
        box(0.07f, -0.012f, 0.05f, 0.12f, 0.012f, 0.19f, dark_);
        break;
      default:  // fruit
        mesh.add_cylinder({0, 0, 0}, 0.08f, 0.07f, 0.15f, white_);
        for (int i = 0; i < 6; ++i) mesh.add_ellipsoid({0.07f * std::cos(static_cast<float>(i)), 0.07f * std::sin(static_cast<float>(i)), 0.09f}, {0.04f, 0.04f, 0.04f}, plain(i % 2 ? 0xd9402f : 0xe6a92e, 0.15f), 10);
        break;
    }
  }
  void tableware() {
    mesh.add_cylinder({0, 0, 0}, 0.015f, 0.07f, 0.12f, white_, 24);
    mesh.add_cylinder({0.17f, 0.05f, 0}, 0.11f, 0.03f, 0.035f, plain(pick(kBright), 0.2f));
  }
  void chair() {
    const float w = 0.44f, d = 0.44f, seat = 0.46f, h = uniform(0.85f, 1.0f);
    box(-w / 2, -d / 2, seat - 0.03f, w / 2, d / 2, seat, wood_);
    if (variant_ % 2) cushion(-w / 2 + 0.02f, -d / 2 + 0.02f, seat, w / 2 - 0.02f, d / 2 - 0.05f, seat + 0.045f, cloth_);
    for (const float x : {-w / 2, w / 2 - 0.04f}) {
      box(x, -d / 2, 0, x + 0.04f, -d / 2 + 0.04f, seat - 0.03f, wood_);
      box(x, d / 2 - 0.04f, 0, x + 0.04f, d / 2, h, wood_);
    }
    if (variant_ % 3 == 0) {
      for (int i = 0; i < 3; ++i) box(-w / 2 + 0.04f, d / 2 - 0.03f, h - 0.08f - 0.13f * static_cast<float>(i), w / 2 - 0.04f, d / 2 - 0.01f, h - 0.13f * static_cast<float>(i), wood_);
    } else {
      box(-w / 2 + 0.04f, d / 2 - 0.03f, seat + 0.12f, w / 2 - 0.04f, d / 2 - 0.01f, h, variant_ % 3 == 1 ? cloth_ : wood_);
    }
  }
  void stool() {
    mesh.add_cylinder({0, 0, 0.62f}, 0.04f, 0.18f, 0.18f, wood_, 24);
    for (int i = 0; i < 4; ++i) {
      const float a = kPi / 4 + kPi / 2 * static_cast<float>(i);
      beam({0.2f * std::cos(a), 0.2f * std::sin(a), 0}, {0.12f * std::cos(a), 0.12f * std::sin(a), 0.62f}, 0.016f, wood_);
    }
    mesh.add_cylinder({0, 0, 0.22f}, 0.015f, 0.165f, 0.165f, metal_, 24);
  }
  void picture() {
    const bool upright = variant_ % 2;
    const float s = uniform(0.45f, 0.85f), w = upright ? 0.72f * s : s, h = upright ? s : 0.72f * s;
    box(-w / 2, -0.012f, 0, w / 2, 0.012f, h, dark_);
    mesh.add_picture({-w / 2, -0.0125f, 0}, {w / 2, -0.0125f, 0}, {w / 2, -0.0125f, h}, {-w / 2, -0.0125f, h}, mesh.add_material(patterns_.material(Pattern::kPainting, variant_, {1, 1, 1})));
  }
  void wall_mirror() {
    const float w = uniform(0.5f, 0.8f), h = uniform(0.7f, 0.95f);
    box(-w / 2, -0.01f, 0, w / 2, 0.015f, h, variant_ % 2 ? wood_ : metal_);
    mesh.add_quad({-w / 2 + 0.025f, -0.011f, 0.025f}, {w / 2 - 0.025f, -0.011f, 0.025f}, {w / 2 - 0.025f, -0.011f, h - 0.025f}, {-w / 2 + 0.025f, -0.011f, h - 0.025f}, mirror());
  }
  void piano() {
    const std::uint16_t lacquer = plain(variant_ % 2 ? 0x1a1716 : 0x5a3522, 0.4f);
    box(-0.75f, 0.02f, 0, 0.75f, 0.32f, 1.2f, lacquer);
    box(-0.75f, -0.3f, 0.6f, 0.75f, 0.02f, 0.7f, lacquer);
    box(-0.68f, -0.28f, 0.7f, 0.68f, -0.1f, 0.72f, plain(0xf4f2ea, 0.3f));
    for (float x = -0.66f; x < 0.66f; x += 0.048f) box(x, -0.2f, 0.72f, x + 0.018f, -0.1f, 0.735f, dark_);
    for (const float x : {-0.75f, 0.69f}) box(x, -0.3f, 0, x + 0.06f, -0.24f, 0.6f, lacquer);
  }
  void fireplace() {
    const std::uint16_t stone = mesh.add_material(patterns_.material(Pattern::kMarble, variant_, colour(0xd8d0c4)));
    box(-0.65f, -0.15f, 0, -0.4f, 0.2f, 0.95f, stone);
    box(0.4f, -0.15f, 0, 0.65f, 0.2f, 0.95f, stone);
    box(-0.4f, -0.15f, 0.7f, 0.4f, 0.2f, 0.95f, stone);
    box(-0.72f, -0.2f, 0.95f, 0.72f, 0.2f, 1.02f, stone);
    box(-0.4f, 0.12f, 0, 0.4f, 0.2f, 0.7f, plain(0x1c1614, 0));
    box(-0.4f, -0.15f, 0, 0.4f, 0.12f, 0.03f, plain(0x2a2420, 0));
    for (int i = 0; i < 3; ++i) mesh.add_ellipsoid({-0.15f + 0.15f * static_cast<float>(i), 0.0f, 0.09f}, {0.2f, 0.06f, 0.06f}, plain(0x5a3a24, 0), 10);
  }
  void toy() {
    const std::uint16_t fur = cloth(0xa9763f);
    mesh.add_ellipsoid({0, 0, 0.11f}, {0.09f, 0.08f, 0.11f}, fur, 14);
    mesh.add_ellipsoid({0, -0.01f, 0.26f}, {0.075f, 0.07f, 0.07f}, fur, 14);
    for (const float s : {-1.0f, 1.0f}) {
      mesh.add_ellipsoid({s * 0.06f, 0, 0.32f}, {0.028f, 0.02f, 0.028f}, fur, 8);
      mesh.add_ellipsoid({s * 0.1f, -0.04f, 0.15f}, {0.04f, 0.05f, 0.03f}, fur, 8);
      mesh.add_ellipsoid({s * 0.06f, -0.1f, 0.03f}, {0.035f, 0.07f, 0.03f}, fur, 8);
    }
    mesh.add_ellipsoid({0, -0.08f, 0.245f}, {0.02f, 0.015f, 0.015f}, dark_, 8);
  }
  void speaker() {
    box(-0.12f, -0.13f, 0, 0.12f, 0.13f, 0.9f, dark_);
    disc({0, -0.135f, 0.3f}, 0.09f, metal_);
    disc({0, -0.135f, 0.58f}, 0.09f, metal_);
    disc({0, -0.135f, 0.78f}, 0.035f, metal_);
  }
  void wall_clock() {
    const std::uint16_t rim = plain(pick(kBright), 0.15f);
    disc({0, 0, 0.16f}, 0.16f, rim);
    disc({0, -0.006f, 0.16f}, 0.14f, white_);
    box(-0.006f, -0.01f, 0.16f, 0.006f, -0.008f, 0.27f, dark_);
    box(0, -0.01f, 0.155f, 0.08f, -0.008f, 0.165f, dark_);
  }

  float uniform(float low, float high) { return static_cast<float>(stream_.uniform(low, high)); }

 private:
  template <std::size_t N>
  std::uint32_t pick(const std::uint32_t (&values)[N]) {
    return values[stream_.below(N)];
  }
  std::uint16_t plain(std::uint32_t rgb, float shine) {
    Material material;
    material.tint = colour(rgb) * 0.9f;
    material.shine = shine;
    material.gloss = 60;
    return mesh.add_material(material);
  }
  std::uint16_t cloth(std::uint32_t rgb) { return mesh.add_material(patterns_.material(Pattern::kFabric, variant_ + 3, colour(rgb))); }
  std::uint16_t lit(std::uint32_t rgb, float strength) {
    Material material;
    material.tint = colour(rgb) * 0.8f;
    material.glow = colour(rgb) * strength;
    return mesh.add_material(material);
  }
  std::uint16_t mirror() {
    Material material;
    material.tint = {0.05f, 0.05f, 0.05f};
    material.mirror = 0.92f;
    return mesh.add_material(material);
  }
  std::uint16_t glass() {
    Material material;
    material.tint = {0.75f, 0.85f, 0.85f};
    material.opacity = 0.12f;
    material.shine = 0.3f;
    return mesh.add_material(material);
  }
  std::uint16_t kitchen_front() {
    constexpr std::uint32_t kFronts[] = {0xf1efe9, 0xb98d5f, 0x8aa39b};
    return variant_ < 2 ? plain(kFronts[0], 0.15f) : variant_ < 4 ? mesh.add_material(patterns_.material(Pattern::kGrain, 2, colour(kFronts[1]))) : plain(kFronts[2], 0.1f);
  }
  std::uint16_t worktop() { return mesh.add_material(patterns_.material(Pattern::kMarble, 1, colour(variant_ % 2 ? 0x55524e : 0xc9c2b6))); }

  void box(float x0, float y0, float z0, float x1, float y1, float z1, std::uint16_t material) { mesh.add_box({x0, y0, z0}, {x1, y1, z1}, material); }
  /// A box with rounded top edges: a smaller box on a larger one.
  void cushion(float x0, float y0, float z0, float x1, float y1, float z1, std::uint16_t material) {
    const float r = 0.3f * std::min({x1 - x0, y1 - y0, z1 - z0});
    const Vec3 low[4] = {{x0, y0, z1 - r}, {x1, y0, z1 - r}, {x1, y1, z1 - r}, {x0, y1, z1 - r}};
    const Vec3 high[4] = {{x0 + r, y0 + r, z1}, {x1 - r, y0 + r, z1}, {x1 - r, y1 - r, z1}, {x0 + r, y1 - r, z1}};
    const Vec3 foot[4] = {{x0, y0, z0}, {x1, y0, z0}, {x1, y1, z0}, {x0, y1, z0}};
    for (int i = 0; i < 4; ++i) {
      const int j = (i + 1) % 4;
      mesh.add_quad(foot[i], foot[j], low[j], low[i], material);
      mesh.add_quad(low[i], low[j], high[j], high[i], material);
    }
    mesh.add_quad(high[0], high[1], high[2], high[3], material);
    mesh.add_quad(foot[3], foot[2], foot[1], foot[0], material);
  }
  /// A square beam from a to b.
  void beam(Vec3 a, Vec3 b, float radius, std::uint16_t material) {
    const Vec3 axis = normalized(b - a);
    const Vec3 side = normalized(cross(axis, std::abs(axis.z) < 0.9f ? Vec3{0, 0, 1} : Vec3{1, 0, 0})) * radius;
    const Vec3 other = normalized(cross(axis, side)) * radius;
    const Vec3 corners[4] = {side + other, other - side, -side - other, side - other};
    for (int i = 0; i < 4; ++i) {
      const int j = (i + 1) % 4;
      mesh.add_quad(a + corners[i], a + corners[j], b + corners[j], b + corners[i], material);
    }
    mesh.add_quad(b + corners[0], b + corners[1], b + corners[2], b + corners[3], material);
  }
  void leaf_blade(Vec3 root, Vec3 tip, float width, std::uint16_t material) {
    const Vec3 along = tip - root, side = normalized(cross(along, {0, 0, 1})) * width;
    const Vec3 middle = root + along * 0.6f + Vec3{0, 0, 0.25f * width};
    mesh.add_quad(root, middle - side, tip, middle + side, material);
  }
  /// A disc in the plane y = centre.y that faces the front.
  void disc(Vec3 centre, float radius, std::uint16_t material) {
    constexpr int kSides = 24;
    for (int i = 0; i < kSides; i += 2) {
      const auto at = [&](int k) {
        const float a = 2 * kPi * static_cast<float>(k) / kSides;
        return centre + Vec3{radius * std::cos(a), 0, radius * std::sin(a)};
      };
      mesh.add_quad(centre, at(i), at(i + 1), at(i + 2), material);
    }
  }
  void row_of_books(float x0, float x1, float y0, float y1, float z0, float z1, int extra = 0) {
    const std::uint16_t spines = mesh.add_material(patterns_.material(Pattern::kBooks, stream_.below(Patterns::kVariants) + static_cast<std::uint64_t>(extra), {1, 1, 1}));
    mesh.add_picture({x0, y0, z0}, {x1, y0, z0}, {x1, y0, z1}, {x0, y0, z1}, spines);
    box(x0, y0 + 0.002f, z0, x1, y1, z1 - 0.01f, plain(0xd8d2c2, 0));
  }
  void screen(float x0, float x1, float y, float z0, float z1, bool on = false) {
    const std::uint16_t face = on && variant_ % 3 != 0 ? lit(variant_ % 2 ? 0x5b87b8 : 0xb8c8d8, 0.6f) : plain(0x0c0d10, 0.6f);
    mesh.add_quad({x0, y, z0}, {x1, y, z0}, {x1, y, z1}, {x0, y, z1}, face);
  }
  void tap(float x, float y, float z) {
    mesh.add_cylinder({x, y, z}, 0.18f, 0.016f, 0.014f, metal_, 12);
    beam({x, y, z + 0.17f}, {x, y - 0.14f, z + 0.15f}, 0.012f, metal_);
    mesh.add_cylinder({x + 0.06f, y, z}, 0.05f, 0.016f, 0.016f, metal_, 10);
  }

  RandomStream stream_;
  std::uint64_t variant_;
  Patterns& patterns_;
  std::uint16_t wood_ = 0, cloth_ = 0, white_ = 0, dark_ = 0, metal_ = 0;
};

}  // namespace

Mesh parametric_mesh(Role role, std::uint64_t variant, Patterns& patterns) {
  Builder b(role, variant, patterns);
  switch (role) {
    case Role::kBed: b.bed(); break;
    case Role::kNightstand: b.nightstand(); break;
    case Role::kWardrobe: b.wardrobe(); break;
    case Role::kDresser: b.drawers(b.uniform(0.8f, 1.3f), 0.45f, b.uniform(0.75f, 0.95f), 3); break;
    case Role::kDressingTable: b.dressing_table(); break;
    case Role::kDesk: b.desk(); break;
    case Role::kOfficeChair: b.office_chair(); break;
    case Role::kSofa: b.sofa(b.uniform(1.7f, 2.3f)); break;
    case Role::kArmchair: b.sofa(0.9f); break;
    case Role::kCoffeeTable: b.table(b.uniform(0.9f, 1.2f), 0.6f, 0.42f, false); break;
    case Role::kTv: b.tv(); break;
    case Role::kTvStand: b.drawers(b.uniform(1.3f, 1.6f), 0.42f, 0.46f, 1); break;
    case Role::kDiningTable: b.table(variant % 3 == 1 ? 1.1f : b.uniform(1.3f, 1.7f), 0.85f, 0.75f, variant % 3 == 1); break;
    case Role::kDiningChair: b.chair(); break;
    case Role::kBookcase: b.bookcase(true); break;
    case Role::kFloorPlant: b.plant(b.uniform(0.9f, 1.4f)); break;
    case Role::kSmallPlant: b.plant(b.uniform(0.28f, 0.4f)); break;
    case Role::kVase: b.vase(); break;
    case Role::kTableLamp: b.lamp(b.uniform(0.4f, 0.5f), 0.14f); break;
    case Role::kFloorLamp: b.lamp(b.uniform(1.5f, 1.7f), 0.22f); break;
    case Role::kDeskLamp: b.desk_lamp(); break;
    case Role::kComputer: b.computer(); break;
    case Role::kPrinter: b.printer(); break;
    case Role::kDeskThing: b.desk_thing(); break;
    case Role::kOfficeCabinet: b.drawers(0.42f, 0.55f, b.uniform(0.65f, 1.2f), 3); break;
    case Role::kWaterCooler: b.water_cooler(); break;
    case Role::kWhiteboard: b.whiteboard(); break;
    case Role::kDustbin: b.dustbin(); break;
    case Role::kToilet: b.toilet(); break;
    case Role::kWashbasin: b.washbasin(); break;
    case Role::kBathtub: b.bathtub(); break;
    case Role::kShower: b.shower(); break;
    case Role::kWashingMachine: b.washing_machine(); break;
    case Role::kTowelRack: b.towel_rack(); break;
    case Role::kLaundryBasket: b.laundry_basket(); break;
    case Role::kBathMat: b.bath_mat(); break;
    case Role::kRadiator: b.radiator(); break;
    case Role::kBathThing: b.bath_thing(); break;
    case Role::kToiletBrush: b.toilet_brush(); break;
    case Role::kKitchenBase: b.kitchen_base(false); break;
    case Role::kKitchenSink: b.kitchen_base(true); break;
    case Role::kStove: b.stove(); break;
    case Role::kFridge: b.fridge(); break;
    case Role::kKitchenUpper: b.kitchen_upper(); break;
    case Role::kHood: b.hood(); break;
    case Role::kCounterThing: b.counter_thing(); break;
    case Role::kTableware: b.tableware(); break;
    case Role::kStool: b.stool(); break;
    case Role::kRug: b.rug(); break;
    case Role::kPicture: b.picture(); break;
    case Role::kMirror: b.wall_mirror(); break;
    case Role::kBooks: b.books(); break;
    case Role::kPiano: b.piano(); break;
    case Role::kFireplace: b.fireplace(); break;
    case Role::kToy: b.toy(); break;
    case Role::kSpeaker: b.speaker(); break;
    case Role::kHangingLamp: b.hanging_lamp(); break;
    case Role::kWallClock: b.wall_clock(); break;
  }
  // Every model's box stands on z = 0 around the origin.
  const auto [low, high] = b.mesh.bounds();
  const Vec3 shift{-(low.x + high.x) / 2, -(low.y + high.y) / 2, -low.z};
  for (auto& vertex : b.mesh.vertices) vertex.position += shift;
  return std::move(b.mesh);
}

std::uint64_t parametric_variants(Role role) { return role == Role::kPicture ? Patterns::kPaintings : 6; }

float parametric_elevation(Role role) {
  switch (role) {
    case Role::kKitchenUpper: return 1.45f;
    case Role::kHood: return 1.6f;
    case Role::kTowelRack: return 0.9f;
    case Role::kWhiteboard: return 0.95f;
    case Role::kMirror: return 1.1f;
    case Role::kPicture: return 1.35f;
    case Role::kWallClock: return 1.7f;
    default: return 0;
  }
}

}  // namespace affinis::scenes
