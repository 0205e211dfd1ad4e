#include <cmath>
#include <fstream>
#include <limits>

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/nn/networks.h"
#include "framework/train/trainer.h"
#include "tests/framework/train/event_reader.h"
#include "tests/framework/train/toy.h"

namespace affinis::train {
namespace {

using namespace toy;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Train, LossFallsAndTheCurveSaysSo) {
  const auto network = made_network();
  const auto training = make_tensor_source(made_set(), 5, true, 1);
  const auto validation = make_tensor_source(made_set(8), 5, false, 1);
  Logger logger;
  const TrainingResult result =
      train(*network, *training, validation.get(), {.epochs = 30, .learning_rate = 0.02, .weight_decay = 0}, {}, logger);
  EXPECT_EQ(result.steps, 120);
  EXPECT_FALSE(result.stopped_early);
  ASSERT_EQ(result.curve.size(), 30u);
  EXPECT_EQ(result.curve.front().step, 4);
  EXPECT_EQ(result.curve.back().step, 120);
  EXPECT_LT(result.curve.back().train_loss, 0.2 * result.curve.front().train_loss);
  EXPECT_LT(result.curve.back().validation_loss, 0.2 * result.curve.front().validation_loss);
  EXPECT_NEAR(result.curve.back().validation_loss, evaluate(*network, *validation).mean_loss, 1e-12);
  EXPECT_TRUE(network->training());
}

TEST(Train, ADecoderLearnsADenseTarget) {
  class Dense : public Regression {
   public:
    using Regression::Regression;
    at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
      return (prediction - batch.target).abs().mean({1, 2, 3});
    }
  };
  std::vector<Head> heads;
  heads.push_back({std::make_shared<Dense>("dense"), nn::make_dense_decoder({.width = 8})});
  Network network(nullptr, std::move(heads));
  network.initialise(1);
  TensorSet set;
  set.input = at::arange(8 * 8 * 2 * 2, at::kFloat).sin().view({8, 8, 2, 2}).to(at::kHalf);
  set.target = at::arange(8 * 32 * 32, at::kFloat).mul(0.01).cos().view({8, 1, 32, 32});
  const auto source = make_tensor_source(set, 4, true, 1);
  Logger logger;
  const TrainingResult result = train(network, *source, nullptr, {.steps = 400, .learning_rate = 1e-2}, {}, logger);
  EXPECT_LT(result.curve.back().train_loss, 0.7 * result.curve.front().train_loss);
}

