#include "framework/nn/safetensors.h"

#include <array>
#include <cstring>
#include <fstream>

#include <sys/resource.h>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/random.h"

namespace affinis::nn {
namespace {

using testing::HasSubstr;

/// A file's bytes: length, header as given, data.
std::string bytes_of(const std::string& header, const std::string& data = {}) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

class Safetensors : public testing::Test {
 protected:
  std::filesystem::path put(const std::string& bytes) {
    const std::filesystem::path path = folder_.path() / "weights.safetensors";
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    return path;
  }

  void expect_refused(const std::string& bytes, const std::string& part) {
    try {
      read_safetensors(put(bytes));
      FAIL() << "accepted; expected a sentence with: " << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kFormat) << error.what();
      EXPECT_THAT(error.sentence(), HasSubstr(part));
      EXPECT_THAT(error.sentence(), HasSubstr("weights.safetensors"));
    }
  }

  static TensorFile example() {
    TensorFile file;
    file.metadata = {{"format", "pt"}, {"note", "a \"quoted\" word, \xc3\xa9"}};
    file.tensors = {{"flags", at::tensor({1, 0, 1}).to(at::kBool)},
                    {"weight", at::arange(24, at::kFloat).reshape({2, 3, 2, 2})},
                    {"bytes", at::arange(5, at::kByte)},
                    {"count", at::scalar_tensor(7, at::kLong)},
                    {"empty", at::empty({0, 4}, at::kFloat)},
                    {"double", at::arange(3, at::kDouble)},
                    {"half", at::arange(3, at::kHalf)},
                    {"brain", at::arange(3, at::kBFloat16)},
                    {"int", at::arange(3, at::kInt)},
                    {"short", at::arange(3, at::kShort)},
                    {"char", at::arange(-2, 1, at::kChar)}};
    return file;
  }

  TemporaryFolder folder_;
};

TEST_F(Safetensors, RoundTripKeepsEveryTypeAndEveryByte) {
  const TensorFile file = example();
  const std::filesystem::path path = folder_.path() / "a.safetensors";
  write_safetensors(path, file);
  const TensorFile back = read_safetensors(path);
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  for (const NamedTensor& wanted : file.tensors) {
    const auto found = std::find_if(back.tensors.begin(), back.tensors.end(), [&](const auto& e) { return e.name == wanted.name; });
    ASSERT_NE(found, back.tensors.end());
    EXPECT_EQ(found->tensor.scalar_type(), wanted.tensor.scalar_type());
    EXPECT_EQ(found->tensor.sizes(), wanted.tensor.sizes());
    EXPECT_TRUE(at::equal(found->tensor, wanted.tensor)) << wanted.name;
  }
  const std::filesystem::path again = folder_.path() / "b.safetensors";
  write_safetensors(again, back);
  EXPECT_EQ(read_file(path), read_file(again));
}

TEST_F(Safetensors, PythonsFilesComeOutTheSameByteForByte) {
  const std::filesystem::path theirs = AFFINIS_SOURCE_DIR "/tests/framework/nn/expected/encoder_last_unit.safetensors";
  const std::filesystem::path ours = folder_.path() / "ours.safetensors";
  write_safetensors(ours, read_safetensors(theirs));
  EXPECT_TRUE(read_file(theirs) == read_file(ours));
}

TEST_F(Safetensors, StridedTensorsAreWrittenInLogicalOrder) {
  const at::Tensor image = at::arange(48, at::kFloat).reshape({1, 3, 4, 4}).contiguous(at::MemoryFormat::ChannelsLast);
  const std::filesystem::path path = folder_.path() / "a.safetensors";
  write_safetensors(path, {{{"image", image}, {"turned", image.transpose(2, 3)}}, {}});
  const TensorFile back = read_safetensors(path);
  EXPECT_TRUE(at::equal(back.tensors[0].tensor, image));
  EXPECT_TRUE(at::equal(back.tensors[1].tensor, image.transpose(2, 3)));
  EXPECT_TRUE(back.tensors[0].tensor.is_contiguous());
}

TEST_F(Safetensors, UnalignedDataAndPaddedHeadersAreRead) {
  const std::string header =
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"I32","shape":[1],"data_offsets":[1,5]}}   )";
  const TensorFile file = read_safetensors(put(bytes_of(header, std::string("\x05\x01\x02\0\0", 5))));
  ASSERT_EQ(file.tensors.size(), 2U);
  EXPECT_EQ(file.tensors[1].tensor.item<int>(), 513);
  EXPECT_TRUE(read_safetensors(put(bytes_of("{}"))).tensors.empty());
}

TEST_F(Safetensors, TensorsComeInTheOrderOfTheirData) {
  const std::string header =
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"b":{"dtype":"U8","shape":[],"data_offsets":[0,1]}})";
  EXPECT_EQ(read_safetensors(put(bytes_of(header, "xy"))).tensors[0].name, "b");
}

