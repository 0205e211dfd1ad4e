#include "taxonomy/tree.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "taxonomy/csv.h"

namespace affinis::taxonomy {
namespace {

/// A parser with its own stack of open parentheses: nesting as deep as the file is long must not overflow the program's.
class NewickParser {
 public:
  NewickParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Tree parse() {
    bool expects_node = true;
    for (;;) {
      skip_blanks();
      if (expects_node && peek() == '(') {
        ++position_;
        open_.emplace_back();
        continue;
      }
      if (expects_node) {
        const std::string label = read_label();
        AFFINIS_CHECK(!label.empty(), ErrorCode::kFormat, "{}: character {} begins a leaf without a name; name every leaf", name_,
                      position_ + 1);
        AFFINIS_CHECK(leaves_.insert(label).second, ErrorCode::kData, "{}: the leaf '{}' stands twice; name every leaf once", name_, label);
        finish_node({label, {}, 0});
        expects_node = false;
        continue;
      }
      const char next = peek();
      if (next == ',' && !open_.empty()) {
        ++position_;
        expects_node = true;
      } else if (next == ')' && !open_.empty()) {
        ++position_;
        skip_blanks();
        TreeNode node{read_label(), std::move(open_.back()), 0};
        open_.pop_back();
        for (const std::size_t child : node.children) node.height = std::max(node.height, tree_.nodes[child].height + lengths_[child]);
        finish_node(std::move(node));
      } else {
        break;
      }
    }
    AFFINIS_CHECK(open_.empty(), ErrorCode::kFormat, "{}: {} parenthesis(es) are still open at character {}; close them with ')'", name_,
                  open_.size(), position_ + 1);
    if (peek() == ';') ++position_;
    skip_blanks();
    AFFINIS_CHECK(position_ == text_.size(), ErrorCode::kFormat, "{}: there is '{}' at character {}, behind the tree; keep one tree a file",
                  name_, text_.substr(position_, 1), position_ + 1);
    return std::move(tree_);
  }

 private:
  char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }

  void skip_blanks() {
    for (;;) {
      while (position_ < text_.size() && std::string_view(" \t\r\n").find(text_[position_]) != std::string_view::npos) ++position_;
      if (peek() != '[') return;
      const std::size_t close = text_.find(']', position_);
      AFFINIS_CHECK(close != std::string_view::npos, ErrorCode::kFormat, "{}: the comment that '[' opens at character {} is never closed", name_,
                    position_ + 1);
      position_ = close + 1;
    }
  }

  std::string read_label() {
    std::string label;
    if (peek() == '\'') {
      const std::size_t opened = position_++;
      for (;;) {
        AFFINIS_CHECK(position_ < text_.size(), ErrorCode::kFormat, "{}: the quote at character {} is never closed", name_, opened + 1);
        if (text_[position_] == '\'' && (position_ + 1 == text_.size() || text_[position_ + 1] != '\'')) break;
        if (text_[position_] == '\'') ++position_;
        label += text_[position_++];
      }
      ++position_;
    } else {
      while (position_ < text_.size() && std::string_view("()[]':;,").find(text_[position_]) == std::string_view::npos) {
        label += text_[position_++];
      }
      label = trim(label);
    }
    return label;
  }

