#include <algorithm>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "framework/nn/networks.h"
#include "framework/nn/safetensors.h"
#include "framework/train/trainer.h"
#include "tests/framework/train/event_reader.h"
#include "tests/framework/train/toy.h"

namespace affinis::train {
namespace {

using namespace toy;
using ::testing::HasSubstr;

struct Crash : std::runtime_error {
  Crash() : std::runtime_error("crash") {}
};

/// Warnings that a logger got.
class Warnings : public LogSink {
 public:
  explicit Warnings(std::vector<std::string>& list) : list_(list) {}
  void event(LogLevel level, const std::string& message, const nlohmann::json&) override {
    if (level == LogLevel::kWarning) list_.push_back(message);
  }
  void progress(const std::string&, double, double, const std::string&) override {}
  void progress_end(const std::string&) override {}

 private:
  std::vector<std::string>& list_;
};

/// A training of 40 steps whose epochs have 7 steps, with dropout, a shuffled source, a schedule and validations every 6 steps.
class Resume : public ::testing::Test {
 protected:
  static TrainerOptions options(std::string optimizer = "adam") {
    TrainerOptions result;
    result.steps = 40;
    result.optimizer = std::move(optimizer);
    result.learning_rate = 0.02;
    result.weight_decay = 0.01;
    result.schedule = "cosine";
    result.warmup = 0.1;
    result.clip_norm = 0.5;
    result.evaluate_every = 6;
    result.patience = 5;
    result.checkpoint_seconds = 1e9;
    return result;
  }

  struct Outcome {
    std::string weights;
    TrainingResult result;
    std::string csv;
  };

  /// One sitting; `interrupt(step)` may throw.
  static Outcome sit(const std::filesystem::path& folder, const TrainerOptions& options,
                     const std::function<void(std::int64_t)>& interrupt = {}, std::uint64_t initial_seed = 1, Logger* logger = nullptr) {
    const auto network = made_network(0.3, initial_seed);
    const auto training = make_tensor_source(made_set(33), 5, true, 4);
    const auto validation = make_tensor_source(made_set(9), 4, false, 4);
    Logger silent;
    Outcome outcome;
    const auto progress = [&](std::int64_t step, std::int64_t, double) {
      if (interrupt) interrupt(step);
    };
    outcome.result = train(*network, *training, validation.get(), options, {folder}, logger != nullptr ? *logger : silent, progress);
    outcome.weights = bytes_of(network->state());
    outcome.csv = read_file(folder / "metrics.csv");
    return outcome;
  }

  static void cancel_at(const std::filesystem::path& folder, const TrainerOptions& options, std::int64_t step) {
    EXPECT_THROW(sit(folder, options,
                     [step](std::int64_t now) {
                       if (now == step) fail(ErrorCode::kCancelled, "stop");
                     }),
                 Error);
  }
  static void crash_at(const std::filesystem::path& folder, const TrainerOptions& options, std::int64_t step) {
    EXPECT_THROW(sit(folder, options,
                     [step](std::int64_t now) {
                       if (now == step) throw Crash();
                     }),
                 Crash);
  }

  static nlohmann::json state_of(const std::filesystem::path& folder) {
    return nlohmann::json::parse(nn::read_safetensors(folder / "checkpoint.safetensors").metadata.at("state"));
  }

  static void expect_same(const Outcome& a, const Outcome& b) {
    EXPECT_EQ(a.weights, b.weights);
    EXPECT_EQ(a.csv, b.csv);
    EXPECT_EQ(a.result.steps, b.result.steps);
    EXPECT_EQ(a.result.stopped_early, b.result.stopped_early);
    ASSERT_EQ(a.result.curve.size(), b.result.curve.size());
    for (std::size_t i = 0; i < a.result.curve.size(); ++i) {
      EXPECT_EQ(a.result.curve[i].step, b.result.curve[i].step);
      EXPECT_EQ(a.result.curve[i].train_loss, b.result.curve[i].train_loss);
      EXPECT_EQ(a.result.curve[i].validation_loss, b.result.curve[i].validation_loss);
    }
  }

  static std::filesystem::path checkpoint(const TemporaryFolder& folder) { return folder.path() / "checkpoint.safetensors"; }

