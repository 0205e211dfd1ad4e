#include "framework/data/image.h"

#include <cmath>
#include <set>

#include "tests/framework/data/made_samples.h"

namespace affinis::data {
namespace {

Image made_image(int width, int height) {
  Image image(width, height);
  RandomStream stream(2, "pixels");
  for (std::uint8_t& value : image.pixels) value = static_cast<std::uint8_t>(stream.below(256));
  return image;
}

int ink(const Image& image) {
  int dark = 0;
  for (const std::uint8_t value : image.pixels) dark += value < 128 ? 1 : 0;
  return dark;
}

TEST(Png, GivesBackWhatWasWritten) {
  const Image image = made_image(13, 7);
  const std::vector<std::byte> png = encode_png(image);
  EXPECT_EQ(png, encode_png(image));
  const Image read = decode_png(png, "memory");
  EXPECT_EQ(read.width, 13);
  EXPECT_EQ(read.height, 7);
  EXPECT_EQ(read.pixels, image.pixels);
  const TemporaryFolder folder;
  write_png(folder.path() / "a.png", image);
  EXPECT_EQ(bytes_of(folder.path() / "a.png").size(), png.size());
}

TEST(Png, DamageIsAFormatError) {
  const std::vector<std::byte> png = encode_png(made_image(9, 9));
  for (std::size_t length = 0; length < png.size(); ++length) {
    const Error error = error_of([&] { decode_png(std::span(png).first(length), "sheet.png"); });
    EXPECT_EQ(error.code(), ErrorCode::kFormat);
    EXPECT_THAT(error.what(), testing::HasSubstr("sheet.png"));
  }
  for (std::size_t at = 0; at < png.size(); ++at) {
    std::vector<std::byte> damaged = png;
    damaged[at] ^= std::byte{0x10};
    EXPECT_EQ(error_of([&] { decode_png(damaged, "sheet.png"); }).code(), ErrorCode::kFormat) << at;
  }
}

TEST(Image, EnlargesByWholeFactorsAndPastesClipped) {
  const Image image = made_image(3, 2);
  const Image large = enlarge(image, 4);
  EXPECT_EQ(large.width, 12);
  EXPECT_EQ(large.height, 8);
  EXPECT_EQ(large.at(11, 7)[1], image.at(2, 1)[1]);
  EXPECT_EQ(large.at(3, 4)[2], image.at(0, 1)[2]);
  for (const int x : {-5, -2, 0, 1, 4, 9}) {
    for (const int y : {-3, -1, 0, 2, 4, 9}) {
      Image target(5, 5, 77);
      paste(target, image, x, y);
      for (int row = 0; row < 5; ++row) {
        for (int column = 0; column < 5; ++column) {
          const bool inside = column >= x && column < x + 3 && row >= y && row < y + 2;
          EXPECT_EQ(target.at(column, row)[0], inside ? image.at(column - x, row - y)[0] : 77);
        }
      }
    }
  }
}

TEST(Image, TextStaysInItsBoxAndIsClipped) {
  Image image(200, 60, 255);
  draw_text(image, "Affinis 64", 20, 40, 12, 0);
  EXPECT_GT(ink(image), 100);
  const int right = 20 + text_width("Affinis 64", 12) + 2;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const bool outside = x < 19 || x > right || y < 40 - 16 || y > 40 + 6;
      EXPECT_TRUE(!outside || image.at(x, y)[0] == 255) << x << " " << y;
    }
  }
  EXPECT_LT(text_width("ab", 12), text_width("abc", 12));
  for (const int at : {-500, -10, 195, 500}) draw_text(image, "outside", at, at, 12, 0);
}

TEST(Colours, SpanTheirRanges) {
  const auto luma = [](auto colour, double value) {
    std::uint8_t rgb[3];
    colour(value, rgb);
    return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
  };
  for (int i = 0; i < 20; ++i) EXPECT_LT(luma(scalar_colour, i / 20.0), luma(scalar_colour, (i + 1) / 20.0));
  EXPECT_EQ(luma(scalar_colour, -3), luma(scalar_colour, 0));
  EXPECT_EQ(luma(scalar_colour, 3), luma(scalar_colour, 1));
  std::uint8_t rgb[3];
  signed_colour(0, rgb);
  EXPECT_EQ(rgb[0] + rgb[1] + rgb[2], 3 * 255);
  signed_colour(-1, rgb);
  EXPECT_GT(rgb[2], rgb[0]);
  signed_colour(1, rgb);
  EXPECT_GT(rgb[0], rgb[2]);
}

TEST(Colours, NeighbouringLabelsDiffer) {
  for (int a = 0; a < 40; ++a) {
    for (int b = 0; b < a; ++b) {
      std::uint8_t first[3];
      std::uint8_t second[3];
      label_colour(a, first);
      label_colour(b, second);
      double distance = 0;
      for (int i = 0; i < 3; ++i) distance += std::pow(first[i] - second[i], 2);
      EXPECT_GT(std::sqrt(distance), 18) << a << " " << b;
    }
  }
}

}  // namespace
}  // namespace affinis::data
