#include "framework/data/annotation.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>
#include <tbb/parallel_for.h>

#include "framework/data/annotate_store.h"
#include "framework/data/graph_segmentation.h"
#include "tests/framework/data/made_samples.h"
#include "tests/framework/data/segment_graph_expected.h"

namespace affinis::data {
namespace {

constexpr int kSide = 64;

/// A grey picture whose brightness, 0 to 1, is `shade(x, y)`.
template <typename Shade>
Sample picture(int side, Shade shade) {
  Sample sample{.key = {"house", "room", 0}, .index = 0, .fields = {}};
  FieldValue rgb = make_field_value(field_spec("rgb"), side);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      for (int c = 0; c < 3; ++c) rgb.as<std::uint8_t>()[static_cast<std::size_t>(3 * (y * side + x) + c)] = static_cast<std::uint8_t>(std::lround(255 * shade(x, y)));
    }
  }
  sample.fields["rgb"] = std::move(rgb);
  return sample;
}

/// Walls that face the camera, `metres(x, y)` away along the viewing direction; a negative distance is no surface.
template <typename Metres>
Sample scene(int side, Metres metres) {
  Sample sample{.key = {"house", "room", 0}, .index = 0, .fields = {}};
  FieldValue camera = make_field_value(field_spec("camera"), side);
  constexpr double kFov = 1.2;
  camera.as<double>()[12] = kFov;
  FieldValue flat = make_field_value(field_spec("depth_zbuffer"), side);
  FieldValue range = make_field_value(field_spec("depth_euclidean"), side);
  FieldValue normal = make_field_value(field_spec("normal"), side);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const auto i = static_cast<std::size_t>(y * side + x);
      const double z = metres(x, y);
      const double u = (x + 0.5 - side / 2.0) * 2 * std::tan(kFov / 2) / side, v = (y + 0.5 - side / 2.0) * 2 * std::tan(kFov / 2) / side;
      flat.as<std::uint16_t>()[i] = static_cast<std::uint16_t>(z < 0 ? 65535 : std::lround(512 * z));
      range.as<std::uint16_t>()[i] = static_cast<std::uint16_t>(z < 0 ? 65535 : std::lround(512 * z * std::sqrt(1 + u * u + v * v)));
      for (std::size_t c = 0; c < 3; ++c) normal.as<std::uint8_t>()[3 * i + c] = z < 0 ? 128 : c == 2 ? 0 : 127;
    }
  }
  sample.fields["camera"] = std::move(camera);
  sample.fields["depth_zbuffer"] = std::move(flat);
  sample.fields["depth_euclidean"] = std::move(range);
  sample.fields["normal"] = std::move(normal);
  return sample;
}

FieldValue computed(Sample sample, const std::string& field) {
  const std::string fields[] = {field};
  annotate(sample, fields);
  return sample.field(field);
}

std::uint16_t greatest(const FieldValue& value) {
  const auto elements = value.as<std::uint16_t>();
  return *std::max_element(elements.begin(), elements.end());
}

std::set<int> labels_of(const FieldValue& value) {
  const auto labels = value.as<std::uint8_t>();
  return {labels.begin(), labels.end()};
}

TEST(Annotation, FieldsAreDeclaredAndSorted) {
  std::vector<std::string> names;
  for (const Annotation& each : annotations()) {
    names.push_back(each.field);
    EXPECT_NE(find_field_spec(each.field), nullptr);
    for (const std::string& need : each.needs) EXPECT_NE(find_field_spec(need), nullptr) << need;
    EXPECT_FALSE(each.doc.empty());
  }
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(names.size(), 4u);
}

