#include "experiments/report/shape.h"

#include "framework/core/error.h"

namespace affinis::experiments {

Shape Shape::list(Shape element) {
  Shape shape(Kind::kList);
  if (element.kind_ != Kind::kNumber) element.required_ = true;
  shape.element_.push_back(std::move(element));
  return shape;
}

Shape Shape::map(Shape element) {
  Shape shape(Kind::kMap);
  shape.element_.push_back(std::move(element));
  return shape;
}

Shape Shape::object(std::vector<std::pair<std::string, Shape>> fields) {
  Shape shape(Kind::kObject);
  shape.fields_ = std::move(fields);
  return shape;
}

Shape Shape::required() const {
  Shape shape = *this;
  shape.required_ = true;
  return shape;
}

void check_shape(const nlohmann::json& value, const Shape& shape, const std::string& file, const std::string& place) {
  using Kind = Shape::Kind;
  const std::string where = place.empty() ? "/" : place;
  if (value.is_null()) {
    AFFINIS_CHECK(!shape.required_, ErrorCode::kFormat, "'{}' lacks a value at '{}'; write the file anew with `affinis run`", file, where);
    return;
  }
  const auto expect = [&](bool good, const char* kind) {
    AFFINIS_CHECK(good, ErrorCode::kFormat, "'{}' holds a value of type {} at '{}' where {} belongs; write the file anew with `affinis run`",
                  file, value.type_name(), where, kind);
  };
  switch (shape.kind_) {
    case Kind::kText:
      return expect(value.is_string(), "a text");
    case Kind::kNumber:
      return expect(value.is_number(), "a number");
    case Kind::kFlag:
      return expect(value.is_boolean(), "true or false");
    case Kind::kList:
      expect(value.is_array(), "a list");
      for (std::size_t i = 0; i < value.size(); ++i) check_shape(value[i], shape.element_.front(), file, place + "/" + std::to_string(i));
      return;
    case Kind::kMap:
      expect(value.is_object(), "an object");
      for (const auto& [key, item] : value.items()) check_shape(item, shape.element_.front(), file, place + "/" + key);
      return;
    case Kind::kObject:
      expect(value.is_object(), "an object");
      for (const auto& [key, field] : shape.fields_) {
        const auto it = value.find(key);
        check_shape(it == value.end() ? nlohmann::json() : *it, field, file, place + "/" + key);
      }
  }
}

}  // namespace affinis::experiments
