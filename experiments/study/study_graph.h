#pragma once

#include <compare>
#include <map>
#include <memory>
#include <string>
#include <utility>
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

  bool operator==(const Candidate&) const = default;
  /// "transfer/a+b--t".
  std::string job_name() const;
};

/// A transfer from a transfer: what the transfer function first -> through makes of first's representations, read by a third network.
struct Chain {
  std::string first;
  std::string through;
  std::string target;

  auto operator<=>(const Chain&) const = default;
  /// "chain/a>b--c".
  std::string job_name() const;
};

/// A transfer that an adaptive search did not train to its end.
struct DroppedTransfer {
  Candidate candidate;
  std::int64_t steps = 0;  ///< that it was trained for; 0: a forecast spoke against it
  std::string leader;      ///< sources of the transfer that it was compared with, the best of its rung
  double win_rate = 0;     ///< against the leader, on the rung's batches (the forecast's images), with its 95 % interval
  double low = 0;
  double high = 0;
  double per_image = 0;    ///< the share of single images that is, see taxonomy::loser_against(); NaN: never compared
};

/// A network that several tasks share.
struct JointTraining {
  std::vector<std::string> tasks;  ///< sorted
  std::string balancer;
  std::int64_t seed = 1;
  double missing_labels = 0;

  /// "joint/a+b/gradnorm/1", with "/missing-0.3" behind it where labels are taken away.
  std::string job_name() const;
  /// The tasks joined by +; a count and a checksum where that is too long for a folder's name.
  std::string label() const;
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
  /// Logarithms of affinities by forecast, by target and by sources joined by '+'; of those targets alone for which forecasts may choose.
  using Forecasts = std::map<std::string, std::map<std::string, double>>;
  const Forecasts& forecasts() const { return forecasts_; }
  void note_forecasts(Forecasts forecasts) { forecasts_ = std::move(forecasts); }
  /// What training a transfer to this target costs, in the units of jobs.
  double transfer_cost(const std::string& target) const;
  /// Adds a dropped transfer after all, from where its last rung ended.
  void take_up_again(const DroppedTransfer& dropped);

  /// Data, networks, encodings, baselines and joint networks.
  void add_networks();
  /// Joint networks as [mtl] says, each with every balancer, share of missing labels and seed, and the task-specific ones of those seeds.
  /// Throws Error(kUsage/kConfig) for groups that cannot be. add_networks() calls this.
  void add_joint();
  /// Sources that are joint networks: the name as a source, and the training.
  const std::map<std::string, JointTraining>& joint_sources() const { return joint_sources_; }
  const std::vector<JointTraining>& joint() const { return joint_; }
  /// Tasks that "all", "pairs" and "subsets" of [mtl] are of, sorted.
  std::vector<std::string> joint_tasks() const;
  std::vector<std::int64_t> joint_seeds() const;
  /// Job of a task's own network with this seed.
  std::string single_job(const std::string& task, std::int64_t seed) const;
  /// The same of the width mtl.narrow_width.
  static std::string narrow_job(const std::string& task, std::int64_t seed);
  /// The task-specific network of one task alone.
  void add_network(const std::string& task) { add_training(task, transfer::kSelfRole); }
  /// Trained to the end, from the rung that ended at step `from` (0: from the beginning).
  void add_transfers(const std::vector<Candidate>& candidates, std::int64_t from = 0);
  /// Rungs of an adaptive search: the transfers up to step `until`, from the rung that ended at `from`.
  void add_rungs(const std::vector<Candidate>& candidates, std::int64_t until, std::int64_t from);
  /// Fine-tunings of [finetune], every policy with every number of images and seed. The source's network must be in the graph, or is added.
  /// Throws Error(kConfig) for a source or task that is none.
  void add_finetunes();
  /// Tasks that are fine-tuned for, sorted.
  std::vector<std::string> finetuned_tasks() const;

  /// Every source to every target.
  std::vector<Candidate> first_order() const;

  /// "a>b>c". Throws Error(kUsage/kConfig) for tasks that cannot stand where they do.
  Chain parse_chain(const std::string& text) const;
  /// Chains that may be asked for: those that search.chains names, or all of three different tasks where it has a word.
  const std::vector<Chain>& possible_chains() const { return possible_chains_; }
  /// Encodes the chains' first transfers, which must be in the graph, and trains the second ones. Those of all seeds read the first seed's.
  void add_chains(const std::vector<Chain>& chains);
  std::vector<std::string> chain_jobs(const Chain& chain) const;

  /// How many transfers of `first` or more sources the sampling rule will bring, for progress and time left.
  std::vector<run::ExpectedJobs> expected_transfers(std::int64_t first) const;
  /// How many of a target's best first-order sources transfers of `order` sources are made of.
  std::int64_t top(std::int64_t order) const;

  static std::string network_job(const std::string& task) { return "network/" + task; }
  /// "finetune/<task>/<policy>/<images>/<seed>", "all" for 0 images.
  static std::string finetune_job(const std::string& task, const std::string& policy, std::int64_t images, std::int64_t seed);
  static std::string baseline_job(const std::string& role, const std::string& task) { return role + "/" + task; }
  /// Jobs of one transfer to its end, one for each of search.seeds: "transfer/a--t", "transfer/a--t/seed-2", ...
  std::vector<std::string> transfer_jobs(const Candidate& candidate) const;
  /// The same of a baseline; one job alone for those that are not trained on the transfer split.
  std::vector<std::string> baseline_jobs(const std::string& role, const std::string& task) const;

 private:
  std::vector<std::string> data_inputs() const;
  transfer::TransferSpec transfer_spec(const Candidate& candidate) const;
  transfer::TrainSpec train_spec(const std::string& task, const std::string& role) const;
  /// Trainer settings of what learns on the transfer images ("transfer", "scratch"), as long as search.epochs_by_images says.
  train::TrainerOptions little_data_trainer(const std::string& section, const std::string& task) const;
  std::vector<std::string> seeded_jobs(const std::string& job, const std::string& section, const std::string& task) const;
  void add_training(const std::string& task, const std::string& role);
  std::vector<std::vector<std::string>> joint_groups() const;
  std::vector<std::string> group_of(const std::string& names) const;
  void add_joint_training(const JointTraining& training);
  void add_encoding(const std::string& source);
  void find_joint_sources();
  void find_possible_chains();
  /// Throws where [balance] does not fit the joint networks of the study, before anything is written.
  void check_balance() const;
  std::vector<std::string> balancers() const;
  train::BalanceOptions balance_of(const std::vector<std::string>& group, const std::string& balancer) const;
  std::vector<std::string> encodings_of(const Candidate& candidate) const;
  /// A transfer job with the cost of its target's head.
  run::Job by_head(run::Job transfer) const;

  StudyOptions options_;
  std::shared_ptr<const task::TaskRegistry> registry_;
  transfer::StudySpec spec_;
  std::vector<Chain> possible_chains_;
  std::int64_t epochs_ = 0;  ///< of trainings on the transfer images; 0: as their sections say
  std::vector<std::string> sources_;
  std::vector<std::string> targets_;
  std::vector<std::string> tasks_;
  run::JobGraph graph_;
  std::vector<DroppedTransfer> dropped_;
  Forecasts forecasts_;
  std::vector<JointTraining> joint_;
  std::map<std::string, JointTraining> joint_sources_;
};

/// Whether the job is a transfer trained to its end, not a rung of one, with the first of its seeds.
bool is_whole_transfer(const run::Job& job);

}  // namespace affinis::experiments