  static void flip_byte(const std::filesystem::path& path, std::size_t from_end) {
    std::string bytes = read_file(path);
    bytes[bytes.size() - from_end] = static_cast<char>(bytes[bytes.size() - from_end] ^ 0x10);
    write_file_atomically(path, bytes);
  }
};

TEST_F(Resume, IsBitForBitWhatAnUninterruptedTrainingIs) {
  for (const char* optimizer : {"adam", "sgd"}) {
    const TemporaryFolder whole;
    const TemporaryFolder parts;
    const Outcome expected = sit(whole.path(), options(optimizer));
    cancel_at(parts.path(), options(optimizer), 20);
    EXPECT_EQ(state_of(parts.path()).at("step"), 20);
    expect_same(sit(parts.path(), options(optimizer), {}, /*initial_seed=*/99), expected);
  }
}

TEST_F(Resume, OptimiserAndBuffersAreTheSameBytesToo) {
  // Cancelled at the same step, once after one sitting and once after three: the checkpoints' tensors are the same.
  const TemporaryFolder whole;
  const TemporaryFolder parts;
  cancel_at(whole.path(), options(), 37);
  cancel_at(parts.path(), options(), 9);
  cancel_at(parts.path(), options(), 21);
  cancel_at(parts.path(), options(), 37);
  const nn::TensorFile a = nn::read_safetensors(checkpoint(whole));
  const nn::TensorFile b = nn::read_safetensors(checkpoint(parts));
  EXPECT_EQ(bytes_of(a.tensors), bytes_of(b.tensors));
  bool has_moments = false;
  bool has_buffers = false;
  bool has_best = false;
  for (const nn::NamedTensor& each : a.tensors) {
    has_moments = has_moments || each.name == "optimizer.second.heads.toy.0.weight";
    has_buffers = has_buffers || each.name == "network.heads.toy.running_mean";
    has_best = has_best || each.name == "best.heads.toy.0.weight";
  }
  EXPECT_TRUE(has_moments && has_buffers && has_best);
}

TEST_F(Resume, ADecodersBatchNormGoesOnToo) {
  class Dense : public Regression {
   public:
    using Regression::Regression;
    at::Tensor per_image_loss(const at::Tensor& prediction, const task::Batch& batch) const override {
      return (prediction - batch.target).abs().mean({1, 2, 3});
    }
  };
  const auto sitting = [](const std::filesystem::path& folder, std::int64_t stop) {
    std::vector<Head> heads;
    heads.push_back({std::make_shared<Dense>("dense"), nn::make_dense_decoder({.width = 8})});
    Network network(nullptr, std::move(heads));
    network.initialise(1);
    TensorSet set;
    set.input = at::arange(8 * 8 * 4, at::kFloat).sin().view({8, 8, 2, 2});
    set.target = at::arange(8 * 32 * 32, at::kFloat).mul(0.01).cos().view({8, 1, 32, 32});
    const auto source = make_tensor_source(set, 3, true, 1);
    Logger logger;
    try {
      train(network, *source, nullptr, {.steps = 10, .learning_rate = 1e-2}, {folder}, logger, [&](std::int64_t step, std::int64_t, double) {
        if (step == stop) fail(ErrorCode::kCancelled, "stop");
      });
    } catch (const Error&) {
    }
    return bytes_of(network.state());
  };
  const TemporaryFolder whole;
  const TemporaryFolder parts;
  const std::string expected = sitting(whole.path(), 0);
  const std::string half = sitting(parts.path(), 5);
  EXPECT_NE(half, expected);
  EXPECT_EQ(sitting(parts.path(), 0), expected);
}

TEST_F(Resume, CrashesAtAnyStepChangeNothing) {
  const TemporaryFolder whole;
  const Outcome expected = sit(whole.path(), options());
  for (const std::int64_t step : {1, 6, 7, 13, 36, 40}) {
    SCOPED_TRACE(step);
    const TemporaryFolder parts;
    TrainerOptions often = options();
    often.checkpoint_seconds = 0;
    crash_at(parts.path(), often, step);
    // The crash came before the step's own checkpoint.
    EXPECT_EQ(std::filesystem::exists(checkpoint(parts)), step > 1);
    expect_same(sit(parts.path(), options()), expected);
  }
}

TEST_F(Resume, LinesBehindTheCheckpointAreWrittenOnce) {
  const TemporaryFolder whole;
  const TemporaryFolder parts;
  const Outcome expected = sit(whole.path(), options());
  cancel_at(parts.path(), options(), 20);
  crash_at(parts.path(), options(), 33);  // 24 and 30 are in the files, not in the checkpoint
  EXPECT_THAT(read_file(parts.path() / "metrics.csv"), HasSubstr("\n30,"));
  expect_same(sit(parts.path(), options()), expected);

  int event_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(parts.path())) {
    if (entry.path().filename().string().find("tfevents") == std::string::npos) continue;
    ++event_files;
    const auto events = read_events(read_file(entry.path()));
    ASSERT_EQ(events.size(), expected.result.curve.size() + 1);
    for (std::size_t i = 1; i < events.size(); ++i) EXPECT_EQ(events[i].step, expected.result.curve[i - 1].step);
  }
  EXPECT_EQ(event_files, 1);
  const std::string json = read_file(parts.path() / "metrics.jsonl");
  EXPECT_EQ(static_cast<std::size_t>(std::count(json.begin(), json.end(), '\n')), expected.result.curve.size());
}

TEST_F(Resume, EarlyStopCountsOverSittings) {
  const auto sitting = [](const std::filesystem::path& folder, std::int64_t stop) {
    const auto network = made_network();
    const auto training = make_tensor_source(made_set(), 20, true, 1);
    TensorSet other = made_set();
    other.target = at::full_like(other.target, 0.1);
    const auto validation = make_tensor_source(other, 20, false, 1);
    Logger logger;
    TrainingResult result;
    try {
      result = train(*network, *training, validation.get(), {.epochs = 400, .learning_rate = 0.01, .patience = 3}, {folder}, logger,
                     [&](std::int64_t step, std::int64_t, double) {
                       if (step == stop) fail(ErrorCode::kCancelled, "stop");
                     });
    } catch (const Error&) {
    }
    return std::pair(result, bytes_of(network->state()));
  };
  const TemporaryFolder whole;
  const auto [expected, weights] = sitting(whole.path(), 0);
  ASSERT_TRUE(expected.stopped_early);
  // Right behind the best validation, in the middle of the count, and when it is full.
  for (const std::int64_t back : {3, 2, 1, 0}) {
    const TemporaryFolder parts;
    sitting(parts.path(), expected.steps - back);
    const auto [result, resumed] = sitting(parts.path(), 0);
    EXPECT_EQ(result.steps, expected.steps);
    EXPECT_TRUE(result.stopped_early);
    EXPECT_EQ(resumed, weights);
  }
}

TEST_F(Resume, AFinishedTrainingReturnsAtOnceWithItsWeights) {
  const TemporaryFolder folder;
  const Outcome first = sit(folder.path(), options());
  int steps = 0;
  const Outcome again = sit(folder.path(), options(), [&](std::int64_t) { ++steps; }, /*initial_seed=*/99);
  EXPECT_EQ(steps, 0);
  expect_same(again, first);
  EXPECT_EQ(again.result.seconds, first.result.seconds);
  for (const nn::NamedTensor& each : nn::read_safetensors(checkpoint(folder)).tensors) EXPECT_TRUE(each.name.starts_with("network."));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "checkpoint.previous.safetensors"));
}

