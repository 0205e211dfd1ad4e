#include "framework/data/store.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include "tests/framework/data/made_samples.h"

namespace affinis::data {
namespace {

using testing::HasSubstr;

TEST(Store, GivesBackWhatWasWritten) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "train.h5";
  write_made_store(path, 7, 24);
  const Store store(path);
  ASSERT_EQ(store.size(), 7);
  EXPECT_EQ(store.info().split, "train");
  EXPECT_EQ(store.info().image_side, 24);
  EXPECT_EQ(store.info().fields, all_fields());
  EXPECT_EQ(store.info().vocabularies.at("scene"), (std::vector<std::string>{"bathroom", "kitchen"}));
  EXPECT_EQ(store.info().provenance.at("seed"), 7);
  for (std::int64_t i = 0; i < store.size(); ++i) {
    const Sample made = made_sample(i, 24);
    const Sample read = store.read(i, all_fields());
    EXPECT_EQ(read.key.name(), made.key.name());
    EXPECT_EQ(read.index, i);
    for (const auto& [name, value] : made.fields) {
      EXPECT_EQ(read.field(name).shape, value.shape) << name;
      if (name == "rgb") continue;
      EXPECT_EQ(read.field(name).bytes, value.bytes) << name;
    }
  }
}

TEST(Store, JpegIsNearAndRawIsExact) {
  const TemporaryFolder folder;
  StoreInfo info = made_info(48, {"rgb"});
  const auto write = [&](const char* name) {
    StoreWriter writer(folder.path() / name, info);
    for (int i = 0; i < 3; ++i) writer.add(made_sample(i, 48));
    writer.finish();
    return Store(folder.path() / name);
  };
  const Store jpeg = write("jpeg.h5");
  info.encodings = {{"rgb", FieldEncoding::kRaw}};
  const Store raw = write("raw.h5");
  info.encodings = {{"rgb", FieldEncoding::kDeflate}};
  const Store deflate = write("deflate.h5");
  EXPECT_TRUE(jpeg.info().encodings.empty());
  EXPECT_EQ(raw.info().encodings.at("rgb"), FieldEncoding::kRaw);
  for (int i = 0; i < 3; ++i) {
    const Sample sample = made_sample(i, 48);
    const auto made = sample.field("rgb").as<std::uint8_t>();
    EXPECT_EQ(raw.read(i, info.fields).field("rgb").bytes, sample.field("rgb").bytes);
    EXPECT_EQ(deflate.read(i, info.fields).field("rgb").bytes, sample.field("rgb").bytes);
    const Sample near = jpeg.read(i, info.fields);
    int worst = 0;
    for (std::size_t at = 0; at < made.size(); ++at) worst = std::max(worst, std::abs(near.field("rgb").as<std::uint8_t>()[at] - made[at]));
    EXPECT_LE(worst, 24);
  }
}

TEST(Store, JpegsLargerThanAPieceAreReadAcrossPieces) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "noise.h5";
  std::vector<Sample> made;
  {
    StoreWriter writer(path, made_info(512, {"rgb", "reshading"}));
    for (int i = 0; i < 4; ++i) {
      Sample sample = made_sample(i, 512);
      RandomStream stream(3, "noise", {static_cast<std::uint64_t>(i)});
      for (std::byte& byte : sample.fields["rgb"].bytes) byte = static_cast<std::byte>(stream.bits());
      writer.add(sample);
    }
    writer.finish();
  }
  ASSERT_GT(std::filesystem::file_size(path), 4 * 300'000U);
  const Store store(path);
  Logger quiet;
  EXPECT_TRUE(store.check(quiet).empty());
}

TEST(Store, TheSameContentsGiveTheSameBytes) {
  const TemporaryFolder folder;
  write_made_store(folder.path() / "a.h5", 5, 16);
  std::vector<char> dirty(1 << 20, 'x');  // whatever the allocator hands out next is not zero
  dirty = {};
  write_made_store(folder.path() / "b.h5", 5, 16);
  EXPECT_EQ(bytes_of(folder.path() / "a.h5"), bytes_of(folder.path() / "b.h5"));
}

TEST(Store, IdentityIsOfTheSamplesAlone) {
  const TemporaryFolder folder;
  write_made_store(folder.path() / "a.h5", 3, 16);
  StoreInfo info = made_info(16);
  info.provenance = {{"program", "another"}};
  for (const char* name : {"b.h5", "c.h5"}) {
    StoreWriter writer(folder.path() / name, info);
    for (int i = 0; i < 3; ++i) {
      Sample sample = made_sample(i, 16);
      if (std::string(name) == "c.h5" && i == 2) sample.fields["depth_zbuffer"].as<std::uint16_t>()[5] ^= 1;
      writer.add(sample);
    }
    writer.finish();
  }
  EXPECT_EQ(Store(folder.path() / "a.h5").identity(), Store(folder.path() / "b.h5").identity());
  EXPECT_NE(Store(folder.path() / "a.h5").identity(), Store(folder.path() / "c.h5").identity());
}

TEST(Store, IsReadByManyThreadsAtOnce) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "train.h5";
  write_made_store(path, 12, 16);
  const Store store(path);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 12; ++round) {
        const std::int64_t i = (round * 5 + t) % 12;
        if (store.read(i, all_fields()).field("normal").bytes != made_sample(i, 16).field("normal").bytes) ++wrong;
      }
      const Store another(path);
      if (another.size() != 12) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Store, AnEmptyStoreIsReadAndCheckSaysSo) {
  const TemporaryFolder folder;
  write_made_store(folder.path() / "empty.h5", 0, 16);
  const Store store(folder.path() / "empty.h5");
  EXPECT_EQ(store.size(), 0);
  Logger quiet;
  const auto problems = store.check(quiet);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_THAT(problems[0].what, HasSubstr("no sample"));
}

