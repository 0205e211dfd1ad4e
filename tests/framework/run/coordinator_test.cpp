#include "framework/run/coordinator.h"

#include <sys/mount.h>

#include "framework/run/crew.h"
#include "framework/run/run_lock.h"
#include "tests/framework/run/run_fixture.h"

namespace affinis::run {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using State = JobOutcome::State;

class RunGraph : public RunTest {
 protected:
  void add_diamond(int value = 1) {
    add("sum", "first/a", {{"value", value}});
    add("sum", "second/b", {{"value", 10}}, {"first/a"});
    add("sum", "second/c", {{"value", 100}}, {"first/a"});
    add("sum", "third/d", {{"value", 0}}, {"second/b", "second/c"});
  }
};

TEST_F(RunGraph, RunsEveryJobAfterItsInputsAndKeepsMetrics) {
  add_diamond();
  const RunSummary summary = run();
  EXPECT_TRUE(summary.complete());
  EXPECT_EQ(value("third/d"), "112");
  EXPECT_EQ(summary.jobs.at("third/d").folder, result_folder("third/d"));
  const nlohmann::json done = read_json(result_folder("third/d") / "done.json");
  EXPECT_EQ(done.at("kind"), "sum");
  EXPECT_EQ(done.at("name"), "third/d");
  EXPECT_EQ(done.at("metrics").at("value"), 112);
  EXPECT_EQ(done.at("spec"), (nlohmann::json{{"value", 0}}));
  EXPECT_TRUE(fs::exists(result_folder("third/d") / "log.jsonl"));
  EXPECT_FALSE(fs::exists(result_folder("third/d") / ".seconds"));
  EXPECT_TRUE(warnings.empty()) << warnings.front();
}

TEST_F(RunGraph, NeverRepeatsAFinishedJob) {
  add_diamond();
  run();
  const RunSummary again = run();
  for (const auto& [name, outcome] : again.jobs) EXPECT_EQ(outcome.state, State::kReused) << name;
  EXPECT_GE(again.jobs.at("first/a").seconds, 0);
  for (const auto& [name, count] : tally("start")) EXPECT_EQ(count, 1) << name;
}

TEST_F(RunGraph, RedoesOnlyWhatASettingTouchesAndGrows) {
  add_diamond();
  run();
  jobs[1].spec["value"] = 20;
  add("sum", "fourth/e", {{"value", 1}}, {"first/a"});
  const RunSummary summary = run();
  EXPECT_EQ(summary.jobs.at("first/a").state, State::kReused);
  EXPECT_EQ(summary.jobs.at("second/b").state, State::kDone);
  EXPECT_EQ(summary.jobs.at("second/c").state, State::kReused);
  EXPECT_EQ(summary.jobs.at("third/d").state, State::kDone);
  EXPECT_EQ(summary.jobs.at("fourth/e").state, State::kDone);
  EXPECT_EQ(value("third/d"), "122");
}

TEST_F(RunGraph, EmptyGraphIsComplete) { EXPECT_TRUE(run().complete()); }

TEST_F(RunGraph, AFailedJobBlocksOnlyItsDependantsAndIsTriedAgainByTheNextRun) {
  add_diamond();
  add("throw", "bad", {{"code", "data"}}, {"first/a"});
  add("sum", "needs/bad", {{"value", 1}}, {"bad"});
  add("sum", "needs/more", {{"value", 1}}, {"needs/bad"});
  const RunSummary summary = run();
  EXPECT_FALSE(summary.complete());
  EXPECT_EQ(summary.jobs.at("third/d").state, State::kDone);
  EXPECT_EQ(summary.jobs.at("bad").state, State::kFailed);
  EXPECT_EQ(summary.jobs.at("bad").error, "the data of this job is wrong");
  EXPECT_EQ(summary.jobs.at("needs/bad").state, State::kBlocked);
  EXPECT_EQ(summary.jobs.at("needs/more").state, State::kBlocked);
  EXPECT_THAT(summary.jobs.at("needs/more").error, HasSubstr("blocked by 'bad'"));
  EXPECT_EQ(tally("start").at("bad"), 1);
  run();
  EXPECT_EQ(tally("start").at("bad"), 2);
}

TEST_F(RunGraph, RetriesWhatMayPassAndNotWhatIsDeterministic) {
  options.retries = 2;
  for (const char* code : {"config", "data", "numeric", "io", "device", "foreign", "number"})
    add("throw", code, {{"code", code}});
  const RunSummary summary = run();
  const auto starts = tally("start");
  for (const char* code : {"config", "data", "numeric"}) EXPECT_EQ(starts.at(code), 1) << code;
  for (const char* code : {"io", "device", "foreign", "number"})
    EXPECT_EQ(starts.at(code), 3) << code;
  EXPECT_EQ(summary.jobs.at("foreign").error, "a library is unhappy");
  EXPECT_EQ(summary.jobs.at("number").error, "an exception of unknown type");
}

TEST_F(RunGraph, ADyingWorkerCostsItsJobOnly) {
  options.retries = 2;
  add("crash", "killed", {{"times", 2}});
  add("crash", "aborted", {{"times", 1}, {"signal", SIGABRT}});
  add("crash", "left", {{"times", 1}, {"signal", 0}});
  for (int at = 0; at < 6; ++at)
    add("sum", "sum/" + std::to_string(at), {{"value", at}, {"seconds", 0.01}});
  const RunSummary summary = run();
  EXPECT_TRUE(summary.complete());
  EXPECT_EQ(tally("start").at("killed"), 3);
  for (int at = 0; at < 6; ++at) EXPECT_EQ(tally("start").at("sum/" + std::to_string(at)), 1);
  EXPECT_THAT(warnings, Contains(AllOf(HasSubstr("signal 9"), HasSubstr("killed"),
                                       HasSubstr("workers/cpu."))));
  EXPECT_THAT(warnings, Contains(AllOf(HasSubstr("exit code 7"), HasSubstr("left"))));
}

TEST_F(RunGraph, RetriesHaveALimit) {
  options.retries = 1;
  add("crash", "always", {{"times", 100}});
  add("sum", "waits", {{"value", 1}}, {"always"});
  const RunSummary summary = run();
  EXPECT_EQ(tally("start").at("always"), 2);
  EXPECT_EQ(summary.jobs.at("always").state, State::kFailed);
  EXPECT_THAT(summary.jobs.at("always").error, HasSubstr("signal 9"));
  EXPECT_EQ(summary.jobs.at("waits").state, State::kBlocked);
}

TEST_F(RunGraph, ACheckpointSurvivesAKilledWorker) {
  options.devices = {"cpu:0"};
  add("steps", "plain", {{"steps", 12}});
  run();
  const std::string expected = value("plain");
  fs::remove_all(folder());
  fs::remove(tally_file());

  jobs.front().spec["seconds"] = 0.02;
  jobs.front().name = "slow";
  add("steps", "undisturbed", jobs.front().spec);
  std::thread killer([&] {
    eventually([&] { return tally("step")["slow"] >= 4; });
    for (const fs::directory_entry& process : fs::directory_iterator("/proc")) {
      std::ifstream stream(process.path() / "cmdline");
      const std::string words((std::istreambuf_iterator<char>(stream)), {});
      if (words.find("run_test_program") == std::string::npos ||
          words.find(folder().string()) == std::string::npos)
        continue;
      ::kill(std::stoi(process.path().filename().string()), SIGKILL);
    }
  });
  const RunSummary summary = run();
  killer.join();
  EXPECT_TRUE(summary.complete());
  EXPECT_EQ(tally("start").at("slow") + tally("start").at("undisturbed"), 3);
  // One step may be lost between its checkpoint and its tally, none is repeated.
  EXPECT_LE(tally("step").at("slow"), 12);
  EXPECT_GE(tally("step").at("slow"), 11);
  EXPECT_EQ(value("slow"), value("undisturbed"));
  EXPECT_FALSE(expected.empty());
}

TEST_F(RunGraph, ADamagedDoneJsonIsSetAsideAndDoneAgain) {
  add_diamond();
  run();
  std::ofstream(result_folder("second/b") / "done.json") << "{\"identity\": \"tru";
  fs::remove(result_folder("second/c") / "done.json");
  nlohmann::json other = read_json(result_folder("third/d") / "done.json");
  other["identity"] = std::string(32, '0');
  write_json(result_folder("third/d") / "done.json", other);
  const RunSummary summary = run();
  EXPECT_TRUE(summary.complete());
  EXPECT_EQ(summary.jobs.at("first/a").state, State::kReused);
  for (const char* name : {"second/b", "second/c", "third/d"}) {
    EXPECT_EQ(summary.jobs.at(name).state, State::kDone) << name;
    EXPECT_TRUE(fs::exists(result_folder(name).string() + ".damaged-1")) << name;
    EXPECT_THAT(warnings, Contains(HasSubstr(result_folder(name).string()))) << name;
  }
  EXPECT_EQ(value("third/d"), "112");
}

TEST_F(RunGraph, TheSecondCoordinatorIsRefusedByPid) {
  add("sum", "slow", {{"value", 1}, {"seconds", 30}});
  write_json(temporary.path() / "graph.json", toy::to_json(jobs));
  const Child first(
      {kProgram, "run", folder().string(), (temporary.path() / "graph.json").string(), "0", "1"});
  ASSERT_TRUE(eventually([&] { return tally("start").contains("slow"); }));
  try {
    run();
    FAIL() << "two coordinators in one folder";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_THAT(error.what(), HasSubstr("process " + std::to_string(first.process())));
  }
}

TEST_F(RunGraph, JobsOfAGroupStayWithTheirWorker) {
  for (int at = 0; at < 8; ++at) {
    for (const char* group : {"depth", "normal"}) {
      add("sum", std::string(group) + "/" + std::to_string(at), {{"value", at}, {"seconds", 0.03}},
          {}, group);
    }
  }
  run();
  std::map<std::string, std::map<std::string, int>> devices;
  for (const std::string& line : tally_lines()) {
    const std::vector<std::string> words = split(line, ' ');
    if (words[0] == "start") ++devices[words[1].substr(0, words[1].find('/'))][words[2]];
  }
  // The last job or two may move to the worker that is done with its own group.
  for (const auto& [group, counts] : devices) {
    int most = 0;
    for (const auto& [device, count] : counts) most = std::max(most, count);
    EXPECT_GE(most, 6) << group;
  }
}

TEST_F(RunGraph, ACrewsWorkersAndLockOutliveACall) {
  // The last word of a line is the worker's process.
  const auto workers = [&] {
    std::set<std::string> processes;
    for (const std::string& line : tally_lines()) {
      const std::vector<std::string> words = split(line, ' ');
      if (words[0] == "start") processes.insert(words.back());
    }
    return processes;
  };
  options.devices = {"cpu:0"};
  auto crew = std::make_unique<Crew>();
  add("sum", "one", {{"value", 1}});
  EXPECT_TRUE(run(crew.get()).complete());
  EXPECT_TRUE(is_locked(folder()));
  add("sum", "two", {{"value", 2}}, {"one"});
  EXPECT_TRUE(run(crew.get()).complete());
  EXPECT_EQ(workers().size(), 1u);
  // One that dies between two calls is replaced.
  const pid_t worker = std::stoi(*workers().begin());
  ::kill(worker, SIGKILL);
  add("sum", "three", {{"value", 3}}, {"two"});
  EXPECT_TRUE(run(crew.get()).complete());
  EXPECT_EQ(workers().size(), 2u);
  crew.reset();
  EXPECT_FALSE(is_locked(folder()));
  for (const std::string& each : workers()) EXPECT_NE(::kill(std::stoi(each), 0), 0) << each;
}

TEST_F(RunGraph, WhatJobsPrintDoesNotDisturbTheProtocol) {
  options.threads_per_worker = 3;
  options.devices = {"cpu:0"};
  add("chatty", "talk", {});
  EXPECT_TRUE(run().complete());
  EXPECT_EQ(value("talk"), "3");
  EXPECT_THAT(read_file(folder() / "workers/cpu.0.log"), HasSubstr("not a message"));
  EXPECT_THAT(warnings, Contains("talk: the lamp flickers"));
  EXPECT_THAT(read_file(result_folder("talk") / "log.jsonl"), HasSubstr("the lamp flickers"));
}

TEST_F(RunGraph, AWorkerThatCannotStartIsOneSentence) {
  add("sum", "a", {{"value", 1}});
  const auto sentence = [&](const std::vector<std::string>& command) -> std::string {
    try {
      run_graph(graph(), toy::kinds(), folder(), options, command, logger);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kDevice);
      return error.what();
    }
    return "nothing was thrown";
  };
  EXPECT_THAT(sentence({"/no/such/program"}),
              AllOf(HasSubstr("/no/such/program"), HasSubstr("No such file")));
  EXPECT_THAT(sentence({"/bin/sh", "-c", "echo why >&2; exit 5"}),
              AllOf(HasSubstr("exit code 5"), HasSubstr("workers/cpu.")));
  EXPECT_THAT(read_file(folder() / "workers/cpu.0.log"), HasSubstr("why"));
  EXPECT_THAT(sentence({"/bin/sh", "-c", "echo garbage; sleep 60"}),
              HasSubstr("'garbage' is not a message"));
}

