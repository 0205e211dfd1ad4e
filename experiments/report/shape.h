#pragma once

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace affinis::experiments {

/// What a JSON value has to look like before the page reads it: a kind and, for objects, lists and maps, what is in them. Null and absent
/// fields pass unless they are required; unknown fields pass, so that a newer run's file stays readable.
///
///     const Shape cell = Shape::object({{"budget", Shape::number().required()}, {"sources", Shape::list(Shape::text())}});
///     check_shape(json, cell, "out/taxonomy.json", "");
class Shape {
 public:
  static Shape text() { return Shape(Kind::kText); }
  static Shape number() { return Shape(Kind::kNumber); }
  static Shape flag() { return Shape(Kind::kFlag); }
  /// Elements that are null pass only where `element` is a number.
  static Shape list(Shape element);
  /// An object whose keys are data.
  static Shape map(Shape element);
  static Shape object(std::vector<std::pair<std::string, Shape>> fields);
  Shape required() const;

 private:
  enum class Kind { kText, kNumber, kFlag, kList, kMap, kObject };
  explicit Shape(Kind kind) : kind_(kind) {}

  Kind kind_;
  bool required_ = false;
  std::vector<Shape> element_;  ///< none or one
  std::vector<std::pair<std::string, Shape>> fields_;

  friend void check_shape(const nlohmann::json& value, const Shape& shape, const std::string& file, const std::string& place);
};

/// Throws Error(kFormat) that names the file, the place in it and what stands there instead.
void check_shape(const nlohmann::json& value, const Shape& shape, const std::string& file, const std::string& place);

}  // namespace affinis::experiments
