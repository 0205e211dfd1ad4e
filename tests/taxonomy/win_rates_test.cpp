#include "taxonomy/win_rates.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "taxonomy/affinity.h"

namespace affinis::taxonomy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kWinRateHeader = "target,a,b,win_rate,images\n";

class WinRates : public testing::Test {
 protected:
  std::vector<Tournament> read(const std::string& text) {
    const std::filesystem::path path = folder_.path() / "rates.csv";
    write_file_atomically(path, std::string_view(text));
    return read_win_rates(std::span(&path, 1));
  }

  std::string sentence_of(const std::string& rows) {
    try {
      read(kWinRateHeader + rows);
    } catch (const Error& error) {
      return error.sentence();
    }
    ADD_FAILURE() << "no error for: " << rows;
    return {};
  }

  TemporaryFolder folder_;
};

TEST_F(WinRates, MakeTournaments) {
  const std::vector<Tournament> found = read(
      "win_rate,b,a,target\n0.75,x,self,depth\n0.5,self,self,depth\n0.4,y,x,depth\n0.6,x,y,"
      "depth\n1,z,w,a\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].target, "a");
  const Tournament& depth = found[1];
  EXPECT_THAT(depth.networks, ElementsAre("self", "x", "y"));
  EXPECT_EQ(depth.win(0, 1), 0.75);
  EXPECT_EQ(depth.win(1, 0), 0.25);
  EXPECT_EQ(depth.win(1, 2), 0.4);
  EXPECT_EQ(depth.win(1, 1), 0.5);
  EXPECT_TRUE(std::isnan(depth.win(0, 2)));
  EXPECT_TRUE(depth.shared.empty());
}

TEST_F(WinRates, KeepNumbersOfImages) {
  const Tournament depth =
      read(kWinRateHeader + "depth,self,x,0.75,100\ndepth,x,y,0.4,80\ndepth,self,y,0.9,80\n").front();
  EXPECT_EQ(depth.images, 100);
  EXPECT_EQ(depth.shared_images(2, 1), 80);
  EXPECT_EQ(depth.shared_images(2, 2), 80);
  EXPECT_EQ(depth.shared_images(0, 0), 100);
}

TEST_F(WinRates, GiveTheAffinitiesOfTheLossesTheyWereMeasuredOn) {
  const double missing = std::nan("");
  const LossTable losses{"depth",
                         {"scratch", "a", "self", "a+b"},
                         {1, 2, 3, 4},
                         {9, 9, 9, 2, 5, 5, 0, 5, 1, 1, 1, missing, 3, 3, 3, 6}};
  const Tournament all = make_tournament(losses);
  std::string text = kWinRateHeader;
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      text += "depth," + all.networks[i] + "," + all.networks[j] + "," +
              std::to_string(all.win(i, j)) + "," + std::to_string(all.shared_images(i, j)) + "\n";
    }
  }
  for (const Smoothing smoothing : {Smoothing::kClip, Smoothing::kLaplace}) {
    AffinityOptions options;
    options.ahp.smoothing = smoothing;
    const TargetAffinity expected = target_affinity(losses, options);
    const TargetAffinity found = target_affinity(read(text).front(), options);
    ASSERT_EQ(found.rows.size(), 3U);
    for (const TransferRow& row : expected.rows) {
      const auto same = std::find_if(found.rows.begin(), found.rows.end(), [&](const auto& other) {
        return other.sources == row.sources;
      });
      ASSERT_NE(same, found.rows.end());
      EXPECT_NEAR(same->affinity, row.affinity, 1e-5);  // six digits of the rates are in the file
      EXPECT_NEAR(same->gain, row.gain, 1e-6);
      EXPECT_NEAR(same->quality, row.quality, 1e-6);
    }
  }
}

TEST_F(WinRates, MissingPairsAreNamed) {
  const Tournament depth = read(kWinRateHeader + "depth,self,x,0.75,\ndepth,x,y,0.4,\n").front();
  try {
    target_affinity(depth);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.sentence(), HasSubstr("'self' and 'y'"));
  }
}

TEST_F(WinRates, BadInputGivesFileAndLine) {
  EXPECT_THAT(sentence_of("t,a,b,1.5,\n"),
              HasSubstr("rates.csv line 2: the win rate 1.5 does not lie between 0 and 1"));
  EXPECT_THAT(sentence_of("t,a,b,-0.1,\n"), HasSubstr("rates.csv line 2: the win rate -0.1"));
  EXPECT_THAT(sentence_of("t,a,b,nan,\n"), HasSubstr("rates.csv line 2: 'nan' in column win_rate"));
  EXPECT_THAT(sentence_of("t,a,b,,\n"), HasSubstr("the win rate is empty"));
  EXPECT_THAT(sentence_of("t,a,,0.5,\n"), HasSubstr("the name of a network is empty"));
  EXPECT_THAT(sentence_of(",a,b,0.5,\n"), HasSubstr("the target is empty"));
  EXPECT_THAT(sentence_of("t,a,a,0.6,\n"), HasSubstr("'a' wins 0.6 against itself"));
  EXPECT_THAT(sentence_of("t,a,b,0.6,\nt,a,b,0.6,\n"),
              HasSubstr("rates.csv line 3: the win rate of 'a' against 'b'"));
  EXPECT_THAT(sentence_of("t,a,b,0.6,\nt,b,a,0.6,\n"), HasSubstr("must add up to 1"));
  EXPECT_THAT(sentence_of("t,a,b,0.6,5\nt,b,a,0.4,6\n"), HasSubstr("on 6 images here and on 5"));
  EXPECT_THAT(sentence_of("t,a,b,0.6,5\nt,a,c,0.4,\n"),
              HasSubstr("rates.csv line 3: images are given for some rows"));
  EXPECT_THAT(sentence_of("t,a,b,0.6,0\n"), HasSubstr("'0' in column images"));
  EXPECT_THAT(sentence_of("t,a,b,0.6,2.5\n"), HasSubstr("'2.5' in column images"));
  EXPECT_THAT(sentence_of(""), HasSubstr("there are no rows"));
}

}  // namespace
}  // namespace affinis::taxonomy
