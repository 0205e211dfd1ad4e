#include "taxonomy/search.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include <tbb/parallel_for.h>

namespace affinis::taxonomy {
namespace {

// Found by experiment on random geometric instances of 26 to 200 sources and on the published
// tables.
constexpr int kRootIterations = 400;
constexpr int kNodeIterations = 20;
constexpr int kRootRounds = 40;
constexpr int kNodeRounds = 4;
constexpr double kRootScale = 1.5;
constexpr double kNodeScale = 0.9;
constexpr double kLeastScale = 0.02;
constexpr int kRootPatience = 30;
constexpr int kNodePatience = 8;
constexpr double kWorthAnother = 0.005;  // share of the gap that a round at the root must close
constexpr int kRootKicks = 30;
constexpr std::size_t kMostNeighbourRounds = 20;
// Rounds of explore_together(): short enough to share what was found, long enough to be worth it.
constexpr std::int64_t kNodesAlone = 100;
constexpr std::int64_t kNodesTogether = 200;
constexpr std::size_t kHelpers = 16;
constexpr std::size_t kFewOpen = 64;

}  // namespace

void drop_idle_sources(const Instance& instance, LocalSearch& local, std::vector<char>& selected) {
  std::vector<std::size_t> order(instance.sources);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.rbegin(), order.rend(), [&](std::size_t a, std::size_t b) {
    return instance.costs[a] < instance.costs[b];
  });
  const double value = local.value_of(selected);
  for (const std::size_t s : order) {
    if (!selected[s] || instance.forced[s]) continue;
    selected[s] = 0;
    if (local.value_of(selected) < value) selected[s] = 1;
  }
}

Solution solution_of(const Problem& problem, const Instance& instance,
                     const std::vector<char>& selected) {
  Solution solution;
  for (std::size_t s = 0; s < instance.sources; ++s) {
    if (selected[s]) solution.sources.push_back(s);
  }
  for (std::size_t t = 0; t < instance.targets(); ++t) {
    solution.choices.push_back(instance.origin[best_edge(instance, selected, t)]);
    solution.value += problem.edges[solution.choices.back()].value;
  }
  return solution;
}

Search::Search(const Instance& instance, const Deadline& deadline)
    : instance_(instance), local_(instance), deadline_(deadline), random_(0, "taxonomy solver") {
  for (std::size_t e = 0; e < instance_.edges(); ++e)
    largest_ = std::max(largest_, std::abs(instance_.value[e]));
}

Search::Search(const Search& lead, std::uint64_t number)
    : instance_(lead.instance_),
      local_(lead.instance_),
      deadline_(lead.deadline_),
      random_(number + 1, "taxonomy solver"),
      largest_(lead.largest_),
      helper_(true) {}

double Search::tolerance() const { return 1e-10 * (std::abs(value_) + largest_); }

/// What a node must promise more than to be worth a look.
double Search::cutoff() const {
  if (most_ > 0) return pool_.size() < most_ ? floor_ : worst_ + tolerance();
  return value_ + tolerance();
}

void Search::run(const std::vector<char>& start, const std::vector<double>& multipliers) {
  incumbent_ = start;
  value_ = local_.value_of(start);
  search_tree(multipliers);
  bound_ = value_;
  for (const Node& node : open_) bound_ = std::max(bound_, std::min(node.bound, root_bound_));
}

void Search::collect(std::size_t most, double floor, const std::vector<char>& first) {
  most_ = most;
  floor_ = floor;
  incumbent_ = first;
  value_ = local_.value_of(first);
  pool_neighbours(first);
  search_tree(first_multipliers(instance_, first));
}

void Search::search_tree(const std::vector<double>& multipliers) {
  if (std::optional<Subproblem> root = whole_problem(instance_, multipliers)) {
    open_.push_back({std::move(*root), std::numeric_limits<double>::infinity()});
  }
  while (!open_.empty() && (nodes_ == 0 || !deadline_.over())) {
    if (most_ == 0 && nodes_ >= kNodesAlone) {
      explore_together();
    } else {
      take_next();
    }
  }
}