TEST(StoreWriter, LeavesNothingUnlessFinished) {
  const TemporaryFolder folder;
  {
    StoreWriter writer(folder.path() / "train.h5", made_info(16));
    writer.add(made_sample(0, 16));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(StoreWriter, RefusesAndGoesOn) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "train.h5";
  StoreWriter writer(path, made_info(16));
  writer.add(made_sample(0, 16));

  Sample lacking = made_sample(1, 16);
  lacking.fields.erase("normal");
  const Error missing = error_of([&] { writer.add(lacking); });
  EXPECT_EQ(missing.code(), ErrorCode::kData);
  EXPECT_THAT(missing.what(), HasSubstr("sample house/room0/1 lacks the declared field 'normal'"));

  const Error shape = error_of([&] { writer.add(made_sample(1, 17)); });
  EXPECT_EQ(shape.code(), ErrorCode::kData);
  EXPECT_THAT(shape.what(), HasSubstr("another shape"));

  EXPECT_THAT(error_of([&] { writer.add(made_sample(0, 16)); }).what(), HasSubstr("added twice"));

  writer.add(made_sample(1, 16));
  writer.finish();
  const Store store(path);
  EXPECT_EQ(store.size(), 2);
  Logger quiet;
  EXPECT_TRUE(store.check(quiet).empty());
}

TEST(StoreWriter, RefusesNonsense) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "train.h5";
  EXPECT_EQ(error_of([&] { StoreWriter(path, made_info(16, {"rgbb"})); }).code(), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { StoreWriter(path, made_info(0)); }).code(), ErrorCode::kData);
  EXPECT_EQ(error_of([&] { StoreWriter(path, made_info(16, {})); }).code(), ErrorCode::kData);
  EXPECT_EQ(error_of([&] { StoreWriter(path, made_info(16, {"rgb", "rgb"})); }).code(), ErrorCode::kData);
  StoreInfo jpeg_depth = made_info(16);
  jpeg_depth.encodings = {{"depth_zbuffer", FieldEncoding::kJpeg}};
  EXPECT_EQ(error_of([&] { StoreWriter(path, jpeg_depth); }).code(), ErrorCode::kData);
  const Error nowhere = error_of([&] { StoreWriter(folder.path() / "no" / "train.h5", made_info(16)); });
  EXPECT_EQ(nowhere.code(), ErrorCode::kIo);
  EXPECT_THAT(nowhere.what(), HasSubstr("train.h5"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Store, NamesWhatIsNotThere) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "train.h5";
  const Error gone = error_of([&] { Store store(path); });
  EXPECT_EQ(gone.code(), ErrorCode::kIo);
  EXPECT_THAT(gone.what(), HasSubstr("train.h5"));
  write_made_store(path, 2, 16, {"rgb", "normal"});
  const Store store(path);
  const Error field = error_of([&] { store.read(0, std::vector<std::string>{"depth_zbuffer"}); });
  EXPECT_EQ(field.code(), ErrorCode::kData);
  EXPECT_THAT(field.what(), testing::AllOf(HasSubstr("train.h5"), HasSubstr("depth_zbuffer"), HasSubstr("normal, rgb")));
  EXPECT_EQ(error_of([&] { store.read(2, store.info().fields); }).code(), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { store.key(-1); }).code(), ErrorCode::kUsage);
}