TEST(Train, StepsOverrideEpochsAndValidationsComeWhenAsked) {
  const auto network = made_network();
  const auto training = make_tensor_source(made_set(), 5, true, 1);
  Logger logger;
  std::vector<std::int64_t> steps;
  const TrainingResult result =
      train(*network, *training, nullptr, {.epochs = 1, .steps = 11, .evaluate_every = 3}, {}, logger,
            [&](std::int64_t step, std::int64_t all, double loss) {
              EXPECT_EQ(all, 11);
              EXPECT_TRUE(std::isfinite(loss));
              steps.push_back(step);
            });
  EXPECT_EQ(steps, (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  std::vector<std::int64_t> points;
  for (const CurvePoint& point : result.curve) {
    points.push_back(point.step);
    EXPECT_TRUE(std::isnan(point.validation_loss));
  }
  EXPECT_EQ(points, (std::vector<std::int64_t>{3, 6, 9, 11}));
}

TEST(Train, TheSameSeedGivesTheSameBytesAndAnotherDoesNot) {
  const auto weights = [](std::int64_t seed) {
    const auto network = made_network(0.5);
    const auto training = make_tensor_source(made_set(), 5, true, 1);
    Logger logger;
    static std::uint64_t what_others_drew = 1;
    at::manual_seed(++what_others_drew);
    train(*network, *training, nullptr, {.steps = 12, .learning_rate = 0.05, .seed = seed}, {}, logger);
    return bytes_of(network->state());
  };
  EXPECT_EQ(weights(1), weights(1));
  EXPECT_NE(weights(1), weights(2));
}

TEST(Train, AnInfiniteOrNanLossNamesStepTaskAndSamples) {
  const auto network = made_network();
  MadeSource source(10, [](std::int64_t, std::int64_t batch) {
    const TensorSet set = made_set(4);
    task::Batch made{set.input.clone(), set.target.clone(), {}, {40, 41, 42, 43}};
    if (batch == 2) made.input[1][0] = std::numeric_limits<float>::quiet_NaN();
    return std::vector<task::Batch>{made};
  });
  Logger logger;
  std::int64_t last = 0;
  std::string weights;
  const std::string sentence = sentence_of([&] {
    train(*network, source, nullptr, {.steps = 5}, {}, logger, [&](std::int64_t step, std::int64_t, double) {
      last = step;
      weights = bytes_of(network->parameters());
    });
  });
  EXPECT_EQ(last, 2);
  EXPECT_THAT(sentence, HasSubstr("the loss of the task 'toy' is NaN at step 3 (sample house/room/41)"));
  EXPECT_EQ(bytes_of(network->parameters()), weights);
}

TEST(Train, ANanGradientNamesParameterAndStepBeforeItDoesHarm) {
  class BadGradient : public Regression {
   public:
    using Regression::Regression;
    at::Tensor loss(const at::Tensor& prediction, const task::Batch&) const override {
      // Value 0, slope infinite.
      return (prediction - prediction.detach()).abs().sqrt().sum();
    }
  };
  std::vector<Head> heads;
  heads.push_back({std::make_shared<BadGradient>("bad"), std::make_unique<Mlp>(6, 8, 3)});
  Network network(nullptr, std::move(heads));
  network.initialise(1);
  const std::string before = bytes_of(network.parameters());
  const auto source = make_tensor_source(made_set(), 20, false, 1);
  Logger logger;
  const std::string sentence = sentence_of([&] { train(network, *source, nullptr, {.steps = 5}, {}, logger); });
  EXPECT_THAT(sentence, HasSubstr("'heads.bad.0.weight' is NaN or infinite at step 1 of the task bad (samples 0, 1,"));
  EXPECT_THAT(sentence, HasSubstr("and 12 more"));
  EXPECT_EQ(bytes_of(network.parameters()), before);
}

TEST(Train, StopsEarlyAndKeepsTheBestWeights) {
  const auto network = made_network();
  const auto training = make_tensor_source(made_set(), 20, true, 1);
  // Validation asks for something else than training teaches: it gets worse sooner or later.
  TensorSet other = made_set();
  other.target = at::full_like(other.target, 0.1);
  const auto validation = make_tensor_source(other, 20, false, 1);
  Logger logger;
  const TrainingResult result =
      train(*network, *training, validation.get(), {.epochs = 400, .learning_rate = 0.01, .patience = 3}, {}, logger);
  EXPECT_TRUE(result.stopped_early);
  EXPECT_LT(result.steps, 400);
  ASSERT_GE(result.curve.size(), 4u);
  std::size_t best = 0;
  for (std::size_t i = 0; i < result.curve.size(); ++i) {
    if (result.curve[i].validation_loss < result.curve[best].validation_loss) best = i;
  }
  EXPECT_EQ(best + 4, result.curve.size());
  EXPECT_EQ(evaluate(*network, *validation).mean_loss, result.curve[best].validation_loss);
}

TEST(Train, PatienceKeepsTheBestWeightsOfACompleteTrainingToo) {
  const auto network = made_network();
  const auto training = make_tensor_source(made_set(), 20, true, 1);
  TensorSet other = made_set();
  other.target = at::full_like(other.target, 0.1);
  const auto validation = make_tensor_source(other, 20, false, 1);
  Logger logger;
  const TrainingResult result =
      train(*network, *training, validation.get(), {.epochs = 60, .learning_rate = 0.01, .patience = 1000}, {}, logger);
  EXPECT_FALSE(result.stopped_early);
  double best = result.curve.front().validation_loss;
  for (const CurvePoint& point : result.curve) best = std::min(best, point.validation_loss);
  EXPECT_LT(best, result.curve.back().validation_loss);
  EXPECT_EQ(evaluate(*network, *validation).mean_loss, best);
}

TEST(Train, RefusesPatienceWithoutValidation) {
  const auto network = made_network();
  const auto training = make_tensor_source(made_set(), 20, true, 1);
  Logger logger;
  EXPECT_THAT(sentence_of([&] { train(*network, *training, nullptr, {.patience = 2}, {}, logger); }),
              HasSubstr("patience is 2 but there is no validation data"));
}

std::unique_ptr<Network> two_heads() {
  std::vector<Head> heads;
  heads.push_back({std::make_shared<Regression>("a"), std::make_unique<Mlp>(4, 5, 3)});
  heads.push_back({std::make_shared<Regression>("b"), std::make_unique<Mlp>(4, 5, 3)});
  auto network = std::make_unique<Network>(std::make_unique<Mlp>(6, 8, 4), std::move(heads));
  network->initialise(3);
  return network;
}

TEST(Train, HeadsOnOneInputPassTheTrunkOnce) {
  const auto network = two_heads();
  MadeSource source(4, [](std::int64_t, std::int64_t) {
    const TensorSet set = made_set(4);
    return std::vector<task::Batch>{{set.input, set.target, {}, {0, 1, 2, 3}}, {set.input, set.target * 2, {}, {0, 1, 2, 3}}};
  });
  Logger logger;
  const TrainingResult result = train(*network, source, nullptr, {.steps = 80, .learning_rate = 0.02}, {}, logger);
  EXPECT_EQ(dynamic_cast<Mlp*>(network->trunk())->passes, 80);
  EXPECT_LT(result.curve.back().train_loss, 0.5 * result.curve.front().train_loss);
}

TEST(Train, AHeadWithoutLabelsIsLeftAlone) {
  for (const bool masked : {true, false}) {
    const auto network = two_heads();
    const std::string before = bytes_of(network->heads()[1].module->parameters());
    MadeSource source(4, [masked](std::int64_t, std::int64_t) {
      const TensorSet set = made_set(4);
      task::Batch absent{set.input, set.target, at::zeros({4, 1}), {0, 1, 2, 3}};
      if (!masked) absent.target = absent.mask = at::Tensor();
      return std::vector<task::Batch>{{set.input, set.target, {}, {0, 1, 2, 3}}, absent};
    });
    const TemporaryFolder folder;
    Logger logger;
    const TrainingResult result = train(*network, source, nullptr, {.steps = 8, .learning_rate = 0.02, .weight_decay = 0.1}, {folder.path()}, logger);
    EXPECT_EQ(bytes_of(network->heads()[1].module->parameters()), before);
    // The mean over heads is that of the one head with labels.
    EXPECT_LT(result.curve.back().train_loss, result.curve.front().train_loss);
    EXPECT_THAT(read_file(folder.path() / "metrics.csv"), HasSubstr(",,\n"));
  }
}

TEST(Train, ABatchWithoutAnyLabelMovesNothing) {
  const auto network = two_heads();
  const std::string before = bytes_of(network->parameters());
  MadeSource source(2, [](std::int64_t, std::int64_t) {
    const task::Batch absent{made_set(4).input, {}, {}, {0, 1, 2, 3}};
    return std::vector<task::Batch>{absent, absent};
  });
  Logger logger;
  const TrainingResult result = train(*network, source, nullptr, {.steps = 4, .weight_decay = 0.1}, {}, logger);
  EXPECT_EQ(result.steps, 4);
  EXPECT_TRUE(std::isnan(result.curve.back().train_loss));
  EXPECT_EQ(bytes_of(network->parameters()), before);
}

TEST(Train, WritesTheCurveInEveryFormat) {
  const auto network = made_network();
  const auto training = make_tensor_source(made_set(), 5, true, 1);
  const auto validation = make_tensor_source(made_set(8), 5, false, 1);
  const TemporaryFolder folder;
  Logger logger;
  const TrainingResult result = train(*network, *training, validation.get(), {.epochs = 3}, {folder.path()}, logger);
  const std::vector<std::string> lines = split(read_file(folder.path() / "metrics.csv"), '\n');
  ASSERT_GE(lines.size(), 4u);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::vector<std::string> cells = split(lines[i + 1], ',');
    ASSERT_EQ(cells.size(), 5u);
    EXPECT_EQ(parse_integer(cells[0]), result.curve[i].step);
    EXPECT_EQ(parse_real(cells[2]), result.curve[i].train_loss);
    EXPECT_EQ(parse_real(cells[3]), result.curve[i].validation_loss);
  }
  int event_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().filename().string().find("tfevents") == std::string::npos) continue;
    ++event_files;
    const auto events = read_events(read_file(entry.path()));
    ASSERT_EQ(events.size(), 4u);
    EXPECT_EQ(events[3].step, 12);
    EXPECT_EQ(events[3].scalars.at("loss/validation"), static_cast<float>(result.curve[2].validation_loss));
  }
  EXPECT_EQ(event_files, 1);
}

