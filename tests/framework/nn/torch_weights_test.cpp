#include <cstring>
#include <filesystem>
#include <map>
#include <string>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/nn/detail/pickle.h"
#include "framework/nn/safetensors.h"
#include "framework/nn/torch_weights.h"

namespace affinis::nn {
namespace {

using ::testing::HasSubstr;

std::filesystem::path file(const std::string& name) {
  return std::filesystem::path(AFFINIS_SOURCE_DIR) / "tests/framework/nn/expected/torch" / name;
}

std::string sentence_of(const std::filesystem::path& path) {
  try {
    read_torch_weights(path);
  } catch (const Error& error) {
    return error.sentence();
  }
  return {};
}

/// What PyTorch wrote with safetensors from the same tensors.
std::map<std::string, at::Tensor> expected_of(const std::string& name) {
  std::map<std::string, at::Tensor> result;
  for (const NamedTensor& each : read_safetensors(file("values.safetensors")).tensors) {
    if (each.name.starts_with(name + "/")) result[each.name.substr(name.size() + 1)] = each.tensor;
  }
  return result;
}

TEST(TorchWeights, AreWhatPyTorchHoldsInEveryShapeOfFile) {
  for (const char* name : {"ordered", "plain", "protocol4", "nested", "model", "parameters", "types"}) {
    SCOPED_TRACE(name);
    const auto expected = expected_of(name);
    ASSERT_FALSE(expected.empty());
    const std::vector<NamedTensor> tensors = read_torch_weights(file(name + std::string(".pt")));
    EXPECT_EQ(tensors.size(), expected.size());
    for (const NamedTensor& each : tensors) {
      ASSERT_TRUE(expected.contains(each.name)) << each.name;
      const at::Tensor& other = expected.at(each.name);
      EXPECT_EQ(each.tensor.scalar_type(), other.scalar_type()) << each.name;
      EXPECT_TRUE(at::equal(each.tensor, other)) << each.name;
    }
  }
}

TEST(TorchWeights, TensorsThatShareAStorageShareMemory) {
  std::map<std::string, at::Tensor> tensors;
  for (const NamedTensor& each : read_torch_weights(file("types.pt"))) tensors[each.name] = each.tensor;
  EXPECT_EQ(tensors.at("part").const_data_ptr<float>(), tensors.at("whole").const_data_ptr<float>() + 5);
  EXPECT_FALSE(tensors.at("transposed").is_contiguous());
}

TEST(TorchWeights, RefuseWithOneSentenceWhatIsNone) {
  const auto says = [](const char* name, const char* what) {
    const std::string sentence = sentence_of(file(name));
    EXPECT_THAT(sentence, HasSubstr(what)) << name;
    EXPECT_THAT(sentence, HasSubstr(name));
    EXPECT_EQ(sentence.find('\n'), std::string::npos);
  };
  says("legacy.pt", "is in PyTorch's format from before version 1.6; in Python, torch.load it and torch.save it again");
  says("module.pt", "it holds '__main__.Net', which is no part of weights and is not run; in Python, save model.state_dict() alone");
  says("evil.pt", "it holds 'posix.system', which is no part of weights and is not run");
  EXPECT_FALSE(std::filesystem::exists("/tmp/affinis-evil"));
  says("scripted.pt", "it is a TorchScript program");
  says("no_tensors.pt", "its dict holds no tensors (only epoch, lr)");
  says("list.pt", "it holds no dict of tensors");
  says("values.safetensors", "it is no zip archive");
  EXPECT_TRUE(looks_like_torch_file(file("legacy.pt")));
  EXPECT_TRUE(looks_like_torch_file(file("plain.pt")));
  EXPECT_FALSE(looks_like_torch_file(file("values.safetensors")));
  EXPECT_THAT(sentence_of(file("nowhere.pt")), HasSubstr("cannot open"));
}

/// A zip archive of these members, as torch.save lays them out.
std::filesystem::path archive(const TemporaryFolder& folder, const std::map<std::string, std::string>& members, bool compressed = false) {
  const std::filesystem::path path = folder.path() / "made.pt";
  int code = 0;
  zip_t* const zip = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  for (const auto& [name, bytes] : members) {
    zip_source_t* const source = zip_source_buffer(zip, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = zip_file_add(zip, name.c_str(), source, ZIP_FL_OVERWRITE);
    zip_set_file_compression(zip, static_cast<zip_uint64_t>(index), compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
  }
  EXPECT_EQ(zip_close(zip), 0);
  return path;
}

std::string text(const std::string& value) {
  std::string bytes = "X";
  const auto size = static_cast<std::uint32_t>(value.size());
  bytes.append(reinterpret_cast<const char*>(&size), 4);
  return bytes + value;
}
std::string whole(std::int32_t value) {
  std::string bytes = "J";
  bytes.append(reinterpret_cast<const char*>(&value), 4);
  return bytes;
}
std::string tuple(const std::vector<std::int32_t>& values) {
  std::string bytes = "(";
  for (const std::int32_t value : values) bytes += whole(value);
  return bytes + "t";
}

/// A pickle of one tensor "w" in storage "0" of `elements` floats.
std::string pickle_of(std::int32_t elements, std::int32_t offset, const std::vector<std::int32_t>& sides, const std::vector<std::int32_t>& strides,
                      const std::string& key = "0") {
  return "\x80\x02}" + text("w") + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" + text(key) + text("cpu") +
         whole(elements) + "tQ" + whole(offset) + tuple(sides) + tuple(strides) + "\x89NtRs.";
}

TEST(TorchWeights, RefuseHostileFiles) {
  const TemporaryFolder folder;
  const std::string four(16, '\0');
  const auto says = [&](const std::string& pickle, const std::map<std::string, std::string>& data, const char* what, bool compressed = false) {
    std::map<std::string, std::string> members = {{"a/data.pkl", pickle}};
    for (const auto& [name, bytes] : data) members["a/" + name] = bytes;
    EXPECT_THAT(sentence_of(archive(folder, members, compressed)), HasSubstr(what));
  };
  EXPECT_EQ(sentence_of(archive(folder, {{"a/data.pkl", pickle_of(4, 0, {2, 2}, {2, 1})}, {"a/data/0", four}})), "");
  says(pickle_of(4, 0, {2, 3}, {2, 1}), {{"data/0", four}}, "its tensor 'w' reaches beyond its storage of 4 elements");
  says(pickle_of(4, 1, {2, 2}, {2, 1}), {{"data/0", four}}, "reaches beyond its storage");
  says(pickle_of(4, 0, {1000000000, 1000000000}, {0, 0}), {{"data/0", four}}, "reaches beyond its storage");
  says(pickle_of(4, 0, {2147483647, 2147483647, 2147483647}, {2147483647, 2147483647, 2147483647}), {{"data/0", four}}, "reaches beyond its storage");
  says(pickle_of(4, 0, {2, -2}, {2, 1}), {{"data/0", four}}, "whose shape is no number from 0 on");
  says(pickle_of(4, 0, {2, 2}, {2}), {{"data/0", four}}, "2 sides with 1 strides");
  says(pickle_of(2000000000, 0, {2, 2}, {2, 1}), {{"data/0", four}}, "has 16 bytes where 2000000000 elements of FloatStorage are promised");
  says(pickle_of(4, 0, {2, 2}, {2, 1}), {}, "lacks the member 'data/0'");
  says(pickle_of(4, 0, {2, 2}, {2, 1}, "../0"), {{"data/0", four}}, "lacks the member 'data/../0'");
  says(pickle_of(4, 0, {2, 2}, {2, 1}), {{"data/0", std::string(1 << 16, '\0')}}, "is compressed", true);
  says(pickle_of(4, 0, {2, 2}, {2, 1}), {{"data/0", four}, {"byteorder", "big"}}, "'big'-endian");
  says("\x80\x02}", {}, "ends in the middle");
  says("\x80\x02.", {}, "takes more values than it has");
  says("\x80\x02}cos\nsystem\n.", {}, "it holds 'os.system'");
  says("\x80\x02}}ub.", {}, "ends a group that it did not begin");
  says("\x80\x02}h\x05.", {}, "recalls something");
  says(std::string("\x80\x02}i", 4), {}, "uses the pickle instruction 0x69");
  says("\x80\x09}.", {}, "pickle protocol 9");
  says(std::string("\x80\x02X\xff\xff\xff\xff", 7), {}, "ends in the middle");
  EXPECT_THAT(sentence_of(archive(folder, {{"a/nothing", "x"}})), HasSubstr("has no data.pkl"));
  EXPECT_THAT(sentence_of(archive(folder, {{"a/data.pkl", "x"}, {"b/data.pkl", "x"}})), HasSubstr("more than one list of tensors"));
}

TEST(TorchWeights, RefuseDamageAnywhere) {
  const TemporaryFolder folder;
  const std::string sound = read_file(file("plain.pt"));
  const std::filesystem::path path = folder.path() / "damaged.pt";
  const std::size_t before = read_torch_weights(file("plain.pt")).size();
  for (std::size_t at = 0; at < sound.size(); at += 29) {
    for (const bool cut : {false, true}) {
      std::string bytes = sound;
      if (cut) {
        bytes.resize(at);
      } else {
        bytes[at] = static_cast<char>(bytes[at] ^ 0x5a);
      }
      write_file_atomically(path, bytes);
      // Damage in padding or in names of members that are not needed goes unnoticed; nothing else may.
      try {
        EXPECT_EQ(read_torch_weights(path).size(), before);
        EXPECT_FALSE(cut);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kFormat) << error.what();
      }
    }
  }
}

TEST(Pickle, HoldsWhatIsMentionedTwiceOnceAndSurvivesWhatContainsItself) {
  // l = []; l.append(l)
  const std::string itself("\x80\x02]q\x00h\x00" "a.", 9);
  const detail::Pickle pickle = detail::read_pickle(itself);
  EXPECT_EQ(pickle.root.kind, detail::PickledValue::Kind::kList);
  ASSERT_EQ(pickle.lists.size(), 1u);
  EXPECT_EQ(pickle.lists[0].at(0).index, 0u);
}

}  // namespace
}  // namespace affinis::nn
