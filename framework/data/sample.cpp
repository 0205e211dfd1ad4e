#include "framework/data/sample.h"

#include <fmt/core.h>

#include "framework/core/text.h"

namespace affinis::data {

FieldValue make_field_value(const FieldSpec& spec, std::int64_t image_side) {
  FieldValue value;
  value.spec = &spec;
  value.shape = resolved_shape(spec, image_side);
  value.bytes.resize(static_cast<std::size_t>(element_count(spec, image_side)) * element_size(spec.type));
  return value;
}

std::string SampleKey::name() const { return fmt::format("{}/{}/{}", building, scene, view); }

const FieldValue& Sample::field(std::string_view name) const {
  const auto it = fields.find(name);
  if (it != fields.end()) return it->second;
  std::vector<std::string> present;
  for (const auto& [each, value] : fields) present.push_back(each);
  fail(ErrorCode::kData, "sample {} has no field '{}' (it has {}); name it among the fields to read", key.name(), name,
       present.empty() ? "none" : join(present, ", "));
}

}  // namespace affinis::data
