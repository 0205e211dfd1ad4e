#include "tests/framework/run/run_fixture.h"

namespace affinis::run {
namespace {

class Overhead : public RunTest {};

/// What making one byte safe costs on this disk.
double sync_seconds(const fs::path& folder) {
  constexpr int kFiles = 20;
  const auto start = std::chrono::steady_clock::now();
  for (int at = 0; at < kFiles; ++at) {
    std::ofstream(folder / "sync") << at;
    sync_path(folder / "sync");
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / kFiles;
}

TEST_F(Overhead, ManySmallJobsCostLittleEach) {
  constexpr int kJobs = 500;
  constexpr int kRoots = 10;
  for (int at = 0; at < kJobs; ++at) {
    std::vector<std::string> inputs;
    if (at >= kRoots) inputs.push_back("small/" + std::to_string(at % kRoots));
    add("sum", "small/" + std::to_string(at), {{"value", at}}, inputs);
  }
  const double before = sync_seconds(temporary.path());
  const RunSummary first = run();
  const double after = sync_seconds(temporary.path());
  const RunSummary second = run();
  ASSERT_TRUE(first.complete());
  ASSERT_TRUE(second.complete());
  // A result is three files, its folder and the folder above, each synced once.
  constexpr double kSyncs = 5;
  EXPECT_LT(first.seconds / kJobs, 0.020 + kSyncs * std::max(before, after));
  EXPECT_LT(second.seconds / kJobs, 0.005);
  RecordProperty("milliseconds_per_job", std::to_string(1000 * first.seconds / kJobs));
  RecordProperty("milliseconds_per_reused_job", std::to_string(1000 * second.seconds / kJobs));
  RecordProperty("milliseconds_per_sync", std::to_string(1000 * std::max(before, after)));
}

}  // namespace
}  // namespace affinis::run
