#include "framework/data/contact_sheet.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "framework/core/error.h"

namespace affinis::data {
namespace {

constexpr std::uint8_t kPaper = 255;
constexpr std::uint8_t kInk = 30;
constexpr std::uint8_t kFaintInk = 110;
constexpr int kMargin = 20;
constexpr int kGap = 10;
constexpr double kTitleHeight = 15;
constexpr double kHeadingHeight = 11;
constexpr double kSmallHeight = 9;
constexpr int kLine = 18;
constexpr int kSwatch = 11;
constexpr int kBarHeight = 10;
constexpr std::size_t kMostLegendLines = 12;
constexpr int kLegendColumnWidth = 80;
constexpr const char* kPoints = "points";
constexpr const char* kFixation = "fixation";
constexpr const char* kColourImage = "rgb";

double element_at(const FieldValue& value, std::size_t i) {
  switch (value.spec->type) {
    case ElementType::kU8: return static_cast<double>(value.as<std::uint8_t>()[i]);
    case ElementType::kU16: return static_cast<double>(value.as<std::uint16_t>()[i]);
    case ElementType::kI32: return static_cast<double>(value.as<std::int32_t>()[i]);
    case ElementType::kF32: return static_cast<double>(value.as<float>()[i]);
    case ElementType::kF64: return value.as<double>()[i];
  }
  return 0;
}

bool is_valid(const FieldValue& value, std::size_t pixel, std::size_t channels) {
  if (!value.spec->invalid) return true;
  for (std::size_t channel = 0; channel < channels; ++channel) {
    if (element_at(value, pixel * channels + channel) != *value.spec->invalid) return true;
  }
  return false;
}

void fill(Image& image, int x, int y, int width, int height, const std::uint8_t rgb[3]) {
  for (int row = std::max(0, y); row < std::min(image.height, y + height); ++row) {
    for (int column = std::max(0, x); column < std::min(image.width, x + width); ++column) std::memcpy(image.at(column, row), rgb, 3);
  }
}

/// Text cut to a width, with dots where something was left out.
void draw_fitting(Image& image, std::string text, int x, int y, double height, std::uint8_t grey, int width) {
  if (text_width(text, height) > width) {
    while (!text.empty() && text_width(text + "..", height) > width) text.pop_back();
    text += "..";
  }
  draw_text(image, text, x, y, height, grey);
}

std::string short_number(double value) {
  const std::string text = fmt::format("{:.2f}", value);
  return text == "-0.00" ? "0.00" : text;
}

/// One field over all rows, with what its heading and its key need. Fields with several signed channels have a column for each.
struct Column {
  const FieldSpec* spec = nullptr;
  std::string heading;
  std::size_t channel = 0;
  std::vector<const FieldValue*> values;
  FieldRange range;
  std::vector<std::pair<std::int64_t, std::string>> classes;  ///< present labels, where they have names
};

std::vector<std::pair<std::int64_t, std::string>> present_classes(const Column& column, const Vocabularies& vocabularies) {
  const auto vocabulary = vocabularies.find(column.spec->vocabulary);
  if (vocabulary == vocabularies.end()) return {};
  std::vector<std::int64_t> pixels(vocabulary->second.size(), 0);
  for (const FieldValue* value : column.values) {
    const std::size_t count = value->bytes.size() / element_size(value->spec->type);
    for (std::size_t i = 0; i < count; ++i) {
      const auto label = static_cast<std::int64_t>(element_at(*value, i));
      if (label >= 0 && label < static_cast<std::int64_t>(pixels.size())) ++pixels[static_cast<std::size_t>(label)];
    }
  }
  std::vector<std::pair<std::int64_t, std::string>> present;
  for (std::size_t label = 0; label < pixels.size(); ++label) {
    if (pixels[label] > 0) present.emplace_back(static_cast<std::int64_t>(label), vocabulary->second[label]);
  }
  // What covers most is named first; the rest may not fit.
  std::stable_sort(present.begin(), present.end(), [&](const auto& a, const auto& b) {
    return pixels[static_cast<std::size_t>(a.first)] > pixels[static_cast<std::size_t>(b.first)];
  });
  return present;
}

/// Two columns of names where they fit, otherwise a longer one.
std::size_t legend_columns(const Column& column, int width) {
  if (width < 2 * kLegendColumnWidth) return 1;
  const int room = width / 2 - kSwatch - 10;
  const bool fit = std::all_of(column.classes.begin(), column.classes.end(), [&](const auto& shown) { return text_width(shown.second, kSmallHeight) <= room; });
  return fit ? 2 : 1;
}

std::size_t legend_lines(const Column& column, int width) {
  const std::size_t columns = legend_columns(column, width), most = 2 * kMostLegendLines / columns;
  return std::min(most, (column.classes.size() + columns - 1) / columns);
}

int legend_height(const Column& column, int width) {
  const std::size_t lines = legend_lines(column, width);
  // One more line where not all have room: it says how many are left.
  const bool all = column.classes.size() <= lines * legend_columns(column, width);
  return kLine * static_cast<int>(all ? lines : lines + 1);
}

int key_height(const Column& column, int width) {
  switch (column.spec->display) {
    case FieldDisplay::kScalar:
    case FieldDisplay::kSigned: return kBarHeight + kLine + 4;
    case FieldDisplay::kNormal: return 58;
    case FieldDisplay::kLabels: return legend_height(column, width);
    case FieldDisplay::kNumbers: return 3 * kLine;
    case FieldDisplay::kColour: return 0;
  }
  return 0;
}

void draw_bar(Image& sheet, const Column& column, int x, int y, int width) {
  for (int i = 0; i < width; ++i) {
    const double share = width > 1 ? static_cast<double>(i) / (width - 1) : 0;
    std::uint8_t rgb[3];
    if (column.spec->display == FieldDisplay::kSigned) {
      signed_colour(2 * share - 1, rgb);
    } else {
      scalar_colour(share, rgb);
    }
    fill(sheet, x + i, y, 1, kBarHeight, rgb);
  }
  const int baseline = y + kBarHeight + kLine - 4;
  const std::string unit = column.spec->unit.empty() ? "" : " " + column.spec->unit;
  const std::string high = short_number(column.range.high) + unit;
  draw_text(sheet, short_number(column.range.low), x, baseline, kSmallHeight, kFaintInk);
  draw_text(sheet, high, x + width - text_width(high, kSmallHeight), baseline, kSmallHeight, kFaintInk);
}

/// The colours of all directions that face the camera, as a ball.
void draw_normal_key(Image& sheet, int x, int y, int width) {
  constexpr int kRadius = 26;
  for (int row = -kRadius; row <= kRadius; ++row) {
    for (int column = -kRadius; column <= kRadius; ++column) {
      const double right = static_cast<double>(column) / kRadius;
      const double down = static_cast<double>(row) / kRadius;
      const double rest = 1 - right * right - down * down;
      if (rest < 0) continue;
      const std::array<double, 3> normal = {right, down, -std::sqrt(rest)};
      std::uint8_t rgb[3];
      for (std::size_t i = 0; i < 3; ++i) rgb[i] = static_cast<std::uint8_t>(std::lround((normal[i] + 1) / 2 * 255));
      fill(sheet, x + kRadius + column, y + kRadius + row, 1, 1, rgb);
    }
  }
  const int left = x + 2 * kRadius + 10;
  const int room = width - (left - x);
  draw_fitting(sheet, "R right", left, y + 18, kSmallHeight, kFaintInk, room);
  draw_fitting(sheet, "G down", left, y + 34, kSmallHeight, kFaintInk, room);
  draw_fitting(sheet, "B away", left, y + 50, kSmallHeight, kFaintInk, room);
}

void draw_legend(Image& sheet, const Column& column, int x, int y, int width) {
  const std::size_t columns = legend_columns(column, width);
  const int column_width = width / static_cast<int>(columns);
  const std::size_t lines = legend_lines(column, width);
  const std::size_t shown = std::min(column.classes.size(), columns * lines);
  for (std::size_t i = 0; i < shown; ++i) {
    const int left = x + column_width * static_cast<int>(i / lines);
    const int top = y + kLine * static_cast<int>(i % lines);
    std::uint8_t rgb[3];
    label_colour(column.classes[i].first, rgb);
    fill(sheet, left, top, kSwatch, kSwatch, rgb);
    draw_fitting(sheet, column.classes[i].second, left + kSwatch + 6, top + kSwatch, kSmallHeight, kInk, column_width - kSwatch - 10);
  }
  if (shown < column.classes.size()) {
    const int top = y + kLine * static_cast<int>(lines);
    draw_text(sheet, fmt::format("and {} more", column.classes.size() - shown), x, top + kSwatch, kSmallHeight, kFaintInk);
  }
}

void disc(Image& image, double x, double y, double radius, const std::uint8_t rgb[3]) {
  for (int row = static_cast<int>(y - radius); row <= static_cast<int>(y + radius); ++row) {
    for (int column = static_cast<int>(x - radius); column <= static_cast<int>(x + radius); ++column) {
      if (std::hypot(column + 0.5 - x, row + 0.5 - y) <= radius) fill(image, column, row, 1, 1, rgb);
    }
  }
}

/// The points that are seen as dots over the faded picture, each row of the field in its colour in all views; the one that the camera
/// looks at as a cross.
Image points_picture(const Sample& sample, int side, int factor) {
  Image picture(side, side, kPaper);
  const auto background = sample.fields.find(kColourImage);
  if (background != sample.fields.end()) picture = field_picture(background->second, {});
  for (std::uint8_t& value : picture.pixels) value = static_cast<std::uint8_t>((value + 2 * 150) / 3);
  picture = enlarge(picture, factor);
  constexpr std::uint8_t kWhite[3] = {255, 255, 255};
  constexpr std::uint8_t kBlack[3] = {0, 0, 0};
  const auto points = sample.field(kPoints).as<float>();
  const auto fixation = sample.fields.find(kFixation);
  const std::int64_t looked_at = fixation != sample.fields.end() ? fixation->second.as<std::int32_t>()[0] : -1;
  const auto at = [&](std::int64_t row, std::int64_t column) { return static_cast<double>(points[static_cast<std::size_t>(row * kPointColumns + column)]); };
  for (std::int64_t row = 0; row < kPointRows; ++row) {
    if (at(row, 5) == 0 || row == looked_at) continue;
    std::uint8_t rgb[3];
    label_colour(row, rgb);
    disc(picture, at(row, 3) * factor, at(row, 4) * factor, 4.2, kWhite);
    disc(picture, at(row, 3) * factor, at(row, 4) * factor, 3.2, rgb);
  }
  if (looked_at >= 0 && looked_at < kPointRows && at(looked_at, 5) != 0) {
    const int x = static_cast<int>(at(looked_at, 3) * factor), y = static_cast<int>(at(looked_at, 4) * factor);
    constexpr int kArm = 9;
    for (const int border : {2, 0}) {
      const std::uint8_t* rgb = border > 0 ? kWhite : kBlack;
      fill(picture, x - kArm - border, y - 1 - border, 2 * kArm + 2 * border, 2 + 2 * border, rgb);
      fill(picture, x - 1 - border, y - kArm - border, 2 + 2 * border, 2 * kArm + 2 * border, rgb);
    }
  }
  return picture;
}

void draw_points_key(Image& sheet, int x, int y, int width) {
  int baseline = y + kSwatch;
  for (const char* line : {"one colour a point", "in all views of a room", "cross: looked at"}) {
    draw_fitting(sheet, line, x, baseline, kSmallHeight, kFaintInk, width);
    baseline += kLine;
  }
}

void draw_key(Image& sheet, const Column& column, int x, int y, int width) {
  switch (column.spec->display) {
    case FieldDisplay::kScalar:
    case FieldDisplay::kSigned: return draw_bar(sheet, column, x, y, width);
    case FieldDisplay::kNormal: return draw_normal_key(sheet, x, y, width);
    case FieldDisplay::kLabels: return draw_legend(sheet, column, x, y, width);
    case FieldDisplay::kNumbers: return draw_points_key(sheet, x, y, width);
    case FieldDisplay::kColour: return;
  }
}

bool is_shown(const std::string& name) { return name == kPoints || is_image_field(field_spec(name)); }

/// With what the points are drawn over.
std::vector<std::string> fields_to_read(const Store& store, std::vector<std::string> names) {
  if (std::find(names.begin(), names.end(), kPoints) == names.end()) return names;
  const std::vector<std::string>& there = store.info().fields;
  for (const char* name : {kFixation, kColourImage}) {
    const bool stored = std::find(there.begin(), there.end(), name) != there.end();
    if (stored && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::vector<std::string> columns_to_show(const Store& store, std::span<const std::string> asked) {
  std::vector<std::string> names(asked.begin(), asked.end());
  if (names.empty()) {
    for (const std::string& name : store.info().fields) {
      if (is_shown(name)) names.push_back(name);
    }
    // The colour image is what a person looks for first.
    std::stable_partition(names.begin(), names.end(), [](const std::string& name) { return field_spec(name).display == FieldDisplay::kColour; });
  }
  AFFINIS_CHECK(!names.empty(), ErrorCode::kUsage, "{} has no image field to show", store.path().string());
  for (const std::string& name : names) {
    AFFINIS_CHECK(is_shown(name), ErrorCode::kUsage, "field '{}' is no image; leave it out of the contact sheet", name);
  }
  return names;
}

std::string class_name(const Store& store, std::int64_t position) {
  constexpr const char* kRoomClass = "room_class";
  const std::vector<std::string>& fields = store.info().fields;
  const auto vocabulary = store.info().vocabularies.find("scene");
  if (std::find(fields.begin(), fields.end(), kRoomClass) == fields.end() || vocabulary == store.info().vocabularies.end()) return "";
  const Sample sample = store.read(position, std::array{std::string(kRoomClass)});
  const std::int32_t label = sample.field(kRoomClass).as<std::int32_t>()[0];
  return label >= 0 && label < static_cast<std::int32_t>(vocabulary->second.size()) ? vocabulary->second[static_cast<std::size_t>(label)] : "";
}

}  // namespace

FieldRange field_range(std::span<const FieldValue* const> values) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const FieldValue* value : values) {
    const std::size_t count = value->bytes.size() / element_size(value->spec->type);
    for (std::size_t i = 0; i < count; ++i) {
      const double element = element_at(*value, i);
      if ((value->spec->invalid && element == *value->spec->invalid) || !std::isfinite(element)) continue;
      low = std::min(low, element);
      high = std::max(high, element);
    }
  }
  if (low > high) return {};
  const FieldSpec& spec = *values.front()->spec;
  return {low * spec.scale + spec.offset, high * spec.scale + spec.offset};
}

Image field_picture(const FieldValue& value, const FieldRange& range, std::size_t channel_shown) {
  const FieldSpec& spec = *value.spec;
  AFFINIS_ASSERT(is_image_field(spec) && value.shape.size() >= 2 && channel_shown < static_cast<std::size_t>(channel_count(spec)));
  Image picture(static_cast<int>(value.shape[1]), static_cast<int>(value.shape[0]));
  const auto channels = static_cast<std::size_t>(channel_count(spec));
  const double span = range.high - range.low;
  const double greatest = std::max({std::abs(range.low), std::abs(range.high), 1e-12});
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      const std::size_t pixel = static_cast<std::size_t>(y) * static_cast<std::size_t>(picture.width) + static_cast<std::size_t>(x);
      std::uint8_t* rgb = picture.at(x, y);
      if (!is_valid(value, pixel, channels)) {
        std::fill_n(rgb, 3, (x / 4 + y / 4) % 2 == 0 ? std::uint8_t{215} : std::uint8_t{190});
        continue;
      }
      const double element = element_at(value, pixel * channels + channel_shown);
      const double physical = element * spec.scale + spec.offset;
      switch (spec.display) {
        case FieldDisplay::kColour:
        case FieldDisplay::kNormal:
          for (std::size_t channel = 0; channel < 3; ++channel) {
            rgb[channel] = static_cast<std::uint8_t>(std::clamp(element_at(value, pixel * channels + std::min(channel, channels - 1)), 0.0, 255.0));
          }
          break;
        case FieldDisplay::kSigned: signed_colour(physical / greatest, rgb); break;
        case FieldDisplay::kLabels: label_colour(static_cast<std::int64_t>(element), rgb); break;
        case FieldDisplay::kScalar:
        case FieldDisplay::kNumbers: scalar_colour(span > 0 ? (physical - range.low) / span : 0.5, rgb); break;
      }
    }
  }
  return picture;
}