TEST_F(Safetensors, RefusesWhatDoesNotAddUp) {
  const auto entry = [](const std::string& type, const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":")" + type + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  expect_refused("", "0 bytes");
  expect_refused("1234567", "7 bytes");
  expect_refused(std::string(7, '\xff') + "\x7f{}", "claims a header");
  expect_refused(std::string(8, '\xff') + "{}", "claims a header");
  expect_refused(bytes_of(""), "not JSON");
  expect_refused(bytes_of("{"), "not JSON");
  expect_refused(bytes_of("[]"), "not a JSON object");
  expect_refused(bytes_of("{} {}"), "not JSON");
  expect_refused(bytes_of("{\"\xff\":1}"), "not JSON");
  expect_refused(bytes_of(R"({"a":1})"), "not described by an object");
  expect_refused(bytes_of(R"({"a":{"dtype":"U8","shape":[1]}})"), "lacks the field 'data_offsets'");
  expect_refused(bytes_of(R"({"__metadata__":{"a":1}})"), "not a string");
  expect_refused(bytes_of(R"({"__metadata__":[]})"), "not an object");
  expect_refused(bytes_of(R"({"a":{"x":[[[1]]]}})"), "nested too deeply");
  expect_refused(bytes_of(std::string(100'000, '[')), "nested too deeply");
  expect_refused(bytes_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "xy"),
                 "'a' occurs twice");
  expect_refused(bytes_of(R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x"), "'dtype' occurs twice");
  expect_refused(bytes_of(entry("F8_E4M3", "[1]", "[0,1]"), "x"), "element type");
  expect_refused(bytes_of(entry("U8", "1", "[0,1]"), "x"), "not a list");
  expect_refused(bytes_of(entry("U8", "[1]", "[0]"), "x"), "two numbers");
  expect_refused(bytes_of(entry("U8", "[-1]", "[0,1]"), "x"), "whole number");
  expect_refused(bytes_of(entry("U8", "[1.0]", "[0,1]"), "x"), "whole number");
  expect_refused(bytes_of(entry("U8", "[1e300]", "[0,1]"), "x"), "whole number");
  expect_refused(bytes_of(entry("U8", "[18446744073709551616]", "[0,1]"), "x"), "whole number");
  expect_refused(bytes_of(entry("U8", "[1]", "[1,0]"), "x"), "lies at bytes 1 to 0");
  expect_refused(bytes_of(entry("U8", "[2]", "[0,2]"), "x"), "lies at bytes 0 to 2 of 1");
  expect_refused(bytes_of(entry("F32", "[1]", "[0,1]"), "x"), "need 4");
  expect_refused(bytes_of(entry("U8", "[4294967296,4294967297]", "[0,1]"), "x"), "overflows");
  expect_refused(bytes_of(entry("F32", "[0,4611686018427387904,4]", "[0,0]")), "overflows");
  expect_refused(bytes_of(entry("F32", "[2305843009213693952]", "[0,0]")), "overflows");
  expect_refused(bytes_of(entry("U8", "[1]", "[0,1]"), "xy"), "cover 1 of 2");
  expect_refused(bytes_of(entry("U8", "[1]", "[1,2]"), "xy"), "should begin at 0");
  expect_refused(bytes_of(entry("BOOL", "[2]", "[0,2]"), std::string("\x01\x02")), "other than 0 and 1");
  std::string ones = "[1";
  for (int i = 0; i < 70; ++i) ones += ",1";
  expect_refused(bytes_of(entry("U8", ones + "]", "[0,1]"), "x"), "more than 64");
  expect_refused(
      bytes_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", "xyz"),
      "should begin at 2");
}

TEST_F(Safetensors, EveryTruncationIsRefused) {
  write_safetensors(folder_.path() / "whole", example());
  const std::string whole = read_file(folder_.path() / "whole");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(read_safetensors(put(whole.substr(0, size))), Error) << size;
  }
  EXPECT_THROW(read_safetensors(put(whole + "x")), Error);
}

TEST_F(Safetensors, RandomDamageIsReadOrRefusedButNeverCrashes) {
  write_safetensors(folder_.path() / "whole", example());
  const std::string whole = read_file(folder_.path() / "whole");
  const std::uint64_t header_end = whole.find("  ") == std::string::npos ? whole.size() / 2 : whole.find("  ");
  RandomStream random(1, "mutations");
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = whole;
    const std::uint64_t changes = 1 + random.below(4);
    for (std::uint64_t i = 0; i < changes; ++i) {
      const std::size_t place = random.below(random.below(8) == 0 ? 8 : header_end);
      switch (random.below(4)) {
        case 0: bytes[place] = static_cast<char>(random.below(256)); break;
        case 1: bytes[place] = static_cast<char>('0' + random.below(10)); break;
        case 2: bytes.erase(place, 1 + random.below(5)); break;
        default: bytes.insert(place, 1 + random.below(20), "0123456789[]{}\",:e-"[random.below(19)]); break;
      }
    }
    try {
      std::size_t held = 0;
      for (const NamedTensor& entry : read_safetensors(put(bytes)).tensors) held += entry.tensor.nbytes();
      EXPECT_LE(held, bytes.size());
    } catch (const Error& error) {
      ++refused;
      EXPECT_TRUE(error.code() == ErrorCode::kFormat || error.code() == ErrorCode::kIo);
    }
  }
  EXPECT_GT(refused, 2000);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  EXPECT_LT(usage.ru_maxrss, 2L * 1024 * 1024) << "KiB: something of a claimed size was allocated";
}

TEST_F(Safetensors, NamesWhatCannotBeReadOrWritten) {
  EXPECT_THROW(read_safetensors(folder_.path() / "none"), Error);
  EXPECT_THROW(read_safetensors(folder_.path()), Error);
  const std::filesystem::path path = folder_.path() / "out";
  const at::Tensor one = at::ones({1});
  EXPECT_THROW(write_safetensors(path, {{{"a", one}, {"a", one}}, {}}), Error);
  EXPECT_THROW(write_safetensors(path, {{{"__metadata__", one}}, {}}), Error);
  EXPECT_THROW(write_safetensors(path, {{{"a", at::Tensor()}}, {}}), Error);
  EXPECT_THROW(write_safetensors(path, {{{"a", at::ones({1}, at::kComplexFloat)}}, {}}), Error);
  EXPECT_THROW(write_safetensors(path, {{{"\xff", one}}, {}}), Error);
  EXPECT_THROW(write_safetensors(folder_.path() / "no" / "such", {{{"a", one}}, {}}), Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "nothing half-written stays";
}

}  // namespace
}  // namespace affinis::nn
