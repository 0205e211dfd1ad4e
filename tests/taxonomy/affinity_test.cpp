#include "taxonomy/affinity.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace affinis::taxonomy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Four images; self is best everywhere, a+b better than a, scratch worst but for one image, constant best of all (and no contestant).
LossTable example() {
  return {"depth",
          {"scratch", "a", "self", "a+b", "constant", "shallow"},
          {10, 11, 12, 13},
          {9, 9, 9, 2,   //
           5, 5, 5, 5,   //
           1, 1, 1, 1,   //
           3, 3, 3, 6,   //
           0, 0, 0, 0,   //
           8, 8, 8, 8}};
}

TEST(Affinity, BaselinesAreNeitherContestantsNorRows) {
  const TargetAffinity result = target_affinity(example());
  EXPECT_THAT(result.tournament.networks, ElementsAre("a", "self", "a+b"));
  ASSERT_EQ(result.rows.size(), 3U);
  EXPECT_EQ(result.rows[2].sources, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(result.rows[2].order, 2);
  EXPECT_NEAR(result.rows[0].affinity + result.rows[1].affinity + result.rows[2].affinity, 1, 1e-12);
  EXPECT_GT(result.rows[1].affinity, result.rows[2].affinity);
  EXPECT_GT(result.rows[2].affinity, result.rows[0].affinity);
}

TEST(Affinity, GainAndQualityAreWinRates) {
  const TargetAffinity result = target_affinity(example());
  EXPECT_DOUBLE_EQ(result.rows[0].gain, 0.75);  // a loses image 13 to scratch
  EXPECT_DOUBLE_EQ(result.rows[1].gain, 1.0);
  EXPECT_DOUBLE_EQ(result.rows[2].gain, 0.75);
  EXPECT_DOUBLE_EQ(result.rows[0].quality, 0.0);
  EXPECT_DOUBLE_EQ(result.rows[1].quality, 0.5);  // self against itself
}

TEST(Affinity, GainAgainstAnotherBaseline) {
  AffinityOptions options;
  options.gain_against = "shallow";
  EXPECT_DOUBLE_EQ(target_affinity(example(), options).rows[0].gain, 1.0);
  options.gain_against = "absent";
  EXPECT_TRUE(std::isnan(target_affinity(example(), options).rows[0].gain));
}

TEST(Affinity, AffinityIsTheAhpOfTheTournament) {
  const TargetAffinity result = target_affinity(example());
  const AhpResult ahp = ahp_affinity(result.tournament);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_DOUBLE_EQ(result.rows[i].affinity, ahp.affinity[i]);
}

TEST(Affinity, NothingButBaselinesIsAnError) {
  const LossTable table{"depth", {"scratch", "constant"}, {1}, {1, 2}};
  try {
    target_affinity(table);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.sentence(), HasSubstr("losses of depth: there is no transfer"));
  }
}

TEST(Affinity, RepeatedSourcesInAnotherOrderAreAnError) {
  const LossTable table{"depth", {"a+b", "b+a"}, {1}, {1, 2}};
  EXPECT_THROW(target_affinity(table), Error);
}

class LossFiles : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) {
    write_file_atomically(folder_.path() / name, std::string_view(text));
    return folder_.path() / name;
  }

  std::string sentence_of(const std::string& text) {
    const std::filesystem::path path = write("bad.csv", text);
    try {
      read_loss_tables(std::span(&path, 1));
    } catch (const Error& error) {
      return error.sentence();
    }
    ADD_FAILURE() << "no error for: " << text;
    return {};
  }

  TemporaryFolder folder_;
};

