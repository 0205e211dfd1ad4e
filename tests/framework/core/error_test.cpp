#include "framework/core/error.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace affinis {
namespace {

TEST(Error, FramesComeOutermostFirst) {
  try {
    try {
      fail(ErrorCode::kData, "sample {} has no depth", 7);
    } catch (Error& error) {
      error.within("data set rooms");
      throw error.within("job train depth");
    }
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_EQ(error.sentence(), "sample 7 has no depth");
    EXPECT_THAT(error.context(), testing::ElementsAre("job train depth", "data set rooms"));
    EXPECT_STREQ(error.what(), "job train depth: data set rooms: sample 7 has no depth");
    return;
  }
  FAIL() << "nothing was thrown";
}

TEST(Error, CheckFormatsOnlyWhenItFails) {
  int formatted = 0;
  const auto count = [&] { return ++formatted; };
  AFFINIS_CHECK(1 + 1 == 2, ErrorCode::kUsage, "never {}", count());
  EXPECT_EQ(formatted, 0);
  EXPECT_THROW(AFFINIS_CHECK(1 + 1 == 3, ErrorCode::kUsage, "always {}", count()), Error);
  EXPECT_EQ(formatted, 1);
}

TEST(Error, AssertionNamesConditionAndPlace) {
  try {
    AFFINIS_ASSERT(2 < 1);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInternal);
    EXPECT_THAT(error.sentence(), testing::HasSubstr("'2 < 1'"));
    EXPECT_THAT(error.sentence(), testing::HasSubstr("error_test.cpp:"));
  }
}

TEST(Error, EveryCodeHasItsOwnName) {
  std::vector<std::string> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kCancelled); ++code) {
    names.emplace_back(error_code_name(static_cast<ErrorCode>(code)));
  }
  EXPECT_THAT(names, testing::ElementsAre("usage", "config", "io", "format", "data", "numeric",
                                          "device", "internal", "cancelled"));
}

}  // namespace
}  // namespace affinis