TEST(Annotation, AMissingFieldIsNamedAndTheSampleStaysAsItWas) {
  Sample sample = picture(16, [](int, int) { return 0.5; });
  const std::string fields[] = {"keypoints2d", "keypoints3d"};
  const Error error = error_of([&] { annotate(sample, fields); });
  EXPECT_EQ(error.code(), ErrorCode::kData);
  EXPECT_THAT(error.what(), testing::HasSubstr("house/room/0"));
  EXPECT_THAT(error.what(), testing::HasSubstr("'camera'"));
  EXPECT_EQ(sample.fields.size(), 1u);
  const std::string typo[] = {"keypoint2d"};
  EXPECT_THAT(error_of([&] { annotate(sample, typo); }).what(), testing::HasSubstr("keypoints2d"));
}

TEST(Keypoints2d, AFlatImageHasNone) { EXPECT_EQ(greatest(computed(picture(kSide, [](int, int) { return 0.4; }), "keypoints2d")), 0); }

TEST(Keypoints2d, ABlobOfTheRightScaleAnswersInItsMiddleAsTheFormulaSays) {
  // A Gaussian blob of height a answers at its own scale with (a / 4)^2 in the middle.
  const auto blob = [](double sigma) {
    return [sigma](int x, int y) { return 0.1 + 0.8 * std::exp(-((x - 32) * (x - 32) + (y - 32) * (y - 32)) / (2 * sigma * sigma)); };
  };
  for (const double sigma : {1.65, 2.35, 3.4}) {
    const FieldValue value = computed(picture(kSide, blob(sigma)), "keypoints2d");
    const auto elements = value.as<std::uint16_t>();
    const auto place = std::max_element(elements.begin(), elements.end()) - elements.begin();
    EXPECT_EQ(place, 32 * kSide + 32);
    EXPECT_NEAR(greatest(value) / 65535.0, 0.04, 0.004) << sigma;
  }
  // Far coarser than the coarsest scale (3.75 pixels here): less of it is left.
  EXPECT_LT(greatest(computed(picture(kSide, blob(12)), "keypoints2d")) / 65535.0, 0.02);
}

TEST(Keypoints2d, AStraightEdgeHasNone) {
  EXPECT_LT(greatest(computed(picture(kSide, [](int x, int) { return x < 32 ? 0.2 : 0.8; }), "keypoints2d")), 3);
}

TEST(Keypoints3d, AWallHasNoneAndAStepHasThemBesideItsBorder) {
  EXPECT_EQ(greatest(computed(scene(kSide, [](int, int) { return 2.0; }), "keypoints3d")), 0);
  // A box corner in front of a wall: borders in two directions, as a landmark needs.
  const FieldValue value = computed(scene(kSide, [](int x, int y) { return x < 32 && y < 32 ? 1.2 : 3.0; }), "keypoints3d");
  const auto elements = value.as<std::uint16_t>();
  const auto place = static_cast<int>(std::max_element(elements.begin(), elements.end()) - elements.begin());
  EXPECT_GT(greatest(value), 65535 / 4);
  EXPECT_NEAR(place % kSide, 30, 5);
  EXPECT_NEAR(place / kSide, 30, 5);
  EXPECT_EQ(elements[8 * kSide + 8], 0);
  EXPECT_EQ(elements[56 * kSide + 56], 0);
}

TEST(Keypoints3d, NothingSeenIsNoInterest) { EXPECT_EQ(greatest(computed(scene(16, [](int, int) { return -1.0; }), "keypoints3d")), 0); }

TEST(SegmentUnsup2d, TwoColoursAreTwoSegmentsNumberedInRasterOrder) {
  const FieldValue value = computed(picture(kSide, [](int x, int) { return x < 20 ? 0.2 : 0.8; }), "segment_unsup2d");
  EXPECT_EQ(labels_of(value), (std::set<int>{0, 1}));
  const auto labels = value.as<std::uint8_t>();
  for (int i = 0; i < kSide * kSide; ++i) {
    if (std::abs(i % kSide - 20) > 2) {
      EXPECT_EQ(labels[static_cast<std::size_t>(i)], i % kSide < 20 ? 0 : 1);
    }
  }
  EXPECT_EQ(labels_of(computed(picture(kSide, [](int, int) { return 0.5; }), "segment_unsup2d")), std::set<int>{0});
}