TEST_F(RunGraph, AWorkerThatSpeaksGarbageCostsItsJobOnly) {
  options.devices = {"cpu:0"};
  options.retries = 1;
  add("sum", "a", {{"value", 1}});
  add("sum", "b", {{"value", 1}}, {"a"});
  const std::string script =
      R"(echo '{"event": "ready"}'; read line; echo '{"event": "done", "name": "a", "seconds": 1}'; sleep 60)";
  const RunSummary summary =
      run_graph(graph(), toy::kinds(), folder(), options, {"/bin/sh", "-c", script}, logger);
  EXPECT_EQ(summary.jobs.at("a").state, State::kFailed);
  EXPECT_THAT(summary.jobs.at("a").error, HasSubstr("without a result"));
  EXPECT_EQ(summary.jobs.at("b").state, State::kBlocked);
}

TEST_F(RunGraph, TwoJobsOfOneFolderAreRefused) {
  add("sum", "a/b", {{"value", 1}});
  add("sum", "a.b", {{"value", 1}});
  EXPECT_THROW(run(), Error);
  EXPECT_FALSE(fs::exists(folder() / "jobs"));
}

TEST_F(RunGraph, AFolderThatCannotBeWrittenIsOneSentence) {
  add("sum", "a", {{"value", 1}});
  std::ofstream(temporary.path() / "file") << "x";
  try {
    run_graph(graph(), toy::kinds(), temporary.path() / "file" / "run", options, {kProgram},
              logger);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_THAT(error.what(), HasSubstr((temporary.path() / "file").string()));
  }
}

