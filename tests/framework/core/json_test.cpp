#include "framework/core/json.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/random.h"

namespace affinis {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class JsonTest : public testing::Test {
 protected:
  Error error_of(const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorCode::kInternal, "nothing was thrown");
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "value.json";
};

TEST_F(JsonTest, DoublesReadBackToTheSameBits) {
  json numbers = {0.1, 1.0 / 3, -0.0, 5e-324, 1.7976931348623157e308, 1e23, 123456789012345680.0};
  RandomStream stream(1, "json");
  while (numbers.size() < 2000) {
    const std::uint64_t bits = stream.bits();
    double number;
    std::memcpy(&number, &bits, sizeof number);
    if (std::isfinite(number)) numbers.push_back(number);
  }
  write_json(path_, numbers);
  const json again = read_json(path_);
  ASSERT_EQ(again.size(), numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto expected = numbers[i].get<double>();
    const auto read = again[i].get<double>();
    EXPECT_EQ(std::memcmp(&expected, &read, sizeof read), 0) << expected;
  }
}

TEST_F(JsonTest, WritesTheSameBytesWhateverTheOrderOfKeys) {
  json a;
  a["zeta"] = 1;
  a["alpha"] = {{"y", 2.5}, {"x", "\u00e9"}};
  json b;
  b["alpha"]["x"] = "\u00e9";
  b["alpha"]["y"] = 2.5;
  b["zeta"] = 1;
  write_json(path_, a);
  const std::string first = read_file(path_);
  write_json(path_, b);
  EXPECT_EQ(read_file(path_), first);
  EXPECT_EQ(first,
            "{\n  \"alpha\": {\n    \"x\": \"\u00e9\",\n    \"y\": 2.5\n  },\n  \"zeta\": 1\n}\n");
}

TEST_F(JsonTest, RefusesNumbersThatJsonDoesNotHave) {
  write_json(path_, 1);
  const Error nan = error_of([&] { write_json(path_, json{{"loss", {1.0, std::nan("")}}}); });
  EXPECT_EQ(nan.code(), ErrorCode::kNumeric);
  EXPECT_EQ(nan.sentence(),
            "cannot write '" + path_.string() +
                "': the number at '/loss/1' is not a number, which JSON does not have");
  const Error infinite =
      error_of([&] { write_json(path_, -std::numeric_limits<double>::infinity()); });
  EXPECT_EQ(infinite.sentence(), "cannot write '" + path_.string() +
                                     "': the number at '/' is infinite, which JSON does not have");
  EXPECT_EQ(read_json(path_), 1);
}

TEST_F(JsonTest, RefusesTextThatIsNotUtf8) {
  write_json(path_, 1);
  EXPECT_EQ(error_of([&] { write_json(path_, "\xFF"); }).code(), ErrorCode::kData);
  EXPECT_EQ(read_json(path_), 1);
}

TEST_F(JsonTest, MissingFileIsNamed) {
  const Error error = error_of([&] { read_json(path_); });
  EXPECT_EQ(error.code(), ErrorCode::kIo);
  EXPECT_THAT(error.sentence(), HasSubstr("cannot read '" + path_.string() +
                                          "': it or a folder above it does not exist"));
}

TEST_F(JsonTest, DamagedFileIsNamedWithThePlace) {
  write_file_atomically(path_, std::string_view("{\n  \"a\": 1,\n  \"b\": }\n"));
  const Error error = error_of([&] { read_json(path_); });
  EXPECT_EQ(error.code(), ErrorCode::kFormat);
  EXPECT_THAT(error.sentence(), HasSubstr("'" + path_.string() + "' is not valid JSON: "));
  EXPECT_THAT(error.sentence(), HasSubstr("line 3, column 8"));
  for (const char* text : {"", "{", "[1,]", "1 2", "1e999", "\"\xFF\"", "nul", "{\"a\":1,}"}) {
    write_file_atomically(path_, std::string_view(text));
    EXPECT_EQ(error_of([&] { read_json(path_); }).code(), ErrorCode::kFormat) << text;
  }
}

TEST_F(JsonTest, SentenceStaysShortForLongTokens) {
  write_file_atomically(path_, std::string_view("[\"" + std::string(100000, 'x')));
  EXPECT_LT(error_of([&] { read_json(path_); }).sentence().size(), 500U);
}

TEST_F(JsonTest, MutatedTextGivesAValueOrAnError) {
  const std::string valid =
      R"({"name": "rooms", "sizes": [1, -2, 3.5e-3, 1E+4], "deep": {"a": [[[]]], "b": null}, "text": "\u00e9\n\ud83d\ude00", "t": true})";
  static constexpr std::string_view kLetters = "{}[]\",:\\ue0123456789.-+ \ntfn\x80\xFF";
  RandomStream stream(2, "json mutations");
  int errors = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = valid;
    for (std::uint64_t change = 0, changes = 1 + stream.below(4); change < changes && !text.empty();
         ++change) {
      const auto at = static_cast<std::size_t>(stream.below(text.size()));
      const char letter = kLetters[static_cast<std::size_t>(stream.below(kLetters.size()))];
      switch (stream.below(4)) {
        case 0:
          text[at] = letter;
          break;
        case 1:
          text.insert(at, 1, letter);
          break;
        case 2:
          text.erase(at, 1 + static_cast<std::size_t>(stream.below(5)));
          break;
        default:
          text.resize(at);
          break;
      }
    }
    // Truncating an existing file makes some file systems flush it to the disk, 20,000 times here.
    std::filesystem::remove(path_);
    std::ofstream(path_, std::ios::binary) << text;
    try {
      read_json(path_);
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::kFormat) << text;
      ++errors;
    }
  }
  EXPECT_GT(errors, 5000);
  EXPECT_LT(errors, 20000);
}

TEST_F(JsonTest, DeepNestingDoesNotExhaustTheStack) {
  write_file_atomically(path_, std::string_view(std::string(200000, '[')));
  EXPECT_EQ(error_of([&] { read_json(path_); }).code(), ErrorCode::kFormat);
}

}  // namespace
}  // namespace affinis