void Search::take_next() {
  Node node = std::move(open_.back());
  open_.pop_back();
  if (node.bound <= cutoff()) return;
  ++nodes_;
  process(std::move(node));
}

/// One round: the open nodes with the highest bounds while there are few, which are the largest
/// parts of the tree; the last ones otherwise, which keeps their number down.
void Search::explore_together() {
  ++rounds_;
  if ((rounds_ & (rounds_ - 1)) == 0) kick(kRootKicks);
  std::erase_if(open_, [&](const Node& node) { return node.bound <= cutoff(); });
  if (open_.size() < kFewOpen) {
    std::stable_sort(open_.begin(), open_.end(),
                     [](const Node& a, const Node& b) { return a.bound < b.bound; });
  }
  const std::size_t count = std::min(open_.size(), kHelpers);
  while (helpers_.size() < count)
    helpers_.push_back(std::unique_ptr<Search>(new Search(*this, helpers_.size())));
  const std::size_t first = open_.size() - count;
  tbb::parallel_for(std::size_t{0}, count, [&](std::size_t i) {
    helpers_[i]->explore(std::move(open_[first + i]), *this);
  });
  open_.resize(first);
  for (std::size_t i = 0; i < count; ++i) {
    Search& helper = *helpers_[i];
    nodes_ += helper.nodes_;
    if (helper.value_ > cutoff()) {
      value_ = helper.value_;
      incumbent_ = helper.incumbent_;
    }
    std::move(helper.open_.begin(), helper.open_.end(), std::back_inserter(open_));
    helper.open_.clear();
  }
}

void Search::explore(Node node, const Search& lead) {
  value_ = lead.value_;
  incumbent_ = lead.incumbent_;
  nodes_ = 0;
  open_.push_back(std::move(node));
  while (!open_.empty() && nodes_ < kNodesTogether && !deadline_.over()) take_next();
}

/// Takes a selection into the pool, without the sources that it does not need.
void Search::pool_selection(std::vector<char> selected) {
  for (std::size_t s = 0; s < instance_.sources; ++s) {
    if (instance_.costs[s] <= 0) selected[s] = 1;
  }
  const double value = local_.value_of(selected);
  if (!std::isfinite(value) || value <= cutoff() || !local_.fits(selected)) return;
  drop_idle_sources(instance_, local_, selected);
  if (pool_.contains(selected)) return;
  for (std::size_t t = 0; t < instance_.targets(); ++t) {
    if (instance_.is_stand_in(best_edge(instance_, selected, t))) return;
  }
  pool_.emplace(std::move(selected), value);
  const auto worse = [](const auto& a, const auto& b) { return a.second < b.second; };
  if (pool_.size() > most_) pool_.erase(std::min_element(pool_.begin(), pool_.end(), worse));
  worst_ = std::min_element(pool_.begin(), pool_.end(), worse)->second;
}

/// Fills the pool from `first` by adding, dropping and exchanging one source, then from what that
/// has brought, best first: a high cutoff from the start.
void Search::pool_neighbours(const std::vector<char>& first) {
  pool_selection(first);
  std::set<std::vector<char>> visited;
  for (std::size_t round = 0; round < std::min(most_, kMostNeighbourRounds); ++round) {
    const std::vector<char>* next = nullptr;
    double best = -std::numeric_limits<double>::infinity();
    for (const auto& [selected, value] : pool_) {
      if (value <= best || visited.contains(selected)) continue;
      best = value;
      next = &selected;
    }
    if (next == nullptr) return;
    visited.insert(*next);
    trial_ = *next;
    for (std::size_t in = 0; in < instance_.sources; ++in) {
      if (trial_[in]) {
        if (instance_.forced[in]) continue;
        trial_[in] = 0;
        pool_selection(trial_);
        trial_[in] = 1;
        continue;
      }
      trial_[in] = 1;
      pool_selection(trial_);
      for (std::size_t out = 0; out < instance_.sources; ++out) {
        if (out == in || !trial_[out] || instance_.forced[out]) continue;
        trial_[out] = 0;
        pool_selection(trial_);
        trial_[out] = 1;
      }
      trial_[in] = 0;
    }
  }
}