TEST_F(RunGraph, AFullDiskStopsTheRunAndLosesNothing) {
  const fs::path mounted = temporary.path() / "small";
  fs::create_directory(mounted);
  if (::mount("tmpfs", mounted.c_str(), "tmpfs", 0, "size=2m") != 0)
    GTEST_SKIP() << "no right to mount a file system";
  options.devices = {"cpu:0"};
  add("sum", "fits", {{"value", 7}}, {}, {}, 10);
  for (int at = 0; at < 3; ++at)
    add("fill", "large/" + std::to_string(at), {{"bytes", 1500000 + at}}, {"fits"});
  add("sum", "after", {{"value", 1}}, {"large/0", "large/1", "large/2"});
  const auto run_there = [&] {
    return run_graph(graph(), toy::kinds(), mounted / "run", options,
                     {kProgram, "worker", (mounted / "run").string()}, logger);
  };
  std::string sentence;
  try {
    run_there();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    sentence = error.what();
  }
  EXPECT_THAT(sentence, HasSubstr("full"));
  EXPECT_EQ(::mount("tmpfs", mounted.c_str(), "tmpfs", MS_REMOUNT, "size=20m"), 0);
  const RunSummary summary = run_there();
  EXPECT_TRUE(summary.complete());
  EXPECT_EQ(summary.jobs.at("fits").state, State::kReused);
  EXPECT_EQ(tally("start").at("fits"), 1);
  ::umount2(mounted.c_str(), MNT_DETACH);
}

