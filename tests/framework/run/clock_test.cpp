// A wall clock that jumps by days, forwards and back, between any two looks at it.
#include "tests/framework/run/killed_run.h"

namespace affinis::run {
namespace {

TEST_F(KilledRun, AClockThatJumpsChangesNothing) {
  add_tree();
  ASSERT_EQ(Child(command()).wait(), 0);
  const std::map<std::string, std::string> expected = results(folder());
  fs::remove_all(folder());

  const std::string clock = std::string(AFFINIS_BINARY_DIR) + "/tests/framework/run/libjumping_clock.so";
  ASSERT_TRUE(fs::exists(clock));
  const char* earlier = std::getenv("LD_PRELOAD");
  const std::string before = earlier ? earlier : "";
  ::setenv("LD_PRELOAD", before.empty() ? clock.c_str() : (before + ":" + clock).c_str(), 1);
  const fs::path errors = temporary.path() / "errors";
  {
    // Killed once, so that times on the disk are read again.
    Child child(command());
    eventually([&] { return tally("step").size() >= 2; });
    child.signal(SIGKILL);
    child.wait();
  }
  const auto start = std::chrono::steady_clock::now();
  const int code = Child(command(), errors).wait();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  before.empty() ? ::unsetenv("LD_PRELOAD") : ::setenv("LD_PRELOAD", before.c_str(), 1);
  EXPECT_EQ(code, 0) << read_file(errors);
  EXPECT_EQ(results(folder()), expected);
  EXPECT_LT(taken.count(), 30);
  for (const Job& job : jobs) {
    const double seconds = read_json(result_folder(job.name) / "done.json").at("seconds").get<double>();
    EXPECT_GE(seconds, 0) << job.name;
    EXPECT_LT(seconds, 30) << job.name;
  }
  const RunStatus status = read_status(folder());
  EXPECT_TRUE(status.finished);
  // The clock did jump: the log's times are days apart, and not in order.
  std::set<std::string> days;
  for (const std::string& line : split(read_file(folder() / "log.jsonl"), '\n')) {
    if (!line.empty()) days.insert(nlohmann::json::parse(line).at("time").get<std::string>().substr(0, 10));
  }
  EXPECT_GE(days.size(), 3U);
}

}  // namespace
}  // namespace affinis::run
