#pragma once

#include <string>
#include <vector>

#include "taxonomy/clustering.h"
#include "taxonomy/first_order.h"
#include "taxonomy/tree.h"

namespace affinis::taxonomy {

struct TaskTreeOptions {
  Objective value = Objective::kAffinity;
  Normalisation normalisation = Normalisation::kPerTargetMax;
  Distance distance = Distance::kCityBlock;
  Linkage linkage = Linkage::kAverage;
  std::vector<std::string> exclude;  ///< sources to leave out; their targets stay
};

/// Tasks that help the same targets, put together.
struct TaskTree {
  std::vector<std::string> sources;  ///< the leaves, sorted
  std::vector<std::string> targets;  ///< the features
  std::vector<Merge> merges;
  Tree tree;
};

/// Agglomerative clustering of sources by what they are worth to every target (Taskonomy figure 14: "transferring-out patterns"). The
/// paper states neither distance nor linkage; the defaults are those that come nearest to its published tree on its released data.
/// Throws Error(kUsage) for an unknown task to exclude and for ward with another than the Euclidean distance, Error(kData): fewer than
/// two sources, a pair of sources (named) whose distance is undefined.
TaskTree task_tree(const TransferTable& table, const TaskTreeOptions& options = {});

/// `groups` holds (task, group); tasks that the tree lacks are ignored.
/// Adjusted Rand index of the tree cut into `clusters` against the groups, over the tasks that have a group.
/// Throws Error(kUsage) when `clusters` is out of range, Error(kData) when fewer than two of its tasks have a group.
double cut_agreement(const TaskTree& tree, std::size_t clusters, const std::vector<std::pair<std::string, std::string>>& groups);

}  // namespace affinis::taxonomy