TEST(SegmentUnsup25d, AStepPartsTwoSegmentsAndWhatIsNotSeenHasNone) {
  const FieldValue value = computed(scene(kSide, [](int x, int y) { return y < 10 ? -1.0 : x < 32 ? 1.2 : 3.0; }), "segment_unsup25d");
  const auto labels = value.as<std::uint8_t>();
  std::set<int> left, right;
  for (int y = 12; y < kSide; ++y) {
    for (int x = 0; x < 10; ++x) {
      left.insert(labels[static_cast<std::size_t>(y * kSide + x)]);
      right.insert(labels[static_cast<std::size_t>(y * kSide + kSide - 1 - x)]);
    }
  }
  EXPECT_EQ(left.size(), 1u);
  EXPECT_EQ(right.size(), 1u);
  EXPECT_NE(left, right);
  for (int i = 0; i < 10 * kSide; ++i) EXPECT_EQ(labels[static_cast<std::size_t>(i)], 255);
  EXPECT_FALSE(left.contains(255) || right.contains(255));
}

TEST(GraphSegmentation, AgreesWithPlainLoops) {
  const FeatureImage image{.side = expected::kSide, .channels = 2, .values = expected::kPixels, .valid = {}};
  for (const expected::Case& each : expected::kCases) {
    EXPECT_EQ(segment_graph(image, {.scale = each.scale, .min_size = each.min_size}), each.segments) << each.scale << ' ' << each.min_size;
  }
}

TEST(GraphSegmentation, CutsPartWhatDiffersAndJoinWhatDoesNot) {
  // Four stripes in two pairs of like colours.
  FeatureImage image{.side = 8, .channels = 1, .values = std::vector<float>(64), .valid = {}};
  std::vector<int> stripes(64);
  for (std::size_t i = 0; i < 64; ++i) {
    stripes[i] = static_cast<int>(i % 8 / 2);
    image.values[i] = std::array{10.0f, 14.0f, 60.0f, 65.0f}[i % 8 / 2];
  }
  std::vector<int> pairs(64);
  for (std::size_t i = 0; i < 64; ++i) pairs[i] = i % 8 < 4 ? 0 : 1;
  EXPECT_EQ(join_segments(image, stripes, {.threshold = 0.005, .cuts = 10, .sigma = 255, .self_similarity = 2}), pairs);
}

TEST(GraphSegmentation, TooManySegmentsAreMergedFromTheSmallest) {
  std::vector<int> segments(400);
  for (std::size_t i = 0; i < segments.size(); ++i) segments[i] = static_cast<int>(i);
  const std::vector<int> limited = limit_segments(20, segments, 255);
  EXPECT_EQ(*std::max_element(limited.begin(), limited.end()), 254);
  const std::vector<int> three = {0, 0, 0, 0, 1, 2, 2, 2, 2};
  EXPECT_EQ(limit_segments(3, three, 2), (std::vector<int>{0, 0, 0, 0, 0, 1, 1, 1, 1}));
}

TEST(Annotation, ThreadsChangeNothing) {
  std::vector<std::string> fields;
  for (const Annotation& each : annotations()) fields.push_back(each.field);
  const auto made = [&](std::int64_t number) {
    Sample sample = made_sample(number, 48);
    sample.fields["camera"].as<double>()[12] = 1.1;
    annotate(sample, fields);
    return sample;
  };
  std::vector<Sample> alone, together(8);
  for (int i = 0; i < 8; ++i) alone.push_back(made(i));
  tbb::parallel_for(0, 8, [&](int i) { together[static_cast<std::size_t>(i)] = made(i); });
  for (std::size_t i = 0; i < 8; ++i) {
    for (const std::string& field : fields) EXPECT_EQ(alone[i].field(field).bytes, together[i].field(field).bytes) << field;
  }
}

