#include "framework/run/simulate.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <tuple>

#include "framework/core/error.h"
#include "framework/run/schedule.h"

namespace affinis::run {
namespace {

void find_critical_chain(const JobGraph& graph, const std::map<std::string, double>& seconds,
                         const std::set<std::string>& finished, SimulatedRun& run) {
  std::map<std::string, double> end;
  std::map<std::string, std::string> before;
  std::string last;
  for (const std::string& name : graph.order()) {
    if (finished.contains(name)) continue;
    double start = 0;
    for (const std::string& input : graph.job(name).inputs) {
      if (finished.contains(input) || end.at(input) <= start) continue;
      start = end.at(input);
      before[name] = input;
    }
    end[name] = start + seconds.at(name);
    if (last.empty() || end.at(name) > end.at(last)) last = name;
  }
  if (last.empty()) return;
  run.critical_seconds = end.at(last);
  run.critical = {last};
  for (auto next = before.find(last); next != before.end(); next = before.find(next->second))
    run.critical.push_back(next->second);
  std::reverse(run.critical.begin(), run.critical.end());
}

}  // namespace

SimulatedRun simulate(const JobGraph& graph, const std::map<std::string, double>& seconds,
                      const std::set<std::string>& finished, std::size_t workers) {
  AFFINIS_CHECK(workers > 0, ErrorCode::kUsage, "a run needs at least one worker");
  SimulatedRun run;
  find_critical_chain(graph, seconds, finished, run);

  using End = std::tuple<double, std::size_t, std::string>;  // when, worker, job
  std::priority_queue<End, std::vector<End>, std::greater<>> running;
  Schedule schedule(graph, finished);
  std::vector<std::size_t> idle;
  for (std::size_t worker = 0; worker < workers; ++worker) idle.push_back(worker);
  while (!schedule.is_over()) {
    while (const auto next = schedule.next(idle)) {
      std::erase(idle, next->worker);
      const double takes = seconds.at(next->job);
      run.work_seconds += takes;
      running.emplace(run.seconds + takes, next->worker, next->job);
    }
    const auto [when, worker, job] = running.top();
    running.pop();
    run.seconds = when;
    schedule.finish(job);
    idle.push_back(worker);
  }
  return run;
}

}  // namespace affinis::run
