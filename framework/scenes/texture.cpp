#include "framework/scenes/texture.h"

#include <array>
#include <bit>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "framework/core/error.h"

namespace affinis::scenes {
namespace {

std::array<float, 256> make_linear_table() {
  std::array<float, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    const double s = static_cast<double>(i) / 255;
    table[i] = static_cast<float>(s <= 0.04045 ? s / 12.92 : std::pow((s + 0.055) / 1.055, 2.4));
  }
  return table;
}

const std::array<float, 256> kLinear = make_linear_table();

/// Over the square root of linear light, where 4096 steps are finer than a byte's everywhere.
constexpr std::size_t kSrgbSteps = 4096;
std::array<std::uint8_t, kSrgbSteps> make_srgb_table() {
  std::array<std::uint8_t, kSrgbSteps> table{};
  for (std::size_t i = 0; i < kSrgbSteps; ++i) {
    const double root = (static_cast<double>(i) + 0.5) / kSrgbSteps, v = root * root;
    const double s = v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1 / 2.4) - 0.055;
    table[i] = static_cast<std::uint8_t>(s * 255 + 0.5);
  }
  return table;
}

const std::array<std::uint8_t, kSrgbSteps> kSrgb = make_srgb_table();

float wrapped(float t) {
  t -= std::floor(t);
  return t < 1 ? t : 0;
}

}  // namespace

float srgb_to_linear(std::uint8_t value) { return kLinear[value]; }

std::uint8_t linear_to_srgb(float value) {
  if (!(value > 0)) return 0;
  if (value >= 1) return 255;
  return kSrgb[static_cast<std::size_t>(std::sqrt(value) * kSrgbSteps)];
}

Vec3 colour(std::uint32_t rgb) {
  return {kLinear[(rgb >> 16) & 255], kLinear[(rgb >> 8) & 255], kLinear[rgb & 255]};
}

