#include "framework/train/data_parallel.h"

#include <array>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "framework/nn/networks.h"
#include "framework/nn/synchronised_norms.h"
#include "framework/train/trainer.h"
#include "tests/framework/train/thread_collective.h"
#include "tests/framework/train/toy.h"

namespace affinis::train {
namespace {

using namespace toy;
using ::testing::HasSubstr;

constexpr std::int64_t kBatch = 8;
constexpr std::int64_t kSteps = 50;

class Dense : public Regression {
 public:
  using Regression::Regression;
  at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
    const at::Tensor losses = (prediction - batch.target).square().mean({1, 2, 3});
    if (!batch.mask.defined()) return losses;
    return at::where(batch.mask.flatten(1).any(1), losses, at::full_like(losses, std::numeric_limits<float>::quiet_NaN()));
  }
};

/// A decoder with its 13 normalisations.
std::unique_ptr<Network> decoder_network() {
  std::vector<Head> heads;
  heads.push_back({std::make_shared<Dense>("dense"), nn::make_dense_decoder({.width = 8})});
  auto network = std::make_unique<Network>(nullptr, std::move(heads));
  network->initialise(3);
  return network;
}

TensorSet images(bool some_unlabelled) {
  TensorSet set;
  set.input = at::arange(24 * 8 * 2 * 2, at::kFloat).mul(0.37).sin().view({24, 8, 2, 2});
  set.target = at::arange(24 * 32 * 32, at::kFloat).mul(0.011).cos().view({24, 1, 32, 32});
  if (some_unlabelled) {
    set.mask = at::ones({24, 1, 32, 32});
    for (const std::int64_t row : {1, 4, 5, 6, 7, 12, 13, 19}) set.mask[row].zero_();
  }
  return set;
}

/// At Taskonomy's rate. At ten times the rate training is chaotic: one process whose inputs differ by 2e-7 ends 1e-3 off after 50 steps, as
/// far as two ranks do.
TrainerOptions settings() {
  return {.steps = kSteps, .optimizer = "sgd", .learning_rate = 1e-4, .weight_decay = 1e-4, .momentum = 0, .evaluate_every = 25};
}

struct Trained {
  std::vector<nn::NamedTensor> state;
  TrainingResult result;
};

Trained trained_alone(const TensorSet& set) {
  const auto network = decoder_network();
  Logger logger;
  const auto source = make_tensor_source(set, kBatch, true, 5);
  const auto validation = make_tensor_source(set, kBatch, false, 5);
  TrainingResult result = train(*network, *source, validation.get(), settings(), {}, logger);
  return {network->state(), std::move(result)};
}

std::vector<Trained> trained_by(int ranks, const TensorSet& set, bool synchronise_norms, const std::filesystem::path& folder = {},
                                std::int64_t steps = kSteps) {
  std::vector<Trained> all(static_cast<std::size_t>(ranks));
  ThreadRanks threads(ranks);
  threads.run([&](nn::Collective& collective) {
    set_threads(1);
    const auto network = decoder_network();
    Logger logger;
    const data::BatchShare share{collective.rank(), collective.size()};
    const auto source = make_tensor_source(set, kBatch, true, 5, {}, share);
    const auto validation = make_tensor_source(set, kBatch, false, 5);
    TrainerOptions options = settings();
    options.checkpoint_seconds = 0;
    const auto until = [&](std::int64_t step, std::int64_t, double) {
      if (step == steps && steps < kSteps) throw Error(ErrorCode::kCancelled, "enough");
    };
    Trained& own = all[static_cast<std::size_t>(collective.rank())];
    try {
      own.result = train(*network, *source, validation.get(), options, {folder, false}, logger, until, {&collective, synchronise_norms});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCancelled) << error.what();
    }
    own.state = network->state();
  });
  return all;
}

/// Over all tensors, in units of the greatest value of each where that is above 1 (running variances go into the hundreds).
double greatest_difference(const std::vector<nn::NamedTensor>& a, const std::vector<nn::NamedTensor>& b) {
  double greatest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    const double scale = std::max(1.0, a[i].tensor.to(at::kDouble).abs().max().item<double>());
    greatest = std::max(greatest, (a[i].tensor.to(at::kDouble) - b[i].tensor.to(at::kDouble)).abs().max().item<double>() / scale);
  }
  return greatest;
}

