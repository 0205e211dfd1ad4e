#include "framework/data/loader.h"

#include <atomic>
#include <cstring>
#include <set>
#include <stdexcept>

#include "tests/framework/data/made_samples.h"

namespace affinis::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// What a derive function makes in these tests: which sample, what its numbers say, what the stream says.
struct Derived {
  std::int64_t index = 0;
  std::int64_t sum = 0;
  std::uint64_t drawn = 0;
  bool operator==(const Derived&) const = default;
};

Derived derive(const Sample& sample, RandomStream& stream) {
  Derived derived;
  derived.index = sample.index;
  for (const auto& [name, value] : sample.fields) {
    for (const std::byte byte : value.bytes) derived.sum += static_cast<int>(byte);
  }
  derived.drawn = stream.bits();
  return derived;
}

class LoaderTest : public testing::Test {
 protected:
  LoaderTest() : path_(folder_.path() / "train.h5") {
    write_made_store(path_, 23, 16, {"rgb", "normal"});
    store_.emplace(path_);
  }

  LoaderOptions options(int threads) const {
    LoaderOptions options;
    options.fields = {"rgb", "normal"};
    options.batch_size = 4;
    options.seed = 5;
    options.threads = threads;
    return options;
  }

  static std::vector<std::vector<Derived>> drain(Loader<Derived>& loader) {
    std::vector<std::vector<Derived>> batches;
    while (auto batch = loader.next()) batches.push_back(std::move(*batch));
    return batches;
  }

  std::vector<std::vector<Derived>> epoch(const LoaderOptions& options, std::int64_t number, std::int64_t first = 0) const {
    Loader<Derived> loader(*store_, options, derive);
    loader.start(number, first);
    return drain(loader);
  }

  TemporaryFolder folder_;
  std::filesystem::path path_;
  std::optional<Store> store_;
};

TEST_F(LoaderTest, GivesTheSameForAnyNumberOfThreads) {
  const auto one = epoch(options(1), 2);
  ASSERT_EQ(one.size(), 6U);
  EXPECT_EQ(one.back().size(), 3U);
  EXPECT_EQ(epoch(options(2), 2), one);
  EXPECT_EQ(epoch(options(4), 2), one);
}

TEST_F(LoaderTest, VisitsEverySampleOnceInANewOrderEachEpoch) {
  std::vector<std::vector<std::int64_t>> orders;
  for (int number = 0; number < 2; ++number) {
    std::vector<std::int64_t> order;
    for (const auto& batch : epoch(options(2), number)) {
      for (const Derived& derived : batch) order.push_back(derived.index);
    }
    EXPECT_EQ(order, epoch_order(options(1), 23, number));
    EXPECT_EQ(std::set<std::int64_t>(order.begin(), order.end()).size(), 23U);
    orders.push_back(order);
  }
  EXPECT_NE(orders[0], orders[1]);
  LoaderOptions in_order = options(2);
  in_order.shuffle = false;
  EXPECT_EQ(epoch(in_order, 1)[1][0].index, 4);
}

TEST_F(LoaderTest, ResumesInTheMiddleOfAnEpoch) {
  const auto whole = epoch(options(2), 3);
  const auto rest = epoch(options(1), 3, 4);
  EXPECT_EQ(rest, std::vector<std::vector<Derived>>(whole.begin() + 4, whole.end()));
  EXPECT_TRUE(epoch(options(1), 3, 6).empty());
  EXPECT_TRUE(epoch(options(1), 3, 600).empty());
}

TEST_F(LoaderTest, StartDropsWhatWasUnderWay) {
  Loader<Derived> loader(*store_, options(2), derive);
  loader.start(0);
  ASSERT_TRUE(loader.next().has_value());
  loader.start(1);
  EXPECT_EQ(drain(loader), epoch(options(1), 1));
  EXPECT_FALSE(loader.next().has_value());
}

TEST_F(LoaderTest, SubsetAndDropLast) {
  LoaderOptions few = options(2);
  few.subset = {1, 3, 5, 7, 9};
  few.drop_last = true;
  const auto batches = epoch(few, 0);
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_EQ(batch_count(few, 23), 1);
  for (const Derived& derived : batches[0]) EXPECT_EQ(derived.index % 2, 1);
  EXPECT_TRUE(epoch(few, 0, 1).empty());
  few.drop_last = false;
  EXPECT_EQ(epoch(few, 0).size(), 2U);
  EXPECT_EQ(batch_count(few, 23), 2);
}

