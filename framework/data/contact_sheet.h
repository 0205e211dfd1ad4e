#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "framework/data/image.h"
#include "framework/data/store.h"

namespace affinis::data {

/// How one field's values become colours, the same for all samples that are shown together.
struct FieldRange {
  double low = 0;   ///< physical value of the first colour
  double high = 1;  ///< of the last
};

/// Least and greatest valid physical value over `values` of one field; {0, 1} when none is valid.
FieldRange field_range(std::span<const FieldValue* const> values);

/// A field as a picture of its own size, by its declared display: colour and normals as they are, numbers in false colour over `range`,
/// labels each in their colour; of a field with several channels of numbers `channel_shown`. Pixels without a label are a grey check
/// pattern. Precondition: an image field that has this channel.
Image field_picture(const FieldValue& value, const FieldRange& range, std::size_t channel_shown = 0);

struct ContactSheetOptions {
  std::string title;  ///< the store's file name when empty
  int least_cell_pixels = 160;  ///< smaller images are enlarged by whole factors
};

/// A picture of some samples (rows) and fields (columns; all image fields and `points` when empty): false colour with a scale bar below,
/// normals with their key, labels with the names of the classes that are present, points as dots over the picture. Throws what Store::read throws, Error(kUsage) for a field that
/// is no image or when there is nothing to show.
Image contact_sheet(const Store& store, std::span<const std::int64_t> positions, std::span<const std::string> fields = {},
                    const ContactSheetOptions& options = {});

}  // namespace affinis::data
