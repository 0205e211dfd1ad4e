#include "framework/task/check.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "tests/framework/task/toy_task.h"

namespace affinis::task {
namespace {

using testing::red_samples;
using testing::ToyTask;

TEST(CheckTask, ASoundTaskPassesEverything) {
  const std::vector<CheckResult> results = check_task(ToyTask(), single_groups(red_samples(4)));
  EXPECT_EQ(results.size(), 17U);
  for (const CheckResult& each : results) {
    EXPECT_TRUE(each.passed) << each.name << ": " << each.sentence;
    EXPECT_FALSE(each.sentence.empty());
  }
}

TEST(CheckTask, SamplesWithoutLabelsAreFine) {
  for (const CheckResult& each : check_task(ToyTask(), single_groups(red_samples(3, true)))) {
    // The last check learns by heart, which one missing label does not hinder either.
    EXPECT_TRUE(each.passed) << each.name << ": " << each.sentence;
  }
}

class FlawTest : public ::testing::TestWithParam<std::pair<ToyTask::Flaw, const char*>> {};

TEST_P(FlawTest, IsFoundByItsCheck) {
  const auto& [flaw, wanted] = GetParam();
  bool found = false;
  const CheckOptions small = {.width = 1, .steps = 40};
  for (const CheckResult& each : check_task(ToyTask(flaw), single_groups(red_samples(4)), small)) found |= each.name == wanted && !each.passed;
  EXPECT_TRUE(found) << wanted;
}

INSTANTIATE_TEST_SUITE_P(CheckTask, FlawTest,
                         ::testing::Values(std::pair{ToyTask::Flaw::kThrows, "shapes of examples"},
                                           std::pair{ToyTask::Flaw::kShape, "shape of predictions"},
                                           std::pair{ToyTask::Flaw::kNaN, "finite examples"},
                                           std::pair{ToyTask::Flaw::kNoise, "determinism"}, std::pair{ToyTask::Flaw::kMask, "mask"},
                                           std::pair{ToyTask::Flaw::kDetached, "gradient"},
                                           std::pair{ToyTask::Flaw::kDetached, "finite differences"},
                                           std::pair{ToyTask::Flaw::kDetached, "overfit"},
                                           std::pair{ToyTask::Flaw::kMixesImages, "images apart"},
                                           std::pair{ToyTask::Flaw::kOtherLoss, "loss"}, std::pair{ToyTask::Flaw::kMetrics, "metrics"}));

TEST(CheckTask, WithoutSamplesThereIsNothingToCheck) { EXPECT_THROW(check_task(ToyTask(), {}), Error); }

TEST(CheckTask, GroupsHaveTheTasksSize) { EXPECT_THROW(check_task(ToyTask(), {red_samples(2)}), Error); }

TEST(CheckTask, SeveralImagesGoToOneHead) {
  std::vector<SampleGroup> groups;
  for (std::int64_t i = 1; i <= 4; ++i) groups.push_back(red_samples(i > 2 ? 3 : 2));
  for (SampleGroup& group : groups) group = {group.front(), group.back()};
  for (const CheckResult& each : check_task(ToyTask(ToyTask::Flaw::kNone, 2), groups)) {
    EXPECT_TRUE(each.passed) << each.name << ": " << each.sentence;
  }
}

TEST(CheckTask, AnImageThatTheHeadIgnoresIsNamed) {
  std::vector<SampleGroup> groups;
  for (int i = 0; i < 4; ++i) groups.push_back(red_samples(2));
  const std::vector<CheckResult> results = check_task(ToyTask(ToyTask::Flaw::kOneImage, 2), groups, {.width = 1, .steps = 40});
  const auto gradient = std::find_if(results.begin(), results.end(), [](const CheckResult& each) { return each.name == "gradient"; });
  ASSERT_NE(gradient, results.end());
  EXPECT_FALSE(gradient->passed);
  EXPECT_NE(gradient->sentence.find("image 2 of 2"), std::string::npos) << gradient->sentence;
}

TEST(CheckTask, AnUndescribedTaskIsToldWhatIsMissing) {
  const std::vector<CheckResult> results = check_task(ToyTask(ToyTask::Flaw::kNameless), single_groups(red_samples(4)));
  EXPECT_FALSE(results.front().passed);
  EXPECT_EQ(results.front().sentence, "info().doc is empty; fill it");
}

}  // namespace
}  // namespace affinis::task
