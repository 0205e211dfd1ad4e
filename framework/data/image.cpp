#include "framework/data/image.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

#include <libdeflate.h>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace affinis::data {
namespace {

constexpr int kFont = cv::FONT_HERSHEY_DUPLEX;
/// Text is drawn this many times larger and averaged down, which smooths strokes thinner than a pixel.
constexpr int kTextOversampling = 4;
constexpr std::int64_t kMostPixels = std::int64_t{1} << 28;

cv::Mat view(const Image& image) {
  // cv::Mat has no constant view; the functions used here only read from this one.
  return cv::Mat(image.height, image.width, CV_8UC3, const_cast<std::uint8_t*>(image.pixels.data()));
}

/// Text metrics at `kTextOversampling` times the size.
struct Lettering {
  double scale = 1;
  int thickness = 1;
  cv::Size size;
  int below = 0;  ///< under the baseline
};

Lettering measure(const std::string& text, double height_px) {
  Lettering lettering;
  const double height = height_px * kTextOversampling;
  lettering.thickness = std::max(1, static_cast<int>(std::lround(height / 12)));
  lettering.scale = cv::getFontScaleFromHeight(kFont, std::max(1, static_cast<int>(std::lround(height))), lettering.thickness);
  lettering.size = cv::getTextSize(text, kFont, lettering.scale, lettering.thickness, &lettering.below);
  lettering.below += lettering.thickness;
  return lettering;
}

std::uint32_t big_endian(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint32_t>(bytes[at + i]);
  return value;
}

/// Whether the chunks of a PNG are whole and of a size that we draw: the codec prints to stderr about what it dislikes, so it sees
/// only files without damage.
bool is_sound_png(std::span<const std::byte> bytes) {
  constexpr std::array<unsigned char, 8> kSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  if (bytes.size() < 33 || std::memcmp(bytes.data(), kSignature.data(), kSignature.size()) != 0) return false;
  for (std::size_t at = kSignature.size(); bytes.size() - at >= 12;) {
    const std::size_t length = big_endian(bytes, at);
    if (length > bytes.size() - at - 12) return false;
    if (libdeflate_crc32(0, bytes.data() + at + 4, length + 4) != big_endian(bytes, at + 8 + length)) return false;
    if (at == kSignature.size()) {
      const std::int64_t width = big_endian(bytes, at + 8);
      const std::int64_t height = big_endian(bytes, at + 12);
      if (length != 13 || width < 1 || height < 1 || width > kMostPixels / height) return false;
    }
    if (std::memcmp(bytes.data() + at + 4, "IEND", 4) == 0) return true;
    at += length + 12;
  }
  return false;
}

std::uint8_t to_byte(double value) { return static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0))); }

/// Oklch (Ottosson 2020) to sRGB; lightness and chroma there are even to the eye.
void oklch_colour(double lightness, double chroma, double hue, std::uint8_t rgb[3]) {
  const double a = chroma * std::cos(hue);
  const double b = chroma * std::sin(hue);
  const auto cube = [](double value) { return value * value * value; };
  const double l = cube(lightness + 0.3963377774 * a + 0.2158037573 * b);
  const double m = cube(lightness - 0.1055613458 * a - 0.0638541728 * b);
  const double s = cube(lightness - 0.0894841775 * a - 1.2914855480 * b);
  const std::array<double, 3> linear = {4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
                                        -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
                                        -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s};
  for (std::size_t i = 0; i < 3; ++i) {
    const double value = std::clamp(linear[i], 0.0, 1.0);
    rgb[i] = to_byte(value <= 0.0031308 ? 12.92 * value : 1.055 * std::pow(value, 1 / 2.4) - 0.055);
  }
}

}  // namespace

Image::Image(int the_width, int the_height, std::uint8_t grey) : width(the_width), height(the_height) {
  AFFINIS_ASSERT(width >= 0 && height >= 0);
  pixels.assign(3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height), grey);
}

Image enlarge(const Image& image, int factor) {
  AFFINIS_ASSERT(factor >= 1);
  Image result(image.width * factor, image.height * factor);
  for (int y = 0; y < result.height; ++y) {
    for (int x = 0; x < result.width; ++x) std::memcpy(result.at(x, y), image.at(x / factor, y / factor), 3);
  }
  return result;
}

void paste(Image& target, const Image& source, int x, int y) {
  const int left = std::max(0, -x);
  const int right = std::min(source.width, target.width - x);
  if (left >= right) return;
  for (int row = std::max(0, -y); row < std::min(source.height, target.height - y); ++row) {
    std::memcpy(target.at(x + left, y + row), source.at(left, row), 3 * static_cast<std::size_t>(right - left));
  }
}

