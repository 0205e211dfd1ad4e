// kill -9 and ctrl-C at random moments, against a whole process tree.
#include "framework/core/random.h"
#include "framework/run/run_lock.h"
#include "tests/framework/run/killed_run.h"

namespace affinis::run {
namespace {

using ::testing::HasSubstr;

TEST_F(KilledRun, ACoordinatorKilledAtRandomMomentsGivesTheSameBytes) {
  add_tree();
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(Child(command()).wait(), 0);
  const std::chrono::duration<double> undisturbed = std::chrono::steady_clock::now() - start;
  const std::map<std::string, std::string> expected = results(folder());
  fs::remove_all(folder());
  fs::remove(tally_file());

  constexpr int kRounds = 15;
  RandomStream random(7, "kill");
  int kills = 0;
  for (int round = 0; round < kRounds; ++round) {
    Child child(command());
    // Short enough that several kills fall before the end, however fast the machine is.
    std::this_thread::sleep_for(undisturbed * random.uniform(0.0, 0.5));
    child.signal(SIGKILL);
    if (child.wait() == -SIGKILL) ++kills;
  }
  const fs::path errors = temporary.path() / "errors";
  EXPECT_EQ(Child(command(), errors).wait(), 0) << read_file(errors);
  EXPECT_GE(kills, 3);
  EXPECT_EQ(results(folder()), expected);
  // Each kill costs at most the two jobs in flight. A job is at its end when it tallies it, and may be killed before its rename.
  int starts = 0;
  for (const auto& [name, count] : tally("start")) starts += count;
  EXPECT_LE(starts, static_cast<int>(jobs.size()) + 2 * kills);
  // A step is repeated only when the kill falls between work and checkpoint, and then is not tallied.
  for (const auto& [name, count] : tally("step")) EXPECT_LE(count, 5) << name;
  // Nothing is left behind.
  for (const fs::directory_entry& entry : fs::directory_iterator(folder() / "jobs")) {
    EXPECT_FALSE(entry.path().string().ends_with(".partial")) << entry.path();
  }
}

TEST_F(KilledRun, WorkersDieWithTheirCoordinatorAndHoldTheLockUntilThen) {
  add("sum", "slow", {{"value", 1}, {"seconds", 60}});
  write_json(graph_file(), toy::to_json(jobs));
  Child child(command());
  ASSERT_TRUE(eventually([&] { return tally("start").contains("slow"); }));
  EXPECT_TRUE(is_locked(folder()));
  const int worker = std::stoi(split(tally_lines().front(), ' ').at(3));
  child.signal(SIGKILL);
  child.wait();
  EXPECT_TRUE(eventually([&] { return !is_locked(folder()); }));
  EXPECT_TRUE(eventually([&] {
    // The worker's parent is gone: until init reaps it, it may be a zombie.
    std::ifstream stream("/proc/" + std::to_string(worker) + "/stat");
    std::string text;
    std::getline(stream, text);
    return text.empty() || text.find(") Z") != std::string::npos;
  }));
}

TEST_F(KilledRun, StopsGracefullyOnSignalsAndGoesOn) {
  add("steps", "long", {{"steps", 120}, {"seconds", 0.01}});
  add("sum", "after", {{"value", 1}}, {"long"});
  write_json(graph_file(), toy::to_json(jobs));
  const fs::path errors = temporary.path() / "errors";
  for (const int number : {SIGINT, SIGTERM}) {
    const int before = tally("step")["long"];
    Child child(command(), errors);
    ASSERT_TRUE(eventually([&] { return tally("step")["long"] >= before + 5; }));
    child.signal(number);
    EXPECT_EQ(child.wait(), 3);
  }
  EXPECT_THAT(read_file(errors), HasSubstr("was stopped"));
  EXPECT_LT(tally("step").at("long"), 120);
  EXPECT_FALSE(read_status(folder()).coordinator_alive);
  EXPECT_EQ(Child(command(), errors).wait(), 0) << read_file(errors);
  EXPECT_EQ(tally("step").at("long"), 120);
  EXPECT_EQ(tally("end").at("long"), 1);
  // Sittings add up: 120 steps of at least 10 ms.
  EXPECT_GE(read_json(result_folder("long") / "done.json").at("seconds").get<double>(), 1.2);
}

TEST_F(KilledRun, ASecondSignalDoesNotWait) {
  add("sum", "deaf", {{"value", 1}, {"seconds", 60}});
  write_json(graph_file(), toy::to_json(jobs));
  Child child(command());
  ASSERT_TRUE(eventually([&] { return tally("start").contains("deaf"); }));
  const auto start = std::chrono::steady_clock::now();
  child.signal(SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  child.signal(SIGINT);
  EXPECT_EQ(child.wait(), 3);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace affinis::run
