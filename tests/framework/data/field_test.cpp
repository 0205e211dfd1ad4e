#include "framework/data/field.h"

#include <algorithm>

#include "framework/data/sample.h"
#include "tests/framework/data/made_samples.h"

namespace affinis::data {
namespace {

using testing::HasSubstr;

TEST(FieldSpecs, AreSortedDocumentedAndConsistent) {
  const std::vector<FieldSpec>& specs = field_specs();
  EXPECT_TRUE(std::is_sorted(specs.begin(), specs.end(), [](const FieldSpec& a, const FieldSpec& b) { return a.name < b.name; }));
  for (const FieldSpec& spec : specs) {
    EXPECT_FALSE(spec.doc.empty()) << spec.name;
    EXPECT_LT(spec.minimum, spec.maximum) << spec.name;
    EXPECT_GT(element_count(spec, 8), 0) << spec.name;
    if (spec.invalid && spec.display != FieldDisplay::kNormal) {
      EXPECT_TRUE(*spec.invalid < spec.minimum || *spec.invalid > spec.maximum) << spec.name;
    }
    EXPECT_FALSE(spec.display == FieldDisplay::kNumbers && is_image_field(spec)) << spec.name;
  }
}

TEST(FieldSpecs, AreThoseOfTheContract) {
  EXPECT_EQ(resolved_shape(field_spec("rgb"), 64), (std::vector<std::int64_t>{64, 64, 3}));
  EXPECT_EQ(resolved_shape(field_spec("depth_zbuffer"), 64), (std::vector<std::int64_t>{64, 64}));
  EXPECT_EQ(channel_count(field_spec("normal")), 3);
  EXPECT_EQ(channel_count(field_spec("depth_euclidean")), 1);
  // Depth: 1/512 m, 128 m at most, 65535 says nothing (Zamir et al. 2018, released data).
  EXPECT_DOUBLE_EQ(field_spec("depth_zbuffer").scale, 1.0 / 512);
  EXPECT_EQ(field_spec("depth_zbuffer").invalid, 65535);
  // Normals: (x + 1) / 2 * 255, 128 grey says nothing.
  const FieldSpec& normal = field_spec("normal");
  EXPECT_DOUBLE_EQ(0 * normal.scale + normal.offset, -1);
  EXPECT_DOUBLE_EQ(255 * normal.scale + normal.offset, 1);
  EXPECT_EQ(normal.invalid, 128);
  EXPECT_EQ(element_count(field_spec("camera"), 64), 13);
  EXPECT_EQ(element_count(field_spec("room_box"), 64), 6);
  EXPECT_EQ(field_spec("room_class").vocabulary, "scene");
  EXPECT_EQ(field_spec("semantic").vocabulary, "semantic");
}

TEST(FieldSpecs, AnUnknownNameGetsTheNearest) {
  const Error error = error_of([] { field_spec("depth_zbufer"); });
  EXPECT_EQ(error.code(), ErrorCode::kUsage);
  EXPECT_THAT(error.what(), HasSubstr("'depth_zbuffer'"));
  EXPECT_EQ(find_field_spec("nothing"), nullptr);
}

TEST(Sample, NamesItselfAndWhatItLacks) {
  Sample sample;
  sample.key = {"house", "kitchen", 3};
  sample.fields["rgb"] = make_field_value(field_spec("rgb"), 4);
  EXPECT_EQ(sample.key.name(), "house/kitchen/3");
  EXPECT_EQ(sample.field("rgb").bytes.size(), 48U);
  const Error error = error_of([&] { sample.field("normal"); });
  EXPECT_EQ(error.code(), ErrorCode::kData);
  EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("house/kitchen/3"), HasSubstr("'normal'"), HasSubstr("rgb")));
}

TEST(FieldValue, ElementsHaveTheFieldsSize) {
  FieldValue depth = make_field_value(field_spec("depth_zbuffer"), 4);
  EXPECT_EQ(depth.as<std::uint16_t>().size(), 16U);
  EXPECT_EQ(error_of([&] { depth.as<float>(); }).code(), ErrorCode::kInternal);
}

}  // namespace
}  // namespace affinis::data