TEST_F(RunGraph, ProgressCountsCostsAndExpectedJobs) {
  struct Seen : LogSink {
    explicit Seen(std::vector<std::pair<double, double>>& seen) : points(seen) {}
    void event(LogLevel, const std::string&, const nlohmann::json&) override {}
    void progress(const std::string&, double done, double total, const std::string&) override {
      points.emplace_back(done, total);
    }
    void progress_end(const std::string&) override {}
    std::vector<std::pair<double, double>>& points;
  };
  std::vector<std::pair<double, double>> points;
  logger.add_sink(std::make_unique<Seen>(points));
  add("sum", "a", {{"value", 1}}, {}, {}, 3);
  add("steps", "b", {{"steps", 4}, {"seconds", 0.15}}, {"a"}, {}, 5);
  options.expected_later = {{"later", 2, 4}};
  run();
  ASSERT_FALSE(points.empty());
  EXPECT_EQ(points.front(), std::pair(0.0, 12.0));
  EXPECT_EQ(points.back(), std::pair(8.0, 12.0));
  bool between = false;
  for (std::size_t at = 1; at < points.size(); ++at) {
    EXPECT_GE(points[at].first, points[at - 1].first);
    between = between || (points[at].first > 3 && points[at].first < 8);
  }
  EXPECT_TRUE(between);
}

