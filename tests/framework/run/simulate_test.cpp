#include "framework/run/simulate.h"

#include "framework/core/random.h"
#include "tests/framework/run/run_fixture.h"

namespace affinis::run {
namespace {

using ::testing::ElementsAre;

class Simulate : public RunTest {
 protected:
  std::map<std::string, double> seconds() const {
    std::map<std::string, double> all;
    for (const Job& job : jobs) all[job.name] = job.cost;
    return all;
  }
};

TEST_F(Simulate, AChainTakesItsSumOnAnyNumberOfWorkers) {
  add("sum", "a", {}, {}, {}, 1);
  add("sum", "b", {}, {"a"}, {}, 2);
  add("sum", "c", {}, {"b"}, {}, 3);
  for (const std::size_t workers : {1U, 8U}) {
    const SimulatedRun run = simulate(graph(), seconds(), {}, workers);
    EXPECT_DOUBLE_EQ(run.seconds, 6);
    EXPECT_DOUBLE_EQ(run.critical_seconds, 6);
    EXPECT_DOUBLE_EQ(run.efficiency(workers), 1.0 / static_cast<double>(workers));
    EXPECT_THAT(run.critical, ElementsAre("a", "b", "c"));
  }
  EXPECT_DOUBLE_EQ(simulate(graph(), seconds(), {"a"}, 1).seconds, 5);
  EXPECT_DOUBLE_EQ(simulate(graph(), seconds(), {"a", "b", "c"}, 1).seconds, 0);
}

TEST_F(Simulate, IndependentJobsAreShared) {
  for (int at = 0; at < 12; ++at) add("sum", "job/" + std::to_string(at), {}, {}, {}, 2);
  EXPECT_DOUBLE_EQ(simulate(graph(), seconds(), {}, 1).seconds, 24);
  EXPECT_DOUBLE_EQ(simulate(graph(), seconds(), {}, 4).seconds, 6);
  EXPECT_DOUBLE_EQ(simulate(graph(), seconds(), {}, 4).efficiency(4), 1);
  EXPECT_DOUBLE_EQ(simulate(graph(), seconds(), {}, 5).seconds, 6);
}

/// No schedule is shorter than its critical path or its work shared perfectly, and a list schedule is no longer than both together
/// (Graham 1966).
TEST_F(Simulate, StaysWithinGrahamsBound) {
  RandomStream random(5, "simulate");
  for (int at = 0; at < 60; ++at) {
    std::vector<std::string> inputs;
    for (int before = 0; before < at; ++before) {
      if (random.uniform(0.0, 1.0) < 0.05) inputs.push_back("job/" + std::to_string(before));
    }
    add("sum", "job/" + std::to_string(at), {}, inputs, "group" + std::to_string(at % 5), random.uniform(0.1, 3.0));
  }
  for (const std::size_t workers : {1U, 2U, 7U, 64U}) {
    const SimulatedRun run = simulate(graph(), seconds(), {}, workers);
    const double shared = run.work_seconds / static_cast<double>(workers);
    EXPECT_GE(run.seconds + 1e-9, std::max(run.critical_seconds, shared));
    EXPECT_LE(run.seconds, run.critical_seconds + shared + 1e-9);
  }
}

}  // namespace
}  // namespace affinis::run
