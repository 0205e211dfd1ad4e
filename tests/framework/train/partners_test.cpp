#include "framework/train/partners.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "tests/framework/train/toy.h"

namespace affinis::train {
namespace {

using namespace toy;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

/// Two rooms of five views. In each, views 0 to 2 look at point 0, views 3 and 4 at point 1; views 0, 1 and 3 see points 0 to 3 as well.
class PartnersTest : public ::testing::Test {
 protected:
  PartnersTest() {
    data::StoreInfo info{.split = "train", .image_side = 8, .fields = {"fixation", "points", "rgb"}, .encodings = {}, .vocabularies = {}, .provenance = {}};
    data::StoreWriter writer(folder_.path() / "train.h5", info);
    for (const char* room : {"a", "b"}) {
      for (std::int64_t view = 0; view < 5; ++view) {
        data::Sample sample;
        sample.key = {"house", room, view};
        for (const char* name : {"fixation", "points", "rgb"}) {
          sample.fields.emplace(name, data::make_field_value(data::field_spec(name), 8));
        }
        sample.fields.at("fixation").as<std::int32_t>()[0] = view < 3 ? 0 : 1;
        const auto points = sample.fields.at("points").as<float>();
        const std::int64_t seen = view == 0 || view == 1 || view == 3 ? 4 : 1;
        for (std::int64_t row = 0; row < seen; ++row) points[static_cast<std::size_t>((row + 1) * data::kPointColumns - 1)] = 1;
        writer.add(sample);
      }
    }
    writer.finish();
    store_ = std::make_shared<data::Store>(folder_.path() / "train.h5");
  }

  static std::shared_ptr<Regression> looking(task::Partners rule, std::int64_t count) {
    auto result = std::make_shared<Regression>("looking");
    result->info_.arity = count;
    result->info_.partners = rule;
    return result;
  }

  /// Every partner that comes up in many draws.
  std::set<std::int64_t> partners_of(std::int64_t anchor, task::Partners rule, std::int64_t count, std::vector<std::int64_t> pool = {}) const {
    const Partners partners(*store_, pool, {looking(rule, count)});
    RandomStream stream(3, "partners");
    std::set<std::int64_t> result;
    for (int i = 0; i < 200; ++i) {
      const auto drawn = partners.draw(0, anchor, stream);
      EXPECT_EQ(drawn.front(), anchor);
      EXPECT_EQ(std::set<std::int64_t>(drawn.begin(), drawn.end()).size(), drawn.size());
      result.insert(drawn.begin() + 1, drawn.end());
    }
    return result;
  }

  TemporaryFolder folder_;
  std::shared_ptr<const data::Store> store_;
};

TEST_F(PartnersTest, OfTheScene) { EXPECT_THAT(partners_of(0, task::Partners::kScene, 3), UnorderedElementsAre(1, 2, 3, 4)); }

TEST_F(PartnersTest, ThatLookAtTheSamePoint) {
  EXPECT_THAT(partners_of(0, task::Partners::kFixated, 2), UnorderedElementsAre(1, 2));
  EXPECT_THAT(partners_of(8, task::Partners::kFixated, 2), UnorderedElementsAre(9));
  // Too few for a triplet: what there is.
  EXPECT_THAT(partners_of(8, task::Partners::kFixated, 3), UnorderedElementsAre(9));
}

TEST_F(PartnersTest, ThatOverlapFromAnotherPoint) {
  EXPECT_THAT(partners_of(0, task::Partners::kOverlapping, 2), UnorderedElementsAre(3));
  EXPECT_THAT(partners_of(3, task::Partners::kOverlapping, 2), UnorderedElementsAre(0, 1));
  EXPECT_THAT(partners_of(2, task::Partners::kOverlapping, 2), ::testing::IsEmpty());
}

TEST_F(PartnersTest, ThatMatchHalfOfTheTime) {
  const Partners partners(*store_, {}, {looking(task::Partners::kMatchOrNot, 2)});
  RandomStream stream(4, "partners");
  int matches = 0;
  int elsewhere = 0;
  constexpr int kDraws = 2000;
  for (int i = 0; i < kDraws; ++i) {
    const std::int64_t partner = partners.draw(0, 0, stream).at(1);
    matches += partner == 1 || partner == 2 ? 1 : 0;
    elsewhere += partner >= 5 ? 1 : 0;
  }
  EXPECT_NEAR(matches, kDraws / 2, 100);
  EXPECT_NEAR(elsewhere, kDraws / 4, 100);
}

TEST_F(PartnersTest, AnAnchorWithoutAMatchIsNoExample) {
  EXPECT_THAT(partners_of(3, task::Partners::kMatchOrNot, 2, {0, 1, 2, 3}), ::testing::IsEmpty());
}

TEST_F(PartnersTest, StayInThePool) {
  EXPECT_THAT(partners_of(0, task::Partners::kScene, 2, {0, 2, 4, 6}), UnorderedElementsAre(2, 4));
  EXPECT_THAT(partners_of(0, task::Partners::kScene, 2, {4, 0, 0, 2, 2}), UnorderedElementsAre(2, 4));
  const Partners partners(*store_, {0, 2}, {looking(task::Partners::kScene, 2)});
  RandomStream stream(3, "partners");
  EXPECT_THAT(sentence_of([&] { partners.draw(0, 1, stream); }), HasSubstr("not in the pool"));
}

TEST_F(PartnersTest, DependOnTheStreamAlone) {
  const Partners one(*store_, {}, {looking(task::Partners::kFixated, 2)});
  const Partners other(*store_, {}, {looking(task::Partners::kScene, 2), looking(task::Partners::kFixated, 2)});
  for (std::uint64_t i = 0; i < 20; ++i) {
    RandomStream a(5, "draw", {i});
    RandomStream b(5, "draw", {i});
    EXPECT_EQ(one.draw(0, 6, a), other.draw(1, 6, b));
  }
}

TEST_F(PartnersTest, NobodyHasPartners) {
  EXPECT_THAT(sentence_of([&] { Partners(*store_, {0, 5}, {looking(task::Partners::kScene, 2)}); }),
              HasSubstr("the task 'looking' looks at 2 samples at once, but no scene has enough views"));
  EXPECT_THAT(sentence_of([&] { Partners(*store_, {0, 3}, {looking(task::Partners::kFixated, 2)}); }), HasSubstr("views_per_point"));
  EXPECT_THAT(sentence_of([&] { Partners(*store_, {0, 1}, {looking(task::Partners::kMatchOrNot, 2)}); }), HasSubstr("no point is looked at twice"));
}

}  // namespace
}  // namespace affinis::train
