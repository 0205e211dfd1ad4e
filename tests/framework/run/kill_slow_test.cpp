// A hundred times kill -9 of the coordinator or a worker at random moments.
#include "framework/core/random.h"
#include "tests/framework/run/killed_run.h"

namespace affinis::run {
namespace {

std::vector<pid_t> children(pid_t process) {
  std::ifstream stream(fmt::format("/proc/{0}/task/{0}/children", process));
  std::vector<pid_t> found;
  for (pid_t child = 0; stream >> child;) found.push_back(child);
  return found;
}

TEST_F(KilledRun, AHundredKillsChangeNoByteAndRepeatNoFinishedJob) {
  constexpr int kKills = 100;
  constexpr int kRetries = 1000;
  add_tree();
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(Child(command()).wait(), 0);
  const std::chrono::duration<double> undisturbed = std::chrono::steady_clock::now() - start;
  const std::map<std::string, std::string> expected = results(folder());

  RandomStream random(11, "kill");
  int coordinators = 0;
  int workers = 0;
  int runs = 0;
  for (; coordinators + workers < kKills; ++runs) {
    fs::remove_all(folder());
    fs::remove(tally_file());
    int lost_coordinators = 0;
    int lost_workers = 0;
    for (bool over = false; !over;) {
      Child child(command(kRetries));
      int code = 0;
      for (bool alive = true; alive;) {
        const auto moment = std::chrono::steady_clock::now() + undisturbed * random.uniform(0.0, 0.4);
        while (std::chrono::steady_clock::now() < moment && !child.has_ended(code))
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (child.has_ended(code)) break;
        const std::vector<pid_t> started = children(child.process());
        if (!started.empty() && random.uniform(0.0, 1.0) < 0.5) {
          const auto which = static_cast<std::size_t>(random.uniform(0.0, static_cast<double>(started.size())));
          if (::kill(started[std::min(which, started.size() - 1)], SIGKILL) == 0) ++lost_workers;
        } else {
          child.signal(SIGKILL);
          alive = child.wait() != -SIGKILL;
          if (!alive) ++lost_coordinators;
          code = -SIGKILL;
        }
      }
      over = code != -SIGKILL;
      ASSERT_TRUE(!over || code == 0) << "run " << runs << " ended with code " << code;
    }
    coordinators += lost_coordinators;
    workers += lost_workers;
    ASSERT_EQ(results(folder()), expected) << "run " << runs;
    // A killed coordinator takes the jobs of its two workers along, a killed worker its own.
    std::map<std::string, int> starts = tally("start");
    int all = 0;
    for (const auto& [name, count] : starts) all += count;
    EXPECT_LE(all, static_cast<int>(jobs.size()) + 2 * lost_coordinators + lost_workers);
    for (const auto& [name, count] : tally("step")) EXPECT_LE(count, 5) << name;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder() / "jobs"))
      EXPECT_FALSE(entry.path().string().ends_with(".partial")) << entry.path();
  }
  EXPECT_GE(coordinators, 20);
  EXPECT_GE(workers, 20);
  RecordProperty("runs", runs);
  RecordProperty("killed_coordinators", coordinators);
  RecordProperty("killed_workers", workers);
}

}  // namespace
}  // namespace affinis::run
