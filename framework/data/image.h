#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace affinis::data {

/// An 8-bit RGB picture for people: contact sheets, predictions. Row-major [height, width, 3].
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;

  Image() = default;
  Image(int width, int height, std::uint8_t grey = 0);
  std::uint8_t* at(int x, int y) { return pixels.data() + 3 * (static_cast<std::size_t>(y) * width + x); }
  const std::uint8_t* at(int x, int y) const { return pixels.data() + 3 * (static_cast<std::size_t>(y) * width + x); }
};

/// Nearest-neighbour scaling by a whole factor.
Image enlarge(const Image& image, int factor);
/// Copies `source` into `target` with its upper left corner at (x, y), clipped.
void paste(Image& target, const Image& source, int x, int y);
/// Small anti-aliased text (ASCII) with its baseline at (x, y), clipped; `height_px` is that of a capital letter.
void draw_text(Image& image, std::string_view text, int x, int y, double height_px, std::uint8_t grey);
/// Pixels that draw_text would take from x to the right.
int text_width(std::string_view text, double height_px);

/// The same image gives the same bytes.
std::vector<std::byte> encode_png(const Image& image);
/// Any PNG, made 8-bit RGB. Throws Error(kFormat) naming `name`.
Image decode_png(std::span<const std::byte> bytes, const std::string& name);
/// Written beside, then renamed. Throws Error(kIo).
void write_png(const std::filesystem::path& path, const Image& image);

/// Perceptually even colour for a value in [0, 1] (viridis-like), for a signed value in [-1, 1] (blue-white-red), for a label.
void scalar_colour(double value, std::uint8_t rgb[3]);
void signed_colour(double value, std::uint8_t rgb[3]);
void label_colour(std::int64_t label, std::uint8_t rgb[3]);

}  // namespace affinis::data
