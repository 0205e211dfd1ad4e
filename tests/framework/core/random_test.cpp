#include "framework/core/random.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace affinis {
namespace {

std::vector<std::uint64_t> first_bits(RandomStream stream, std::size_t count) {
  std::vector<std::uint64_t> result;
  for (std::size_t i = 0; i < count; ++i) result.push_back(stream.bits());
  return result;
}

// The authors' C program started from 1, 2, 3, 4.
TEST(RandomStream, IsXoshiro256StarStar) {
  RandomStream stream(0, "any");
  stream.set_state({1, 2, 3, 4});
  EXPECT_THAT(first_bits(stream, 6),
              testing::ElementsAre(11520U, 0U, 1509978240U, 1215971899390074240U,
                                   1216172134540287360U, 607988272756665600U));
}

// Stored results depend on these: a change here changes every run.
TEST(RandomStream, SeedsArePinned) {
  EXPECT_EQ(derive_seed(0, ""), 0x59B0ED710B28ABEEULL);
  EXPECT_EQ(derive_seed(7, "augment", {3, 11}), 0x2E9C8088DBA6B0C7ULL);
  EXPECT_EQ(RandomStream(7, "augment", {3, 11}).bits(), 0xF6E7D02E5EDAAD2EULL);
}

TEST(RandomStream, DependsOnSeedNameAndEveryIndex) {
  const RandomStream stream(7, "augment", {3, 11});
  EXPECT_EQ(first_bits(stream, 20), first_bits(RandomStream(7, "augment", {3, 11}), 20));
  const std::set<std::uint64_t> seeds = {
      derive_seed(7, "augment", {3, 11}),  derive_seed(8, "augment", {3, 11}),
      derive_seed(7, "augments", {3, 11}), derive_seed(7, "augment", {11, 3}),
      derive_seed(7, "augment", {3}),      derive_seed(7, "augment", {3, 11, 0}),
      derive_seed(7, "augment"),           derive_seed(7, "augment", {0, 0})};
  EXPECT_EQ(seeds.size(), 8U);
}

TEST(RandomStream, IsTheSameOnEveryThread) {
  const auto draw = [](std::uint64_t index) {
    RandomStream stream(5, "thread", {index});
    double sum = 0;
    for (int i = 0; i < 1000; ++i) sum += stream.normal();
    return sum;
  };
  std::vector<std::future<double>> threads;
  for (std::uint64_t i = 0; i < 8; ++i)
    threads.push_back(std::async(std::launch::async, draw, i % 2));
  for (std::uint64_t i = 0; i < 8; ++i) EXPECT_EQ(threads[i].get(), draw(i % 2));
}

TEST(RandomStream, StateContinuesTheStream) {
  RandomStream stream(1, "state");
  for (int i = 0; i < 5; ++i) stream.normal();
  RandomStream other(2, "another");
  other.set_state(stream.state());
  EXPECT_EQ(stream.normal(), other.normal());
  EXPECT_EQ(first_bits(stream, 10), first_bits(other, 10));
}

TEST(RandomStream, ForkLeavesTheStreamAloneAndDependsOnStateAndName) {
  RandomStream stream(1, "fork");
  const RandomStream::State before = stream.state();
  const RandomStream a = stream.fork("a");
  EXPECT_EQ(stream.state(), before);
  EXPECT_EQ(a.state(), stream.fork("a").state());
  EXPECT_NE(a.state(), stream.fork("b").state());
  stream.bits();
  EXPECT_NE(a.state(), stream.fork("a").state());
}

TEST(RandomStream, UniformCoversTheUnitIntervalEvenly) {
  RandomStream stream(3, "uniform");
  constexpr int kDraws = 100000;
  std::vector<int> bins(20);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = stream.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
    squares += value * value;
    ++bins[static_cast<std::size_t>(value * 20)];
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 4 * std::sqrt(1.0 / 12 / kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 0.005);
  double chi_square = 0;
  for (const int bin : bins) chi_square += std::pow(bin - kDraws / 20.0, 2) / (kDraws / 20.0);
  EXPECT_LT(chi_square, 43.8);  // 19 degrees of freedom, 0.1 %
}

TEST(RandomStream, NormalHasItsMoments) {
  RandomStream stream(4, "normal");
  constexpr int kDraws = 100000;
  double sum = 0;
  double squares = 0;
  double fourths = 0;
  int beyond_two = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = stream.normal();
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += value * value;
    fourths += value * value * value * value;
    beyond_two += std::abs(value) > 2 ? 1 : 0;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 0.013);
  EXPECT_NEAR(squares / kDraws, 1.0, 0.02);
  EXPECT_NEAR(fourths / kDraws, 3.0, 0.15);
  EXPECT_NEAR(beyond_two / static_cast<double>(kDraws), 0.0455, 0.003);
}

// With a plain remainder the first third of 3 * 2^62 would come half of the time.
TEST(RandomStream, BelowHasNoModuloBias) {
  RandomStream stream(5, "below");
  constexpr std::uint64_t kThird = std::uint64_t{1} << 62;
  constexpr int kDraws = 30000;
  int first_third = 0;
  for (int i = 0; i < kDraws; ++i) {
    const std::uint64_t value = stream.below(3 * kThird);
    ASSERT_LT(value, 3 * kThird);
    first_third += value < kThird ? 1 : 0;
  }
  EXPECT_NEAR(first_third / static_cast<double>(kDraws), 1.0 / 3, 0.012);
}

TEST(RandomStream, BelowReachesEveryValueAndNoOther) {
  RandomStream stream(6, "below");
  EXPECT_EQ(stream.below(1), 0U);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts.at(static_cast<std::size_t>(stream.below(7)));
  for (const int count : counts) EXPECT_NEAR(count, 10000, 400);
}

TEST(RandomStream, ShuffleGivesEveryOrderEquallyOften) {
  std::map<std::vector<int>, int> counts;
  constexpr int kDraws = 24000;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    std::vector<int> values = {1, 2, 3, 4};
    RandomStream(7, "shuffle", {i}).shuffle(std::span<int>(values));
    ++counts[values];
  }
  ASSERT_EQ(counts.size(), 24U);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, kDraws / 24, 150);
}

TEST(RandomStream, ShuffleKeepsTheElements) {
  std::vector<int> values(1000);
  std::iota(values.begin(), values.end(), 0);
  std::vector<int> shuffled = values;
  RandomStream(8, "shuffle").shuffle(std::span<int>(shuffled));
  EXPECT_NE(shuffled, values);
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, values);
  std::vector<int> none;
  RandomStream(8, "shuffle").shuffle(std::span<int>(none));
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace affinis