TEST_F(Resume, RefusesACheckpointOfOtherSettings) {
  const TemporaryFolder folder;
  cancel_at(folder.path(), options(), 10);
  TrainerOptions other = options();
  other.learning_rate = 0.5;
  const std::string sentence = sentence_of([&] { sit(folder.path(), other); });
  EXPECT_THAT(sentence, HasSubstr("learning_rate = 0.02, now it is 0.5"));
  EXPECT_THAT(sentence, HasSubstr("checkpoint.safetensors"));
  // What does not affect results may change.
  other = options();
  other.checkpoint_seconds = 5;
  EXPECT_EQ(sit(folder.path(), other).result.steps, 40);
}

TEST_F(Resume, ADamagedCheckpointIsSetAsideAndTheOneBeforeTaken) {
  const TemporaryFolder whole;
  const Outcome expected = sit(whole.path(), options());
  for (const bool truncated : {false, true}) {
    const TemporaryFolder parts;
    cancel_at(parts.path(), options(), 10);
    cancel_at(parts.path(), options(), 20);
    if (truncated) {
      std::filesystem::resize_file(checkpoint(parts), std::filesystem::file_size(checkpoint(parts)) / 2);
    } else {
      flip_byte(checkpoint(parts), 100);
    }
    std::vector<std::string> warnings;
    Logger logger;
    logger.add_sink(std::make_unique<Warnings>(warnings));
    std::int64_t first = 0;
    const Outcome outcome = sit(
        parts.path(), options(),
        [&](std::int64_t step) {
          if (first == 0) first = step;
        },
        1, &logger);
    EXPECT_EQ(first, 11);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_THAT(warnings[0], HasSubstr("checkpoint.safetensors.damaged"));
    EXPECT_TRUE(std::filesystem::exists(parts.path() / "checkpoint.safetensors.damaged"));
    expect_same(outcome, expected);
  }
}

