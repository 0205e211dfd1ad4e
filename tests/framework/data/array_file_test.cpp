#include "framework/data/array_file.h"

#include "tests/framework/data/made_samples.h"

namespace affinis::data {
namespace {

using testing::HasSubstr;

ArrayFile made_file() {
  ArrayFile file;
  file.kind = "losses";
  file.attributes = {{"task", "normal"}, {"steps", 12}};
  const std::vector<double> losses = {0.5, 1.25, -3, 1e300, 0.1, 7};
  file.arrays["loss"] = Array::of(losses, {2, 3});
  file.arrays["index"] = Array::of(std::vector<std::int64_t>{5, -6, 7});
  file.arrays["half"] = {ArrayType::kF16, {2, 2}, std::vector<std::byte>(8, std::byte{0x3c})};
  file.arrays["empty"] = {ArrayType::kF32, {0, 8}, {}};
  file.strings["sample"] = {"a/b/1", "a/b/2", ""};
  return file;
}

TEST(ArrayFile, GivesBackWhatWasWritten) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "losses.h5";
  write_array_file(path, made_file());
  const ArrayFile read = read_array_file(path, "losses");
  const ArrayFile made = made_file();
  EXPECT_EQ(read.attributes, made.attributes);
  EXPECT_EQ(read.strings, made.strings);
  ASSERT_EQ(read.arrays.size(), made.arrays.size());
  for (const auto& [name, array] : made.arrays) {
    EXPECT_EQ(read.array(name, path).shape, array.shape) << name;
    EXPECT_EQ(read.array(name, path).bytes, array.bytes) << name;
    EXPECT_EQ(read.array(name, path).type, array.type) << name;
  }
  EXPECT_EQ(read.array("loss", path).as<double>()[3], 1e300);
  EXPECT_THAT(error_of([&] { read.array("gain", path); }).what(), HasSubstr("'gain'"));
}

TEST(ArrayFile, TheSameContentsGiveTheSameBytes) {
  const TemporaryFolder folder;
  write_array_file(folder.path() / "a.h5", made_file());
  write_array_file(folder.path() / "b.h5", made_file());
  EXPECT_EQ(bytes_of(folder.path() / "a.h5"), bytes_of(folder.path() / "b.h5"));
}

TEST(ArrayFile, NamesWhatIsWrong) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "losses.h5";
  EXPECT_EQ(error_of([&] { read_array_file(path, "losses"); }).code(), ErrorCode::kIo);
  EXPECT_EQ(error_of([&] { write_array_file(folder.path() / "no" / "losses.h5", made_file()); }).code(), ErrorCode::kIo);
  write_array_file(path, made_file());
  const Error kind = error_of([&] { read_array_file(path, "representations"); });
  EXPECT_EQ(kind.code(), ErrorCode::kFormat);
  EXPECT_THAT(kind.what(), HasSubstr("losses"));
  write_bytes(path, "no HDF5");
  EXPECT_EQ(error_of([&] { read_array_file(path, "losses"); }).code(), ErrorCode::kFormat);
  write_made_store(path, 1, 8);
  EXPECT_THAT(error_of([&] { read_array_file(path, "losses"); }).what(), HasSubstr("not one of Affinis' losses files"));
}

TEST(ArrayFile, DamageIsAnErrorOrHarmless) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "losses.h5";
  write_array_file(path, made_file());
  const std::string bytes = bytes_of(path);
  for (std::size_t length = 0; length < bytes.size(); length += 37) {
    write_bytes(path, bytes.substr(0, length));
    EXPECT_EQ(error_of([&] { read_array_file(path, "losses"); }).code(), ErrorCode::kFormat) << length;
  }
  RandomStream stream(4, "flips");
  const ArrayFile made = made_file();
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    std::string damaged = bytes;
    const auto at = static_cast<std::size_t>(stream.below(damaged.size()));
    damaged[at] = static_cast<char>(damaged[at] ^ (1U << stream.below(8)));
    write_bytes(path, damaged);
    try {
      const ArrayFile read = read_array_file(path, "losses");
      for (const auto& [name, array] : made.arrays) {
        ASSERT_EQ(read.array(name, path).bytes, array.bytes) << name << " " << at;
      }
    } catch (const Error& error) {
      ++refused;
      EXPECT_EQ(error.code(), ErrorCode::kFormat) << error.what();
      EXPECT_THAT(error.what(), HasSubstr("losses.h5"));
    }
  }
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace affinis::data