TEST(StoreCheck, FindsValuesOutsideRangesAndVocabularies) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "test.h5";
  StoreInfo info = made_info(16);
  info.vocabularies.erase("scene");
  {
    StoreWriter writer(path, info);
    writer.add(made_sample(0, 16));
    Sample sample = made_sample(1, 16);
    sample.fields["semantic"].as<std::uint8_t>()[7] = 4;
    sample.fields["semantic"].as<std::uint8_t>()[9] = 200;
    sample.fields["camera"].as<double>()[2] = std::nan("");
    sample.fields["room_box"].as<double>()[0] = 1e9;
    writer.add(sample);
    writer.finish();
  }
  Logger quiet;
  const auto problems = Store(path).check(quiet);
  ASSERT_EQ(problems.size(), 4U);
  EXPECT_EQ(problems[0].sample, "");
  EXPECT_EQ(problems[0].field, "room_class");
  EXPECT_THAT(problems[0].what, HasSubstr("no vocabulary 'scene'"));
  for (int i = 1; i < 4; ++i) EXPECT_EQ(problems[i].sample, "house/room0/1");
  EXPECT_EQ(problems[1].field, "camera");
  EXPECT_THAT(problems[1].what, HasSubstr("nan"));
  EXPECT_EQ(problems[2].field, "room_box");
  EXPECT_EQ(problems[3].field, "semantic");
  EXPECT_THAT(problems[3].what, testing::AllOf(HasSubstr("2 values"), HasSubstr("4 labels")));
}

/// h5py is another implementation's eye on the file: names, shapes, filters and numbers.
TEST(Store, OtherHdf5ReadersReadIt) {
  const char* named = std::getenv("AFFINIS_PYTHON");
  const std::string python = named != nullptr ? named : "/usr/bin/python3";
  if (std::system((python + " -c 'import h5py' >/dev/null 2>&1").c_str()) != 0) GTEST_SKIP() << python << " has no h5py";
  const TemporaryFolder folder;
  write_made_store(folder.path() / "train.h5", 5, 16);
  const Sample sample = made_sample(3, 16);
  write_bytes(folder.path() / "depth", {reinterpret_cast<const char*>(sample.field("depth_zbuffer").bytes.data()), 16 * 16 * 2});
  write_bytes(folder.path() / "camera", {reinterpret_cast<const char*>(sample.field("camera").bytes.data()), 13 * 8});
  std::ofstream(folder.path() / "read.py") << R"(
import h5py, json, sys
f = h5py.File(sys.argv[1] + "/train.h5", "r")
text = lambda v: v.decode() if isinstance(v, bytes) else v
assert text(f.attrs["magic"]) == "affinis store", f.attrs["magic"]
assert f.attrs["format_version"] == 1 and f.attrs["image_side"] == 16
assert json.loads(text(f.attrs["vocabularies"]))["scene"] == ["bathroom", "kitchen"]
depth = f["fields/depth_zbuffer"]
assert depth.shape == (5, 16, 16) and depth.chunks == (1, 16, 16) and depth.dtype == "<u2"
assert depth.compression == "gzip" and depth.shuffle
assert depth[3].tobytes() == open(sys.argv[1] + "/depth", "rb").read()
assert f["fields/camera"][3].tobytes() == open(sys.argv[1] + "/camera", "rb").read()
assert f["fields/normal"].shape == (5, 16, 16, 3)
offsets = f["offsets/rgb"][:]
assert len(offsets) == 6 and offsets[-1] == f["fields/rgb"].shape[0]
for i in range(5):
    jpeg = f["fields/rgb"][offsets[i]:offsets[i + 1]].tobytes()
    assert jpeg[:2] == b"\xff\xd8" and jpeg[-2:] == b"\xff\xd9"
assert text(f["index/building"][3]) == "house" and text(f["index/scene"][3]) == "room1"
assert f["index/view"][3] == 3 and text(f["index/split"][3]) == "train"
)";
  EXPECT_EQ(std::system((python + " " + (folder.path() / "read.py").string() + " " + folder.path().string()).c_str()), 0);
}

}  // namespace
}  // namespace affinis::data
