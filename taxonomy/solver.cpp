#include "taxonomy/solver.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "framework/core/error.h"
#include "framework/core/random.h"
#include "taxonomy/instance.h"
#include "taxonomy/local_search.h"
#include "taxonomy/relaxation.h"

namespace affinis::taxonomy {
namespace {

// Found by experiment on random geometric instances of 26 to 200 sources and on the published
// tables.
constexpr int kRootIterations = 40;
constexpr int kNodeIterations = 10;
constexpr int kRootRounds = 24;
constexpr int kNodeRounds = 4;
constexpr double kRootScale = 0.8;
constexpr double kNodeScale = 1.2;
constexpr double kLeastScale = 0.02;
constexpr int kRootKicks = 30;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// An open node and a bound on what it holds.
struct Node {
  Subproblem problem;
  double bound = 0;
  std::size_t depth = 0;
};

class Search {
 public:
  Search(const Instance& instance, double time_limit)
      : instance_(instance),
        local_(instance),
        start_(Clock::now()),
        time_limit_(time_limit),
        random_(0, "taxonomy solver") {}

  void run() {
    for (std::size_t e = 0; e < instance_.edges(); ++e)
      largest_ = std::max(largest_, std::abs(instance_.value[e]));
    incumbent_ = local_.greedy();
    value_ = local_.improve(incumbent_);
    if (std::optional<Subproblem> root = whole_problem(instance_)) {
      start_multipliers(*root);
      open_.push_back({std::move(*root), std::numeric_limits<double>::infinity(), 0});
    }
    while (!open_.empty()) {
      if (nodes_ > 0 && out_of_time()) break;
      Node node = std::move(open_.back());
      open_.pop_back();
      if (node.bound <= cutoff()) continue;
      ++nodes_;
      process(std::move(node));
    }
    bound_ = value_;
    for (const Node& node : open_) bound_ = std::max(bound_, std::min(node.bound, root_bound_));
  }

  const std::vector<char>& incumbent() const { return incumbent_; }
  double value() const { return value_; }
  double bound() const { return bound_; }
  bool proven() const { return open_.empty(); }
  std::int64_t nodes() const { return nodes_; }

 private:
  double cutoff() const { return value_ + 1e-10 * (std::abs(value_) + largest_); }
  bool out_of_time() const { return seconds_since(start_) > time_limit_; }

  /// Multipliers that charge each source what it brings the targets beyond what the incumbent would
  /// give them without their edge: with price m_t of a target, (v_e - m_t) / |e| at most, so that
  /// no edge of t is worth more than m_t afterwards.
  void start_multipliers(Subproblem& root) {
    std::vector<char> selected = incumbent_;
    std::vector<double> prices;
    for (std::size_t t = 0; t < instance_.targets(); ++t) {
      const std::size_t chosen = best_edge(instance_, selected, t);
      if (instance_.use_begin[chosen] == instance_.use_begin[chosen + 1]) {
        prices.push_back(instance_.value[chosen]);
        continue;
      }
      double price = instance_.value[instance_.target_begin[t + 1] - 1];
      for (std::size_t u = instance_.use_begin[chosen]; u < instance_.use_begin[chosen + 1]; ++u) {
        char& flag = selected[static_cast<std::size_t>(instance_.use_source[u])];
        flag = 0;
        const std::size_t second = best_edge(instance_, selected, t);
        flag = 1;
        if (second < instance_.edges()) price = std::max(price, instance_.value[second]);
      }
      prices.push_back(price);
    }
    // Settled targets are gone from the root: the others are told by their edges' values.
    std::size_t next = 0;
    for (std::size_t t = 0; t < root.targets(); ++t) {
      const double best = root.value[root.target_begin[t]];
      while (next < instance_.targets() && !(instance_.value[instance_.target_begin[next]] >= best))
        ++next;
      const double price = next < prices.size() ? prices[next++] : 0.0;
      for (std::uint32_t e = root.target_begin[t]; e < root.target_begin[t + 1]; ++e) {
        for (std::uint32_t u = 0; u < root.orders[e]; ++u) {
          double& multiplier = root.multipliers[root.use[root.use_begin[e] + u]];
          multiplier =
              std::max(multiplier, (root.value[e] - price) / static_cast<double>(root.orders[e]));
        }
      }
    }
  }

  void try_selection(const std::vector<char>& selected) {
    const double found = local_.value_of(selected);
    if (found <= cutoff() || !local_.fits(selected)) return;
    value_ = found;
    incumbent_ = selected;
    value_ = local_.improve(incumbent_);
  }

  /// The sources that a relaxation selects, with those decided in, rounded down to what the budget
  /// allows.
  void try_relaxed(const Subproblem& problem) {
    trial_.assign(instance_.sources, 0);
    for (const std::int32_t s : problem.in) trial_[static_cast<std::size_t>(s)] = 1;
    for (std::size_t s = 0; s < problem.free.size(); ++s) {
      if (relaxation_.selected()[s] >= 1) trial_[static_cast<std::size_t>(problem.free[s])] = 1;
    }
    try_selection(trial_);
  }

