#include "taxonomy/quick_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "taxonomy/relaxation.h"

namespace affinis::taxonomy {
namespace {

// Found by experiment on the published tables.
constexpr int kRootIterations = 120;
constexpr int kNodeIterations = 30;
constexpr double kFirstScale = 1.0;
constexpr double kLeastScale = 0.05;
constexpr int kPatience = 4;
constexpr std::size_t kManySources = 60;  // from here on the root takes its time: its multipliers serve others
constexpr int kEdgesEvery = 6;       // iterations from one look at all edges to the next
constexpr double kFreshShare = 0.6;  // as in Relaxation
constexpr char kFree = 0;
constexpr char kIn = 1;
constexpr char kOut = 2;

}  // namespace

QuickSearch::QuickSearch(const Instance& instance) : instance_(instance) {
  for (std::size_t e = 0; e < instance_.edges(); ++e)
    largest_ = std::max(largest_, std::abs(instance_.value[e]));
}

double QuickSearch::cutoff() const { return value_ + 1e-10 * (std::abs(value_) + largest_); }

bool QuickSearch::run(LocalSearch& local, std::vector<char>& incumbent, double& value,
                      std::int64_t most_nodes, const Deadline& deadline) {
  local_ = &local;
  deadline_ = &deadline;
  incumbent_ = &incumbent;
  value_ = value;
  nodes_ = 0;
  most_nodes_ = most_nodes;
  gave_up_ = false;
  last_trial_.clear();
  bound_ = std::numeric_limits<double>::infinity();
  // A source takes part in few levels of the tree; one more level than sources is always enough.
  if (nodes_by_depth_.empty()) nodes_by_depth_.resize(instance_.sources + 2);
  decision_.assign(instance_.sources, kFree);
  needed_.resize(instance_.sources);
  multipliers_ = first_multipliers(instance_, incumbent);
  if (load(nodes_by_depth_[0])) explore(0);
  value = value_;
  if (!gave_up_) bound_ = value_;
  return !gave_up_;
}

/// The root: the whole instance, forced sources and those without cost decided in; false when the
/// forced ones exceed the budget.
bool QuickSearch::load(Node& node) {
  const std::size_t sources = instance_.sources;
  node.constant = 0;
  node.remaining = instance_.budget_with_slack();
  node.in.assign(sources, 0);
  node.free.clear();
  for (std::size_t s = 0; s < sources; ++s) {
    decision_[s] = instance_.forced[s] || instance_.costs[s] <= 0 ? kIn : kFree;
    node.free.push_back(static_cast<std::uint32_t>(s));
  }
  node.row.resize(instance_.targets());
  node.begin.resize(instance_.targets() + 1);
  node.value = instance_.value;
  node.use_begin.resize(instance_.edges() + 1);
  node.use.resize(instance_.use_source.size());
  for (std::size_t e = 0; e <= instance_.edges(); ++e)
    node.use_begin[e] = static_cast<std::uint32_t>(instance_.use_begin[e]);
  for (std::size_t t = 0; t <= instance_.targets(); ++t)
    node.begin[t] = static_cast<std::uint32_t>(instance_.target_begin[t]);
  for (std::size_t t = 0; t < instance_.targets(); ++t) {
    node.row[t] = static_cast<std::uint32_t>(t * sources);
    const std::size_t last = instance_.use_begin[instance_.target_begin[t + 1]];
    for (std::size_t u = instance_.use_begin[instance_.target_begin[t]]; u < last; ++u)
      node.use[u] = node.row[t] + static_cast<std::uint32_t>(instance_.use_source[u]);
  }
  node.multipliers = multipliers_;
  direction_.assign(multipliers_.size(), 0);
  dropped_.assign(instance_.edges(), 0);
  return shrink(node);
}

/// Carries out the decisions and drops, in place; false when that leaves nothing to look for.
bool QuickSearch::shrink(Node& node) {
  const std::size_t sources = instance_.sources;
  for (const std::uint32_t s : node.free) {
    if (decision_[s] != kIn) continue;
    node.in[s] = 1;
    node.remaining -= instance_.costs[s];
  }
  if (node.remaining < 0) return false;
  std::fill(needed_.begin(), needed_.end(), char{0});
  std::uint32_t rows = 0;
  std::uint32_t edges = 0;
  std::uint32_t uses = 0;
  std::uint32_t from = node.begin[0];
  for (std::size_t r = 0; r < node.row.size(); ++r) {
    const std::uint32_t offset = node.row[r];
    const std::uint32_t end = node.begin[r + 1];
    const std::uint32_t first = edges;
    for (std::uint32_t e = from; e < end; ++e) {
      if (dropped_[e]) continue;
      const std::uint32_t start = uses;
      double cost = 0;
      bool usable = true;
      for (std::uint32_t u = node.use_begin[e]; u < node.use_begin[e + 1]; ++u) {
        const std::uint32_t source = node.use[u] - offset;
        if (decision_[source] == kIn) continue;
        usable = usable && decision_[source] == kFree;
        cost += instance_.costs[source];
        node.use[uses++] = node.use[u];
      }
      if (!usable || cost > node.remaining) {
        uses = start;
        continue;
      }
      node.value[edges] = node.value[e];
      const bool last = uses == start;
      // Written behind what is read: use_begin[e + 1] is still needed, use_begin[edges + 1] with
      // edges <= e is not.
      node.use_begin[edges] = start;
      ++edges;
      if (last) break;
    }
    from = end;
    if (edges == first) return false;
    if (node.use_begin[first] == uses) {
      node.constant += node.value[first];
      edges = first;
      continue;
    }
    for (std::uint32_t u = node.use_begin[first]; u < uses; ++u) needed_[node.use[u] - offset] = 1;
    node.row[rows] = offset;
    node.begin[rows] = first;
    ++rows;
  }
  node.begin[rows] = edges;
  node.use_begin[edges] = uses;
  node.row.resize(rows);
  node.begin.resize(rows + 1);
  node.value.resize(edges);
  node.use_begin.resize(edges + 1);
  node.use.resize(uses);
  std::erase_if(node.free, [&](std::uint32_t s) {
    if (decision_[s] == kFree && needed_[s]) return false;
    for (std::size_t at = s; at < direction_.size(); at += sources) direction_[at] = 0;
    return true;
  });
  dropped_.assign(edges, 0);
  return true;
}

void QuickSearch::evaluate(const Node& node) {
  const std::size_t sources = instance_.sources;
  relaxed_ = node.constant;
  weights_.assign(sources, 0);
  best_.resize(node.row.size());
  best_edge_.resize(node.row.size());
  const double* const multipliers = node.multipliers.data();
  for (std::size_t r = 0; r < node.row.size(); ++r) {
    const double* const row = multipliers + node.row[r];
    for (std::size_t s = 0; s < sources; ++s) weights_[s] += row[s];
    double best = -std::numeric_limits<double>::infinity();
    std::uint32_t best_at = node.begin[r];
    for (std::uint32_t e = node.begin[r]; e < node.begin[r + 1] && node.value[e] > best; ++e) {
      double reduced = node.value[e];
      for (std::uint32_t u = node.use_begin[e]; u < node.use_begin[e + 1]; ++u)
        reduced -= multipliers[node.use[u]];
      if (reduced > best) {
        best = reduced;
        best_at = e;
      }
    }
    best_[r] = best;
    best_edge_[r] = best_at;
    relaxed_ += best;
  }
  select(node);
}

/// The sources that their weights select: the best that the budget allows, the linear relaxation
/// where costs differ.
void QuickSearch::select(const Node& node) {
  selected_.assign(instance_.sources, 0);
  order_ = node.free;
  price_in_ = 0;
  price_out_ = 0;
  if (order_.empty()) return;
  if (instance_.unit_costs) {
    const auto slots = std::min(
        static_cast<std::size_t>(node.remaining / instance_.costs[order_.front()]), order_.size());
    const auto before = [&](std::uint32_t a, std::uint32_t b) {
      return weights_[a] != weights_[b] ? weights_[a] > weights_[b] : a < b;
    };
    if (slots < order_.size())
      std::nth_element(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(slots),
                       order_.end(), before);
    double lowest = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < slots; ++i) {
      selected_[order_[i]] = 1;
      relaxed_ += weights_[order_[i]];
      lowest = std::min(lowest, weights_[order_[i]]);
    }
    if (slots == order_.size()) return;
    const double cost = instance_.costs[order_.front()];
    price_in_ = lowest / cost;
    price_out_ = weights_[order_[slots]] / cost;
    return;
  }
  std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    const double left = weights_[a] * instance_.costs[b];
    const double right = weights_[b] * instance_.costs[a];
    return left != right ? left > right : a < b;
  });
  double left = node.remaining;
  for (const std::uint32_t s : order_) {
    const double cost = instance_.costs[s];
    if (cost > node.remaining) continue;  // cannot be in at all
    const double share = std::min(1.0, left / cost);
    selected_[s] = share;
    relaxed_ += share * weights_[s];
    left -= share * cost;
    if (share < 1) {
      price_in_ = price_out_ = weights_[s] / cost;
      break;
    }
  }
}

