#include "taxonomy/solver.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include <fmt/format.h>

#include "framework/core/error.h"
#include "taxonomy/instance.h"
#include "taxonomy/local_search.h"
#include "taxonomy/relaxation.h"

namespace affinis::taxonomy {
namespace {

// Found by experiment on random geometric instances of 26 to 60 sources and on the published tables.
constexpr int kRootIterations = 60;
constexpr int kRootRounds = 20;
constexpr int kNodeIterations = 10;
constexpr int kNodeRounds = 3;
constexpr double kLeastScale = 0.02;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// An open node: what was decided, the edges not ruled out, and the multipliers to go on from.
struct Node {
  std::vector<Decision> decisions;
  std::shared_ptr<const std::vector<std::int32_t>> edges;
  std::shared_ptr<const std::vector<double>> multipliers;
  double bound = 0;
};

class Search {
 public:
  Search(const Instance& instance, double time_limit)
      : instance_(instance), relaxation_(instance), local_(instance), start_(Clock::now()), time_limit_(time_limit) {}

  void run(std::vector<char> first) {
    incumbent_ = std::move(first);
    value_ = evaluate(instance_, incumbent_).value;
    improve(incumbent_);
    for (std::size_t e = 0; e < instance_.edges(); ++e) largest_ = std::max(largest_, std::abs(instance_.value[e]));
    Node root;
    root.decisions.assign(instance_.sources, Decision::kFree);
    std::vector<std::int32_t> edges(instance_.edges());
    std::iota(edges.begin(), edges.end(), 0);
    root.edges = std::make_shared<const std::vector<std::int32_t>>(std::move(edges));
    root.multipliers = std::make_shared<const std::vector<double>>(first_multipliers());
    root.bound = std::numeric_limits<double>::infinity();
    open_.push_back(std::move(root));
    while (!open_.empty()) {
      if (nodes_ > 0 && seconds_since(start_) > time_limit_) break;
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

  /// Multipliers that charge each source what it brings the targets beyond what the incumbent would give them without their edge: with
  /// price m_t of a target, (v_e - m_t) / |e| at most, so that no edge of t is worth more than m_t afterwards.
  std::vector<double> first_multipliers() const {
    std::vector<double> multipliers(instance_.pairs(), 0.0);
    std::vector<char> selected = incumbent_;
    for (std::size_t t = 0; t < instance_.targets(); ++t) {
      const std::size_t chosen = best_edge(instance_, selected, t);
      double price = instance_.value[instance_.target_begin[t + 1] - 1];
      for (std::size_t u = instance_.use_begin[chosen]; u < instance_.use_begin[chosen + 1]; ++u) {
        char& flag = selected[static_cast<std::size_t>(instance_.use_source[u])];
        flag = 0;
        const std::size_t second = best_edge(instance_, selected, t);
        flag = 1;
        if (second < instance_.edges()) price = std::max(price, instance_.value[second]);
      }
      for (std::size_t e = instance_.target_begin[t]; e < instance_.target_begin[t + 1]; ++e) {
        const std::size_t uses = instance_.use_begin[e + 1] - instance_.use_begin[e];
        for (std::size_t u = instance_.use_begin[e]; u < instance_.use_begin[e + 1]; ++u) {
          double& multiplier = multipliers[static_cast<std::size_t>(instance_.use_pair[u])];
          multiplier = std::max(multiplier, (instance_.value[e] - price) / static_cast<double>(uses));
        }
      }
    }
    return multipliers;
  }

  void improve(const std::vector<char>& selected) {
    std::vector<char> better = selected;
    const double value = local_.improve(better);
    if (value > cutoff() || (nodes_ == 0 && value > value_)) {
      value_ = value;
      incumbent_ = std::move(better);
    }
  }

  void try_selection(const std::vector<char>& selected) {
    if (!local_.fits(selected)) return;
    const Evaluation found = evaluate(instance_, selected);
    if (!found.feasible || found.value <= cutoff()) return;
    value_ = found.value;
    incumbent_ = selected;
    improve(selected);
  }

  void process(Node node) {
    const bool root = nodes_ == 1;
    std::vector<double> multipliers = *node.multipliers;
    std::vector<double> best_multipliers = multipliers;
    std::vector<std::int32_t> edges = *node.edges;
    frequency_.assign(instance_.sources, 0);
    double best = std::numeric_limits<double>::infinity();
    double total = 0;
    double scale = 1.5;
    int stale = 0;
    for (int round = 0; round < (root ? kRootRounds : kNodeRounds); ++round) {
      if (!relaxation_.load(node.decisions, edges)) return;
      const double before = best;
      if (scale <= kLeastScale) scale = 1.5;
      best = std::numeric_limits<double>::infinity();
      for (int i = 0; i < (root ? kRootIterations : kNodeIterations); ++i) {
        relaxation_.evaluate(multipliers);
        const double found = relaxation_.bound();
        stale = found < best - 1e-4 * std::abs(best - value_) ? 0 : stale + 1;
        if (found < best) {
          best = found;
          best_multipliers = multipliers;
        }
        if (best <= cutoff()) return;
        if (root || i % 8 == 0) try_selection(relaxation_.selected());
        for (const std::int32_t s : relaxation_.free_sources()) {
          frequency_[static_cast<std::size_t>(s)] += relaxation_.selected()[static_cast<std::size_t>(s)] ? 1.0 : 0.0;
        }
        total += 1;
        if (stale >= (root ? 15 : 6)) {
          scale = std::max(scale * 0.6, kLeastScale);
          stale = 0;
        }
        if (!relaxation_.step(multipliers, value_, scale)) break;
      }
      multipliers = best_multipliers;
      relaxation_.evaluate(multipliers);
      if (relaxation_.bound() <= cutoff()) return;
      std::size_t fixed = 0;
      for (const std::int32_t s : relaxation_.free_sources()) {
        const auto i = static_cast<std::size_t>(s);
        const bool out = relaxation_.bound_with(i) <= cutoff();
        const bool in = relaxation_.bound_without(i) <= cutoff();
        if (in && out) return;
        if (in || out) {
          node.decisions[i] = in ? Decision::kIn : Decision::kOut;
          ++fixed;
        }
      }
      std::vector<std::int32_t> kept;
      relaxation_.keep_edges_above(cutoff(), multipliers, kept);
      const bool fewer = kept.size() * 20 < edges.size() * 19;
      edges = std::move(kept);
      if (root) root_bound_ = std::min(root_bound_, best);
      const bool lower = root && (std::isinf(before) || best < before - 1e-3 * (before - value_));
      if (fixed == 0 && !fewer && !lower) break;
    }
    if (!relaxation_.load(node.decisions, edges)) return;
    const std::vector<std::int32_t> free = relaxation_.free_sources();
    if (free.empty()) {
      std::vector<char> selected(instance_.sources);
      for (std::size_t s = 0; s < instance_.sources; ++s) selected[s] = node.decisions[s] == Decision::kIn;
      try_selection(selected);
      return;
    }
    relaxation_.evaluate(multipliers);
    std::size_t branch = static_cast<std::size_t>(free.front());
    double best_score = -1;
    for (const std::int32_t each : free) {
      const auto s = static_cast<std::size_t>(each);
      const double share = frequency_[s] / total;
      // A source that the relaxation cannot make up its mind about, and that many targets want.
      const double score = (0.5 - std::abs(share - 0.5)) * (1 + relaxation_.uses(s));
      if (score > best_score) {
        best_score = score;
        branch = s;
      }
    }
    const auto shared_edges = std::make_shared<const std::vector<std::int32_t>>(std::move(edges));
    const auto shared_multipliers = std::make_shared<const std::vector<double>>(std::move(multipliers));
    const double with = std::min(best, relaxation_.bound_with(branch));
    const double without = std::min(best, relaxation_.bound_without(branch));
    Node out{node.decisions, shared_edges, shared_multipliers, without};
    Node in{std::move(node.decisions), shared_edges, shared_multipliers, with};
    out.decisions[branch] = Decision::kOut;
    in.decisions[branch] = Decision::kIn;
    open_.push_back(std::move(out));
    open_.push_back(std::move(in));
  }

  const Instance& instance_;
  Relaxation relaxation_;
  LocalSearch local_;
  Clock::time_point start_;
  double time_limit_;
  std::vector<Node> open_;
  std::vector<char> incumbent_;
  std::vector<double> frequency_;
  double value_ = 0;
  double largest_ = 0;
  double bound_ = 0;
  double root_bound_ = std::numeric_limits<double>::infinity();
  std::int64_t nodes_ = 0;
};

/// Twice what all targets together can lose by being served worst instead of best: no gain elsewhere makes up for an unserved target.
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
  search.run(LocalSearch(instance).greedy());
  Outcome outcome{search.incumbent(), {}, search.bound(), search.proven(), search.nodes()};
  for (std::size_t t = 0; t < instance.targets(); ++t) {
    if (instance.origin[best_edge(instance, outcome.selected, t)] == problem.edges.size()) outcome.unserved.push_back(t);
  }
  return outcome;
}

/// The least budget that serves every target, nearly: a budget that is enough, found by bisection within a few seconds.
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
      for (std::size_t s = 0; s < instance.sources; ++s) cost += outcome.selected[s] ? problem.costs[s] : 0;
      enough = std::min(enough, std::max(cost, too_little));
    } else {
      too_little = problem.budget;
    }
  }
  return enough;
}

