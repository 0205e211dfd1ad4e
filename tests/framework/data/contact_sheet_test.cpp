#include "framework/data/contact_sheet.h"

#include <cstdlib>

#include "tests/framework/data/made_samples.h"

namespace affinis::data {
namespace {

class ContactSheetTest : public testing::Test {
 protected:
  ContactSheetTest() : path_(folder_.path() / "test.h5") { write_made_store(path_, 5, 32); }
  TemporaryFolder folder_;
  std::filesystem::path path_;
};

bool holds_colour(const Image& image, const std::uint8_t rgb[3]) {
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    if (std::equal(rgb, rgb + 3, image.pixels.begin() + static_cast<std::ptrdiff_t>(i))) return true;
  }
  return false;
}

TEST_F(ContactSheetTest, HoldsEveryFieldOfEverySample) {
  const Store store(path_);
  const std::vector<std::int64_t> positions = {0, 3};
  const Image sheet = contact_sheet(store, positions);
  // Seven image fields, each enlarged to at least 160 pixels.
  EXPECT_GE(sheet.width, 7 * 160);
  EXPECT_GE(sheet.height, 2 * 160);
  EXPECT_EQ(sheet.pixels, contact_sheet(store, positions).pixels);
  // The first cell is the colour image itself.
  const Image rgb = enlarge(field_picture(store.read(0, std::vector<std::string>{"rgb"}).field("rgb"), {}), 5);
  bool found = false;
  for (int y = 0; y + rgb.height <= sheet.height && !found; ++y) {
    for (int x = 0; x + rgb.width <= sheet.width && !found; ++x) {
      found = true;
      for (int row = 0; row < rgb.height && found; row += 7) found = std::equal(rgb.at(0, row), rgb.at(0, row) + 3 * rgb.width, sheet.at(x, y + row));
    }
  }
  EXPECT_TRUE(found);
  if (const char* keep = std::getenv("AFFINIS_KEEP_SHEET")) write_png(keep, sheet);
}

TEST_F(ContactSheetTest, LegendShowsTheClassesThatArePresent) {
  const Store store(path_);
  const std::vector<std::string> semantic = {"semantic"};
  const Image sheet = contact_sheet(store, std::vector<std::int64_t>{0, 1, 2}, semantic);
  for (int label = 0; label < 5; ++label) {
    std::uint8_t rgb[3];
    label_colour(label, rgb);
    EXPECT_EQ(holds_colour(sheet, rgb), label < 4) << label;
  }
}

TEST_F(ContactSheetTest, RefusesWhatCannotBeShown) {
  const Store store(path_);
  EXPECT_EQ(error_of([&] { contact_sheet(store, {}); }).code(), ErrorCode::kUsage);
  const std::vector<std::int64_t> first = {0};
  EXPECT_EQ(error_of([&] { contact_sheet(store, first, std::vector<std::string>{"camera"}); }).code(), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { contact_sheet(store, first, std::vector<std::string>{"colour"}); }).code(), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { contact_sheet(store, std::vector<std::int64_t>{9}); }).code(), ErrorCode::kUsage);
}

TEST(FieldPicture, InvalidPixelsAreNeitherValueNorRange) {
  FieldValue depth = make_field_value(field_spec("depth_zbuffer"), 8);
  for (std::uint16_t& value : depth.as<std::uint16_t>()) value = 512;
  depth.as<std::uint16_t>()[1] = 1024;
  depth.as<std::uint16_t>()[0] = 65535;
  const FieldValue* values[] = {&depth};
  const FieldRange range = field_range(values);
  EXPECT_DOUBLE_EQ(range.low, 1);
  EXPECT_DOUBLE_EQ(range.high, 2);
  const Image picture = field_picture(depth, range);
  std::uint8_t low[3];
  std::uint8_t high[3];
  scalar_colour(0, low);
  scalar_colour(1, high);
  EXPECT_TRUE(std::equal(low, low + 3, picture.at(2, 0)));
  EXPECT_TRUE(std::equal(high, high + 3, picture.at(1, 0)));
  EXPECT_EQ(picture.at(0, 0)[0], picture.at(0, 0)[2]);
}

}  // namespace
}  // namespace affinis::data