TEST(DataParallel, RanksWithPartsOfTheBatchDoWhatOneProcessDoes) {
  for (const bool some_unlabelled : {false, true}) {
    const TensorSet set = images(some_unlabelled);
    const Trained alone = trained_alone(set);
    ASSERT_GT(greatest_difference(alone.state, decoder_network()->state()), 1e-3) << "nothing was learnt that could differ";
    for (const int ranks : {2, 3}) {
      const std::vector<Trained> together = trained_by(ranks, set, true);
      for (const Trained& each : together) {
        EXPECT_EQ(greatest_difference(each.state, together.front().state), 0) << "ranks must agree to the bit";
        ASSERT_EQ(each.result.curve.size(), 2u);
        EXPECT_NEAR(each.result.curve.back().train_loss, alone.result.curve.back().train_loss, 1e-5);
        EXPECT_NEAR(each.result.curve.back().validation_loss, alone.result.curve.back().validation_loss, 1e-5);
      }
      const double difference = greatest_difference(alone.state, together.front().state);
      RecordProperty("difference", std::to_string(difference));
      EXPECT_LT(difference, 1e-5) << ranks << " ranks, unlabelled " << some_unlabelled;
    }
  }
}

TEST(DataParallel, NormsOfItsOwnShareMakeADifference) {
  const TensorSet set = images(false);
  EXPECT_GT(greatest_difference(trained_alone(set).state, trained_by(2, set, false).front().state), 1e-4);
}

TEST(DataParallel, GoesOnFromACheckpoint) {
  const TensorSet set = images(true);
  const TemporaryFolder folder;
  const Trained whole = trained_by(2, set, true).front();
  trained_by(2, set, true, folder.path(), 20);
  ASSERT_TRUE(std::filesystem::exists(folder.path() / "checkpoint.safetensors"));
  const std::vector<Trained> resumed = trained_by(2, set, true, folder.path());
  EXPECT_EQ(greatest_difference(whole.state, resumed[0].state), 0);
  EXPECT_EQ(greatest_difference(whole.state, resumed[1].state), 0);
  EXPECT_EQ(resumed[1].result.steps, kSteps);
}

TEST(DataParallel, EveryRankStopsAtABadLoss) {
  TensorSet set = images(false);
  set.target[0].fill_(std::numeric_limits<float>::infinity());
  ThreadRanks threads(2);
  std::array<std::string, 2> sentences;
  threads.run([&](nn::Collective& collective) {
    const auto network = decoder_network();
    Logger logger;
    const auto source = make_tensor_source(set, kBatch, false, 5, {}, {collective.rank(), 2});
    try {
      train(*network, *source, nullptr, settings(), {}, logger, {}, {&collective, true});
    } catch (const Error& error) {
      sentences[static_cast<std::size_t>(collective.rank())] = error.what();
    }
  });
  EXPECT_THAT(sentences[0], HasSubstr("sample 0"));
  EXPECT_THAT(sentences[1], HasSubstr("another rank"));
}

/// LibTorch's path of the norm (double precision here) against the loops: the same network.
TEST(DataParallel, SynchronisedNormsOfOtherTypesMatchTheWholeBatch) {
  const at::Tensor input = at::arange(6 * 3 * 32 * 32, at::kDouble).mul(0.37).sin().view({6, 3, 32, 32});
  const auto gradients = [&](nn::Collective* collective) {
    const auto encoder = nn::make_encoder({.width = 4});
    for (const auto& each : state_of(*encoder)) {
      if (each.tensor.is_floating_point()) const_cast<at::Tensor&>(each.tensor).set_data(each.tensor.to(at::kDouble));
    }
    const nn::SynchronisedNorms norms(collective);
    const at::Tensor own = collective == nullptr ? input : input.narrow(0, 3 * collective->rank(), 3);
    encoder->forward(own).square().sum().backward();
    std::vector<at::Tensor> result;
    for (const nn::NamedTensor& parameter : encoder->parameters()) {
      result.push_back(parameter.tensor.grad().clone());
      if (collective != nullptr) collective->sum(result.back());
    }
    return result;
  };
  const std::vector<at::Tensor> whole = gradients(nullptr);
  ThreadRanks(2).run([&](nn::Collective& collective) {
    const std::vector<at::Tensor> together = gradients(&collective);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      EXPECT_TRUE(at::allclose(whole[i], together[i], 1e-8, 1e-9)) << i;
    }
  });
}

}  // namespace
}  // namespace affinis::train
