#include "framework/data/annotation.h"

#include <utility>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/annotation_methods.h"

namespace affinis::data {
namespace {

/// A method that sees only samples whose needed fields are there.
Annotation checked(Annotation annotation) {
  annotation.compute = [field = annotation.field, needs = annotation.needs, method = std::move(annotation.compute)](const Sample& sample) {
    for (const std::string& need : needs) {
      AFFINIS_CHECK(sample.fields.contains(need), ErrorCode::kData, "sample {} has no field '{}', from which '{}' is computed; render or import it first",
                    sample.key.name(), need, field);
    }
    return method(sample);
  };
  return annotation;
}

}  // namespace

const std::vector<Annotation>& annotations() {
  static const std::vector<Annotation> list = {
      checked({.field = "keypoints2d",
               .needs = {"rgb"},
               .doc = "greatest determinant of the Hessian over ten scales (Lindeberg 1998)",
               .compute = methods::keypoints2d}),
      checked({.field = "keypoints3d",
               .needs = {"camera", "depth_euclidean"},
               .doc = "NARF interest on the range image (Steder et al. 2011)",
               .compute = methods::keypoints3d}),
      checked({.field = "segment_unsup25d",
               .needs = {"depth_zbuffer", "normal"},
               .doc = "graph segmentation by depth, surface direction and occlusion edges (Felzenszwalb and Huttenlocher 2004), then normalised cuts",
               .compute = methods::segment_unsup25d}),
      checked({.field = "segment_unsup2d",
               .needs = {"rgb"},
               .doc = "graph segmentation by colour (Felzenszwalb and Huttenlocher 2004), then normalised cuts (Shi and Malik 2000)",
               .compute = methods::segment_unsup2d}),
  };
  return list;
}

const Annotation& annotation(std::string_view field) {
  std::vector<std::string> names;
  for (const Annotation& each : annotations()) {
    if (each.field == field) return each;
    names.push_back(each.field);
  }
  const std::string hint = did_you_mean(field, names);
  fail(ErrorCode::kUsage, "'{}' is no field that is computed from others{}", field, hint.empty() ? "; these are " + join(names, ", ") : hint);
}

void annotate(Sample& sample, std::span<const std::string> fields) {
  std::map<std::string, FieldValue, std::less<>> made;
  for (const std::string& field : fields) made[field] = annotation(field).compute(sample);
  for (auto& [field, value] : made) sample.fields[field] = std::move(value);
}

}  // namespace affinis::data
