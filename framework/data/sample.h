#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "framework/core/error.h"
#include "framework/data/field.h"

namespace affinis::data {

/// One field of one sample: row-major elements (an image is [height, width, channels]).
struct FieldValue {
  const FieldSpec* spec = nullptr;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;

  /// The elements as T; T's size must be the field's element size.
  template <typename T>
  std::span<const T> as() const {
    AFFINIS_ASSERT(sizeof(T) == element_size(spec->type));
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <typename T>
  std::span<T> as() {
    AFFINIS_ASSERT(sizeof(T) == element_size(spec->type));
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

/// A zero-filled value of the declared shape.
FieldValue make_field_value(const FieldSpec& spec, std::int64_t image_side);

/// Where a sample comes from. Splits are by building, never by image.
struct SampleKey {
  std::string building;
  std::string scene;  ///< room within the building
  std::int64_t view = 0;

  /// "building/scene/view": how error sentences and reports name a sample.
  std::string name() const;
};

/// One view of one scene with (some of) its fields.
struct Sample {
  SampleKey key;
  std::int64_t index = 0;  ///< position in its store
  std::map<std::string, FieldValue, std::less<>> fields;

  /// Throws Error(kData) naming sample and field when the field is not there.
  const FieldValue& field(std::string_view name) const;
};

}  // namespace affinis::data
