#pragma once

#include <memory>
#include <string>
#include <vector>

#include "experiments/study/study_options.h"
#include "framework/run/graph.h"
#include "framework/task/task.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {

/// A transfer to try: sources in the order of their names.
struct Candidate {
  std::vector<std::string> sources;
  std::string target;

  /// "transfer/a+b--t".
  std::string job_name() const;
};

/// A transfer that an adaptive search did not train to its end.
struct DroppedTransfer {
  Candidate candidate;
  std::int64_t steps = 0;  ///< that it was trained for
  std::string leader;      ///< sources of the transfer that it was compared with, the best of its rung
  double win_rate = 0;     ///< against the leader, on the rung's images, with its 95 % interval
  double low = 0;
  double high = 0;
};

/// Turns a study's settings into jobs. Jobs are added order by order, since what is worth trying at order 2 is known after order 1.
class StudyGraph {
 public:
  /// Resolves the task names. Throws Error(kUsage/kConfig): an unknown task (with the nearest), a source that is none, no target.
  StudyGraph(StudyOptions options, std::shared_ptr<const task::TaskRegistry> registry);

  const std::vector<std::string>& sources() const { return sources_; }
  const std::vector<std::string>& targets() const { return targets_; }
  /// Sources and targets together, sorted.
  const std::vector<std::string>& tasks() const { return tasks_; }
  const StudyOptions& options() const { return options_; }
  const task::TaskRegistry& registry() const { return *registry_; }

  const run::JobGraph& graph() const { return graph_; }

  const std::vector<DroppedTransfer>& dropped() const { return dropped_; }
  void note_dropped(const std::vector<DroppedTransfer>& dropped) { dropped_.insert(dropped_.end(), dropped.begin(), dropped.end()); }

  /// Data, networks, encodings and baselines.
  void add_networks();
  /// The task-specific network of one task alone.
  void add_network(const std::string& task) { add_training(task, transfer::kSelfRole); }
  /// Trained to the end, from the rung that ended at step `from` (0: from the beginning).
  void add_transfers(const std::vector<Candidate>& candidates, std::int64_t from = 0);
  /// Rungs of an adaptive search: the transfers up to step `until`, from the rung that ended at `from`.
  void add_rungs(const std::vector<Candidate>& candidates, std::int64_t until, std::int64_t from);
  /// Every source to every target.
  std::vector<Candidate> first_order() const;

  /// How many transfers of `first` or more sources the sampling rule will bring, for progress and time left.
  std::vector<run::ExpectedJobs> expected_transfers(std::int64_t first) const;
  /// How many of a target's best first-order sources transfers of `order` sources are made of.
  std::int64_t top(std::int64_t order) const;

  static std::string network_job(const std::string& task) { return "network/" + task; }
  static std::string baseline_job(const std::string& role, const std::string& task) { return role + "/" + task; }

 private:
  std::vector<std::string> data_inputs() const;
  transfer::TransferSpec transfer_spec(const Candidate& candidate) const;
  void add_training(const std::string& task, const std::string& role);
  std::vector<std::string> encodings_of(const Candidate& candidate) const;

  StudyOptions options_;
  std::shared_ptr<const task::TaskRegistry> registry_;
  transfer::StudySpec spec_;
  std::vector<std::string> sources_;
  std::vector<std::string> targets_;
  std::vector<std::string> tasks_;
  run::JobGraph graph_;
  std::vector<DroppedTransfer> dropped_;
};

/// Whether the job is a transfer trained to its end, not a rung of one.
bool is_whole_transfer(const run::Job& job);

}  // namespace affinis::experiments