/// Whether every source decided in can still matter: some target's edge with it stands above the
/// first one that the sources decided in allow.
bool Search::all_needed(const Subproblem& problem) const {
  std::vector<char> in(instance_.sources, 0);
  for (const std::int32_t s : problem.in) in[static_cast<std::size_t>(s)] = 1;
  std::vector<char> allowed = in;
  for (const std::int32_t s : problem.free) allowed[static_cast<std::size_t>(s)] = 1;
  std::vector<char> needed = instance_.forced;
  for (std::size_t t = 0; t < instance_.targets(); ++t) {
    for (std::size_t e = instance_.target_begin[t]; e < instance_.target_begin[t + 1]; ++e) {
      bool usable = true;
      bool settled = true;
      for (std::size_t u = instance_.use_begin[e]; u < instance_.use_begin[e + 1]; ++u) {
        const auto source = static_cast<std::size_t>(instance_.use_source[u]);
        usable = usable && allowed[source];
        settled = settled && in[source];
      }
      if (!usable) continue;
      for (std::size_t u = instance_.use_begin[e]; u < instance_.use_begin[e + 1]; ++u)
        needed[static_cast<std::size_t>(instance_.use_source[u])] = 1;
      if (settled) break;
    }
  }
  for (std::size_t s = 0; s < instance_.sources; ++s) {
    if (in[s] && !needed[s] && instance_.costs[s] > 0) return false;
  }
  return true;
}

void Search::try_selection(const std::vector<char>& selected) {
  if (most_ > 0) {
    pool_selection(selected);
    return;
  }
  const double found = local_.value_of(selected);
  if (found <= cutoff() || !local_.fits(selected)) return;
  value_ = found;
  incumbent_ = selected;
  value_ = local_.improve(incumbent_, deadline_);
}

/// The sources that a relaxation selects, with those decided in, rounded down to what the budget
/// allows.
void Search::try_relaxed(const Subproblem& problem) {
  trial_.assign(instance_.sources, 0);
  for (const std::int32_t s : problem.in) trial_[static_cast<std::size_t>(s)] = 1;
  for (std::size_t s = 0; s < problem.free.size(); ++s) {
    if (relaxation_.selected()[s] >= 1) trial_[static_cast<std::size_t>(problem.free[s])] = 1;
  }
  try_selection(trial_);
}

void Search::kick(int rounds) {
  if (most_ > 0) return;
  std::vector<char> trial = incumbent_;
  const double found = local_.perturb(trial, rounds, random_, deadline_);
  if (found <= cutoff()) return;
  value_ = found;
  incumbent_ = std::move(trial);
}

/// Lowers the bound by subgradient steps; false when the node cannot beat the incumbent. Leaves
/// the best multipliers and their evaluation.
bool Search::lower(Subproblem& problem, int iterations, double& best, bool root) {
  best_multipliers_ = problem.multipliers;
  best_split_ = problem.split;
  best = std::numeric_limits<double>::infinity();
  share_.assign(problem.free.size(), 0);
  relaxation_.restart();
  const double goal = std::isfinite(cutoff()) ? cutoff() : value_;
  double scale = root ? kRootScale : kNodeScale;
  int stale = 0;
  for (int i = 0; i < iterations; ++i) {
    relaxation_.evaluate(problem);
    const double found = relaxation_.bound();
    stale = found < best - 1e-3 * std::abs(best - goal) ? 0 : stale + 1;
    if (found < best) {
      best = found;
      best_multipliers_ = problem.multipliers;
      best_split_ = problem.split;
    }
    if (best <= cutoff()) return false;
    if (most_ == 0 && (root || i == 0)) try_relaxed(problem);
    for (std::size_t s = 0; s < problem.free.size(); ++s) share_[s] += relaxation_.selected()[s];
    ++total_;
    if (stale >= (root ? kRootPatience : kNodePatience)) {
      scale *= 0.5;
      stale = 0;
      if (scale < kLeastScale) break;
      if (root) {
        problem.multipliers = best_multipliers_;
        problem.split = best_split_;
        relaxation_.evaluate(problem);
        relaxation_.restart();
      }
    }
    if (deadline_.over()) break;
    if (!relaxation_.step(problem, goal, scale)) break;
  }
  problem.multipliers = best_multipliers_;
  problem.split = best_split_;
  relaxation_.evaluate(problem);
  return relaxation_.bound() > cutoff();
}

