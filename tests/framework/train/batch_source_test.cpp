#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "tests/framework/data/made_samples.h"
#include "tests/framework/train/toy.h"

namespace affinis::train {
namespace {

using namespace toy;
using ::testing::HasSubstr;

std::vector<std::int64_t> order_of(BatchSource& source, std::int64_t epoch, std::int64_t first_batch = 0) {
  std::vector<std::int64_t> indices;
  source.start(epoch, first_batch);
  while (const auto batches = source.next()) {
    indices.insert(indices.end(), (*batches)[0].indices.begin(), (*batches)[0].indices.end());
  }
  return indices;
}

TEST(TensorSource, OrderDependsOnSeedAndEpochAlone) {
  const auto a = make_tensor_source(made_set(), 6, true, 5);
  const auto b = make_tensor_source(made_set(), 6, true, 5);
  const auto other = make_tensor_source(made_set(), 6, true, 6);
  EXPECT_EQ(a->batches_per_epoch(), 4);
  const auto third = order_of(*a, 3);
  EXPECT_EQ(third.size(), 20u);
  EXPECT_NE(third, order_of(*a, 2));
  EXPECT_EQ(third, order_of(*b, 3));
  EXPECT_NE(third, order_of(*other, 3));
  std::vector<std::int64_t> sorted = third;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) EXPECT_EQ(sorted[i], static_cast<std::int64_t>(i));
  EXPECT_EQ(order_of(*a, 3, 2), std::vector<std::int64_t>(third.begin() + 12, third.end()));
}

TEST(TensorSource, RowsStayTogether) {
  TensorSet set = made_set();
  set.input = at::arange(20, at::kFloat).view({20, 1}).expand({20, 6}).clone();
  set.target = at::arange(20, at::kLong);
  set.mask = at::arange(20, at::kFloat).view({20, 1});
  for (int i = 0; i < 20; ++i) set.indices.push_back(i);
  const auto source = make_tensor_source(set, 7, true, 1);
  source->start(1, 0);
  while (const auto batches = source->next()) {
    const task::Batch& batch = batches->front();
    for (std::int64_t i = 0; i < batch.size(); ++i) {
      const double row = static_cast<double>(batch.indices[static_cast<std::size_t>(i)]);
      EXPECT_EQ(batch.input[i][3].item<double>(), row);
      EXPECT_EQ(batch.target[i].item<double>(), row);
      EXPECT_EQ(batch.mask[i][0].item<double>(), row);
    }
    EXPECT_EQ(batch.target.scalar_type(), at::kLong);
  }
}

TEST(TensorSource, JoinsFurtherInputsAndWidensHalfPrecision) {
  TensorSet set;
  set.input = at::arange(6 * 8 * 4, at::kFloat).view({6, 8, 2, 2}).to(at::kHalf);
  set.target = at::zeros({6, 1});
  const at::Tensor extra = set.input * -1;
  const auto source = make_tensor_source(set, 4, true, 2, {extra});
  source->start(0, 0);
  const task::Batch batch = source->next()->front();
  EXPECT_EQ(batch.input.sizes(), (std::vector<std::int64_t>{4, 16, 2, 2}));
  EXPECT_EQ(batch.input.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(batch.input.slice(1, 0, 8), -batch.input.slice(1, 8, 16)));
}

TEST(TensorSource, RefusesTensorsOfDifferentLength) {
  TensorSet set = made_set();
  set.target = set.target.slice(0, 0, 19);
  EXPECT_THAT(sentence_of([&] { make_tensor_source(set, 4, true, 1); }), HasSubstr("20 inputs but 19 targets"));
  EXPECT_THAT(sentence_of([&] { make_tensor_source({}, 4, true, 1); }), HasSubstr("no example"));
}

data::LoaderOptions loading(std::int64_t batch_size, std::uint64_t seed = 0, int threads = 1) {
  data::LoaderOptions options;
  options.batch_size = batch_size;
  options.seed = seed;
  options.threads = threads;
  return options;
}

class StoreSourceTest : public ::testing::Test {
 protected:
  StoreSourceTest() {
    data::StoreWriter writer(folder_.path() / "train.h5", data::made_info(8));
    for (std::int64_t i = 0; i < 11; ++i) writer.add(data::made_sample(i, 8));
    writer.finish();
    store_ = std::make_shared<data::Store>(folder_.path() / "train.h5");
  }