TEST_F(LossFiles, AreJoinedOverFilesAndTargets) {
  const std::vector<std::filesystem::path> paths = {
      write("one.csv", "network,target,image,loss\nself,depth,7,0.5\nself,depth,3,0.25\nself,edge,1,2\n"),
      write("two.csv", "loss,image,target,network\ninf,3,depth,a+b\n,7,depth,a+b\n1,9,depth,a+b\n")};
  const std::vector<LossTable> tables = read_loss_tables(paths);
  ASSERT_EQ(tables.size(), 2U);
  EXPECT_EQ(tables[0].target, "depth");
  EXPECT_THAT(tables[0].networks, ElementsAre("self", "a+b"));
  EXPECT_THAT(tables[0].images, ElementsAre(3, 7, 9));
  EXPECT_EQ(tables[0].loss(0, 0), 0.25);
  EXPECT_EQ(tables[0].loss(0, 1), 0.5);
  EXPECT_TRUE(std::isnan(tables[0].loss(0, 2)));
  EXPECT_EQ(tables[0].loss(1, 0), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(tables[0].loss(1, 1)));
  EXPECT_EQ(tables[1].target, "edge");
}

TEST_F(LossFiles, KnowBuildings) {
  const std::vector<std::filesystem::path> paths = {
      write("one.csv", "network,target,image,loss,building\nself,depth,7,0.5,x\nself,depth,3,0.25,\nself,edge,9,2,y\n"),
      write("two.csv", "network,target,image,loss\na,depth,9,1\nself,normal,4,1\n")};
  std::vector<LossTable> tables = read_loss_tables(paths);
  EXPECT_THAT(tables[0].buildings, ElementsAre("", "x", "y"));
  EXPECT_THAT(tables[1].buildings, ElementsAre("y"));
  EXPECT_TRUE(tables[2].buildings.empty());
  read_buildings(write("buildings.csv", "building,image\nz,4\nz,3\n"), tables);
  EXPECT_THAT(tables[0].buildings, ElementsAre("z", "x", "y"));
  EXPECT_THAT(tables[2].buildings, ElementsAre("z"));
}

TEST_F(LossFiles, BuildingsThatDisagreeAreAnError) {
  const std::string header = "network,target,image,loss,building\n";
  EXPECT_THAT(sentence_of(header + "a,b,1,1,x\nc,b,1,1,y\n"), HasSubstr("bad.csv line 3: image 1 is of building 'y' here, but was of 'x'"));
  EXPECT_THAT(sentence_of("network,target,image,loss,building,building\na,b,1,1,x,x\n"), HasSubstr("'building' stands twice"));
  const auto read = [&](const std::string& rows) {
    std::vector<LossTable> tables = {example()};
    try {
      read_buildings(write("bad.csv", "image,building\n" + rows), tables);
    } catch (const Error& error) {
      return error.sentence();
    }
    return std::string("no error");
  };
  EXPECT_THAT(read("1,x\n1,y\n"), HasSubstr("bad.csv line 3: image 1 has a building already"));
  EXPECT_THAT(read("1,\n"), HasSubstr("bad.csv line 2: the building is empty"));
  EXPECT_THAT(read("one,x\n"), HasSubstr("'one' in column image"));
}

TEST_F(LossFiles, BadInputGivesFileAndLine) {
  const std::string header = "network,target,image,loss\n";
  EXPECT_THAT(sentence_of("network,target,loss\na,b,1\n"), HasSubstr("bad.csv line 1: the column 'image' is missing"));
  EXPECT_THAT(sentence_of(header + "a,b,1,x\n"), HasSubstr("bad.csv line 2: 'x' in column loss"));
  EXPECT_THAT(sentence_of(header + "a,b,1,-inf\n"), HasSubstr("bad.csv line 2: '-inf' in column loss"));
  EXPECT_THAT(sentence_of(header + "a,b,1.5,1\n"), HasSubstr("bad.csv line 2: '1.5' in column image"));
  EXPECT_THAT(sentence_of(header + "a,,1,1\n"), HasSubstr("bad.csv line 2: the target is empty"));
  EXPECT_THAT(sentence_of(header + "a,b,1,1\na,b,1,\n"), HasSubstr("bad.csv line 3: the loss of network 'a'"));
  EXPECT_THAT(sentence_of(header), HasSubstr("there are no rows"));
}

}  // namespace
}  // namespace affinis::taxonomy