Texture::Texture(int width, int height, std::vector<std::uint8_t> rgba) : texels_(std::move(rgba)) {
  AFFINIS_ASSERT(width > 0 && height > 0 && texels_.size() == 4u * static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  levels_.push_back({width, height, 0});
  for (std::size_t i = 3; i < texels_.size(); i += 4) has_alpha_ = has_alpha_ || texels_[i] < 128;
  while (levels_.back().width > 1 || levels_.back().height > 1) {
    const Level above = levels_.back();
    const Level below{std::max(1, above.width / 2), std::max(1, above.height / 2), texels_.size() / 4};
    texels_.resize(texels_.size() + 4u * static_cast<std::size_t>(below.width) * static_cast<std::size_t>(below.height));
    for (int y = 0; y < below.height; ++y) {
      for (int x = 0; x < below.width; ++x) {
        float sum[4] = {0, 0, 0, 0};
        float weight = 0;
        for (int dy = 0; dy < 2; ++dy) {
          for (int dx = 0; dx < 2; ++dx) {
            const int sx = std::min(above.width - 1, 2 * x + dx);
            const int sy = std::min(above.height - 1, 2 * y + dy);
            const std::uint8_t* s = &texels_[4 * (above.offset + static_cast<std::size_t>(sy) * static_cast<std::size_t>(above.width) + static_cast<std::size_t>(sx))];
            // Transparent texels hold arbitrary colours that must not bleed into leaves.
            const float a = static_cast<float>(s[3]) + 1e-3f;
            for (int c = 0; c < 3; ++c) sum[c] += a * kLinear[s[c]];
            sum[3] += static_cast<float>(s[3]);
            weight += a;
          }
        }
        std::uint8_t* t = &texels_[4 * (below.offset + static_cast<std::size_t>(y) * static_cast<std::size_t>(below.width) + static_cast<std::size_t>(x))];
        for (int c = 0; c < 3; ++c) t[c] = linear_to_srgb(sum[c] / weight);
        t[3] = static_cast<std::uint8_t>(sum[3] / 4 + 0.5f);
      }
    }
    levels_.push_back(below);
  }
  mean_ = bilinear(levels_.back(), {0.5f, 0.5f});
}

Texture Texture::decode(std::span<const std::byte> bytes, int max_side, const std::string& name) {
  cv::Mat image;
  try {
    const cv::Mat buffer(1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<std::byte*>(bytes.data()));
    if (!bytes.empty()) image = cv::imdecode(buffer, cv::IMREAD_UNCHANGED);
    AFFINIS_CHECK(!image.empty(), ErrorCode::kFormat, "the texture {} is neither a JPEG nor a PNG that can be decoded", name);
    if (image.depth() == CV_16U) image.convertTo(image, CV_8U, 1 / 257.0);
    AFFINIS_CHECK(image.depth() == CV_8U, ErrorCode::kFormat, "the texture {} has neither 8 nor 16 bits a channel", name);
    const int side = std::max(image.cols, image.rows);
    if (side > max_side) {
      const double scale = static_cast<double>(max_side) / side;
      cv::resize(image, image, cv::Size(std::max(1, static_cast<int>(image.cols * scale)), std::max(1, static_cast<int>(image.rows * scale))), 0, 0, cv::INTER_AREA);
    }
    switch (image.channels()) {
      case 1: cv::cvtColor(image, image, cv::COLOR_GRAY2RGBA); break;
      case 3: cv::cvtColor(image, image, cv::COLOR_BGR2RGBA); break;
      case 4: cv::cvtColor(image, image, cv::COLOR_BGRA2RGBA); break;
      default: fail(ErrorCode::kFormat, "the texture {} has {} channels instead of 1, 3 or 4", name, image.channels());
    }
  } catch (const cv::Exception&) {
    fail(ErrorCode::kFormat, "the texture {} cannot be decoded", name);
  }
  if (!image.isContinuous()) image = image.clone();
  return Texture(image.cols, image.rows, std::vector<std::uint8_t>(image.data, image.data + image.total() * 4));
}

Vec3 Texture::bilinear(const Level& level, Vec2 uv) const {
  const float x = wrapped(uv.x) * static_cast<float>(level.width) - 0.5f;
  const float y = wrapped(1 - wrapped(uv.y)) * static_cast<float>(level.height) - 0.5f;
  const int x0 = static_cast<int>(std::floor(x)), y0 = static_cast<int>(std::floor(y));
  const float fx = x - static_cast<float>(x0), fy = y - static_cast<float>(y0);
  const int xs[2] = {(x0 + level.width) % level.width, (x0 + 1) % level.width};
  const int ys[2] = {(y0 + level.height) % level.height, (y0 + 1) % level.height};
  const float wx[2] = {1 - fx, fx}, wy[2] = {1 - fy, fy};
  Vec3 sum;
  for (int j = 0; j < 2; ++j) {
    for (int i = 0; i < 2; ++i) {
      const std::uint8_t* t = &texels_[4 * (level.offset + static_cast<std::size_t>(ys[j]) * static_cast<std::size_t>(level.width) + static_cast<std::size_t>(xs[i]))];
      sum += Vec3{kLinear[t[0]], kLinear[t[1]], kLinear[t[2]]} * (wx[i] * wy[j]);
    }
  }
  return sum;
}

Vec3 Texture::sample(Vec2 uv, float footprint) const {
  const float texels = footprint * static_cast<float>(levels_.front().width);
  const float level = texels > 1 ? std::log2(texels) : 0;
  const std::size_t fine = std::min(levels_.size() - 1, static_cast<std::size_t>(level));
  const float between = level - static_cast<float>(fine);
  const Vec3 first = bilinear(levels_[fine], uv);
  if (between <= 0 || fine + 1 >= levels_.size()) return first;
  return lerp(first, bilinear(levels_[fine + 1], uv), std::min(1.0f, between));
}

float Texture::alpha(Vec2 uv) const {
  const Level& level = levels_.front();
  const int x = std::min(level.width - 1, static_cast<int>(wrapped(uv.x) * static_cast<float>(level.width)));
  const int y = std::min(level.height - 1, static_cast<int>(wrapped(1 - wrapped(uv.y)) * static_cast<float>(level.height)));
  return static_cast<float>(texels_[4 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(level.width) + static_cast<std::size_t>(x)) + 3]) / 255;
}

}  // namespace affinis::scenes