void draw_text(Image& image, std::string_view text, int x, int y, double height_px, std::uint8_t grey) {
  AFFINIS_ASSERT(height_px > 0);
  const std::string letters(text);
  const Lettering lettering = measure(letters, height_px);
  const auto rounded_up = [](int size) { return (size + kTextOversampling - 1) / kTextOversampling; };
  // The baseline falls on a whole pixel of the picture.
  const int above = rounded_up(lettering.size.height + lettering.thickness);
  const int rows = above + rounded_up(lettering.below);
  const int columns = rounded_up(lettering.size.width + lettering.thickness) + 1;
  cv::Mat large(rows * kTextOversampling, columns * kTextOversampling, CV_8UC1, cv::Scalar(0));
  cv::putText(large, letters, {0, above * kTextOversampling}, kFont, lettering.scale, cv::Scalar(255), lettering.thickness, cv::LINE_AA);
  cv::Mat coverage;
  cv::resize(large, coverage, {columns, rows}, 0, 0, cv::INTER_AREA);
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      const int at_x = x + column;
      const int at_y = y - above + row;
      if (at_x < 0 || at_y < 0 || at_x >= image.width || at_y >= image.height) continue;
      const int share = coverage.at<std::uint8_t>(row, column);
      std::uint8_t* pixel = image.at(at_x, at_y);
      for (int channel = 0; channel < 3; ++channel) {
        pixel[channel] = static_cast<std::uint8_t>((pixel[channel] * (255 - share) + grey * share + 127) / 255);
      }
    }
  }
}

int text_width(std::string_view text, double height_px) {
  return (measure(std::string(text), height_px).size.width + kTextOversampling - 1) / kTextOversampling;
}

std::vector<std::byte> encode_png(const Image& image) {
  AFFINIS_ASSERT(image.width > 0 && image.height > 0);
  cv::Mat bgr;
  cv::cvtColor(view(image), bgr, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> encoded;
  AFFINIS_ASSERT(cv::imencode(".png", bgr, encoded, {cv::IMWRITE_PNG_COMPRESSION, 6}));
  const auto bytes = std::as_bytes(std::span(encoded));
  return {bytes.begin(), bytes.end()};
}

Image decode_png(std::span<const std::byte> bytes, const std::string& name) {
  cv::Mat bgr;
  if (is_sound_png(bytes)) {
    const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<std::byte*>(bytes.data()));
    try {
      bgr = cv::imdecode(encoded, cv::IMREAD_COLOR);
    } catch (const cv::Exception&) {
      bgr.release();
    }
  }
  AFFINIS_CHECK(!bgr.empty(), ErrorCode::kFormat, "{} is no PNG image, or is damaged", name);
  Image image(bgr.cols, bgr.rows);
  cv::Mat target = view(image);
  cv::cvtColor(bgr, target, cv::COLOR_BGR2RGB);
  return image;
}

void write_png(const std::filesystem::path& path, const Image& image) {
  write_file_atomically(path, std::span<const std::byte>(encode_png(image)));
}

void scalar_colour(double value, std::uint8_t rgb[3]) {
  static const cv::Mat table = [] {
    cv::Mat ramp(1, 256, CV_8UC1);
    for (int i = 0; i < 256; ++i) ramp.at<std::uint8_t>(0, i) = static_cast<std::uint8_t>(i);
    cv::Mat colours;
    cv::applyColorMap(ramp, colours, cv::COLORMAP_VIRIDIS);
    return colours;
  }();
  const cv::Vec3b& bgr = table.at<cv::Vec3b>(0, to_byte(value));
  for (int i = 0; i < 3; ++i) rgb[i] = bgr[2 - i];
}

void signed_colour(double value, std::uint8_t rgb[3]) {
  constexpr std::array<double, 3> kNegative = {0.13, 0.40, 0.67};
  constexpr std::array<double, 3> kPositive = {0.70, 0.09, 0.17};
  const double strength = std::min(1.0, std::abs(value));
  const std::array<double, 3>& end = value < 0 ? kNegative : kPositive;
  for (std::size_t i = 0; i < 3; ++i) rgb[i] = to_byte(1 + (end[i] - 1) * strength);
}

void label_colour(std::int64_t label, std::uint8_t rgb[3]) {
  if (label < 0) {
    std::fill_n(rgb, 3, std::uint8_t{128});
    return;
  }
  // Golden-angle steps keep any few neighbouring labels far apart in hue; five lightnesses separate what comes round again.
  constexpr double kGoldenAngle = 2 * std::numbers::pi * 0.381966011250105;
  constexpr std::array<double, 5> kLightness = {0.72, 0.56, 0.86, 0.64, 0.48};
  constexpr std::array<double, 5> kChroma = {0.14, 0.14, 0.09, 0.14, 0.13};
  const auto level = static_cast<std::size_t>(label % 5);
  oklch_colour(kLightness[level], kChroma[level], 0.5 + kGoldenAngle * static_cast<double>(label % 4096), rgb);
}

}  // namespace affinis::data
