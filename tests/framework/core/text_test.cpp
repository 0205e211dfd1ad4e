#include "framework/core/text.h"

#include <cmath>
#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"

namespace affinis {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Split, KeepsEmptyPartsAndTrims) {
  EXPECT_THAT(split("a,,b", ','), ElementsAre("a", "", "b"));
  EXPECT_THAT(split(" a , b\t", ','), ElementsAre("a", "b"));
  EXPECT_THAT(split("a,", ','), ElementsAre("a", ""));
  EXPECT_THAT(split("a", ','), ElementsAre("a"));
  EXPECT_THAT(split("", ','), IsEmpty());
}

TEST(Join, UndoesSplit) {
  EXPECT_EQ(join(split("a,b,,c", ','), ","), "a,b,,c");
  EXPECT_EQ(join({}, ","), "");
}

TEST(Trim, RemovesBlanksAtBothEndsOnly) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

TEST(ParseInteger, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_integer(" 42 "), 42);
  EXPECT_EQ(parse_integer("-42"), -42);
  EXPECT_EQ(parse_integer("+42"), 42);
  EXPECT_EQ(parse_integer("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_integer("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  for (const char* bad : {"", " ", "4 2", "42x", "4.0", "0x10", "9223372036854775808", "+-4", "--4",
                          "+", "-", "1e3"}) {
    EXPECT_EQ(parse_integer(bad), std::nullopt) << bad;
  }
}

TEST(ParseReal, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_real(" 0.1 "), 0.1);
  EXPECT_EQ(parse_real("-1e-3"), -1e-3);
  EXPECT_EQ(parse_real("+2"), 2.0);
  EXPECT_EQ(parse_real("5e-324"), 5e-324);
  EXPECT_EQ(parse_real("inf"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse_real("-inf"), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(parse_real("nan").value()));
  for (const char* bad : {"", "1,5", "1.5.2", "1e999", "one", "0x1p3", "1 2"})
    EXPECT_EQ(parse_real(bad), std::nullopt) << bad;
}

TEST(ParseIntegerList, ReadsNumbersAndRanges) {
  EXPECT_THAT(parse_integer_list("1-3,7", "--seeds"), ElementsAre(1, 2, 3, 7));
  EXPECT_THAT(parse_integer_list(" 5 , 2 - 3 ", "--seeds"), ElementsAre(5, 2, 3));
  EXPECT_THAT(parse_integer_list("-3--1,4-4", "--seeds"), ElementsAre(-3, -2, -1, 4));
  EXPECT_EQ(parse_integer_list("1-1000000", "--seeds").size(), 1000000U);
}

TEST(ParseIntegerList, SaysWhatIsWrong) {
  const auto sentence = [](std::string_view text) -> std::string {
    try {
      parse_integer_list(text, "--seeds");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.sentence();
    }
    return "nothing was thrown";
  };
  EXPECT_EQ(sentence("1-3,x"),
            "--seeds must be a list like 1-3,7, but '1-3,x' has 'x', which is neither an integer "
            "nor a range");
  EXPECT_EQ(sentence("3-1"),
            "--seeds must be a list like 1-3,7, but '3-1' has the range '3-1' whose end is before "
            "its start");
  EXPECT_EQ(sentence("1,,2"),
            "--seeds must be a list like 1-3,7, but '1,,2' has nothing between two commas");
  EXPECT_EQ(sentence(""), "--seeds must be a list like 1-3,7, but '' has no number");
  EXPECT_THAT(sentence("1-"), testing::HasSubstr("'1-'"));
  EXPECT_THAT(sentence("-"), testing::HasSubstr("neither"));
  EXPECT_THAT(sentence("1-2-3"), testing::HasSubstr("neither"));
  for (const char* huge :
       {"0-1000000", "1-600000,1-600000", "-9223372036854775808-9223372036854775807"}) {
    EXPECT_THAT(sentence(huge), testing::HasSubstr("more than a million numbers")) << huge;
  }
}

TEST(NearestNames, AllowsAThirdOfTheLengthNearestFirst) {
  const std::vector<std::string> names = {"epochs", "epoch", "steps", "learning_rate", "lr"};
  EXPECT_THAT(nearest_names("epocs", names), ElementsAre("epoch", "epochs"));
  EXPECT_THAT(nearest_names("learnig_rat", names), ElementsAre("learning_rate"));
  EXPECT_THAT(nearest_names("zebra", names), IsEmpty());
  EXPECT_THAT(nearest_names("", names), IsEmpty());
}

TEST(NearestNames, ForgivesCapitalsHyphensSwapsAndShortNames) {
  const std::vector<std::string> names = {"learning_rate", "lr", "seed"};
  EXPECT_THAT(nearest_names("Learning-Rate", names), ElementsAre("learning_rate"));
  EXPECT_THAT(nearest_names("sede", names), ElementsAre("seed"));
  EXPECT_THAT(nearest_names("rl", names), ElementsAre("lr"));
  EXPECT_THAT(nearest_names("x", names), IsEmpty());
}

TEST(NearestNames, GivesAtMostThreeDifferentOnes) {
  const std::vector<std::string> names = {"conv1", "conv2", "conv3", "conv4", "conv1"};
  EXPECT_THAT(nearest_names("conv", names), ElementsAre("conv1", "conv2", "conv3"));
}

TEST(DidYouMean, JoinsNames) {
  EXPECT_EQ(did_you_mean("conv1", std::vector<std::string>{"conv2"}), ", did you mean 'conv2'?");
  EXPECT_EQ(did_you_mean("conv", std::vector<std::string>{"conv1", "conv2"}),
            ", did you mean 'conv1' or 'conv2'?");
  EXPECT_EQ(did_you_mean("conv", std::vector<std::string>{"conv3", "conv1", "conv2"}),
            ", did you mean 'conv1', 'conv2' or 'conv3'?");
  EXPECT_EQ(did_you_mean("conv", std::vector<std::string>{"pool"}), "");
}

TEST(FormatDuration, IsAClock) {
  EXPECT_EQ(format_duration(0), "0:00");
  EXPECT_EQ(format_duration(75), "1:15");
  EXPECT_EQ(format_duration(59.6), "1:00");
  EXPECT_EQ(format_duration(3599.6), "1:00:00");
  EXPECT_EQ(format_duration(3725), "1:02:05");
  EXPECT_EQ(format_duration(360000), "100:00:00");
  EXPECT_EQ(format_duration(-75), "-1:15");
  EXPECT_EQ(format_duration(-0.2), "0:00");
  EXPECT_EQ(format_duration(std::nan("")), "unknown");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "unknown");
}

TEST(FormatBytes, UsesPowersOf1024) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.0 KiB");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(1048575), "1.0 MiB");
  EXPECT_EQ(format_bytes(3.5 * 1024 * 1024 * 1024), "3.5 GiB");
  EXPECT_EQ(format_bytes(-1536), "-1.5 KiB");
  EXPECT_EQ(format_bytes(std::nan("")), "unknown");
}

}  // namespace
}  // namespace affinis
