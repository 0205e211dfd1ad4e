#include <hdf5.h>

#include <cstring>

#include "framework/data/data_set.h"
#include "framework/data/loader.h"
#include "framework/data/store.h"
#include "tests/framework/data/made_samples.h"

/// HDF5 itself leaks a little whenever it refuses a damaged file; our own leaks still count under the leak sanitizer.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }

/// Files that are cut off, damaged, foreign or malicious: one sentence, or found by check; never a crash, never other contents.
namespace affinis::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class HostileStore : public testing::Test {
 protected:
  HostileStore() : path_(folder_.path() / "test.h5") {
    write_made_store(path_, kCount, kSide);
    bytes_ = bytes_of(path_);
    const Store store(path_);
    for (int i = 0; i < kCount; ++i) samples_.push_back(store.read(i, all_fields()));
  }

  /// Runs `change` on the file with HDF5 itself, as somebody with h5py would.
  template <typename Change>
  void edit(Change change) const {
    const hid_t file = H5Fopen(path_.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    change(file);
    H5Fclose(file);
  }
  static void set_integer(hid_t file, const char* name, std::int64_t value) {
    const hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_INT64, &value);
    H5Aclose(attribute);
  }
  static void set_text(hid_t file, const char* name, const std::string& value) {
    H5Adelete(file, name);
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, value.size());
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, value.c_str());
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
  }
  /// Overwrites one number of an array.
  static void set_element(hid_t file, const char* name, std::size_t at, std::uint64_t value) {
    const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    const hid_t space = H5Dget_space(dataset);
    std::vector<std::uint64_t> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
    H5Dread(dataset, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    values.at(at) = value;
    H5Dwrite(dataset, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Sclose(space);
    H5Dclose(dataset);
  }

  Error opening_error() const {
    return error_of([&] { Store store(path_); });
  }

  static constexpr int kCount = 4;
  static constexpr int kSide = 16;
  TemporaryFolder folder_;
  std::filesystem::path path_;
  std::string bytes_;
  std::vector<Sample> samples_;
};

TEST_F(HostileStore, CutOffAnywhereIsAFormatError) {
  std::vector<std::size_t> lengths;
  for (std::size_t length = 0; length < 64; ++length) lengths.push_back(length);
  for (std::size_t length = 64; length < bytes_.size(); length += bytes_.size() / 60 + 1) lengths.push_back(length);
  for (std::size_t back = 1; back < 40; ++back) lengths.push_back(bytes_.size() - back);
  for (const std::size_t length : lengths) {
    write_bytes(path_, bytes_.substr(0, length));
    const Error error = opening_error();
    EXPECT_EQ(error.code(), ErrorCode::kFormat) << length;
    EXPECT_THAT(error.what(), HasSubstr("test.h5"));
  }
}

TEST_F(HostileStore, AFlippedByteIsAnErrorOrFoundByCheckOrHarmless) {
  RandomStream stream(99, "flips");
  int refused = 0;
  int found = 0;
  int harmless = 0;
  // JPEG pieces are mostly padding in a store this small: half the flips go where metadata and dense fields lie.
  for (int i = 0; i < 300; ++i) {
    std::string damaged = bytes_;
    const std::size_t end = i % 2 == 0 ? damaged.size() : std::min<std::size_t>(damaged.size(), 24'000);
    const std::size_t at = static_cast<std::size_t>(stream.below(end));
    damaged[at] = static_cast<char>(damaged[at] ^ (1U << stream.below(8)));
    write_bytes(path_, damaged);
    try {
      const Store store(path_);
      Logger quiet;
      if (!store.check(quiet).empty()) {
        ++found;
        continue;
      }
      ++harmless;
      ASSERT_EQ(store.size(), kCount);
      for (int number = 0; number < kCount; ++number) {
        const Sample sample = store.read(number, all_fields());
        ASSERT_EQ(sample.key.name(), samples_[number].key.name()) << at;
        for (const auto& [name, value] : sample.fields) ASSERT_EQ(value.bytes, samples_[number].field(name).bytes) << name << " " << at;
      }
    } catch (const Error& error) {
      ++refused;
      EXPECT_TRUE(error.code() == ErrorCode::kFormat || error.code() == ErrorCode::kData) << error.what();
      EXPECT_THAT(error.what(), HasSubstr("test.h5"));
    }
  }
  EXPECT_GT(refused, 20);
  EXPECT_GT(found, 20);
  EXPECT_GT(harmless, 20);
}

TEST_F(HostileStore, ADamagedSampleIsNamedByReadAndCheck) {
  const Store sound(path_);
  const std::vector<std::string> field{"depth_zbuffer"};
  const auto stored = sound.read_stored(2, field).chunks[0];
  // depth_euclidean and instance hold the same bytes here; the second of the three is depth_zbuffer.
  const std::string needle(reinterpret_cast<const char*>(stored.data()), stored.size());
  const std::size_t first = bytes_.find(needle);
  const std::size_t at = bytes_.find(needle, first + 1);
  ASSERT_NE(at, std::string::npos);
  std::string damaged = bytes_;
  damaged[at + 11] = static_cast<char>(~damaged[at + 11]);
  write_bytes(path_, damaged);
  const Store store(path_);
  const Error error = error_of([&] { store.read(2, field); });
  EXPECT_EQ(error.code(), ErrorCode::kData);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("test.h5"), HasSubstr("house/room0/2"), HasSubstr("depth_zbuffer"), HasSubstr("checksum")));
  EXPECT_NO_THROW(store.read(1, all_fields()));
  Logger quiet;
  const auto problems = store.check(quiet);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].sample, "house/room0/2");
  EXPECT_EQ(problems[0].field, "depth_zbuffer");
}

