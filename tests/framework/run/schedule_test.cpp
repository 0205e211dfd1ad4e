#include "framework/run/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace affinis::run {
namespace {

using ::testing::ElementsAre;

Job timed_job(const std::string& name, std::vector<std::string> inputs, double cost = 1,
              const std::string& group = {}) {
  return {.kind = "sum",
          .name = name,
          .spec = {},
          .inputs = std::move(inputs),
          .group = group,
          .cost = cost};
}

JobGraph timed_graph(std::vector<Job> jobs) {
  JobGraph graph;
  for (Job& each : jobs) graph.add(std::move(each));
  return graph;
}

std::string take(Schedule& schedule, std::size_t worker) {
  const auto next = schedule.next({worker});
  return next ? next->job : "";
}

TEST(Schedule, StartsTheCostliestChainFirst) {
  const JobGraph jobs = timed_graph({timed_job("short", {}, 1), timed_job("long", {}, 5),
                                     timed_job("root", {}, 1), timed_job("leaf", {"root"}, 10)});
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
  const JobGraph jobs = timed_graph({timed_job("a1", {}, 9, "a"), timed_job("b1", {}, 8, "b"),
                                     timed_job("b2", {}, 7, "b"), timed_job("a2", {}, 1, "a"),
                                     timed_job("a3", {}, 1, "a")});
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

TEST(Schedule, GoesOnWithTheOwnersOfAnEarlierOne) {
  const JobGraph jobs = timed_graph({timed_job("a1", {}, 1, "a"), timed_job("b1", {}, 9, "b")});
  Schedule first(jobs, {});
  EXPECT_EQ(take(first, 1), "b1");
  EXPECT_EQ(take(first, 0), "a1");
  Schedule next(jobs, {});
  for (const auto& [group, worker] : first.owners()) next.own(group, worker);
  // The dearer job waits for the worker that has what its group shares.
  EXPECT_EQ(take(next, 0), "a1");
  EXPECT_EQ(take(next, 1), "b1");
}

TEST(Schedule, ForgetsGroupsOfALostWorker) {
  const JobGraph jobs = timed_graph(
      {timed_job("a1", {}, 9, "a"), timed_job("a2", {}, 1, "a"), timed_job("c", {}, 5)});
  Schedule schedule(jobs, {});
  EXPECT_EQ(take(schedule, 0), "a1");
  schedule.forget_groups(0);
  EXPECT_EQ(take(schedule, 0), "c");
}

TEST(Schedule, FinishedJobsAreNotHandedOut) {
  const JobGraph jobs =
      timed_graph({timed_job("a", {}), timed_job("b", {"a"}), timed_job("c", {"b"})});
  Schedule schedule(jobs, {"a", "c"});
  EXPECT_EQ(take(schedule, 0), "b");
  schedule.finish("b");
  EXPECT_TRUE(schedule.is_over());
}

TEST(Schedule, AFailureBlocksOnlyDependants) {
  const JobGraph jobs =
      timed_graph({timed_job("a", {}), timed_job("b", {"a"}), timed_job("c", {"b", "d"}),
                   timed_job("d", {}), timed_job("e", {"d"})});
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
  const JobGraph jobs =
      timed_graph({timed_job("a", {}), timed_job("b", {}), timed_job("needs a", {"a"}),
                   timed_job("needs both", {"a", "b"}), timed_job("last", {"needs a"})});
  Schedule schedule(jobs, {});
  EXPECT_THAT(schedule.withhold("a"), ElementsAre("needs a", "needs both", "last"));
  EXPECT_EQ(take(schedule, 0), "b");
  schedule.finish("b");
  EXPECT_TRUE(schedule.is_over());
}

}  // namespace
}  // namespace affinis::run