  void finish_node(TreeNode node) {
    skip_blanks();
    double length = 0;
    if (peek() == ':') {
      ++position_;
      skip_blanks();
      const std::size_t begin = position_;
      while (position_ < text_.size() && std::string_view("()[]':;, \t\r\n").find(text_[position_]) == std::string_view::npos) ++position_;
      const std::optional<double> value = parse_real(text_.substr(begin, position_ - begin));
      AFFINIS_CHECK(value && std::isfinite(*value), ErrorCode::kFormat, "{}: there is no branch length behind the ':' at character {}", name_,
                    begin);
      length = *value;
    }
    const std::size_t position = tree_.nodes.size();
    tree_.nodes.push_back(std::move(node));
    lengths_.push_back(length);
    if (!open_.empty()) open_.back().push_back(position);
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t position_ = 0;
  Tree tree_;
  std::vector<double> lengths_;
  std::vector<std::vector<std::size_t>> open_;
  std::set<std::string> leaves_;
};

std::string newick_label(const std::string& name) {
  if (name.find_first_of("()[]':;, \t\r\n") == std::string::npos) return name;
  std::string quoted = "'";
  for (const char character : name) {
    if (character == '\'') quoted += '\'';
    quoted += character;
  }
  return quoted + "'";
}

using LeafSets = std::vector<std::set<std::string>>;

/// The leaves below every node, only those in `kept` where that is given.
LeafSets leaf_sets(const Tree& tree, const std::set<std::string>* kept = nullptr) {
  LeafSets sets(tree.nodes.size());
  for (std::size_t node = 0; node < tree.nodes.size(); ++node) {
    if (tree.nodes[node].children.empty() && (kept == nullptr || kept->contains(tree.nodes[node].name))) {
      sets[node].insert(tree.nodes[node].name);
    }
    for (const std::size_t child : tree.nodes[node].children) sets[node].insert(sets[child].begin(), sets[child].end());
  }
  return sets;
}

std::vector<Clade> clades_of(const Tree& tree, const LeafSets& sets) {
  // A chain of nodes with one child each, or with leaves that do not count, has one clade: that of its lowest node.
  std::map<std::set<std::string>, double> heights;
  for (std::size_t node = 0; node < tree.nodes.size(); ++node) {
    if (sets[node].size() >= 2 && sets[node].size() < sets.back().size()) heights.emplace(sets[node], tree.nodes[node].height);
  }
  std::vector<Clade> result;
  for (const auto& [tasks, height] : heights) result.push_back({{tasks.begin(), tasks.end()}, height});
  std::stable_sort(result.begin(), result.end(), [](const Clade& a, const Clade& b) { return a.height < b.height; });
  return result;
}

constexpr std::string_view kPublishedTree =
    "(denoise,(((segmentsemantic,(class_1000,class_places)),((room_layout,vanishing_point),(((point_match,(ego_motion,fix_pose)),(random,"
    "(jigsaw,non_fixated_pose))),(edge2d,((autoencoder,keypoint2d),(segment2d,(colorization,inpainting_whole))))))),(rgb2sfnorm,"
    "((segment25d,(curvature,keypoint3d)),((rgb2depth,rgb2mist),(edge3d,reshade))))));";

}  // namespace

std::vector<std::string> Tree::leaves() const {
  std::vector<std::string> names;
  if (nodes.empty()) return names;
  std::vector<std::size_t> stack = {nodes.size() - 1};
  while (!stack.empty()) {
    const TreeNode& node = nodes[stack.back()];
    stack.pop_back();
    if (node.children.empty()) names.push_back(node.name);
    stack.insert(stack.end(), node.children.rbegin(), node.children.rend());
  }
  return names;
}

Tree make_tree(std::span<const Merge> merges, std::span<const std::string> names) {
  AFFINIS_ASSERT(merges.size() + 1 == names.size());
  Tree tree;
  for (const std::string& name : names) tree.nodes.push_back({name, {}, 0});
  for (const Merge& merge : merges) tree.nodes.push_back({"", {merge.first, merge.second}, merge.height});
  return tree;
}

Tree parse_newick(std::string_view text, const std::string& name) { return NewickParser(text, name).parse(); }

std::string to_newick(const Tree& tree) {
  std::vector<double> parent_height(tree.nodes.size(), 0.0);
  for (const TreeNode& node : tree.nodes) {
    for (const std::size_t child : node.children) parent_height[child] = node.height;
  }
  // Children stand before their parents, so that their texts are ready.
  std::vector<std::string> texts(tree.nodes.size());
  for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
    const TreeNode& node = tree.nodes[i];
    for (const std::size_t child : node.children) {
      texts[i] += (texts[i].empty() ? "(" : ",") + std::exchange(texts[child], {});
    }
    if (!node.children.empty()) texts[i] += ")";
    texts[i] += newick_label(node.name);
    if (i + 1 < tree.nodes.size()) texts[i] += ":" + csv_number(parent_height[i] - node.height);
  }
  return texts.back() + ";";
}

std::vector<Clade> clades(const Tree& tree) { return clades_of(tree, leaf_sets(tree)); }

TreeComparison compare_trees(const Tree& tree, const Tree& reference) {
  std::vector<std::string> ours = tree.leaves();
  std::vector<std::string> theirs = reference.leaves();
  std::sort(ours.begin(), ours.end());
  std::sort(theirs.begin(), theirs.end());
  TreeComparison result;
  std::set_intersection(ours.begin(), ours.end(), theirs.begin(), theirs.end(), std::back_inserter(result.common));
  std::set_difference(ours.begin(), ours.end(), theirs.begin(), theirs.end(), std::back_inserter(result.only_tree));
  std::set_difference(theirs.begin(), theirs.end(), ours.begin(), ours.end(), std::back_inserter(result.only_reference));
  AFFINIS_CHECK(result.common.size() >= 3, ErrorCode::kData,
                "the tree and its reference share {} task(s), fewer than the 3 that a comparison needs; are the tasks named differently?",
                result.common.size());
  const std::set<std::string> kept(result.common.begin(), result.common.end());
  const std::vector<Clade> in_tree = clades_of(tree, leaf_sets(tree, &kept));
  const std::vector<Clade> in_reference = clades_of(reference, leaf_sets(reference, &kept));
  const auto has = [](const std::vector<Clade>& all, const Clade& clade) {
    return std::any_of(all.begin(), all.end(), [&](const Clade& other) { return other.tasks == clade.tasks; });
  };
  for (const Clade& clade : in_reference) (has(in_tree, clade) ? result.found : result.missing).push_back(clade);
  for (const Clade& clade : in_tree) {
    if (!has(in_reference, clade)) result.extra.push_back(clade);
  }
  return result;
}

Tree published_task_tree() { return parse_newick(kPublishedTree, "the published task tree"); }

std::vector<std::pair<std::string, std::string>> published_task_groups() {
  const std::map<std::string, std::vector<std::string>> groups = {
      {"denoising", {"denoise"}},
      {"semantic", {"segmentsemantic", "class_1000", "class_places"}},
      {"geometric",
       {"room_layout", "vanishing_point", "point_match", "ego_motion", "fix_pose", "random", "jigsaw", "non_fixated_pose"}},
      {"2d", {"edge2d", "autoencoder", "keypoint2d", "segment2d", "colorization", "inpainting_whole"}},
      {"3d", {"rgb2sfnorm", "segment25d", "curvature", "keypoint3d", "rgb2depth", "rgb2mist", "edge3d", "reshade"}}};
  std::vector<std::pair<std::string, std::string>> result;
  for (const auto& [group, tasks] : groups) {
    for (const std::string& task : tasks) result.emplace_back(task, group);
  }
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace affinis::taxonomy
