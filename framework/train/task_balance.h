#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/train/balance_files.h"
#include "framework/train/head_schedule.h"
#include "framework/train/loss_balancer.h"
#include "framework/train/task_affinity.h"
#include "framework/train/trainer.h"

namespace affinis::train {

/// Everything that a training of several heads has beyond that of one: which heads learn in a step, how their losses become gradients, what
/// is measured and told of it. With one head, or by default, nothing but the mean of the losses.
class TaskBalance {
 public:
  /// Throws Error(kUsage) for settings that do not fit the network's heads. All arguments must outlive it.
  TaskBalance(Network& network, const TrainerOptions& options, const DataParallel& parallel, bool has_validation, Logger& logger);

  /// Whether heads_at() needs the number of labelled images instead of whether there are any.
  bool counts_labels() const { return counts_labels_; }
  std::vector<bool> heads_at(std::int64_t step, std::span<const std::int64_t> labels) const { return schedule_.heads_at(step, labels); }

  /// Leaves the gradients of a step in the parameters. At a point of the curve gradients are measured first, and affinities every tag_every
  /// steps.
  void backward(const BalanceStep& step, bool at_a_point, double learning_rate);
  /// Once the weights have moved.
  void stepped(const BalanceStep& step);

  /// Begins the files in `folder` (empty: none) after `step` finished steps.
  void begin_files(const std::filesystem::path& folder, std::int64_t step);
  /// What measuring cost in this sitting, in the log, where anything was measured.
  void tell_cost(double training_seconds) const;
  bool all_stopped() const { return schedule_.all_stopped(); }
  /// A point of the curve. Returns true when no head is left that learns.
  bool record(std::int64_t step, std::span<const double> train_losses, std::span<const double> validation_losses);

  /// Null where nothing has to be kept.
  nlohmann::json state() const;
  void load_state(const nlohmann::json& state);

 private:
  Network& network_;
  const BalanceOptions& options_;
  Logger& logger_;
  std::vector<std::string> tasks_;
  bool counts_labels_;
  HeadSchedule schedule_;
  std::unique_ptr<LossBalancer> balancer_;
  std::optional<TaskAffinity> affinity_;
  std::optional<Conflicts> conflicts_;
  std::optional<BalanceFiles> files_;
  double measuring_seconds_ = 0;
  std::int64_t measured_ = 0;  ///< steps
};

}  // namespace affinis::train
