#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "taxonomy/affinity.h"
#include "taxonomy/bootstrap.h"
#include "taxonomy/loss_table.h"
#include "taxonomy/transfer_table.h"

namespace affinis::taxonomy {

/// Trainings of one target's networks with several seeds as one table: the tables' losses one behind the other, with
/// LossTable::seeds to tell them apart. All tables are of the same target, images and networks, in the same order; a network that was
/// trained once stands in each with the same losses, a training that is missing has NaN.
///
/// What is computed of such a table rests on win rates that are means over seeds: the k-th training of one network against the k-th of the
/// other, over images. A mean of per-image *losses* would not do: it is less noisy than the losses of a network that was trained
/// once, so that a win rate between the two would change with the number of seeds. Drawing the test set anew takes all seeds of an image together.
/// Throws Error(kInternal) for tables that do not agree, and as check_loss_table().
LossTable join_seeds(std::span<const LossTable> seeds);

/// The trainings at `positions` (from 0) of a joined table.
LossTable take_seeds(const LossTable& joined, std::span<const std::size_t> positions);

/// What other seeds of the trainings would do to one target's numbers.
struct SeedIntervals : NetworkIntervals {
  std::size_t seeds = 1;
  double level = 0.95;
};

/// Jackknife intervals over seeds (Tukey 1958; Miller 1974): each number is computed anew without one seed at a time, and the
/// spread of these gives its standard error, with Student's t of one degree less than there are seeds. Gains and qualities are means
/// over seeds: theirs is exactly Student's interval of the per-seed values, cut off at 0 and 1. Affinities are weights whose ratios count: theirs
/// is the jackknife of their logarithm. Interval::deviation is the standard error. Two networks are tied when the interval of the
/// logarithm of their affinities' ratio holds 0. With one seed all ends are NaN and everything is tied.
///
/// `point` is target_affinity() of the table. The intervals are about trainings with other seeds on the same data, judged by the same test images.
/// Throws Error(kUsage) for a level outside (0, 1) and Error(kInternal) when `point` is of other networks.
SeedIntervals seed_intervals(const LossTable& joined, const TargetAffinity& point,
                             const AffinityOptions& options = {}, double level = 0.95);

/// Columns as add_interval_columns(), over seeds. With `redrawn` (of the same targets, or empty) the ends over test sets drawn anew stand
/// behind, in columns affinity_test_low, affinity_test_high and so on, and tied_with_best is yes where one of the two says so.
void add_seed_columns(TransferTable& table, std::span<const SeedIntervals> seeds,
                      std::span<const TargetBootstrap> redrawn);

}  // namespace affinis::taxonomy
