#include "taxonomy/task_tree.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace affinis::taxonomy {
namespace {

FirstOrder without(const FirstOrder& matrix, const std::vector<std::string>& exclude) {
  for (const std::string& name : exclude) {
    AFFINIS_CHECK(std::find(matrix.sources.begin(), matrix.sources.end(), name) != matrix.sources.end(), ErrorCode::kUsage,
                  "there is no source '{}' to leave out{}", name, did_you_mean(name, matrix.sources));
  }
  FirstOrder result;
  result.targets = matrix.targets;
  for (std::size_t s = 0; s < matrix.sources.size(); ++s) {
    if (std::find(exclude.begin(), exclude.end(), matrix.sources[s]) != exclude.end()) continue;
    result.sources.push_back(matrix.sources[s]);
    const auto row = matrix.row(s);
    result.values.insert(result.values.end(), row.begin(), row.end());
  }
  return result;
}

}  // namespace

TaskTree task_tree(const TransferTable& table, const TaskTreeOptions& options) {
  AFFINIS_CHECK(options.linkage != Linkage::kWard || options.distance == Distance::kEuclidean, ErrorCode::kUsage,
                "linkage ward is defined for the euclidean distance, not for {}; choose another of the two", distance_name(options.distance));
  const FirstOrder matrix = normalised(without(first_order(table, options.value), options.exclude), options.normalisation);
  AFFINIS_CHECK(matrix.sources.size() >= 2, ErrorCode::kData, "{}: a tree needs at least two sources, but there is {}", table.name,
                matrix.sources.empty() ? "none" : "only '" + matrix.sources.front() + "'");
  const std::vector<double> distances = pairwise_distances(matrix.values, matrix.targets.size(), options.distance);
  const auto undefined = std::find_if(distances.begin(), distances.end(), [](double d) { return std::isnan(d); });
  if (undefined != distances.end()) {
    const auto at = static_cast<std::size_t>(undefined - distances.begin());
    fail(ErrorCode::kData, "{}: the {} distance of the sources '{}' and '{}' is undefined: they share no target, or one has no variation",
         table.name, distance_name(options.distance), matrix.sources[at / matrix.sources.size()], matrix.sources[at % matrix.sources.size()]);
  }
  TaskTree result;
  result.sources = matrix.sources;
  result.targets = matrix.targets;
  result.merges = agglomerate(distances, matrix.sources.size(), options.linkage);
  result.tree = make_tree(result.merges, result.sources);
  return result;
}

double cut_agreement(const TaskTree& tree, std::size_t clusters, const std::vector<std::pair<std::string, std::string>>& groups) {
  const std::map<std::string, std::string> group_of(groups.begin(), groups.end());
  const std::vector<std::size_t> labels = cut(tree.merges, clusters);
  std::map<std::string, std::size_t> numbers;
  std::vector<std::size_t> ours;
  std::vector<std::size_t> theirs;
  for (std::size_t i = 0; i < tree.sources.size(); ++i) {
    const auto group = group_of.find(tree.sources[i]);
    if (group == group_of.end()) continue;
    ours.push_back(labels[i]);
    theirs.push_back(numbers.emplace(group->second, numbers.size()).first->second);
  }
  AFFINIS_CHECK(ours.size() >= 2, ErrorCode::kData, "of the tree's tasks {} have a group, fewer than the 2 that a comparison needs",
                ours.size());
  return adjusted_rand(ours, theirs);
}

}  // namespace affinis::taxonomy