  void kick(int rounds) {
    std::vector<char> trial = incumbent_;
    const double found = local_.perturb(trial, rounds, random_);
    if (found <= cutoff()) return;
    value_ = found;
    incumbent_ = std::move(trial);
  }

  /// Lowers the bound by subgradient steps; false when the node cannot beat the incumbent. Leaves
  /// the best multipliers and their evaluation.
  bool lower(Subproblem& problem, int iterations, double& best, bool root) {
    best_multipliers_ = problem.multipliers;
    best_split_ = problem.split;
    best = std::numeric_limits<double>::infinity();
    share_.assign(problem.free.size(), 0);
    relaxation_.restart();
    double scale = root ? kRootScale : kNodeScale;
    int stale = 0;
    for (int i = 0; i < iterations; ++i) {
      relaxation_.evaluate(problem);
      const double found = relaxation_.bound();
      stale = found < best - 1e-3 * std::abs(best - value_) ? 0 : stale + 1;
      if (found < best) {
        best = found;
        best_multipliers_ = problem.multipliers;
        best_split_ = problem.split;
      }
      if (best <= cutoff()) return false;
      if (root || i == 0) try_relaxed(problem);
      for (std::size_t s = 0; s < problem.free.size(); ++s) share_[s] += relaxation_.selected()[s];
      ++total_;
      if (stale >= (root ? 8 : 3)) {
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
      if (root && i % 16 == 15 && out_of_time()) break;
      if (!relaxation_.step(problem, value_, scale)) break;
    }
    problem.multipliers = best_multipliers_;
    problem.split = best_split_;
    relaxation_.evaluate(problem);
    return relaxation_.bound() > cutoff();
  }

  void process(Node node) {
    const bool root = nodes_ == 1;
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
      if (!lower(problem, root ? kRootIterations : kNodeIterations, best, root))
        return;
      if (root) root_bound_ = std::min(root_bound_, best);
      if (root && round == 2) kick(kRootKicks);
      if (!root && (nodes_ & (nodes_ - 1)) == 0) kick(kRootKicks);
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
      const bool lower_bound = root && (round == 0 || best < before - 0.02 * (before - value_));
      const bool worth_another = fixed > 0 || dropped * 8 > problem.edges() || lower_bound;
      if (!worth_another || round + 1 >= (root ? kRootRounds : kNodeRounds) ||
          (root && out_of_time()))
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
    if (without) open_.push_back({std::move(*without), std::min(best, node.bound), node.depth + 1});
    if (with) open_.push_back({std::move(*with), std::min(best, node.bound), node.depth + 1});
  }

  /// A free source that the relaxation cannot make up its mind about, and that many targets want.
  std::size_t choose(const Subproblem& problem) const {
    std::size_t branch = 0;
    double best_score = -1;
    for (std::size_t s = 0; s < problem.free.size(); ++s) {
      if (decisions_[s] != Decision::kFree) continue;
      const double share = share_[s] / total_;
      const double score = (0.5 - std::abs(share - 0.5)) * (1 + relaxation_.uses(s));
      if (score <= best_score) continue;
      best_score = score;
      branch = s;
    }
    return branch;
  }

  const Instance& instance_;
  Relaxation relaxation_;
  LocalSearch local_;
  Clock::time_point start_;
  double time_limit_;
  RandomStream random_;
  std::vector<Node> open_;
  std::vector<char> incumbent_;
  std::vector<char> trial_;
  std::vector<double> share_;
  std::vector<double> best_multipliers_;
  std::vector<double> best_split_;
  std::vector<Decision> decisions_;
  std::vector<char> dropped_;
  double total_ = 0;
  double value_ = 0;
  double largest_ = 0;
  double bound_ = 0;
  double root_bound_ = std::numeric_limits<double>::infinity();
  std::int64_t nodes_ = 0;
};

/// Twice what all targets together can lose by being served worst instead of best: no gain
/// elsewhere makes up for an unserved target.
double stand_in_penalty(const Problem& problem) {
  std::vector<double> lowest(problem.targets.size(), std::numeric_limits<double>::infinity());
  std::vector<double> highest(problem.targets.size(), -std::numeric_limits<double>::infinity());
  for (const Edge& edge : problem.edges) {
    lowest[edge.target] = std::min(lowest[edge.target], edge.value);
    highest[edge.target] = std::max(highest[edge.target], edge.value);
  }
  double range = 0;
  for (std::size_t t = 0; t < lowest.size(); ++t) range += std::max(0.0, highest[t] - lowest[t]);
  return range > 0 ? 2 * range : 1.0;
}

struct Outcome {
  std::vector<char> selected;
  std::vector<std::size_t> unserved;  ///< targets that only a stand-in edge serves
  double bound = 0;
  bool proven = false;
  std::int64_t nodes = 0;
};

Outcome search(const Problem& problem, const Instance& instance, double time_limit) {
  Search search(instance, time_limit);
  search.run();
  Outcome outcome{search.incumbent(), {}, search.bound(), search.proven(), search.nodes()};
  for (std::size_t t = 0; t < instance.targets(); ++t) {
    if (instance.origin[best_edge(instance, outcome.selected, t)] == problem.edges.size())
      outcome.unserved.push_back(t);
  }
  return outcome;
}

/// The least budget that serves every target, nearly: a budget that is enough, found by bisection
/// within a few seconds.
double enough_budget(Problem problem) {
  const Clock::time_point start = Clock::now();
  for (Edge& edge : problem.edges) edge.value = 0;
  double enough = std::accumulate(problem.costs.begin(), problem.costs.end(), 0.0);
  double too_little = problem.budget;
  while (enough - too_little > 1e-6 * std::max(1.0, enough) && seconds_since(start) < 2.0) {
    problem.budget = 0.5 * (enough + too_little);
    const Instance instance = make_instance(problem, 1.0);
    const Outcome outcome = search(problem, instance, 1.0);
    if (outcome.unserved.empty()) {
      double cost = 0;
      for (std::size_t s = 0; s < instance.sources; ++s)
        cost += outcome.selected[s] ? problem.costs[s] : 0;
      enough = std::min(enough, std::max(cost, too_little));
    } else {
      too_little = problem.budget;
    }
  }
  return enough;
}

[[noreturn]] void fail_infeasible(const Problem& problem, const Outcome& outcome) {
  const std::string& target = problem.targets[outcome.unserved.front()];
  const std::string others =
      outcome.unserved.size() == 1
          ? ""
          : fmt::format(" and {} other target(s)", outcome.unserved.size() - 1);
  AFFINIS_CHECK(outcome.proven, ErrorCode::kData,
                "no taxonomy that serves every target was found within the time limit; '{}'{} went "
                "unserved; raise the limit or the budget",
                target, others);
  fail(ErrorCode::kData,
       "no choice of sources within a budget of {:g} serves every target: '{}'{} goes unserved; a "
       "budget of {:.6g} is enough, or make the "
       "target source-only",
       problem.budget, target, others, std::ceil(enough_budget(problem) * 1e6 - 1e-3) / 1e6);
}

/// Leaves out sources that no choice uses, and those that only break a tie: dearest first, then
/// last by name.
void drop_idle_sources(const Problem& problem, const Instance& instance,
                       std::vector<char>& selected) {
  const auto keep_used = [&] {
    std::vector<char> used(instance.sources, 0);
    for (std::size_t t = 0; t < instance.targets(); ++t) {
      for (const std::size_t s :
           problem.edges[instance.origin[best_edge(instance, selected, t)]].sources)
        used[s] = 1;
    }
    selected = used;
  };
  keep_used();
  std::vector<std::size_t> order(instance.sources);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.rbegin(), order.rend(), [&](std::size_t a, std::size_t b) {
    return instance.costs[a] < instance.costs[b];
  });
  const double value = evaluate(instance, selected).value;
  for (const std::size_t s : order) {
    if (!selected[s]) continue;
    selected[s] = 0;
    if (evaluate(instance, selected).value < value) selected[s] = 1;
  }
  keep_used();
}

double mean_of(const Problem& problem, const Solution& solution, double Edge::*measure) {
  double sum = 0;
  for (const std::size_t edge : solution.choices) sum += problem.edges[edge].*measure;
  return sum / static_cast<double>(solution.choices.size());
}

}  // namespace

double Solution::mean_gain(const Problem& problem) const {
  return mean_of(problem, *this, &Edge::gain);
}
double Solution::mean_quality(const Problem& problem) const {
  return mean_of(problem, *this, &Edge::quality);
}

double Solution::cost(const Problem& problem) const {
  double cost = 0;
  for (const std::size_t source : sources) cost += problem.costs[source];
  return cost;
}

Solution solve(const Problem& problem, const SolveOptions& options) {
  const Clock::time_point start = Clock::now();
  const Instance instance = make_instance(problem, stand_in_penalty(problem));
  Outcome outcome = search(problem, instance, options.time_limit);
  if (!outcome.unserved.empty()) fail_infeasible(problem, outcome);
  drop_idle_sources(problem, instance, outcome.selected);

  Solution solution;
  for (std::size_t s = 0; s < instance.sources; ++s) {
    if (outcome.selected[s]) solution.sources.push_back(s);
  }
  for (std::size_t t = 0; t < instance.targets(); ++t) {
    solution.choices.push_back(instance.origin[best_edge(instance, outcome.selected, t)]);
    solution.value += problem.edges[solution.choices.back()].value;
  }
  solution.proven = outcome.proven;
  solution.bound = outcome.proven ? solution.value : std::max(solution.value, outcome.bound);
  solution.nodes = outcome.nodes;
  solution.seconds = seconds_since(start);
  return solution;
}

}  // namespace affinis::taxonomy
