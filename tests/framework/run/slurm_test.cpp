// Runs through a stand-in for Slurm (fake_slurm.py); tests/experiments/cluster_slurm_test.py goes through a real one.
#include "framework/run/slurm.h"

#include "framework/run/index.h"
#include "framework/run/journal.h"
#include "framework/run/run_lock.h"
#include "framework/run/slurm_submission.h"
#include "tests/framework/run/run_fixture.h"

namespace affinis::run {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using State = JobOutcome::State;

class DealBatches : public RunTest {
 protected:
  void add_levels() {
    add("sum", "data", {});
    for (const char* target : {"a", "b"}) {
      for (int at = 0; at < 3; ++at)
        add("sum", std::string("transfer/") + target + std::to_string(at), {}, {"data"}, target, 1 + at);
    }
    add("sum", "last", {}, {"transfer/a0", "transfer/b2"});
  }
  std::set<std::string> all() const {
    std::set<std::string> names;
    for (const Job& job : jobs) names.insert(job.name);
    return names;
  }
};

TEST_F(DealBatches, OneBatchForEachGroupOfALevel) {
  add_levels();
  const auto levels = deal_batches(graph(), all(), {});
  ASSERT_EQ(levels.size(), 3U);
  EXPECT_THAT(levels[0], ElementsAre(ElementsAre("data")));
  EXPECT_THAT(levels[1], ElementsAre(ElementsAre("transfer/a0", "transfer/a1", "transfer/a2"),
                                     ElementsAre("transfer/b0", "transfer/b1", "transfer/b2")));
  EXPECT_THAT(levels[2], ElementsAre(ElementsAre("last")));
}

TEST_F(DealBatches, LevelsAreThoseOfWhatIsLeft) {
  add_levels();
  const auto levels = deal_batches(graph(), {"transfer/b2", "last"}, {});
  EXPECT_THAT(levels, ElementsAre(ElementsAre(ElementsAre("transfer/b2")), ElementsAre(ElementsAre("last"))));
  EXPECT_TRUE(deal_batches(graph(), {}, {}).empty());
}

TEST_F(DealBatches, BatchesAreSplitAndJoinedAsAsked) {
  add_levels();
  SlurmOptions split;
  split.jobs_per_task = 2;
  EXPECT_THAT(deal_batches(graph(), all(), split)[1],
              ElementsAre(ElementsAre("transfer/a0", "transfer/a1"), ElementsAre("transfer/a2"),
                          ElementsAre("transfer/b0", "transfer/b1"), ElementsAre("transfer/b2")));
  SlurmOptions joined;
  joined.jobs_per_task = 1;
  joined.max_tasks = 2;
  const auto level = deal_batches(graph(), all(), joined)[1];
  ASSERT_EQ(level.size(), 2U);
  EXPECT_EQ(level[0].size() + level[1].size(), 6U);
  EXPECT_EQ(level[0].size(), 3U);
}

TEST_F(DealBatches, ASubmissionSurvivesItsFile) {
  add_levels();
  jobs.front().manner = {{"checkpoint_seconds", 5}};
  fs::create_directories(folder());
  Submission submission;
  submission.number = 3;
  submission.graph = graph();
  submission.options.devices = {"cuda:0", "cuda:1"};
  submission.options.jobs_in = "..";
  submission.options.retries = 7;
  submission.levels = deal_batches(graph(), all(), {});
  write_submission(folder(), submission);
  EXPECT_EQ(last_submission(folder()), 3);
  const Submission read = read_submission(folder(), 3);
  EXPECT_EQ(read.graph.identities(toy::kinds()), graph().identities(toy::kinds()));
  EXPECT_EQ(read.graph.jobs().front().manner, jobs.front().manner);
  EXPECT_EQ(read.levels, submission.levels);
  EXPECT_EQ(read.options.devices, submission.options.devices);
  EXPECT_EQ(read.options.jobs_in, "..");
  EXPECT_EQ(read.options.retries, 7);
  EXPECT_THROW(read_submission(folder(), 4), Error);
}

class RunOnSlurm : public RunTest {
 protected:
  RunOnSlurm() {
    fs::create_directories(state());
    fs::create_directories(temporary.path() / "bin");
    for (const char* command : {"sbatch", "squeue", "scontrol", "scancel"}) {
      const fs::path path = temporary.path() / "bin" / command;
      std::ofstream(path) << "#!/bin/sh\nexec python3 '" << AFFINIS_SOURCE_DIR
                          << "/tests/framework/run/fake_slurm.py' " << command << " \"$@\"\n";
      fs::permissions(path, fs::perms::owner_all);
    }
    earlier_path_ = std::getenv("PATH");
    ::setenv("PATH", ((temporary.path() / "bin").string() + ":" + earlier_path_).c_str(), 1);
    ::setenv("FAKE_SLURM", state().c_str(), 1);
    slurm.poll_seconds = 0.1;
  }
  ~RunOnSlurm() override {
    eventually([&] {
      const auto queue = slurm_queue(folder());
      return !queue || queue->empty();
    });
    ::setenv("PATH", earlier_path_.c_str(), 1);
    ::unsetenv("FAKE_SLURM");
  }

