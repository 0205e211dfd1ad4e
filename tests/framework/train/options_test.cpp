#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/train/schedule.h"
#include "framework/train/trainer.h"

namespace affinis::train {
namespace {

std::string sentence(const TrainerOptions& options) {
  try {
    validate(options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return {};
}

TEST(TrainerOptions, DefaultsAreValidAndEveryFieldIsDescribed) {
  EXPECT_EQ(sentence({}), "");
  EXPECT_EQ(TrainerOptions::fields().size(), 22u);
  for (const OptionField& field : TrainerOptions::fields()) EXPECT_FALSE(field.doc.empty()) << field.name;
}

TEST(TrainerOptions, OnlyTheCheckpointIntervalLeavesTheResultAlone) {
  for (const OptionField& field : TrainerOptions::fields()) {
    EXPECT_EQ(field.affects_result, field.name != "checkpoint_seconds") << field.name;
  }
}

TEST(TrainerOptions, TheMannerIsWhatTheResultDoesNotDependOn) {
  EXPECT_TRUE(manner_to_json({}).empty());
  const TrainerOptions often{.learning_rate = 3, .checkpoint_seconds = 0.5};
  EXPECT_EQ(manner_to_json(often), nlohmann::json({{"checkpoint_seconds", 0.5}}));
  TrainerOptions taken;
  take_manner(taken, manner_to_json(often));
  EXPECT_EQ(taken.checkpoint_seconds, 0.5);
  EXPECT_EQ(to_json(taken), to_json(TrainerOptions()));
  EXPECT_THROW(take_manner(taken, {{"checkpoint_minutes", 1}}), Error);
}

TEST(TrainerOptions, NamesWhatIsOutOfBounds) {
  EXPECT_NE(sentence({.learning_rate = -1}).find("learning_rate"), std::string::npos);
  EXPECT_NE(sentence({.optimizer = "lion"}).find("optimizer"), std::string::npos);
  EXPECT_NE(sentence({.batch_size = 0}).find("batch_size"), std::string::npos);
  EXPECT_NE(sentence({.warmup = 1}).find("warmup is 1"), std::string::npos);
  EXPECT_NE(sentence({.momentum = 1}).find("momentum is 1"), std::string::npos);
}

TEST(TrainerOptions, RefusesCombinationsThatMeanNothing) {
  EXPECT_NE(sentence({.schedule = "step"}).find("decay_at is empty"), std::string::npos);
  EXPECT_NE(sentence({.decay_at = {0.5}}).find("schedule is 'constant'"), std::string::npos);
  EXPECT_NE(sentence({.schedule = "step", .decay_at = {0.7, 0.5}}).find("0.5 after 0.7"), std::string::npos);
  EXPECT_NE(sentence({.schedule = "step", .decay_at = {0.0}}).find("decay_at"), std::string::npos);
  EXPECT_NE(sentence({.schedule = "step", .decay_at = {1.5}}).find("decay_at"), std::string::npos);
  EXPECT_EQ(sentence({.schedule = "step", .decay_at = {0.5, 0.7}}), "");
}

TEST(Schedule, WarmUpRisesLinearlyToTheRate) {
  const TrainerOptions options{.learning_rate = 1, .warmup = 0.1};
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 0, 100), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 4, 100), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 9, 100), 1);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 99, 100), 1);
}

TEST(Schedule, StepFallsAtItsShares) {
  const TrainerOptions options{.learning_rate = 1, .schedule = "step", .decay_at = {0.5, 0.8}, .decay_factor = 0.1};
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 49, 100), 1);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 50, 100), 0.1);
  EXPECT_NEAR(learning_rate_at(options, 80, 100), 0.01, 1e-15);
}

TEST(Schedule, CosineFallsFromTheEndOfTheWarmUpTowardsZero) {
  const TrainerOptions options{.learning_rate = 2, .schedule = "cosine", .warmup = 0.2};
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 20, 100), 2);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 60, 100), 1);
  EXPECT_LT(learning_rate_at(options, 99, 100), 0.002);
  EXPECT_GT(learning_rate_at(options, 99, 100), 0);
}

}  // namespace
}  // namespace affinis::train
