#include "experiments/report/picture.h"

#include <cstdint>
#include <string_view>
#include <vector>

#include <opencv2/imgcodecs.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace affinis::experiments {
namespace {

constexpr int kJpegQuality = 88;

std::string base64(std::string_view bytes) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) word = word << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k > bytes.size() ? '=' : kAlphabet[word >> (18 - 6 * k) & 63U];
    }
  }
  return text;
}

}  // namespace

std::string picture_data_uri(const std::filesystem::path& path) {
  const std::string png = read_file(path);
  const std::vector<std::uint8_t> bytes(png.begin(), png.end());
  const cv::Mat image = cv::imdecode(bytes, cv::IMREAD_COLOR);
  AFFINIS_CHECK(!image.empty(), ErrorCode::kFormat, "{} is not a readable picture; remove its job folder and run again", path.string());
  std::vector<std::uint8_t> jpeg;
  cv::imencode(".jpg", image, jpeg, {cv::IMWRITE_JPEG_QUALITY, kJpegQuality});
  // Flat pictures (labels, constants) are smaller and sharper as PNG.
  if (jpeg.size() * 3 < png.size() * 2) {
    return "data:image/jpeg;base64," + base64({reinterpret_cast<const char*>(jpeg.data()), jpeg.size()});
  }
  return "data:image/png;base64," + base64(png);
}

}  // namespace affinis::experiments
