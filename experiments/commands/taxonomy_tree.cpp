// taxonomy tree: which tasks help the same targets.
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/commands/table_text.h"
#include "experiments/commands/taxonomy_subcommands.h"
#include "experiments/commands/tree_picture.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "taxonomy/csv.h"
#include "taxonomy/task_names.h"
#include "taxonomy/task_tree.h"

namespace affinis::experiments {
namespace {

constexpr const char* kPublished = "published";

using Groups = std::vector<std::pair<std::string, std::string>>;

struct TreeFlags {
  std::string transfers;
  std::string value = "affinity";
  std::string distance = "cityblock";
  std::string linkage = "average";
  std::string normalise = "per-target-max";
  std::vector<std::string> exclude;
  std::string reference;
  std::string groups;
  std::int64_t clusters = 0;
  std::string names;
  std::string out;
  bool json = false;
};

struct Cut {
  std::vector<std::vector<std::string>> clusters;
  std::optional<double> adjusted_rand;
};

struct Result {
  taxonomy::TaskTreeOptions options;
  taxonomy::TaskTree tree;
  std::optional<taxonomy::TreeComparison> comparison;
  std::optional<Cut> cut;
};

/// csv task,group; tasks under their one names.
Groups read_groups(const std::string& path, const taxonomy::TaskNames& names) {
  const std::vector<std::string> columns = {"task", "group"};
  Groups groups;
  std::vector<std::size_t> positions;
  std::set<std::string> seen;
  taxonomy::for_each_record(read_file(path), path, [&](const taxonomy::CsvRecord& record) {
    if (positions.empty()) {
      positions = taxonomy::find_columns(record, columns, path);
      return;
    }
    const std::string task = names.of(trim(record.fields[positions[0]]));
    const std::string group = trim(record.fields[positions[1]]);
    AFFINIS_CHECK(!task.empty() && !group.empty(), ErrorCode::kData, "{} line {}: the {} is empty", path, record.line,
                  task.empty() ? "task" : "group");
    AFFINIS_CHECK(seen.insert(task).second, ErrorCode::kData, "{} line {}: the task '{}' has a group already; remove one of the two", path,
                  record.line, task);
    groups.emplace_back(task, group);
  });
  return groups;
}

taxonomy::Tree read_reference(const std::string& path, const taxonomy::TaskNames& names) {
  if (path == kPublished) return taxonomy::published_task_tree();
  taxonomy::Tree tree = taxonomy::parse_newick(read_file(path), path);
  std::set<std::string> seen;
  for (taxonomy::TreeNode& node : tree.nodes) {
    if (!node.children.empty()) continue;
    node.name = names.of(node.name);
    AFFINIS_CHECK(seen.insert(node.name).second, ErrorCode::kData, "{}: two leaves mean the task '{}'; tell them apart in a file for --names",
                  path, node.name);
  }
  return tree;
}

/// `matched` is the same tree under the names that the groups have.
Cut cut_tree(const taxonomy::TaskTree& tree, const taxonomy::TaskTree& matched, std::int64_t clusters,
             const std::optional<Groups>& groups) {
  if (clusters == 0) {
    std::set<std::string> different;
    const std::set<std::string> tasks(matched.sources.begin(), matched.sources.end());
    for (const auto& [task, group] : *groups) {
      if (tasks.contains(task)) different.insert(group);
    }
    clusters = std::max<std::int64_t>(1, static_cast<std::int64_t>(different.size()));
  }
  AFFINIS_CHECK(clusters > 0, ErrorCode::kUsage, "--cut is {}, but must be at least 1", clusters);
  const std::vector<std::size_t> labels = taxonomy::cut(tree.merges, static_cast<std::size_t>(clusters));
  Cut result;
  result.clusters.resize(static_cast<std::size_t>(clusters));
  for (std::size_t i = 0; i < labels.size(); ++i) result.clusters[labels[i]].push_back(tree.sources[i]);
  if (groups) result.adjusted_rand = taxonomy::cut_agreement(matched, static_cast<std::size_t>(clusters), *groups);
  return result;
}

nlohmann::json clades_json(const std::vector<taxonomy::Clade>& clades, bool heights) {
  nlohmann::json list = nlohmann::json::array();
  for (const taxonomy::Clade& clade : clades) {
    if (heights) {
      list.push_back({{"tasks", clade.tasks}, {"height", clade.height}});
    } else {
      list.push_back(clade.tasks);
    }
  }
  return list;
}

nlohmann::json result_json(const Result& result, const std::string& reference) {
  nlohmann::json merges = nlohmann::json::array();
  for (const taxonomy::Merge& merge : result.tree.merges) {
    merges.push_back({{"first", merge.first}, {"second", merge.second}, {"height", merge.height}, {"size", merge.size}});
  }
  nlohmann::json json = {{"value", taxonomy::objective_name(result.options.value)},
                         {"distance", taxonomy::distance_name(result.options.distance)},
                         {"linkage", taxonomy::linkage_name(result.options.linkage)},
                         {"normalise", taxonomy::normalisation_name(result.options.normalisation)},
                         {"sources", result.tree.sources},
                         {"targets", result.tree.targets},
                         {"newick", taxonomy::to_newick(result.tree.tree)},
                         {"merges", merges},
                         {"clades", clades_json(taxonomy::clades(result.tree.tree), true)}};
  if (result.comparison) {
    const taxonomy::TreeComparison& comparison = *result.comparison;
    json["reference"] = {{"name", reference},
                         {"common_tasks", comparison.common},
                         {"only_tree", comparison.only_tree},
                         {"only_reference", comparison.only_reference},
                         {"clades", comparison.found.size() + comparison.missing.size()},
                         {"found", clades_json(comparison.found, false)},
                         {"missing", clades_json(comparison.missing, false)},
                         {"extra", clades_json(comparison.extra, false)}};
  }
  if (result.cut) {
    json["cut"] = {{"clusters", result.cut->clusters}, {"adjusted_rand", nullptr}};
    if (result.cut->adjusted_rand) json["cut"]["adjusted_rand"] = *result.cut->adjusted_rand;
  }
  return json;
}

/// The tree in letters, root on the left: "height  name" a line, children below their parent.
std::string drawn(const taxonomy::Tree& tree) {
  struct Line {
    std::size_t node;
    std::string stem;
    bool last;
  };
  std::string text;
  std::vector<Line> stack = {{tree.nodes.size() - 1, "", true}};
  while (!stack.empty()) {
    const Line line = stack.back();
    stack.pop_back();
    const taxonomy::TreeNode& node = tree.nodes[line.node];
    const bool root = line.node + 1 == tree.nodes.size();
    text += line.stem + (root ? "" : line.last ? "`-- " : "|-- ") + (node.children.empty() ? node.name : fmt::format("{:.4g}", node.height)) + "\n";
    const std::string stem = line.stem + (root ? "" : line.last ? "    " : "|   ");
    for (std::size_t c = node.children.size(); c-- > 0;) stack.push_back({node.children[c], stem, c + 1 == node.children.size()});
  }
  return text;
}

std::string result_text(const Result& result, const std::string& reference) {
  std::string text =
      fmt::format("{} sources by {} towards {} targets: {}, {} distance, {} linkage\n\n", result.tree.sources.size(),
                  taxonomy::objective_name(result.options.value), result.tree.targets.size(),
                  taxonomy::normalisation_name(result.options.normalisation), taxonomy::distance_name(result.options.distance),
                  taxonomy::linkage_name(result.options.linkage)) +
      drawn(result.tree.tree);
  if (result.comparison) {
    const taxonomy::TreeComparison& comparison = *result.comparison;
    text += fmt::format("\n{} of the {} clades of {} are here, compared on {} common tasks\n", comparison.found.size(),
                        comparison.found.size() + comparison.missing.size(), reference, comparison.common.size());
    for (const taxonomy::Clade& clade : comparison.missing) text += "  missing: " + join(clade.tasks, ", ") + "\n";
  }
  if (result.cut) {
    text += fmt::format("\ncut into {}:\n", result.cut->clusters.size());
    for (const std::vector<std::string>& cluster : result.cut->clusters) text += "  " + join(cluster, ", ") + "\n";
    if (result.cut->adjusted_rand) text += fmt::format("adjusted Rand index against the groups: {:.4f}\n", *result.cut->adjusted_rand);
  }
  return text;
}

void write_files(const Result& result, const TreeFlags& flags) {
  const std::filesystem::path folder = flags.out;
  require_writable_folder(folder);
  std::string clades = "height,size,tasks\n";
  for (const taxonomy::Clade& clade : taxonomy::clades(result.tree.tree)) {
    clades += fmt::format("{},{},{}\n", taxonomy::csv_number(clade.height), clade.tasks.size(), taxonomy::csv_field(join(clade.tasks, "+")));
  }
  write_file_atomically(folder / "tree.nwk", taxonomy::to_newick(result.tree.tree) + "\n");
  write_file_atomically(folder / "clades.csv", clades);
  write_file_atomically(folder / "tree.json", result_json(result, flags.reference).dump(2) + "\n");
  write_file_atomically(folder / "tree.svg",
                        tree_svg(result.tree.tree, fmt::format("Task tree: {}, {}, {} linkage", taxonomy::objective_name(result.options.value),
                                                               taxonomy::distance_name(result.options.distance),
                                                               taxonomy::linkage_name(result.options.linkage))));
}

void run_tree(const TreeFlags& flags) {
  Result result;
  result.options = {taxonomy::parse_objective(flags.value), taxonomy::parse_normalisation(flags.normalise),
                    taxonomy::parse_distance(flags.distance), taxonomy::parse_linkage(flags.linkage), flags.exclude};
  taxonomy::TaskNames names = taxonomy::TaskNames::dictionary();
  if (!flags.names.empty()) names.add_file(flags.names);
  result.tree = taxonomy::task_tree(taxonomy::read_transfer_table(flags.transfers), result.options);
  // The tree keeps the table's own names; only what it is compared with is matched through aliases.
  taxonomy::TaskTree matched = result.tree;
  std::map<std::string, std::string> origins;
  for (std::size_t i = 0; i < matched.sources.size(); ++i) {
    const std::string name = names.of(matched.sources[i]);
    if (!flags.reference.empty() || !flags.groups.empty()) {
      const auto [other, fresh] = origins.emplace(name, matched.sources[i]);
      AFFINIS_CHECK(fresh, ErrorCode::kData, "{}: '{}' and '{}' are both names of the task '{}'; tell them apart in a file for --names",
                    flags.transfers, other->second, matched.sources[i], name);
    }
    matched.sources[i] = matched.tree.nodes[i].name = name;
  }
  if (!flags.reference.empty()) result.comparison = taxonomy::compare_trees(matched.tree, read_reference(flags.reference, names));
  std::optional<Groups> groups;
  if (!flags.groups.empty()) groups = flags.groups == kPublished ? taxonomy::published_task_groups() : read_groups(flags.groups, names);
  if (groups || flags.clusters != 0) {
    result.cut = cut_tree(result.tree, matched, flags.clusters, groups);
  }
  if (!flags.out.empty()) write_files(result, flags);
  if (flags.json) {
    print_json(result_json(result, flags.reference));
  } else {
    write_result(result_text(result, flags.reference));
  }
}

}  // namespace

void add_taxonomy_tree(CLI::App& parent) {
  CLI::App* command = parent.add_subcommand("tree", "Tasks that help the same targets, put together: a tree of the sources");
  const auto flags = std::make_shared<TreeFlags>();
  command->add_option("--transfers", flags->transfers, "transfer table, csv: sources,target,order,affinity,gain,quality")->required();
  command->add_option("--value", flags->value, "what a source is worth to a target: affinity, gain or quality")->capture_default_str();
  command->add_option("--distance", flags->distance, "cityblock, euclidean, cosine or correlation")->capture_default_str();
  command->add_option("--linkage", flags->linkage, "average, complete, single, ward (with euclidean) or weighted")->capture_default_str();
  command
      ->add_option("--normalise", flags->normalise,
                   "how targets are made comparable: none, per-target-max, per-target-sum or exponential (exp(-20 value))")
      ->capture_default_str();
  command->add_option("--exclude", flags->exclude, "sources to leave out, separated by commas; as targets they stay")->delimiter(',');
  command->add_option("--reference", flags->reference, "Newick file to compare clades with, or 'published' for Taskonomy's figure 14");
  command->add_option("--groups", flags->groups, "csv task,group to compare the cut tree with, or 'published' for that figure's colours");
  command
      ->add_option("--cut", flags->clusters, "cut the tree into this many clusters; by default as many as --groups has")
      ->check(CLI::PositiveNumber);
  command->add_option("--names", flags->names, "csv alias,name: further names of tasks, for --reference and --groups");
  command->add_option("--out", flags->out, "also write tree.nwk, tree.svg, tree.json and clades.csv into this folder");
  command->add_flag("--json", flags->json, "print JSON");
  command->callback([flags] { run_tree(*flags); });
}

}  // namespace affinis::experiments