void Search::process(Node node) {
  if (most_ > 0 && !all_needed(node.problem)) return;
  const bool root = nodes_ == 1 && !helper_;
  Subproblem problem = std::move(node.problem);
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0;; ++round) {
    if (problem.free.empty() || problem.targets() == 0) {
      trial_.assign(instance_.sources, 0);
      for (const std::int32_t s : problem.in) trial_[static_cast<std::size_t>(s)] = 1;
      try_selection(trial_);
      return;
    }
    total_ = 0;
    const double before = best;
    if (!lower(problem, root ? kRootIterations : kNodeIterations, best, root)) return;
    if (root) root_bound_ = std::min(root_bound_, best);
    if (root && round == 2) kick(kRootKicks);
    if (!root && !helper_ && (nodes_ & (nodes_ - 1)) == 0) kick(kRootKicks);
    decisions_.assign(problem.free.size(), Decision::kFree);
    std::size_t fixed = 0;
    for (std::size_t s = 0; s < problem.free.size(); ++s) {
      const bool out = relaxation_.bound() - relaxation_.drop_with(s) <= cutoff();
      const bool in = relaxation_.bound() - relaxation_.drop_without(s) <= cutoff();
      if (in && out) return;
      if (!in && !out) continue;
      decisions_[s] = in ? Decision::kIn : Decision::kOut;
      ++fixed;
    }
    const std::size_t dropped = relaxation_.drop_edges(problem, cutoff(), dropped_);
    const bool lower_bound =
        root && (round == 0 || best < before - kWorthAnother * (before - value_));
    const bool worth_another = fixed > 0 || dropped * 8 > problem.edges() || lower_bound;
    if (!worth_another || round + 1 >= (root ? kRootRounds : kNodeRounds) ||
        (root && deadline_.over()))
      break;
    std::optional<Subproblem> reduced = reduce(problem, decisions_, dropped_);
    if (!reduced) return;
    problem = std::move(*reduced);
  }
  const std::size_t branch = choose(problem);
  decisions_[branch] = Decision::kOut;
  std::optional<Subproblem> without = reduce(problem, decisions_, dropped_);
  decisions_[branch] = Decision::kIn;
  std::optional<Subproblem> with = reduce(problem, decisions_, dropped_);
  const double bound = std::min(best, node.bound);
  const double bound_without =
      std::min(bound, relaxation_.bound() - relaxation_.drop_without(branch));
  const double bound_with = std::min(bound, relaxation_.bound() - relaxation_.drop_with(branch));
  if (without) open_.push_back({std::move(*without), bound_without});
  if (with) open_.push_back({std::move(*with), bound_with});
}

/// A free source that the relaxation cannot make up its mind about, and that many targets want.
std::size_t Search::choose(const Subproblem& problem) const {
  std::size_t branch = 0;
  double best_score = -1;
  for (std::size_t s = 0; s < problem.free.size(); ++s) {
    if (decisions_[s] != Decision::kFree) continue;
    const double share = share_[s] / total_;
    const double score =
        (0.5 - std::abs(share - 0.5)) * std::sqrt(relaxation_.worth(s) * (1 + relaxation_.uses(s)));
    if (score <= best_score) continue;
    best_score = score;
    branch = s;
  }
  return branch;
}

}  // namespace affinis::taxonomy