TEST_F(LoaderTest, ABadSampleStopsTheRunWithItsNameAfterTheBatchesBefore) {
  for (const int threads : {1, 2, 4}) {
    LoaderOptions in_order = options(threads);
    in_order.shuffle = false;
    Loader<Derived> loader(*store_, in_order, [](const Sample& sample, RandomStream& stream) {
      if (sample.index == 9) throw Error(ErrorCode::kNumeric, "not a number");
      if (sample.index == 11) throw std::runtime_error("never seen");
      return derive(sample, stream);
    });
    for (int round = 0; round < 2; ++round) {
      loader.start(0);
      EXPECT_TRUE(loader.next().has_value());
      EXPECT_TRUE(loader.next().has_value());
      for (int again = 0; again < 2; ++again) {
        const Error error = error_of([&] { loader.next(); });
        EXPECT_EQ(error.code(), ErrorCode::kNumeric);
        EXPECT_THAT(error.what(), AllOf(HasSubstr("sample house/room3/9"), HasSubstr("train.h5"), HasSubstr("not a number")));
      }
    }
  }
}

TEST_F(LoaderTest, OtherExceptionsBecomeErrorsWithTheSample) {
  Loader<Derived> loader(*store_, options(1), [](const Sample&, RandomStream&) -> Derived { throw std::out_of_range("too far"); });
  loader.start(0);
  const Error error = error_of([&] { loader.next(); });
  EXPECT_EQ(error.code(), ErrorCode::kInternal);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("sample house/"), HasSubstr("too far")));
}

TEST_F(LoaderTest, ADamagedSampleStopsTheRunWithSampleAndField) {
  std::string bytes = bytes_of(path_);
  const Sample sample = made_sample(6, 16);
  std::vector<std::byte> stored = store_->read_stored(6, std::vector<std::string>{"normal"}).chunks[0];
  const auto at = bytes.find(std::string(reinterpret_cast<const char*>(stored.data()), stored.size()));
  ASSERT_NE(at, std::string::npos);
  bytes[at + 20] = static_cast<char>(bytes[at + 20] ^ 4);
  write_bytes(path_, bytes);
  const Store damaged(path_);
  LoaderOptions in_order = options(2);
  in_order.shuffle = false;
  Loader<Derived> loader(damaged, in_order, derive);
  loader.start(0);
  EXPECT_TRUE(loader.next().has_value());
  const Error error = error_of([&] { loader.next(); });
  EXPECT_EQ(error.code(), ErrorCode::kData);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("house/room2/6"), HasSubstr("normal"), HasSubstr("checksum")));
}

TEST_F(LoaderTest, StopsCleanlyAtAnyTime) {
  for (const int threads : {1, 2, 4}) {
    for (int taken = 0; taken < 4; ++taken) {
      Loader<Derived> loader(*store_, options(threads), derive);
      loader.start(0);
      for (int i = 0; i < taken; ++i) ASSERT_TRUE(loader.next().has_value());
    }
    const Loader<Derived> never_started(*store_, options(threads), derive);
  }
}

TEST_F(LoaderTest, ReadsAheadOnlyAsFarAsAllowed) {
  LoaderOptions bounded = options(1);
  bounded.batch_size = 1;
  bounded.batches_ahead = 2;
  std::atomic<int> made = 0;
  Loader<Derived> loader(*store_, bounded, [&](const Sample& sample, RandomStream& stream) {
    ++made;
    return derive(sample, stream);
  });
  loader.start(0);
  for (int taken = 1; loader.next().has_value(); ++taken) {
    // Taken, waiting, and one that waits for room; one more may be between the count and the queue.
    EXPECT_LE(made.load(), taken + 2 + 2);
  }
  EXPECT_EQ(made.load(), 23);
}

TEST_F(LoaderTest, RefusesNonsense) {
  const auto code = [&](auto change) {
    LoaderOptions bad = options(1);
    change(bad);
    return error_of([&] { Loader<Derived> loader(*store_, bad, derive); }).code();
  };
  EXPECT_EQ(code([](LoaderOptions& o) { o.batch_size = 0; }), ErrorCode::kUsage);
  EXPECT_EQ(code([](LoaderOptions& o) { o.threads = 0; }), ErrorCode::kUsage);
  EXPECT_EQ(code([](LoaderOptions& o) { o.batches_ahead = 0; }), ErrorCode::kUsage);
  EXPECT_EQ(code([](LoaderOptions& o) { o.subset = {0, 23}; }), ErrorCode::kUsage);
  EXPECT_EQ(code([](LoaderOptions& o) { o.fields = {"semantic"}; }), ErrorCode::kData);
}

}  // namespace
}  // namespace affinis::data
