#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "framework/run/graph.h"

namespace affinis::run {

/// How a run would go.
struct SimulatedRun {
  double seconds = 0;       ///< from the first job to the last
  double work_seconds = 0;  ///< of all jobs together
  double critical_seconds = 0;         ///< of the longest chain of jobs that wait for one another: no number of workers is faster
  std::vector<std::string> critical;   ///< that chain

  /// Share of the workers' time that they work.
  double efficiency(std::size_t workers) const {
    return seconds > 0 ? work_seconds / (seconds * static_cast<double>(workers)) : 1;
  }
};

/// Hands the graph's jobs to `workers` as a coordinator would, each taking its `seconds`; those in `finished` take no time. Starting
/// workers, and moving a group from one to another, costs nothing here.
SimulatedRun simulate(const JobGraph& graph, const std::map<std::string, double>& seconds, const std::set<std::string>& finished,
                      std::size_t workers);

}  // namespace affinis::run
