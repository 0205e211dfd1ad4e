#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "framework/data/sample.h"

namespace affinis::data {

/// A costly label: a field that follows from a sample's other fields, computed once and kept in the store. What comes out depends on
/// those fields alone, never on threads.
struct Annotation {
  std::string field;               ///< the declared field that it fills ("keypoints2d")
  std::vector<std::string> needs;  ///< fields that it is computed from, sorted
  std::string doc;                 ///< one sentence: method and source
  /// The field's value. Thread-safe. Throws Error(kData) when a needed field is missing or not as its camera says.
  std::function<FieldValue(const Sample&)> compute;
};

/// All costly labels, sorted by field.
const std::vector<Annotation>& annotations();
/// Throws Error(kUsage) with the nearest names.
const Annotation& annotation(std::string_view field);

/// Computes the named fields and adds them to the sample; those that are there already are computed anew. Throws Error(kUsage) for a
/// field that is no costly label, Error(kData) naming sample and field when one that is needed is missing: the sample is left as it was.
void annotate(Sample& sample, std::span<const std::string> fields);

}  // namespace affinis::data