  fs::path state() const { return temporary.path() / "slurm"; }
  RunSummary run_there() {
    return run_graph_on_slurm(graph(), toy::kinds(), folder(), options, slurm,
                              {kProgram, "array-task", folder().string()}, logger);
  }
  std::vector<std::string> coordinator() {
    write_json(temporary.path() / "graph.json", toy::to_json(jobs));
    return {kProgram, "slurm", folder().string(), (temporary.path() / "graph.json").string()};
  }
  std::vector<std::string> arguments(int array) const {
    return read_json(state() / (std::to_string(array) + ".arguments")).get<std::vector<std::string>>();
  }

  SlurmOptions slurm;

 private:
  std::string earlier_path_;
};

TEST_F(RunOnSlurm, GivesWhatALocalRunGivesWithOneArrayForEachLevel) {
  add("sum", "first/a", {{"value", 1}});
  add("sum", "first/b", {{"value", 2}});
  add("sum", "second/c", {{"value", 10}}, {"first/a", "first/b"}, "c");
  add("sum", "second/d", {{"value", 20}}, {"first/a"}, "c");
  add("sum", "third/e", {{"value", 0}}, {"second/c", "second/d"});
  const RunSummary summary = run_there();
  EXPECT_TRUE(summary.complete());
  EXPECT_EQ(value("third/e"), "34");
  EXPECT_THAT(arguments(1), Contains("--array=0-1"));
  EXPECT_THAT(arguments(2), AllOf(Contains("--array=0-0"), Contains("--dependency=afterok:1")));
  EXPECT_THAT(arguments(3), Contains("--dependency=afterok:2"));
  EXPECT_FALSE(fs::exists(state() / "4.arguments"));
  const auto on_cluster = results(folder());
  fs::remove_all(folder());
  run();
  EXPECT_EQ(results(folder()), on_cluster);
  for (const auto& [name, outcome] : summary.jobs) EXPECT_EQ(outcome.state, State::kDone) << name;
}

TEST_F(RunOnSlurm, AFailedJobBlocksOnlyWhatNeedsItAndStatusTells) {
  add("sum", "first/a", {{"value", 1}});
  add("throw", "first/bad", {{"code", "data"}});
  add("sum", "second/a", {{"value", 1}}, {"first/a"}, "t");
  add("sum", "second/bad", {{"value", 1}}, {"first/bad"}, "t");
  add("sum", "third/bad", {{"value", 1}}, {"second/bad"});
  const RunSummary summary = run_there();
  EXPECT_EQ(summary.jobs.at("second/a").state, State::kDone);
  EXPECT_EQ(summary.jobs.at("first/bad").state, State::kFailed);
  EXPECT_EQ(summary.jobs.at("first/bad").error, "the data of this job is wrong");
  EXPECT_EQ(summary.jobs.at("second/bad").state, State::kBlocked);
  EXPECT_EQ(summary.jobs.at("third/bad").state, State::kBlocked);
  const RunStatus status = read_status(folder());
  ASSERT_EQ(status.failures.size(), 1U);
  EXPECT_EQ(status.failures[0].name, "first/bad");
  EXPECT_TRUE(fs::exists(status.failures[0].log)) << status.failures[0].log;
  EXPECT_FALSE(status.cluster);
}

TEST_F(RunOnSlurm, WhatAKilledArrayTaskLeftIsHandedInAgain) {
  add("kill_coordinator", "first/killer", {{"times", 1}}, {}, "x");
  add("sum", "first/mate", {{"value", 5}}, {}, "x");
  add("sum", "first/other", {{"value", 7}}, {}, "y");
  add("sum", "second/all", {{"value", 0}}, {"first/killer", "first/mate", "first/other"});
  EXPECT_TRUE(run_there().complete());
  EXPECT_EQ(value("second/all"), "13");
  EXPECT_EQ(tally("start").at("first/killer"), 2);
  EXPECT_EQ(tally("start").at("first/other"), 1);
  EXPECT_THAT(warnings, Contains(HasSubstr("handed in again")));
}

TEST_F(RunOnSlurm, HandingInAgainHasALimit) {
  options.retries = 1;
  add("kill_coordinator", "always", {{"times", 100}});
  add("sum", "needs", {{"value", 5}}, {"always"});
  add("sum", "apart", {{"value", 5}});
  const RunSummary summary = run_there();
  EXPECT_EQ(summary.jobs.at("apart").state, State::kDone);
  EXPECT_EQ(summary.jobs.at("always").state, State::kFailed);
  EXPECT_THAT(summary.jobs.at("always").error, HasSubstr("without a result"));
  EXPECT_EQ(summary.jobs.at("needs").state, State::kBlocked);
}

TEST_F(RunOnSlurm, ACoordinatorThatIsKilledLeavesTheArraysAndTheNextGoesOnWithThem) {
  for (int at = 0; at < 3; ++at)
    add("steps", "first/" + std::to_string(at), {{"steps", 20}, {"seconds", 0.02}, {"seed", at}});
  add("sum", "second/all", {{"value", 0}}, {"first/0", "first/1", "first/2"});
  {
    // Killed when all is handed in: before, the next coordinator hands in the rest.
    Child child(coordinator());
    ASSERT_TRUE(eventually([&] { return tally("step").contains("first/0") && fs::exists(state() / "2.arguments"); }));
    child.signal(SIGKILL);
    child.wait();
  }
  const RunStatus status = read_status(folder());
  EXPECT_FALSE(status.coordinator_alive);
  ASSERT_TRUE(status.cluster);
  EXPECT_GT(status.cluster->running + status.cluster->waiting, 0);
  EXPECT_EQ(status.cluster->name, slurm_name(folder()));
  EXPECT_TRUE(run_there().complete());
  for (const auto& [name, count] : tally("start")) EXPECT_EQ(count, 1) << name;
  EXPECT_FALSE(fs::exists(state() / "3.arguments"));
}

TEST_F(RunOnSlurm, ATaskThatIsWarnedGoesBackToTheQueueWithItsCheckpoint) {
  add("steps", "long", {{"steps", 60}, {"seconds", 0.03}});
  Child child(coordinator());
  ASSERT_TRUE(eventually([&] { return tally("step")["long"] >= 5; }));
  const fs::path lock = folder() / task_books(1, 0, 0) / "run.lock";
  ::kill(std::stoi(read_file(lock)), SIGUSR1);
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(tally("step").at("long"), 60);
  EXPECT_EQ(tally("start").at("long"), 2);
  EXPECT_FALSE(fs::exists(state() / "2.arguments"));
}

TEST_F(RunOnSlurm, ASignalLeavesTheArraysInTheQueue) {
  add("steps", "long", {{"steps", 40}, {"seconds", 0.03}});
  const fs::path errors = temporary.path() / "errors";
  Child child(coordinator(), errors);
  ASSERT_TRUE(eventually([&] { return tally("step")["long"] >= 2; }));
  child.signal(SIGINT);
  EXPECT_EQ(child.wait(), 3);
  EXPECT_THAT(read_file(errors), HasSubstr("scancel --name=" + slurm_name(folder())));
  EXPECT_TRUE(eventually([&] { return fs::exists(result_folder("long")); }));
  Logger silent;
  update_index(folder(), silent);
  EXPECT_TRUE(read_status(folder()).finished);
  EXPECT_EQ(measured_jobs(folder()).size(), 1U);
}

TEST_F(RunOnSlurm, ARefusalIsOneSentence) {
  std::ofstream(state() / "refuse") << "";
  add("sum", "a", {{"value", 1}});
  try {
    run_there();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDevice);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("invalid partition"), HasSubstr("[slurm]")));
  }
  fs::remove(state() / "refuse");
  std::ofstream(state() / "deaf") << "";
  EXPECT_THROW(run_there(), Error);
  fs::remove(state() / "deaf");
}

TEST_F(RunOnSlurm, TheScriptAsksForWhatIsWanted) {
  slurm.partition = "gpu";
  slurm.time = "1:00:00";
  slurm.memory = "8G";
  slurm.gpus_per_task = 2;
  slurm.lines = {"--account=vision"};
  slurm.prologue = {"export TOY=1"};
  // There are no such devices for a toy job to mind.
  add("sum", "a", {{"value", 1}});
  EXPECT_TRUE(run_there().complete());
  const std::string script = read_file(folder() / "slurm/1/level-0.sh");
  for (const char* line : {"--partition=gpu\n", "--time=1:00:00\n", "--mem=8G\n", "--gpus-per-task=2\n", "--account=vision\n",
                           "--signal=B:USR1@90\n", "--requeue\n", "\nexport TOY=1\nexec '"})
    EXPECT_THAT(script, HasSubstr(line));
}

}  // namespace
}  // namespace affinis::run