  static std::shared_ptr<Regression> noisy(std::string name, float divisor = 255) {
    auto result = std::make_shared<Regression>(std::move(name), 3, divisor);
    result->noise = true;
    return result;
  }

  TemporaryFolder folder_;
  std::shared_ptr<const data::Store> store_;
};

TEST_F(StoreSourceTest, MakesABatchPerTaskWithItsOwnRandomStream) {
  const auto both = make_store_source(store_, {noisy("a"), noisy("b")}, loading(4, 3));
  const auto alone = make_store_source(store_, {noisy("b")}, loading(4, 3, 2));
  EXPECT_EQ(both->batches_per_epoch(), 3);
  both->start(2, 1);
  alone->start(2, 1);
  int batches = 0;
  while (auto made = both->next()) {
    const auto other = alone->next();
    ASSERT_TRUE(other.has_value());
    ASSERT_EQ(made->size(), 2u);
    EXPECT_EQ((*made)[1].indices, other->front().indices);
    EXPECT_TRUE(at::equal((*made)[1].target, other->front().target));
    EXPECT_TRUE(at::equal((*made)[1].input, other->front().input));
    EXPECT_FALSE(at::equal((*made)[0].target, (*made)[1].target));
    ++batches;
  }
  EXPECT_EQ(batches, 2);
  EXPECT_FALSE(alone->next().has_value());
}

TEST_F(StoreSourceTest, EqualInputsAreOneTensor) {
  const auto source = make_store_source(store_, {noisy("a"), noisy("b"), noisy("c", 100)}, loading(4));
  source->start(0, 0);
  const auto batches = *source->next();
  EXPECT_TRUE(batches[0].input.is_same(batches[1].input));
  EXPECT_FALSE(batches[0].input.is_same(batches[2].input));
  EXPECT_EQ(batches[2].input.sizes(), batches[0].input.sizes());
}

TEST_F(StoreSourceTest, NamesItsSamples) {
  const auto source = make_store_source(store_, {noisy("a")}, {});
  EXPECT_EQ(source->sample_name(4), "house/room1/4");
}

TEST_F(StoreSourceTest, ATaskOfTwoViewsGetsAnotherViewOfTheSameScene) {
  auto pair = std::make_shared<Regression>("pair");
  pair->info_.arity = 2;
  // Samples 9 and 10 are a scene of two views, 0 to 2 one of three.
  data::LoaderOptions options = loading(5);
  options.shuffle = false;
  options.subset = {0, 1, 2, 9, 10};
  const auto source = make_store_source(store_, {pair}, options);
  source->start(0, 0);
  const task::Batch batch = source->next()->front();
  ASSERT_EQ(batch.input.dim(), 5);
  EXPECT_EQ(batch.input.size(1), 2);
  // Views 9 and 10 have only each other.
  EXPECT_TRUE(at::equal(batch.input[3][1], batch.input[4][0]));
  EXPECT_TRUE(at::equal(batch.input[4][1], batch.input[3][0]));
  ASSERT_EQ(batch.sample_indices.size(), 10u);
  EXPECT_EQ(batch.sample_indices[6], 9);
  EXPECT_EQ(batch.sample_indices[7], 10);
  EXPECT_TRUE(at::all(batch.mask == 1).item<bool>());
}

TEST_F(StoreSourceTest, ASampleWithoutPartnersHasNoLabel) {
  auto triplet = std::make_shared<Regression>("triplet");
  triplet->info_.arity = 3;
  data::LoaderOptions options = loading(5);
  options.shuffle = false;
  options.subset = {0, 1, 2, 9, 10};
  const auto source = make_store_source(store_, {triplet}, options);
  source->start(0, 0);
  const task::Batch batch = source->next()->front();
  EXPECT_GT(batch.mask[0].max().item<float>(), 0);
  EXPECT_EQ(batch.mask[3].max().item<float>(), 0);
  options.subset = {9, 10};
  EXPECT_THAT(sentence_of([&] { make_store_source(store_, {triplet}, options); }),
              HasSubstr("the task 'triplet' looks at 3 samples at once, but no scene has enough views"));
}

}  // namespace
}  // namespace affinis::train
