#include "framework/data/field.h"


#include "framework/core/error.h"
#include "framework/core/text.h"

namespace affinis::data {
namespace {

constexpr std::int64_t kSide = FieldSpec::kImageSide;
constexpr double kNoDepth = 65535;
constexpr double kDepthUnit = 1.0 / 512;
/// Locations and boxes: far beyond any building, near enough that a stray exponent shows.
constexpr double kFarthest = 1e5;
constexpr const char* kCameraFrame = "OpenCV camera: +x right, +y down, +z forward";
constexpr const char* kWorldFrame = "world: +z up";

std::vector<FieldSpec> declare_fields() {
  return {
      {.name = "camera",
       .type = ElementType::kF64,
       .shape = {13},
       .unit = "m, 1, rad",
       .frame = kWorldFrame,
       .doc = "location (3), rotation from world to OpenCV camera (9, row-major), whole field of view (1)",
       .invalid = std::nullopt,
       .minimum = -kFarthest,
       .maximum = kFarthest,
       .encoding = FieldEncoding::kRaw,
       .display = FieldDisplay::kNumbers,
       .vocabulary = ""},
      {.name = "depth_euclidean",
       .type = ElementType::kU16,
       .shape = {kSide, kSide},
       .unit = "m",
       .frame = "",
       .doc = "distance from the camera's centre to what the pixel sees",
       .invalid = kNoDepth,
       .minimum = 0,
       .maximum = kNoDepth - 1,
       .scale = kDepthUnit,
       .display = FieldDisplay::kScalar,
       .vocabulary = ""},
      {.name = "depth_zbuffer",
       .type = ElementType::kU16,
       .shape = {kSide, kSide},
       .unit = "m",
       .frame = "",
       .doc = "distance along the viewing direction of what the pixel sees",
       .invalid = kNoDepth,
       .minimum = 0,
       .maximum = kNoDepth - 1,
       .scale = kDepthUnit,
       .display = FieldDisplay::kScalar,
       .vocabulary = ""},
      {.name = "fixation",
       .type = ElementType::kI32,
       .shape = {1},
       .unit = "",
       .frame = "",
       .doc = "row of the field points that the camera looks at: it lies in the middle of the image",
       .invalid = -1,
       .minimum = 0,
       .maximum = static_cast<double>(kPointRows - 1),
       .encoding = FieldEncoding::kRaw,
       .display = FieldDisplay::kNumbers,
       .vocabulary = ""},
      {.name = "instance",
       .type = ElementType::kU16,
       .shape = {kSide, kSide},
       .unit = "",
       .frame = "",
       .doc = "number of the object within its scene; 0 is the room itself (walls, floor, ceiling)",
       .invalid = 65535,
       .minimum = 0,
       .maximum = 65534,
       .display = FieldDisplay::kLabels,
       .vocabulary = ""},
      {.name = "keypoints2d",
       .type = ElementType::kU16,
       .shape = {kSide, kSide},
       .unit = "",
       .frame = "",
       .doc = "response of a blob detector over ten scales (determinant of the Hessian), costly",
       .invalid = std::nullopt,
       .minimum = 0,
       .maximum = 65535,
       .scale = 1.0 / 65535,
       .display = FieldDisplay::kScalar,
       .vocabulary = ""},
      {.name = "keypoints3d",
       .type = ElementType::kU16,
       .shape = {kSide, kSide},
       .unit = "",
       .frame = "",
       .doc = "interest of the surface as a landmark: borders of depth and changes of the surface around it (NARF), costly",
       .invalid = std::nullopt,
       .minimum = 0,
       .maximum = 65535,
       .scale = 1.0 / 65535,
       .display = FieldDisplay::kScalar,
       .vocabulary = ""},
      {.name = "normal",
       .type = ElementType::kU8,
       .shape = {kSide, kSide, 3},
       .unit = "",
       .frame = kCameraFrame,
       .doc = "unit normal of the surface, (component + 1) / 2 * 255",
       .invalid = 128,
       .minimum = 0,
       .maximum = 255,
       .scale = 2.0 / 255,
       .offset = -1,
       .display = FieldDisplay::kNormal,
       .vocabulary = ""},
      {.name = "object",
       .type = ElementType::kU8,
       .shape = {kSide, kSide},
       .unit = "",
       .frame = "",
       .doc = "kind of object that the pixel sees",
       .invalid = 255,
       .minimum = 0,
       .maximum = 254,
       .display = FieldDisplay::kLabels,
       .vocabulary = "object"},
      {.name = "points",
       .type = ElementType::kF32,
       .shape = {kPointRows, kPointColumns},
       .unit = "m, px, 1",
       .frame = kWorldFrame,
       .doc = "points on surfaces of the scene, the same rows in all of its views: location (3), pixel column and row (2), whether it is seen (1 or 0)",
       .invalid = std::nullopt,
       .minimum = -kFarthest,
       .maximum = kFarthest,
       .display = FieldDisplay::kNumbers,
       .vocabulary = ""},
      {.name = "principal_curvature",
       .type = ElementType::kU8,
       .shape = {kSide, kSide, 2},
       .unit = "1/m",
       .frame = "",
       .doc = "greater and lesser principal curvature of the surface, positive where it bulges towards the camera; from 0 to 254, 127 is flat",
       .invalid = 255,
       .minimum = 0,
       .maximum = 254,
       .scale = 1.0 / 0.03 / 127,
       .offset = -1.0 / 0.03,
       .display = FieldDisplay::kSigned,
       .vocabulary = ""},
      {.name = "reshading",
       .type = ElementType::kU8,
       .shape = {kSide, kSide},
       .unit = "",
       .frame = "",
       .doc = "brightness under a single light at the camera",
       .invalid = std::nullopt,
       .minimum = 0,
       .maximum = 255,
       .scale = 1.0 / 255,
       .display = FieldDisplay::kScalar,
       .vocabulary = ""},
      {.name = "rgb",
       .type = ElementType::kU8,
       .shape = {kSide, kSide, 3},
       .unit = "",
       .frame = "",
       .doc = "colour image, sRGB",
       .invalid = std::nullopt,
       .minimum = 0,
       .maximum = 255,
       .scale = 1.0 / 255,
       .encoding = FieldEncoding::kJpeg,
       .display = FieldDisplay::kColour,
       .vocabulary = ""},
      {.name = "room_box",
       .type = ElementType::kF64,
       .shape = {6},
       .unit = "m",
       .frame = kWorldFrame,
       .doc = "the room's axis-aligned box: least x, y, z, then greatest x, y, z",
       .invalid = std::nullopt,
       .minimum = -kFarthest,
       .maximum = kFarthest,
       .encoding = FieldEncoding::kRaw,
       .display = FieldDisplay::kNumbers,
       .vocabulary = ""},
      {.name = "room_class",
       .type = ElementType::kI32,
       .shape = {1},
       .unit = "",
       .frame = "",
       .doc = "what kind of room it is",
       .invalid = -1,
       .minimum = 0,
       .maximum = 65534,
       .encoding = FieldEncoding::kRaw,
       .display = FieldDisplay::kLabels,
       .vocabulary = "scene"},
      {.name = "segment_unsup25d",
       .type = ElementType::kU8,
       .shape = {kSide, kSide},
       .unit = "",
       .frame = "",
       .doc = "segment by depth, surface direction and occlusion edges (graph segmentation, then normalised cuts), costly",
       .invalid = 255,
       .minimum = 0,
       .maximum = 254,
       .display = FieldDisplay::kLabels,
       .vocabulary = ""},
      {.name = "segment_unsup2d",
       .type = ElementType::kU8,
       .shape = {kSide, kSide},
       .unit = "",
       .frame = "",
       .doc = "segment of the image by colour alone (graph segmentation, then normalised cuts), costly",
       .invalid = 255,
       .minimum = 0,
       .maximum = 254,
       .display = FieldDisplay::kLabels,
       .vocabulary = ""},
      {.name = "semantic",
       .type = ElementType::kU8,
       .shape = {kSide, kSide},
       .unit = "",
       .frame = "",
       .doc = "class of what the pixel sees",
       .invalid = 255,
       .minimum = 0,
       .maximum = 254,
       .display = FieldDisplay::kLabels,
       .vocabulary = "semantic"},
  };
}

}  // namespace

std::size_t element_size(ElementType type) {
  switch (type) {
    case ElementType::kU8: return 1;
    case ElementType::kU16: return 2;
    case ElementType::kI32:
    case ElementType::kF32: return 4;
    case ElementType::kF64: return 8;
  }
  return 0;
}

const char* element_type_name(ElementType type) {
  switch (type) {
    case ElementType::kU8: return "u8";
    case ElementType::kU16: return "u16";
    case ElementType::kI32: return "i32";
    case ElementType::kF32: return "f32";
    case ElementType::kF64: return "f64";
  }
  return "";
}

const char* field_encoding_name(FieldEncoding encoding) {
  switch (encoding) {
    case FieldEncoding::kDeflate: return "deflate";
    case FieldEncoding::kJpeg: return "jpeg";
    case FieldEncoding::kRaw: return "raw";
  }
  return "";
}

const std::vector<FieldSpec>& field_specs() {
  static const std::vector<FieldSpec> specs = declare_fields();
  return specs;
}

const FieldSpec* find_field_spec(std::string_view name) {
  for (const FieldSpec& spec : field_specs()) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

const FieldSpec& field_spec(std::string_view name) {
  if (const FieldSpec* spec = find_field_spec(name)) return *spec;
  std::vector<std::string> names;
  for (const FieldSpec& spec : field_specs()) names.push_back(spec.name);
  const std::string hint = did_you_mean(name, names);
  fail(ErrorCode::kUsage, "there is no field named '{}'{}", name, hint.empty() ? "; the fields are " + join(names, ", ") : hint);
}

bool is_image_field(const FieldSpec& spec) {
  return spec.shape.size() >= 2 && spec.shape[0] == kSide && spec.shape[1] == kSide;
}

std::int64_t channel_count(const FieldSpec& spec) { return spec.shape.size() == 3 ? spec.shape[2] : 1; }

std::vector<std::int64_t> resolved_shape(const FieldSpec& spec, std::int64_t image_side) {
  std::vector<std::int64_t> shape = spec.shape;
  for (std::int64_t& extent : shape) {
    if (extent == kSide) extent = image_side;
  }
  return shape;
}

std::int64_t element_count(const FieldSpec& spec, std::int64_t image_side) {
  std::int64_t count = 1;
  for (const std::int64_t extent : resolved_shape(spec, image_side)) count *= extent;
  return count;
}

}  // namespace affinis::data