class AnnotateStore : public testing::Test {
 protected:
  std::filesystem::path store(const char* name, std::int64_t count) const {
    const std::filesystem::path path = folder_.path() / name;
    write_made_store(path, count, 16, {"depth_zbuffer", "normal", "rgb"});
    return path;
  }
  TemporaryFolder folder_;
  const std::vector<std::string> fields_ = {"keypoints2d", "segment_unsup25d", "segment_unsup2d"};
};

TEST_F(AnnotateStore, AddsLabelsAndKeepsTheOtherBytes) {
  const std::filesystem::path path = store("train.h5", 40);
  const Store before(path);
  const AnnotatedStore report = annotate_store(path, fields_, {.threads = 2, .progress = {}});
  EXPECT_EQ(report.added, fields_);
  EXPECT_EQ(report.samples, 40);
  EXPECT_EQ(report.resumed, 0);
  const Store after(path);
  Logger quiet;
  EXPECT_TRUE(after.check(quiet).empty());
  for (const std::int64_t i : {0, 17, 39}) {
    EXPECT_EQ(after.read_stored(i, before.info().fields).chunks, before.read_stored(i, before.info().fields).chunks);
    Sample sample = before.read(i, before.info().fields);
    annotate(sample, fields_);
    for (const std::string& field : fields_) EXPECT_EQ(after.read(i, fields_).field(field).bytes, sample.field(field).bytes);
  }
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".annotate"));
  const std::string bytes = bytes_of(path);
  EXPECT_TRUE(annotate_store(path, fields_).added.empty());
  EXPECT_EQ(bytes_of(path), bytes);
}

TEST_F(AnnotateStore, AnInterruptedRunGoesOnAndOtherStoresBlocksAreNotTaken) {
  const std::filesystem::path whole = store("whole.h5", 70);
  annotate_store(whole, fields_, {.threads = 1, .progress = {}});
  const auto stop_at = [](std::int64_t limit) {
    return [limit](std::int64_t done, std::int64_t) { if (done > limit) fail(ErrorCode::kCancelled, "stopped"); };
  };
  const std::filesystem::path path = store("train.h5", 70);
  const std::string untouched = bytes_of(path);
  EXPECT_EQ(error_of([&] { annotate_store(path, fields_, {.threads = 2, .progress = stop_at(40)}); }).code(), ErrorCode::kCancelled);
  EXPECT_EQ(bytes_of(path), untouched);
  EXPECT_EQ(annotate_store(path, fields_, {.threads = 2, .progress = {}}).resumed, 32);
  EXPECT_EQ(bytes_of(path), bytes_of(whole));

  // Another store under the same name, and a damaged block: neither is believed.
  const std::filesystem::path other = store("other.h5", 70);
  error_of([&] { annotate_store(other, fields_, {.threads = 1, .progress = stop_at(66)}); });
  write_bytes(other.string() + ".annotate/block_00000000.h5", "nonsense");
  EXPECT_EQ(annotate_store(other, fields_).resumed, 32);
  EXPECT_EQ(bytes_of(other), bytes_of(whole));
  const std::filesystem::path changed = store("changed.h5", 70);
  error_of([&] { annotate_store(changed, fields_, {.threads = 1, .progress = stop_at(40)}); });
  write_made_store(changed, 70, 16, {"depth_zbuffer", "normal", "rgb"}, "train", "another house");
  EXPECT_EQ(annotate_store(changed, fields_).resumed, 0);
}

TEST_F(AnnotateStore, WhatIsMissingIsNamed) {
  const std::filesystem::path path = store("train.h5", 2);
  const std::string fields[] = {"keypoints3d"};
  EXPECT_THAT(error_of([&] { annotate_store(path, fields); }).what(), testing::AllOf(testing::HasSubstr("train.h5"), testing::HasSubstr("'camera'")));
}

}  // namespace
}  // namespace affinis::data