[[noreturn]] void fail_infeasible(const Problem& problem, const Outcome& outcome) {
  const std::string& target = problem.targets[outcome.unserved.front()];
  const std::string others = outcome.unserved.size() == 1 ? "" : fmt::format(" and {} other target(s)", outcome.unserved.size() - 1);
  AFFINIS_CHECK(outcome.proven, ErrorCode::kData,
                "no taxonomy that serves every target was found within the time limit; '{}'{} went unserved; raise the limit or the budget",
                target, others);
  fail(ErrorCode::kData,
       "no choice of sources within a budget of {:g} serves every target: '{}'{} goes unserved; a budget of {:.6g} is enough, or make the "
       "target source-only",
       problem.budget, target, others, std::ceil(enough_budget(problem) * 1e6 - 1e-3) / 1e6);
}

/// Leaves out sources that no choice uses, and those that only break a tie: dearest first, then last by name.
void drop_idle_sources(const Problem& problem, const Instance& instance, std::vector<char>& selected) {
  const auto keep_used = [&] {
    std::vector<char> used(instance.sources, 0);
    for (std::size_t t = 0; t < instance.targets(); ++t) {
      for (const std::size_t s : problem.edges[instance.origin[best_edge(instance, selected, t)]].sources) used[s] = 1;
    }
    selected = used;
  };
  keep_used();
  std::vector<std::size_t> order(instance.sources);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.rbegin(), order.rend(), [&](std::size_t a, std::size_t b) { return instance.costs[a] < instance.costs[b]; });
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

double Solution::mean_gain(const Problem& problem) const { return mean_of(problem, *this, &Edge::gain); }
double Solution::mean_quality(const Problem& problem) const { return mean_of(problem, *this, &Edge::quality); }

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