/// A subgradient step that aims at `goal`; false when the subgradient is zero.
bool QuickSearch::step(Node& node, double goal, double scale) {
  const std::size_t sources = instance_.sources;
  std::array<double, 4> sums = {};
  for (std::size_t r = 0; r < node.row.size(); ++r) {
    double* const direction = direction_.data() + node.row[r];
    const double* const multipliers = node.multipliers.data() + node.row[r];
    for (std::size_t s = 0; s < sources; ++s)
      direction[s] += kFreshShare * (selected_[s] - direction[s]);
    const std::uint32_t e = best_edge_[r];
    for (std::uint32_t u = node.use_begin[e]; u < node.use_begin[e + 1]; ++u)
      direction_[node.use[u]] -= kFreshShare;
    const auto square = [&](std::size_t s) {
      const double counts =
          static_cast<int>(direction[s] < 0) | static_cast<int>(multipliers[s] > 0);
      return counts * direction[s] * direction[s];
    };
    std::size_t s = 0;
    for (; s + 4 <= sources; s += 4) {
      for (std::size_t lane = 0; lane < 4; ++lane) sums[lane] += square(s + lane);
    }
    for (; s < sources; ++s) sums[0] += square(s);
  }
  const double squares = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  if (squares <= 0) return false;
  const double length = scale * std::max(relaxed_ - goal, 0.0) / squares;
  for (std::size_t r = 0; r < node.row.size(); ++r) {
    const double* const direction = direction_.data() + node.row[r];
    double* const multipliers = node.multipliers.data() + node.row[r];
    for (std::size_t s = 0; s < sources; ++s)
      multipliers[s] = std::max(0.0, multipliers[s] - length * direction[s]);
  }
  return true;
}