TEST(Evaluate, GivesLossesInOrderAndNanWithoutLabel) {
  const auto network = made_network(0.5);
  TensorSet set = made_set(7);
  set.mask = at::ones({7, 1});
  set.mask[2] = 0;
  set.indices = {10, 11, 12, 13, 14, 15, 16};
  const auto source = make_tensor_source(set, 3, false, 1);
  const Evaluation first = evaluate(*network, *source);
  EXPECT_EQ(first.indices, set.indices);
  ASSERT_EQ(first.losses.size(), 7u);
  EXPECT_TRUE(std::isnan(first.losses[2]));
  double sum = 0;
  for (std::size_t i = 0; i < 7; ++i) {
    if (i != 2) sum += first.losses[i];
  }
  EXPECT_DOUBLE_EQ(first.mean_loss, sum / 6);
  ASSERT_EQ(first.metrics.size(), 1u);
  EXPECT_GT(first.metrics[0], 0);
  EXPECT_TRUE(network->training());
  // Dropout is off, so that it says the same again, whatever the generator does.
  EXPECT_EQ(evaluate(*network, *source).losses[0], first.losses[0]);
}

TEST(Evaluate, MeanIsNanWhenNothingHasALabel) {
  const auto network = made_network();
  TensorSet set = made_set(4);
  set.mask = at::zeros({4, 1});
  EXPECT_TRUE(std::isnan(evaluate(*network, *make_tensor_source(set, 3, false, 1)).mean_loss));
}

TEST(SetThreads, SetsLibTorchsThreads) {
  set_threads(1);
  EXPECT_EQ(at::get_num_threads(), 1);
  EXPECT_THAT(sentence_of([] { set_threads(0); }), HasSubstr("at least 1"));
}

}  // namespace
}  // namespace affinis::train
