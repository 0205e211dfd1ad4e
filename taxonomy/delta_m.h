#pragma once

#include <span>
#include <string>
#include <vector>

#include "taxonomy/bootstrap.h"
#include "taxonomy/loss_table.h"

namespace affinis::taxonomy {

/// One metric of one task: of a network that several tasks share and of the task's own network.
struct MetricPair {
  double joint = 0;
  double single = 0;
  bool higher_is_better = false;
};

/// By how many percent of the task's own network the joint one is worse: negative is better, whichever way the metric runs. NaN where
/// one of the two is missing or the own network's value is 0.
double relative_change(const MetricPair& metric);

/// What delta-m is a mean over. The two disagree, even in sign, where tasks have different numbers of metrics.
enum class ChangeAverage {
  kMetrics,  ///< all metrics of all tasks alike (as CAGrad, Liu et al. 2021, and Nash-MTL, Navon et al. 2022, report it)
  kTasks,    ///< a task's metrics first, then tasks
};

/// Delta-m in percent, negative is better (Maninis et al. 2019 and Vandenhende et al. 2021 report it with the other sign, of one metric a
/// task). `tasks` has a list of metrics each. What is undefined is left out; NaN when all of it is.
double delta_m(std::span<const std::vector<MetricPair>> tasks, ChangeAverage average);

/// Mean of a few independent trainings' values with its 95 % interval by Student's t; the ends are NaN with fewer than two values. Values
/// that are NaN are left out.
Interval student_interval(std::span<const double> values);

/// How a task's mean test loss changes when it shares its network.
struct LossChange {
  std::string task;
  Interval change;         ///< in percent, negative is better; the interval is over test sets drawn anew
  double win_rate = 0;     ///< share of test images on which the joint networks lose less, ties count one half
};

struct LossChanges {
  std::vector<LossChange> tasks;  ///< one a table
  Interval mean;                  ///< over tasks; the same draws for all
};

/// Compares by per-image losses. Each table holds first the joint networks of several seeds, then as many task-specific ones; an image
/// counts where all of them have a loss, and a loss is the mean over seeds. Without draws (0), or with fewer than two units, intervals are
/// NaN. Throws Error(kInternal) for an odd number of networks, and as bootstrap_draws() and percentile_interval().
LossChanges loss_changes(std::span<const LossTable> tables, const TestUnits& units, const BootstrapOptions& options);

}  // namespace affinis::taxonomy