/// Reduced costs: sources of which one of the two decisions cannot beat the incumbent. Their
/// number.
std::size_t QuickSearch::decide(const Node& node) {
  const double room = relaxed_ - cutoff();
  std::size_t decided = 0;
  for (const std::uint32_t s : node.free) {
    const double cost = instance_.costs[s];
    const bool in = std::max(0.0, weights_[s] - price_out_ * cost) >= room;
    const bool out = std::max(0.0, price_in_ * cost - weights_[s]) >= room;
    decision_[s] = in ? kIn : out ? kOut : kFree;
    decided += in || out ? 1 : 0;
  }
  return decided;
}

void QuickSearch::drop_edges(const Node& node) {
  const double limit = cutoff();
  for (std::size_t r = 0; r < node.row.size(); ++r) {
    const double rest = relaxed_ - best_[r];
    for (std::uint32_t e = node.begin[r]; e < node.begin[r + 1]; ++e) {
      double bound = rest + node.value[e];
      for (std::uint32_t u = node.use_begin[e]; u < node.use_begin[e + 1]; ++u) {
        const std::uint32_t s = node.use[u] - node.row[r];
        bound -= node.multipliers[node.use[u]] +
                 std::max(0.0, price_in_ * instance_.costs[s] - weights_[s]);
      }
      dropped_[e] = bound <= limit;
    }
  }
}

void QuickSearch::try_selection(const std::vector<char>& selected) {
  const double found = local_->value_of(selected);
  if (found <= cutoff() || !local_->fits(selected)) return;
  *incumbent_ = selected;
  value_ = local_->improve(*incumbent_);
}

