#include "taxonomy/clustering.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace affinis::taxonomy {
namespace {

nlohmann::json expected() {
  return nlohmann::json::parse(read_file(std::filesystem::path(AFFINIS_SOURCE_DIR) / "tests/taxonomy/expected/clustering.json"));
}

std::vector<std::vector<std::size_t>> leaf_sets(const std::vector<Merge>& merges) {
  const std::size_t count = merges.size() + 1;
  std::vector<std::vector<std::size_t>> sets;
  for (std::size_t i = 0; i < count; ++i) sets.push_back({i});
  for (const Merge& merge : merges) {
    sets.push_back(sets[merge.first]);
    sets.back().insert(sets.back().end(), sets[merge.second].begin(), sets[merge.second].end());
    std::sort(sets.back().begin(), sets.back().end());
  }
  sets.erase(sets.begin(), sets.begin() + static_cast<std::ptrdiff_t>(count));
  return sets;
}

TEST(Clustering, AgreesWithSciPy) {
  const nlohmann::json cases = expected()["cases"];
  ASSERT_EQ(cases.size(), 51U);
  for (const nlohmann::json& example : cases) {
    const std::string distance = example["distance"];
    const std::string linkage = example["linkage"];
    const std::vector<double> rows = example["rows"];
    const std::size_t features = example["features"];
    const std::vector<Merge> merges =
        agglomerate(pairwise_distances(rows, features, parse_distance(distance)), rows.size() / features, parse_linkage(linkage));
    const std::vector<double> heights = example["heights"];
    ASSERT_EQ(merges.size(), heights.size());
    for (std::size_t i = 0; i < merges.size(); ++i) {
      EXPECT_NEAR(merges[i].height, heights[i], 1e-12) << distance << " " << linkage;
      EXPECT_LT(merges[i].first, rows.size() / features + i);
    }
    const auto sets = leaf_sets(merges);
    EXPECT_EQ(sets, example["leaves"].get<std::vector<std::vector<std::size_t>>>()) << distance << " " << linkage;
    for (std::size_t i = 0; i < merges.size(); ++i) EXPECT_EQ(merges[i].size, sets[i].size());
    // Labels are numbered differently there: the partitions must agree.
    const std::vector<std::size_t> labels = cut(merges, example["clusters"].get<std::size_t>());
    EXPECT_DOUBLE_EQ(adjusted_rand(labels, example["labels"].get<std::vector<std::size_t>>()), 1.0);
  }
}

TEST(Clustering, AdjustedRandIsThatOverPairs) {
  for (const nlohmann::json& example : expected()["partitions"]) {
    const std::vector<std::size_t> a = example["a"];
    const std::vector<std::size_t> b = example["b"];
    EXPECT_NEAR(adjusted_rand(a, b), example["adjusted_rand"].get<double>(), 1e-12);
  }
  const std::vector<std::size_t> one = {0, 0, 0};
  const std::vector<std::size_t> each = {0, 1, 2};
  EXPECT_EQ(adjusted_rand(one, one), 1);
  EXPECT_EQ(adjusted_rand(each, each), 1);
  EXPECT_EQ(adjusted_rand(one, each), 0);
}

TEST(Clustering, TiesGoToTheLowestLeaves) {
  // Four corners of a square: four pairs are equally near.
  const std::vector<double> corners = {0, 0, 0, 1, 1, 0, 1, 1};
  const std::vector<Merge> merges = agglomerate(pairwise_distances(corners, 2, Distance::kCityBlock), 4, Linkage::kSingle);
  EXPECT_EQ(merges[0].first, 0U);
  EXPECT_EQ(merges[0].second, 1U);
  EXPECT_EQ(merges[1].first, 4U);  // {0, 1} with 2, before 2 with 3
  EXPECT_EQ(merges[1].second, 2U);
  EXPECT_EQ(cut(merges, 2), (std::vector<std::size_t>{0, 0, 0, 1}));
  EXPECT_EQ(cut(merges, 1), (std::vector<std::size_t>{0, 0, 0, 0}));
  EXPECT_EQ(cut(merges, 4), (std::vector<std::size_t>{0, 1, 2, 3}));
  EXPECT_THROW(cut(merges, 5), Error);
  EXPECT_THROW(cut(merges, 0), Error);
}

TEST(Clustering, MissingFeaturesAreLeftOutAndSumsScaledUp) {
  const double missing = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> rows = {1, 2, missing, 4, 3, missing, 7, 8};  // two rows of four, features 0 and 3 shared
  EXPECT_DOUBLE_EQ(pairwise_distances(rows, 4, Distance::kCityBlock)[1], (2 + 4) * 4.0 / 2);
  EXPECT_DOUBLE_EQ(pairwise_distances(rows, 4, Distance::kEuclidean)[1], std::sqrt((4 + 16) * 4.0 / 2));
  EXPECT_NEAR(pairwise_distances(rows, 4, Distance::kCosine)[1], 1 - (3 + 32) / std::sqrt((1.0 + 16) * (9.0 + 64)), 1e-15);
  const std::vector<double> apart = {1, missing, missing, 1};
  EXPECT_TRUE(std::isnan(pairwise_distances(apart, 2, Distance::kCityBlock)[1]));
  const std::vector<double> flat = {1, 1, 1, 2};
  EXPECT_TRUE(std::isnan(pairwise_distances(flat, 2, Distance::kCorrelation)[1]));
  EXPECT_THROW(agglomerate(pairwise_distances(apart, 2, Distance::kCityBlock), 2, Linkage::kAverage), Error);
}

TEST(Clustering, UnknownWordsAreNamed) {
  EXPECT_THROW(parse_distance("manhattan"), Error);
  try {
    parse_linkage("centroid");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.sentence(), "there is no linkage 'centroid'; choose one of average, complete, single, ward, weighted");
  }
}

}  // namespace
}  // namespace affinis::taxonomy
