#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace affinis::data {

/// How one number of a field is stored.
enum class ElementType { kU8, kU16, kI32, kF32, kF64 };

std::size_t element_size(ElementType type);
/// "u8", "u16", "i32", "f32", "f64".
const char* element_type_name(ElementType type);

/// How a field's bytes lie in the store.
enum class FieldEncoding {
  kDeflate,  ///< HDF5's shuffle + deflate: any HDF5 reader reads it
  kJpeg,     ///< JPEG quality 95 without chroma subsampling, in a ragged dataset (colour only)
  kRaw,      ///< no filter
};

/// "deflate", "jpeg", "raw".
const char* field_encoding_name(FieldEncoding encoding);

/// How a person looks at a field: what a contact sheet draws.
enum class FieldDisplay { kColour, kScalar, kSigned, kNormal, kLabels, kNumbers };

/// Everything there is to know about a field, declared once: the store, importers, checks, tasks and the report read this.
struct FieldSpec {
  std::string name;  ///< "depth_zbuffer"
  ElementType type = ElementType::kU8;
  /// Shape of one sample; kImageSide stands for the data set's image side: {kImageSide, kImageSide, 3}, or {kImageSide, kImageSide}
  /// for one number a pixel.
  std::vector<std::int64_t> shape;
  std::string unit;   ///< of the physical value ("m"); empty when there is none
  std::string frame;  ///< coordinate frame ("OpenCV camera: +x right, +y down, +z forward"); empty when there is none
  std::string doc;    ///< one sentence
  std::optional<double> invalid;  ///< value that means "no label here" (every channel of the pixel holds it)
  double minimum = 0;             ///< least and greatest valid value
  double maximum = 255;
  double scale = 1;  ///< physical value = stored value * scale + offset
  double offset = 0;
  FieldEncoding encoding = FieldEncoding::kDeflate;
  FieldDisplay display = FieldDisplay::kScalar;
  /// Name of the data set's vocabulary that the values index ("semantic", "scene"); empty: not a label.
  std::string vocabulary;

  static constexpr std::int64_t kImageSide = -1;
};

/// The field points: rows of one sample and numbers a row.
inline constexpr std::int64_t kPointRows = 64;
inline constexpr std::int64_t kPointColumns = 6;

/// The declared fields, sorted by name. `affinis data check` lists those of a data set.
const std::vector<FieldSpec>& field_specs();
/// Throws Error(kUsage) with the nearest names.
const FieldSpec& field_spec(std::string_view name);
/// Null when there is none.
const FieldSpec* find_field_spec(std::string_view name);
/// Whether the field has a value (or several channels) at every pixel.
bool is_image_field(const FieldSpec& spec);
/// Numbers a pixel of an image field.
std::int64_t channel_count(const FieldSpec& spec);

/// The spec's shape with kImageSide replaced.
std::vector<std::int64_t> resolved_shape(const FieldSpec& spec, std::int64_t image_side);
/// Product of the resolved shape.
std::int64_t element_count(const FieldSpec& spec, std::int64_t image_side);

}  // namespace affinis::data