void QuickSearch::try_relaxed(const Node& node) {
  trial_ = node.in;
  for (const std::uint32_t s : node.free) {
    if (selected_[s] >= 1) trial_[s] = 1;
  }
  if (trial_ == last_trial_) return;
  last_trial_ = trial_;
  try_selection(trial_);
}

/// Lowers the bound of a node by subgradient steps and reduced costs; false when nothing in it
/// beats the incumbent. Leaves the best multipliers and their evaluation.
bool QuickSearch::lower(Node& node, bool root) {
  std::fill(direction_.begin(), direction_.end(), 0.0);
  share_.assign(instance_.sources, 0);
  double best = std::numeric_limits<double>::infinity();
  double scale = kFirstScale;
  int stale = 0;
  // As many times more as there are more sources.
  const double more = root ? std::max(1.0, static_cast<double>(instance_.sources) / kManySources) : 1;
  const int iterations = root ? static_cast<int>(more * kRootIterations) : kNodeIterations;
  const int patience = static_cast<int>(more * kPatience);
  for (int i = 0; i < iterations; ++i) {
    if (node.row.empty() || node.free.empty()) {
      try_selection(node.in);
      return false;
    }
    evaluate(node);
    const double found = relaxed_;
    if (root) bound_ = std::min(bound_, found);
    if (found <= cutoff()) return false;
    try_relaxed(node);
    if (found <= cutoff()) return false;
    stale = found < best - 1e-2 * std::abs(best - cutoff()) ? 0 : stale + 1;
    if (found < best) {
      best = found;
      best_multipliers_ = node.multipliers;
    }
    for (const std::uint32_t s : node.free) share_[s] += selected_[s];
    const bool look = i % kEdgesEvery == kEdgesEvery - 1;
    if (decide(node) > 0 || look) {
      if (look) drop_edges(node);
      if (!shrink(node)) return false;
      best = std::numeric_limits<double>::infinity();  // of another problem: the multipliers now
                                                       // are the best known for it
      if (node.row.empty() || node.free.empty()) continue;
      evaluate(node);
      best = relaxed_;
      best_multipliers_ = node.multipliers;
      if (relaxed_ <= cutoff()) return false;
    }
    if (stale >= patience) {
      stale = 0;
      scale *= 0.5;
      if (scale < kLeastScale) break;
      node.multipliers = best_multipliers_;
      evaluate(node);
      std::fill(direction_.begin(), direction_.end(), 0.0);
    }
    if (i % 8 == 7 && deadline_->over()) break;
    if (!step(node, cutoff(), scale)) break;
  }
  if (node.row.empty() || node.free.empty()) {
    try_selection(node.in);
    return false;
  }
  node.multipliers = best_multipliers_;
  evaluate(node);
  return relaxed_ > cutoff();
}

/// A free source that the relaxation cannot make up its mind about.
std::uint32_t QuickSearch::choose(const Node& node) const {
  std::uint32_t branch = node.free.front();
  double best_score = -1;
  double most = 1;
  for (const std::uint32_t s : node.free) most = std::max(most, share_[s]);
  for (const std::uint32_t s : node.free) {
    const double score = (0.55 - std::abs(share_[s] / most - 0.5)) * weights_[s];
    if (score <= best_score) continue;
    best_score = score;
    branch = s;
  }
  return branch;
}

void QuickSearch::explore(std::size_t depth) {
  for (;;) {
    if (nodes_ >= most_nodes_ || (nodes_ > 0 && deadline_->over())) {
      gave_up_ = true;
      return;
    }
    ++nodes_;
    Node& node = nodes_by_depth_[depth];
    const bool open = lower(node, depth == 0 && nodes_ == 1);
    if (nodes_ == 1) multipliers_ = node.multipliers;
    if (!open) return;
    const std::uint32_t branch = choose(node);
    nodes_by_depth_[depth + 1] = node;
    decision_.assign(instance_.sources, kFree);
    decision_[branch] = kIn;
    if (shrink(nodes_by_depth_[depth + 1])) explore(depth + 1);
    if (gave_up_) return;
    decision_.assign(instance_.sources, kFree);
    decision_[branch] = kOut;
    dropped_.assign(nodes_by_depth_[depth].value.size(), 0);
    if (!shrink(nodes_by_depth_[depth])) return;
  }
}

}  // namespace affinis::taxonomy
