#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "framework/run/graph.h"

namespace affinis::run {

/// Which job comes next. Knows nothing of processes: workers are numbers.
///
/// A worker gets, in this order of preference, a job of the group that it had last, of another group that it had, of a group that no
/// worker has, of another worker's group. Among those it takes the job at the start of the costliest chain of jobs that wait for it.
class Schedule {
 public:
  /// `finished`: jobs that have their result already.
  Schedule(const JobGraph& graph, const std::set<std::string>& finished);

  struct Assignment {
    std::size_t worker = 0;
    std::string job;
  };
  /// The best pair of an idle worker and a ready job, which counts as running then. Nothing when there is none.
  std::optional<Assignment> next(const std::vector<std::size_t>& idle);
  std::size_t ready() const { return ready_.size(); }
  /// Whether nothing is ready and nothing is running: no job can follow any more.
  bool is_over() const { return ready_.empty() && running_ == 0; }

  void finish(const std::string& name);
  /// The running job goes back to the ready ones.
  void retry(const std::string& name);
  /// The running job is given up. Returns what can now never run, in the order of the graph.
  std::vector<std::string> give_up(const std::string& name);
  /// A job that has not begun will never run. Returns what can now never run either, in the order of the graph.
  std::vector<std::string> withhold(const std::string& name);
  /// The worker has what the group's jobs share, from an earlier schedule.
  void own(const std::string& group, std::size_t worker) { owner_[group] = worker; }
  /// The worker that had a job of each group last.
  const std::map<std::string, std::size_t>& owners() const { return owner_; }
  /// The worker lost its memory: nothing ties groups to it any more.
  void forget_groups(std::size_t worker);

 private:
  enum class State { kWaiting, kReady, kRunning, kDone, kFailed, kBlocked };

  /// Marks everything that waits for the job as blocked.
  std::vector<std::string> block_dependants(std::size_t at);
  /// Smaller is better.
  int distance(const std::string& group, std::size_t worker) const;

  const JobGraph& graph_;
  std::map<std::string, std::size_t> position_;
  std::vector<std::vector<std::size_t>> dependants_;
  std::vector<std::size_t> waiting_;
  std::vector<double> chain_cost_;
  std::vector<State> state_;
  std::set<std::size_t> ready_;
  std::size_t running_ = 0;
  std::map<std::string, std::size_t> owner_;       ///< by group
  std::map<std::size_t, std::string> last_group_;  ///< by worker
};

}  // namespace affinis::run
