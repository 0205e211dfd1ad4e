#include <cmath>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/train/head_schedule.h"
#include "framework/train/trainer.h"
#include "tests/framework/train/balance_toy.h"

namespace affinis::train {
namespace {

using namespace toy;
using ::testing::HasSubstr;
using Heads = std::vector<bool>;
using Labels = std::vector<std::int64_t>;

TEST(HeadSchedule, AllLearnByDefaultAndPeriodsRest) {
  BalanceOptions options;
  EXPECT_EQ(HeadSchedule(options, kTasks, 1).heads_at(5, Labels{1, 1, 1}), (Heads{true, true, true}));
  options.periods = {"b=3"};
  const HeadSchedule schedule(options, kTasks, 1);
  for (std::int64_t step = 0; step < 7; ++step) EXPECT_EQ(schedule.heads_at(step, Labels{1, 1, 1}), (Heads{true, step % 3 == 0, true}));
}

TEST(HeadSchedule, RoundRobinTakesTheNextWithLabels) {
  BalanceOptions options;
  options.head_schedule = "round-robin";
  const HeadSchedule schedule(options, kTasks, 1);
  EXPECT_EQ(schedule.heads_at(0, Labels{2, 2, 2}), (Heads{true, false, false}));
  EXPECT_EQ(schedule.heads_at(1, Labels{2, 2, 2}), (Heads{false, true, false}));
  EXPECT_EQ(schedule.heads_at(5, Labels{2, 2, 2}), (Heads{false, false, true}));
  EXPECT_EQ(schedule.heads_at(1, Labels{2, 0, 2}), (Heads{false, false, true}));
  EXPECT_EQ(schedule.heads_at(1, Labels{2, 0, 0}), (Heads{true, false, false}));
  EXPECT_EQ(schedule.heads_at(1, Labels{0, 0, 0}), (Heads{false, false, false}));
}

TEST(HeadSchedule, ProportionalDrawsByLabels) {
  BalanceOptions options;
  options.head_schedule = "proportional";
  const HeadSchedule schedule(options, kTasks, 1);
  std::vector<int> counts(3, 0);
  for (std::int64_t step = 0; step < 4000; ++step) {
    const Heads heads = schedule.heads_at(step, Labels{6, 0, 2});
    EXPECT_EQ(heads, schedule.heads_at(step, Labels{6, 0, 2}));
    for (std::size_t h = 0; h < 3; ++h) counts[h] += heads[h] ? 1 : 0;
  }
  EXPECT_EQ(counts[0] + counts[2], 4000);
  EXPECT_EQ(counts[1], 0);
  EXPECT_NEAR(counts[0], 3000, 120);
}

TEST(HeadSchedule, DynamicPeriodsFollowWhatIsLeft) {
  BalanceOptions options;
  options.balancer = "dynamic";
  HeadSchedule schedule(options, kTasks, 1);
  schedule.learned(std::vector<double>{4, 2, 1}, false);
  schedule.learned(std::vector<double>{2, 2, std::nan("")}, true);
  // Means over first losses: 3/4, 1 and 1.
  EXPECT_EQ(schedule.periods(), (std::vector<std::int64_t>{1, 1, 1}));
  schedule.learned(std::vector<double>{0.4, 2, 0.5}, true);
  EXPECT_EQ(schedule.periods(), (std::vector<std::int64_t>{4, 1, 2}));
  HeadSchedule restored(options, kTasks, 1);
  restored.load_state(nlohmann::json::parse(schedule.state().dump()));
  EXPECT_EQ(restored.periods(), schedule.periods());
}

TEST(HeadSchedule, AHeadWithoutBetterValidationsStops) {
  BalanceOptions options;
  options.head_patience = 2;
  HeadSchedule schedule(options, kTasks, 1);
  EXPECT_TRUE(schedule.validated(std::vector<double>{1, 1, 1}).empty());
  EXPECT_TRUE(schedule.validated(std::vector<double>{2, 0.9, std::nan("")}).empty());
  EXPECT_EQ(schedule.validated(std::vector<double>{1, 0.8, 0.9}), (std::vector<std::size_t>{0}));
  EXPECT_EQ(schedule.heads_at(3, Labels{1, 1, 1}), (Heads{false, true, true}));
  HeadSchedule restored(options, kTasks, 1);
  restored.load_state(nlohmann::json::parse(schedule.state().dump()));
  EXPECT_TRUE(restored.stopped(0));
  EXPECT_FALSE(restored.all_stopped());
}

/// Bytes of every head after each step.
std::vector<std::map<std::string, std::string>> heads_over_time(const TrainerOptions& options, MadeSource* validation = nullptr) {
  const auto network = three_heads();
  MadeSource source = three_tasks(4);
  Logger logger;
  std::vector<std::map<std::string, std::string>> result;
  train(*network, source, validation, options, {}, logger, [&](std::int64_t, std::int64_t, double) {
    std::map<std::string, std::string> heads;
    for (const std::string& task : kTasks) {
      std::vector<nn::NamedTensor> own;
      for (const nn::NamedTensor& each : network->state()) {
        if (each.name.starts_with("heads." + task + ".")) own.push_back(each);
      }
      heads[task] = bytes_of(own);
    }
    result.push_back(heads);
  });
  return result;
}

TEST(HeadSchedule, RestingHeadsDoNotMoveAtAll) {
  TrainerOptions options;
  options.steps = 9;
  options.learning_rate = 0.01;
  options.weight_decay = 0.1;
  options.balance.head_schedule = "round-robin";
  for (const char* balancer : {"fixed", "mgda", "gradnorm"}) {
    options.balance.balancer = balancer;
    const auto heads = heads_over_time(options);
    for (std::size_t step = 1; step < heads.size(); ++step) {
      for (std::size_t t = 0; t < 3; ++t) {
        EXPECT_EQ(heads[step].at(kTasks[t]) != heads[step - 1].at(kTasks[t]), step % 3 == t) << balancer << " step " << step;
      }
    }
  }
}

TEST(HeadSchedule, TheTrainingEndsWhenAllHeadsStopped) {
  TrainerOptions options;
  options.steps = 400;
  options.evaluate_every = 2;
  options.learning_rate = 0;
  options.balance.head_patience = 3;
  MadeSource validation = three_tasks(2);
  const auto heads = heads_over_time(options, &validation);
  EXPECT_EQ(heads.size(), 8u);
  EXPECT_THAT(sentence_of([&] { heads_over_time(options); }), HasSubstr("there is no validation data to stop heads by"));
}

}  // namespace
}  // namespace affinis::train
