#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "taxonomy/clustering.h"

namespace affinis::taxonomy {

struct TreeNode {
  std::string name;                   ///< of a leaf; may be empty within
  std::vector<std::size_t> children;  ///< positions in Tree::nodes, all before this node; empty for a leaf
  double height = 0;                  ///< distance at which the children merge; 0 for leaves and where no lengths are given
};

/// A rooted tree of named leaves; the root is the last node.
struct Tree {
  std::vector<TreeNode> nodes;

  /// Names of the leaves from left to right.
  std::vector<std::string> leaves() const;
};

/// The tree of a clustering whose leaf i is names[i]. Throws Error(kInternal) when the counts disagree.
Tree make_tree(std::span<const Merge> merges, std::span<const std::string> names);

/// Reads Newick: labels bare or in single quotes ('' is a quote), branch lengths after ':', comments in brackets. Blanks are skipped;
/// underscores stay underscores. Throws Error(kFormat) that names `name` and the character: anything else, an unnamed leaf, more than one
/// tree; Error(kData): a leaf twice.
Tree parse_newick(std::string_view text, const std::string& name);

/// Newick with branch lengths (height of the parent less that of the child), ending in ';' without a line end.
std::string to_newick(const Tree& tree);

/// A set of leaves below one node, names sorted, and the node's height.
struct Clade {
  std::vector<std::string> tasks;
  double height = 0;
};

/// Clades of two leaves and more, the whole set left out; by height, then by name.
std::vector<Clade> clades(const Tree& tree);

/// How many clades of a reference a tree has, on the leaves that both have.
struct TreeComparison {
  std::vector<std::string> common;          ///< leaves that both have, sorted
  std::vector<std::string> only_tree;       ///< leaves left out of the comparison
  std::vector<std::string> only_reference;
  std::vector<Clade> found;                 ///< clades of the reference that the tree has too
  std::vector<Clade> missing;               ///< clades of the reference that the tree has not
  std::vector<Clade> extra;                 ///< clades of the tree that the reference has not
};

/// Both trees are first reduced to their common leaves (a clade that shrinks to one leaf or to all of them, or becomes equal to another,
/// no longer counts). Throws Error(kData) when they share fewer than three leaves.
TreeComparison compare_trees(const Tree& tree, const Tree& reference);

/// The task tree of Taskonomy's figure 14 (Zamir et al., CVPR 2018), read off the published picture: its topology, no heights.
Tree published_task_tree();

/// The groups of that figure by colour, as task and group ("2d", "3d", "geometric", "semantic", "denoising"), by task.
std::vector<std::pair<std::string, std::string>> published_task_groups();

}  // namespace affinis::taxonomy