TEST_F(HostileStore, ForeignFiles) {
  write_bytes(path_, "this is a text file, and not a short one at that\n");
  EXPECT_THAT(opening_error().what(), HasSubstr("is not an HDF5 file"));
  write_bytes(path_, "");
  EXPECT_THAT(opening_error().what(), HasSubstr("is not an HDF5 file"));
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_EQ(opening_error().code(), ErrorCode::kIo);
  std::filesystem::remove(path_);
  const hid_t file = H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(file);
  const Error foreign = opening_error();
  EXPECT_EQ(foreign.code(), ErrorCode::kFormat);
  EXPECT_THAT(foreign.what(), HasSubstr("not a store of Affinis"));
}

TEST_F(HostileStore, NewerVersion) {
  edit([](hid_t file) { set_integer(file, "format_version", 7); });
  const Error error = opening_error();
  EXPECT_EQ(error.code(), ErrorCode::kFormat);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("version 7"), HasSubstr("version 1"), HasSubstr("newer")));
}

TEST_F(HostileStore, AttributesThatAreNonsense) {
  for (const char* name : {"split", "image_side", "fields", "vocabularies", "provenance", "index_crc32c", "format_version"}) {
    write_bytes(path_, bytes_);
    edit([&](hid_t file) { H5Adelete(file, name); });
    EXPECT_EQ(opening_error().code(), ErrorCode::kFormat) << name;
  }
  for (const auto& [name, text] : std::vector<std::pair<const char*, std::string>>{{"fields", "{"},
                                                                                 {"fields", "[]"},
                                                                                 {"fields", "[1]"},
                                                                                 {"fields", "[\"rgb\",\"normal\"]"},
                                                                                 {"fields", "[\"zebra\"]"},
                                                                                 {"fields", "[\"rgb\",\"rgb\"]"},
                                                                                 {"vocabularies", "[1,2]"},
                                                                                 {"vocabularies", "\xff"},
                                                                                 {"provenance", ""},
                                                                                 {"split", "\xff\xfe"}}) {
    if (text.empty()) continue;
    write_bytes(path_, bytes_);
    edit([&](hid_t file) { set_text(file, name, text); });
    EXPECT_EQ(opening_error().code(), ErrorCode::kFormat) << name << " " << text;
  }
  for (const std::int64_t side : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{17}, std::int64_t{1} << 40, INT64_MAX}) {
    write_bytes(path_, bytes_);
    edit([&](hid_t file) { set_integer(file, "image_side", side); });
    EXPECT_EQ(opening_error().code(), ErrorCode::kFormat) << side;
  }
}

TEST_F(HostileStore, IndexesThatPointElsewhere) {
  const std::vector<std::tuple<const char*, std::size_t, std::uint64_t>> changes = {
      {"/chunks/normal", 0, UINT64_MAX},        {"/chunks/normal", 1, UINT64_MAX}, {"/chunks/normal", 2, 1ULL << 62},
      {"/chunks/normal", 3, 0},                 {"/chunks/normal", 3, 1ULL << 31}, {"/offsets/rgb", 0, 5},
      {"/offsets/rgb", 2, UINT64_MAX},          {"/offsets/rgb", 4, 1ULL << 50},   {"/offsets/rgb", 1, 0},
      {"/checksums/depth_zbuffer", 1, 12345678}, {"/index/view", 2, 77},
  };
  for (const auto& [name, at, value] : changes) {
    write_bytes(path_, bytes_);
    edit([&, name = name, at = at, value = value](hid_t file) { set_element(file, name, at, value); });
    EXPECT_EQ(opening_error().code(), ErrorCode::kFormat) << name << " " << at;
  }
}

TEST_F(HostileStore, ArraysThatAreMissingOrHuge) {
  for (const char* name : {"/fields/rgb", "/fields/normal", "/chunks/normal", "/checksums/normal", "/offsets/rgb", "/index/scene", "/index/view"}) {
    write_bytes(path_, bytes_);
    edit([&](hid_t file) { H5Ldelete(file, name, H5P_DEFAULT); });
    const Error error = opening_error();
    EXPECT_EQ(error.code(), ErrorCode::kFormat) << name;
    EXPECT_THAT(error.what(), HasSubstr(std::string(name).substr(name[1] == 'i' ? 7 : 1)));
  }
  for (const hsize_t length : {hsize_t{0}, hsize_t{5}, hsize_t{1} << 30, hsize_t{1} << 60}) {
    for (const char* name : {"/index/view", "/checksums/normal", "/offsets/rgb"}) {
      write_bytes(path_, bytes_);
      edit([&](hid_t file) {
        H5Ldelete(file, name, H5P_DEFAULT);
        const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
        const hsize_t chunk = 64;
        H5Pset_chunk(properties, 1, &chunk);  // a chunked array can claim any length without taking room
        const hid_t space = H5Screate_simple(1, &length, nullptr);
        const hid_t type = std::strcmp(name, "/index/view") == 0 ? H5T_STD_I64LE : name[1] == 'c' ? H5T_STD_U32LE : H5T_STD_U64LE;
        H5Dclose(H5Dcreate2(file, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT));
        H5Sclose(space);
        H5Pclose(properties);
      });
      EXPECT_EQ(opening_error().code(), ErrorCode::kFormat) << name << " " << length;
    }
  }
}

TEST_F(HostileStore, CutOffAfterOpeningIsAnIoErrorOfTheSample) {
  const Store store(path_);
  std::filesystem::resize_file(path_, 5000);
  const Error error = error_of([&] { store.read(3, std::vector<std::string>{"normal"}); });
  EXPECT_EQ(error.code(), ErrorCode::kIo);
  EXPECT_THAT(error.what(), HasSubstr("test.h5"));
}

}  // namespace
}  // namespace affinis::data