class RunJobHere : public RunTest {};

TEST_F(RunJobHere, SharesFoldersWithRunGraph) {
  add("sum", "a", {{"value", 1}});
  add("sum", "b", {{"value", 2}}, {"a"});
  try {
    run_job_here(graph(), "b", toy::kinds(), folder(), "cpu:0", 1, logger);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kData);
    EXPECT_THAT(error.what(), HasSubstr("'a'"));
  }
  int threads = 0;
  const auto set_threads = [&](int count) { threads = count; };
  EXPECT_EQ(
      run_job_here(graph(), "a", toy::kinds(), folder(), "cpu:0", 2, logger, set_threads).state,
      State::kDone);
  EXPECT_EQ(threads, 2);
  EXPECT_EQ(run_job_here(graph(), "b", toy::kinds(), folder(), "cpu:0", 1, logger).folder,
            result_folder("b"));
  EXPECT_EQ(run_job_here(graph(), "b", toy::kinds(), folder(), "cpu:0", 1, logger).state,
            State::kReused);
  EXPECT_EQ(value("b"), "3");
  const RunSummary summary = run();
  EXPECT_EQ(summary.jobs.at("b").state, State::kReused);
}

TEST_F(RunJobHere, ThrowsTheJobsErrorWithItsName) {
  add("throw", "bad", {{"code", "numeric"}});
  add("throw", "odd", {{"code", "foreign"}});
  const auto sentence = [&](const std::string& name, ErrorCode code) -> std::string {
    try {
      run_job_here(graph(), name, toy::kinds(), folder(), "cpu:0", 1, logger);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      return error.what();
    }
    return {};
  };
  EXPECT_EQ(sentence("bad", ErrorCode::kNumeric), "job bad: the numeric of this job is wrong");
  EXPECT_EQ(sentence("odd", ErrorCode::kInternal), "job odd: a library is unhappy");
}

TEST_F(RunJobHere, PublishesWhatWasDoneBeforeAKillWithoutDoingItAgain) {
  add("sum", "a", {{"value", 1}});
  run_job_here(graph(), "a", toy::kinds(), folder(), "cpu:0", 1, logger);
  fs::rename(result_folder("a"), result_folder("a").string() + ".partial");
  run_job_here(graph(), "a", toy::kinds(), folder(), "cpu:0", 1, logger);
  EXPECT_EQ(tally("start").at("a"), 1);
  EXPECT_EQ(value("a"), "1");
}

TEST_F(RunJobHere, RefusesAJobThatAnotherProcessWorksOn) {
  add("sum", "slow", {{"value", 1}, {"seconds", 30}});
  write_json(temporary.path() / "graph.json", toy::to_json(jobs));
  const Child coordinator(
      {kProgram, "run", folder().string(), (temporary.path() / "graph.json").string(), "0", "1"});
  ASSERT_TRUE(eventually([&] { return tally("start").contains("slow"); }));
  try {
    run_job_here(graph(), "slow", toy::kinds(), folder(), "cpu:0", 1, logger);
    FAIL() << "two processes in one folder";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_THAT(error.what(), HasSubstr("another process"));
  }
}

TEST_F(RunJobHere, AddsUpSittingsAndCleansUpLeftovers) {
  add("sum", "a", {{"value", 1}});
  const fs::path partial = result_folder("a").string() + ".partial";
  fs::create_directories(partial);
  std::ofstream(partial / ".seconds") << "100.5\n";
  std::ofstream(partial / ".value.tmp-1-2.txt") << "half";
  std::ofstream(partial / "done.json") << "{}";
  const JobOutcome outcome = run_job_here(graph(), "a", toy::kinds(), folder(), "cpu:0", 1, logger);
  EXPECT_GE(outcome.seconds, 100.5);
  EXPECT_LT(outcome.seconds, 130);
  EXPECT_FALSE(fs::exists(result_folder("a") / ".value.tmp-1-2.txt"));
  EXPECT_FALSE(fs::exists(result_folder("a") / ".seconds"));
}

}  // namespace
}  // namespace affinis::run