Image contact_sheet(const Store& store, std::span<const std::int64_t> positions, std::span<const std::string> fields,
                    const ContactSheetOptions& options) {
  AFFINIS_CHECK(!positions.empty(), ErrorCode::kUsage, "{} has no sample to show", store.path().string());
  const std::vector<std::string> names = columns_to_show(store, fields);
  const std::vector<std::string> read = fields_to_read(store, names);
  std::vector<Sample> samples;
  std::vector<std::string> classes;
  for (const std::int64_t position : positions) {
    samples.push_back(store.read(position, read));
    classes.push_back(class_name(store, position));
  }

  const int side = static_cast<int>(store.info().image_side);
  const int factor = std::max(1, (options.least_cell_pixels + side - 1) / side);
  const int cell = side * factor;
  std::vector<Column> columns;
  int keys_height = 0;
  for (const std::string& name : names) {
    Column column;
    column.spec = &field_spec(name);
    for (const Sample& sample : samples) column.values.push_back(&sample.field(name));
    if (column.spec->display == FieldDisplay::kScalar || column.spec->display == FieldDisplay::kSigned) column.range = field_range(column.values);
    if (column.spec->display == FieldDisplay::kSigned) {
      const double greatest = std::max(std::abs(column.range.low), std::abs(column.range.high));
      column.range = {-greatest, greatest};
    }
    column.classes = present_classes(column, store.info().vocabularies);
    keys_height = std::max(keys_height, key_height(column, cell));
    const auto channels = static_cast<std::size_t>(column.spec->display == FieldDisplay::kSigned ? channel_count(*column.spec) : 1);
    for (column.channel = 0; column.channel < channels; ++column.channel) {
      column.heading = channels > 1 ? fmt::format("({}) {}", column.channel + 1, name) : name;
      columns.push_back(column);
    }
  }

  const std::string title = options.title.empty() ? store.path().filename().string() : options.title;
  const std::string subtitle = fmt::format("split {}, {} of {} samples, {} x {} pixels", store.info().split, positions.size(), store.size(), side, side);
  int label_width = 60;
  for (std::size_t row = 0; row < samples.size(); ++row) {
    const SampleKey& key = samples[row].key;
    for (const std::string& text : {key.building, key.scene, fmt::format("view {}", key.view), classes[row]}) {
      label_width = std::max(label_width, text_width(text, kSmallHeight));
    }
  }
  label_width = std::min(label_width, 180);
  const int left = kMargin + label_width + kGap;
  const int top = kMargin + 2 * kLine + 2 * kLine;
  const int column_width = cell + kGap;
  const int row_height = cell + kGap;
  const int keys_top = top + row_height * static_cast<int>(samples.size());
  const int header_width = std::max(text_width(title, kTitleHeight), text_width(subtitle, kSmallHeight)) + 2 * kMargin;
  Image sheet(std::max(left + column_width * static_cast<int>(columns.size()) - kGap + kMargin, header_width), keys_top + keys_height + kMargin, kPaper);

  draw_text(sheet, title, kMargin, kMargin + 14, kTitleHeight, kInk);
  draw_text(sheet, subtitle, kMargin, kMargin + 14 + kLine + 2, kSmallHeight, kFaintInk);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const int x = left + column_width * static_cast<int>(i);
    draw_fitting(sheet, columns[i].heading, x, top - 8, kHeadingHeight, kInk, cell);
    for (std::size_t row = 0; row < samples.size(); ++row) {
      const Image picture = is_image_field(*columns[i].spec) ? enlarge(field_picture(*columns[i].values[row], columns[i].range, columns[i].channel), factor)
                                                             : points_picture(samples[row], side, factor);
      paste(sheet, picture, x, top + row_height * static_cast<int>(row));
    }
    draw_key(sheet, columns[i], x, keys_top, cell);
  }
  for (std::size_t row = 0; row < samples.size(); ++row) {
    const SampleKey& key = samples[row].key;
    int baseline = top + row_height * static_cast<int>(row) + 12;
    const std::array<std::pair<std::string, std::uint8_t>, 4> lines = {
        {{classes[row], kInk}, {key.building, kFaintInk}, {key.scene, kFaintInk}, {fmt::format("view {}", key.view), kFaintInk}}};
    for (const auto& [text, grey] : lines) {
      if (text.empty()) continue;
      draw_fitting(sheet, text, kMargin, baseline, kSmallHeight, grey, label_width);
      baseline += kLine;
    }
  }
  return sheet;
}

}  // namespace affinis::data
