#include "framework/run/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace affinis::run {
namespace {

using ::testing::ElementsAre;

Job job(const std::string& name, std::vector<std::string> inputs, double cost = 1,
        const std::string& group = {}) {
  return {.kind = "sum",
          .name = name,
          .spec = {},
          .inputs = std::move(inputs),
          .group = group,
          .cost = cost};
}

JobGraph graph(std::vector<Job> jobs) {
  JobGraph graph;
  for (Job& each : jobs) graph.add(std::move(each));
  return graph;
}

std::string take(Schedule& schedule, std::size_t worker) {
  const auto next = schedule.next({worker});
  return next ? next->job : "";
}

TEST(Schedule, StartsTheCostliestChainFirst) {
  const JobGraph jobs = graph(
      {job("short", {}, 1), job("long", {}, 5), job("root", {}, 1), job("leaf", {"root"}, 10)});
  Schedule schedule(jobs, {});
  EXPECT_EQ(take(schedule, 0), "root");
  EXPECT_EQ(take(schedule, 0), "long");
  EXPECT_EQ(take(schedule, 0), "short");
  EXPECT_EQ(take(schedule, 0), "");
  EXPECT_FALSE(schedule.is_over());
  schedule.finish("root");
  EXPECT_EQ(take(schedule, 0), "leaf");
}

TEST(Schedule, KeepsGroupsWithTheirWorker) {
  const JobGraph jobs = graph({job("a1", {}, 9, "a"), job("b1", {}, 8, "b"), job("b2", {}, 7, "b"),
                               job("a2", {}, 1, "a"), job("a3", {}, 1, "a")});
  Schedule schedule(jobs, {});
  EXPECT_EQ(take(schedule, 0), "a1");
  EXPECT_EQ(take(schedule, 1), "b1");
  schedule.finish("a1");
  EXPECT_EQ(take(schedule, 0), "a2");
  schedule.finish("b1");
  // Both idle: the job goes to the one whose group it is.
  schedule.finish("a2");
  const auto next = schedule.next({0, 1});
  ASSERT_TRUE(next);
  EXPECT_EQ(next->worker, 1U);
  EXPECT_EQ(next->job, "b2");
  // Idle workers take what is left of another's group rather than nothing.
  schedule.finish("b2");
  EXPECT_EQ(take(schedule, 1), "a3");
}

TEST(Schedule, ForgetsGroupsOfALostWorker) {
  const JobGraph jobs = graph({job("a1", {}, 9, "a"), job("a2", {}, 1, "a"), job("c", {}, 5)});
  Schedule schedule(jobs, {});
  EXPECT_EQ(take(schedule, 0), "a1");
  schedule.forget_groups(0);
  EXPECT_EQ(take(schedule, 0), "c");
}

TEST(Schedule, FinishedJobsAreNotHandedOut) {
  const JobGraph jobs = graph({job("a", {}), job("b", {"a"}), job("c", {"b"})});
  Schedule schedule(jobs, {"a", "c"});
  EXPECT_EQ(take(schedule, 0), "b");
  schedule.finish("b");
  EXPECT_TRUE(schedule.is_over());
}

TEST(Schedule, AFailureBlocksOnlyDependants) {
  const JobGraph jobs =
      graph({job("a", {}), job("b", {"a"}), job("c", {"b", "d"}), job("d", {}), job("e", {"d"})});
  Schedule schedule(jobs, {});
  EXPECT_EQ(take(schedule, 0), "a");
  EXPECT_THAT(schedule.give_up("a"), ElementsAre("b", "c"));
  EXPECT_EQ(take(schedule, 0), "d");
  schedule.retry("d");
  EXPECT_EQ(take(schedule, 1), "d");
  schedule.finish("d");
  EXPECT_EQ(take(schedule, 0), "e");
  schedule.finish("e");
  EXPECT_TRUE(schedule.is_over());
}

TEST(Schedule, WhatIsWithheldBlocksWhatNeedsItAlone) {
  const JobGraph jobs = graph({job("a", {}), job("b", {}), job("needs a", {"a"}), job("needs both", {"a", "b"}),
                               job("last", {"needs a"})});
  Schedule schedule(jobs, {});
  EXPECT_THAT(schedule.withhold("a"), ElementsAre("needs a", "needs both", "last"));
  EXPECT_EQ(take(schedule, 0), "b");
  schedule.finish("b");
  EXPECT_TRUE(schedule.is_over());
}

}  // namespace
}  // namespace affinis::run
