#include "framework/run/status.h"

#include <cmath>

#include <sqlite3.h>

#include "tests/framework/run/run_fixture.h"

namespace affinis::run {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class Status : public RunTest {
 protected:
  const StageStatus& stage(const RunStatus& status, const std::string& name) {
    for (const StageStatus& each : status.stages) {
      if (each.stage == name) return each;
    }
    throw std::runtime_error("no stage " + name);
  }

  /// The first column of the first row.
  std::string query(const std::string& sql) {
    sqlite3* database = nullptr;
    sqlite3_stmt* statement = nullptr;
    std::string result = "no row";
    if (sqlite3_open_v2((folder() / "index.sqlite").c_str(), &database, SQLITE_OPEN_READONLY,
                        nullptr) == SQLITE_OK &&
        sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
      const unsigned char* text = sqlite3_column_text(statement, 0);
      result = text ? reinterpret_cast<const char*>(text) : "null";
    }
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return result;
  }
};

TEST_F(Status, SaysHowStagesStandAfterARunWithFailures) {
  add("sum", "train/a", {{"value", 1}, {"seconds", 0.05}}, {}, {}, 2);
  add("throw", "encode/a", {{"code", "data"}}, {"train/a"});
  add("sum", "encode/b", {{"value", 1}}, {"train/a"});
  add("sum", "transfer/a", {{"value", 1}}, {"encode/a"});
  options.expected_later = {{"second", 3, 6}};
  run();
  const RunStatus status = read_status(folder());
  EXPECT_FALSE(status.finished);
  EXPECT_FALSE(status.coordinator_alive);
  ASSERT_EQ(status.stages.size(), 4U);
  EXPECT_EQ(status.stages[0].stage, "train");
  EXPECT_EQ(status.stages[1].stage, "encode");
  EXPECT_EQ(status.stages[2].stage, "transfer");
  EXPECT_EQ(status.stages[3].stage, "second");
  EXPECT_EQ(stage(status, "train").done, 1);
  EXPECT_GE(stage(status, "train").seconds_spent, 0.05);
  EXPECT_EQ(stage(status, "train").seconds_left, 0);
  EXPECT_EQ(stage(status, "encode").done, 1);
  EXPECT_EQ(stage(status, "encode").failed, 1);
  EXPECT_EQ(stage(status, "encode").total, 2);
  EXPECT_EQ(stage(status, "transfer").blocked, 1);
  EXPECT_EQ(stage(status, "second").total, 3);
  EXPECT_TRUE(std::isnan(stage(status, "second").seconds_left));
  EXPECT_GT(status.seconds_left, 0);
  ASSERT_EQ(status.failures.size(), 1U);
  EXPECT_EQ(status.failures[0].name, "encode/a");
  EXPECT_EQ(status.failures[0].error, "the data of this job is wrong");
  EXPECT_TRUE(fs::exists(status.failures[0].log)) << status.failures[0].log;
  EXPECT_NO_THROW(to_json(status).dump());
  EXPECT_TRUE(to_json(status).at("stages").at(3).at("seconds_left").is_null());
}

TEST_F(Status, AccumulatesStagesOverCallsOfOneProcess) {
  add("sum", "first/a", {{"value", 1}});
  options.expected_later = {{"second", 1, 1}};
  run();
  EXPECT_FALSE(read_status(folder()).finished);
  options.expected_later.clear();
  add("sum", "second/a", {{"value", 1}}, {"first/a"});
  run();
  EXPECT_TRUE(read_status(folder()).finished);
  jobs.clear();
  add("sum", "third/a", {{"value", 1}});
  run();
  const RunStatus status = read_status(folder());
  ASSERT_EQ(status.stages.size(), 3U);
  EXPECT_EQ(status.stages[2].stage, "third");
  EXPECT_TRUE(status.finished);
}

TEST_F(Status, SeesARunInProgressAndOneThatWasKilled) {
  add("sum", "stage/quick", {{"value", 1}, {"seconds", 0.02}}, {}, {}, 1);
  add("steps", "stage/long", {{"steps", 1000}, {"seconds", 0.02}}, {"stage/quick"}, {}, 1000);
  const fs::path graph_file = temporary.path() / "graph.json";
  write_json(graph_file, toy::to_json(jobs));
  Child child({kProgram, "run", folder().string(), graph_file.string(), "0", "1"});
  RunStatus status;
  ASSERT_TRUE(eventually([&] {
    if (!fs::exists(folder() / "graph.json")) return false;
    status = read_status(folder());
    return !status.stages.empty() && status.stages[0].running == 1 && status.stages[0].done == 1;
  }));
  EXPECT_TRUE(status.coordinator_alive);
  EXPECT_GT(status.seconds_left, 0);
  child.signal(SIGKILL);
  child.wait();
  ASSERT_TRUE(eventually([&] { return !read_status(folder()).coordinator_alive; }));
  status = read_status(folder());
  EXPECT_EQ(status.stages[0].running, 0);
  EXPECT_EQ(status.stages[0].done, 1);
  EXPECT_FALSE(status.finished);
}

TEST_F(Status, ReadsResultsWithoutStateJson) {
  add("sum", "a", {{"value", 1}});
  run();
  fs::remove(folder() / "state.json");
  EXPECT_TRUE(read_status(folder()).finished);
}

TEST_F(Status, SaysWhenThereIsNoRunOrItIsDamaged) {
  EXPECT_THROW(read_status(temporary.path()), Error);
  add("sum", "a", {{"value", 1}});
  run();
  std::ofstream(folder() / "graph.json") << "{\"jobs\": 3}";
  try {
    read_status(folder());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFormat);
    EXPECT_THAT(error.what(), HasSubstr("graph.json"));
  }
}

TEST_F(Status, IndexHoldsJobsMetricsAndCosts) {
  add("sum", "train/a", {{"value", 5}}, {}, {}, 3);
  add("throw", "train/b", {{"code", "data"}});
  run();
  EXPECT_EQ(query("SELECT state FROM jobs WHERE name = 'train/a'"), "done");
  EXPECT_EQ(query("SELECT error FROM jobs WHERE name = 'train/b'"),
            "the data of this job is wrong");
  EXPECT_EQ(query("SELECT value FROM metrics WHERE name = 'train/a' AND metric = 'value'"), "5.0");
  EXPECT_EQ(query("SELECT jobs || ' ' || cost FROM costs WHERE stage = 'train'"), "1 3.0");
}

TEST_F(Status, IndexIsBuiltAgainWhenLostOrDamaged) {
  add("sum", "old/a", {{"value", 5}});
  run();
  jobs.clear();
  add("sum", "new/a", {{"value", 6}});
  run();
  const auto rebuilt = [&] {
    run();
    return query("SELECT count(*) FROM jobs WHERE state = 'done'") == "2" &&
           query("SELECT sum(value) FROM metrics") == "11.0";
  };
  EXPECT_TRUE(rebuilt());
  fs::remove(folder() / "index.sqlite");
  EXPECT_TRUE(rebuilt());
  std::ofstream(folder() / "index.sqlite") << std::string(5000, 'x');
  EXPECT_TRUE(rebuilt());
  EXPECT_THAT(warnings, Contains(HasSubstr("index.sqlite")));
  // Damage in the middle of a file that still begins like a database.
  std::fstream file(folder() / "index.sqlite", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(4096, '\x5a');
  file.close();
  EXPECT_TRUE(rebuilt());
}

}  // namespace
}  // namespace affinis::run