TEST_F(Resume, WithoutAnIntactCheckpointTrainingBeginsAgain) {
  const TemporaryFolder whole;
  const Outcome expected = sit(whole.path(), options());
  const TemporaryFolder parts;
  cancel_at(parts.path(), options(), 20);
  write_file_atomically(checkpoint(parts), "not a checkpoint");
  std::vector<std::string> warnings;
  Logger logger;
  logger.add_sink(std::make_unique<Warnings>(warnings));
  const Outcome outcome = sit(parts.path(), options(), {}, 1, &logger);
  EXPECT_EQ(warnings.size(), 1u);
  expect_same(outcome, expected);
}

TEST_F(Resume, RefusesACheckpointOfAnotherFormatVersion) {
  const TemporaryFolder folder;
  cancel_at(folder.path(), options(), 10);
  nn::TensorFile file = nn::read_safetensors(checkpoint(folder));
  file.metadata["affinis_checkpoint"] = "2";
  nn::write_safetensors(checkpoint(folder), file);
  EXPECT_THAT(sentence_of([&] { sit(folder.path(), options()); }), HasSubstr("has format 2, this Affinis reads format 1"));
  EXPECT_TRUE(std::filesystem::exists(checkpoint(folder)));
}

/// BatchNorm counts its batches in int64, which the file keeps before all float tensors.
TEST(ResumeRealNetwork, GoesOnFromWhereItStoppedNotFromTheBeginning) {
  const auto made = [] {
    std::vector<Head> heads;
    heads.push_back({std::make_shared<Regression>("mean", 3), nn::make_vector_head({.input_features = 32, .outputs = 3, .hidden = 16})});
    auto network = std::make_unique<Network>(nn::make_encoder({.width = 4}), std::move(heads));
    network->initialise(1);
    return network;
  };
  TensorSet set;
  set.input = at::arange(8 * 3 * 32 * 32, at::kFloat).mul(0.37).sin().view({8, 3, 32, 32});
  set.target = at::arange(8 * 3, at::kFloat).mul(0.1).sin().view({8, 3});
  const TrainerOptions options{.steps = 6, .batch_size = 4, .checkpoint_seconds = 0};
  const auto trained = [&](const std::filesystem::path& folder, std::int64_t stop_after, std::vector<std::int64_t>& steps, std::vector<std::string>& warnings) {
    const auto network = made();
    Logger logger;
    logger.add_sink(std::make_unique<Warnings>(warnings));
    const auto source = make_tensor_source(set, 4, true, 1);
    train(*network, *source, nullptr, options, {folder, false, stop_after}, logger,
          [&](std::int64_t step, std::int64_t, double) { steps.push_back(step); });
    return network->state();
  };
  const TemporaryFolder whole;
  const TemporaryFolder parts;
  std::vector<std::int64_t> steps;
  std::vector<std::string> warnings;
  const auto expected = trained(whole.path(), 0, steps, warnings);
  steps.clear();
  trained(parts.path(), 2, steps, warnings);
  EXPECT_EQ(steps, (std::vector<std::int64_t>{1, 2}));
  steps.clear();
  const auto resumed = trained(parts.path(), 0, steps, warnings);
  EXPECT_EQ(steps, (std::vector<std::int64_t>{3, 4, 5, 6}));
  EXPECT_TRUE(warnings.empty()) << warnings.front();
  ASSERT_EQ(expected.size(), resumed.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(at::equal(expected[i].tensor, resumed[i].tensor)) << expected[i].name;
}

}  // namespace
}  // namespace affinis::train
