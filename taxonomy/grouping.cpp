#include "taxonomy/grouping.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "framework/core/error.h"
#include "taxonomy/problem.h"
#include "taxonomy/solver.h"

namespace affinis::taxonomy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kTolerance = 1e-9;       // relative to the largest budget: ten costs of 0.1 fit into 1
constexpr std::size_t kMostSums = 20000;
constexpr double kMostSteps = 2e10;       // of the subset programme; some seconds to a minute
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// All sums within `most` of at most `terms` costs, ascending, 0 first; empty when there are too many.
std::vector<double> reachable_sums(const std::vector<double>& costs, std::size_t terms, double most) {
  const double slack = kTolerance * std::max(1.0, most);
  std::vector<double> sums = {0};
  for (std::size_t round = 0; round < terms; ++round) {
    std::vector<double> more = sums;
    for (const double sum : sums) {
      for (const double cost : costs) {
        if (sum + cost <= most + slack) more.push_back(sum + cost);
      }
    }
    std::sort(more.begin(), more.end());
    const auto same = [&](double a, double b) { return b - a <= slack; };
    more.erase(std::unique(more.begin(), more.end(), same), more.end());
    if (more.size() > kMostSums) return {};
    if (more.size() == sums.size()) break;
    sums = std::move(more);
  }
  return sums;
}

/// The programme over subsets of tasks: least[T][c] is the least loss of the tasks T with networks of a total cost of at most sums[c].
/// A step adds a network that serves a set S of the missing tasks, the lowest missing one among them; since every task takes its loss
/// from one chosen network, no choice is left out.
class SubsetProgramme {
 public:
  SubsetProgramme(const NetworkTable& table, const std::vector<std::vector<double>>& losses, double most)
      : tasks_(table.tasks.size()), subsets_(std::size_t{1} << tasks_) {
    std::set<double> different;
    for (const CandidateNetwork& network : table.networks) {
      if (network.cost <= most + kTolerance * std::max(1.0, most)) different.insert(network.cost);
    }
    costs_.assign(different.begin(), different.end());
    sums_ = reachable_sums(costs_, tasks_, most);
    if (!fits()) return;
    collect_best(table, losses);
    const double slack = kTolerance * std::max(1.0, most);
    for (const double cost : costs_) {
      std::vector<std::size_t>& before = before_.emplace_back();
      for (const double sum : sums_) {
        const auto above = std::upper_bound(sums_.begin(), sums_.end(), sum - cost + slack);
        before.push_back(above == sums_.begin() ? kNone : static_cast<std::size_t>(above - sums_.begin()) - 1);
      }
    }
    run();
  }

  /// Whether time and memory are enough; otherwise nothing was computed.
  bool fits() const {
    const double steps = std::pow(3.0, static_cast<double>(tasks_)) * static_cast<double>(costs_.size() * sums_.size());
    return !sums_.empty() && steps <= kMostSteps && static_cast<double>(subsets_ * sums_.size()) <= 1.3e8;
  }

  /// The least loss of all tasks within `budget`, and the networks (one a task); infinity when the budget is not enough.
  double solve(double budget, std::vector<std::size_t>& serves) const {
    const double slack = kTolerance * std::max(1.0, budget);
    std::size_t c = static_cast<std::size_t>(std::upper_bound(sums_.begin(), sums_.end(), budget + slack) - sums_.begin()) - 1;
    std::size_t set = subsets_ - 1;
    const double result = least_[set * sums_.size() + c];
    if (result == kInfinity) return result;
    while (c > 0 && least_[set * sums_.size() + c - 1] == result) --c;  // the same loss for less
    serves.assign(tasks_, kNone);
    while (set != 0) {
      const bool found = step_back(set, c, serves);
      AFFINIS_ASSERT(found);
    }
    return result;
  }

 private:
  void collect_best(const NetworkTable& table, const std::vector<std::vector<double>>& losses) {
    best_.assign(costs_.size() * subsets_, kInfinity);
    by_.assign(costs_.size() * subsets_, kNone);
    std::vector<double> loss_of(tasks_);
    std::vector<double> sum(subsets_, 0.0);
    for (std::size_t n = 0; n < table.networks.size(); ++n) {
      const CandidateNetwork& network = table.networks[n];
      const auto cost = std::find(costs_.begin(), costs_.end(), network.cost);
      if (cost == costs_.end()) continue;
      std::size_t all = 0;
      for (std::size_t i = 0; i < network.tasks.size(); ++i) {
        if (std::isnan(losses[n][i])) continue;
        loss_of[network.tasks[i]] = losses[n][i];
        all |= std::size_t{1} << network.tasks[i];
      }
      const std::size_t offset = static_cast<std::size_t>(cost - costs_.begin()) * subsets_;
      // Ascending subsets of `all`: a set without its lowest task comes before it.
      for (std::size_t set = (0 - all) & all; set != 0; set = (set - all) & all) {
        sum[set] = sum[set & (set - 1)] + loss_of[static_cast<std::size_t>(std::countr_zero(set))];
        if (sum[set] < best_[offset + set]) {
          best_[offset + set] = sum[set];
          by_[offset + set] = n;
        }
      }
    }
  }

  void run() {
    const std::size_t width = sums_.size();
    least_.assign(subsets_ * width, kInfinity);
    std::fill(least_.begin(), least_.begin() + static_cast<std::ptrdiff_t>(width), 0.0);
    for (std::size_t done = 0; done + 1 < subsets_; ++done) {
      const double* from = least_.data() + done * width;
      if (from[width - 1] == kInfinity) continue;
      const std::size_t missing = (subsets_ - 1) & ~done;
      const std::size_t lowest = missing & (0 - missing);
      const std::size_t rest = missing ^ lowest;
      // Every subset of the rest, the empty one included.
      std::size_t part = rest;
      for (;;) {
        const std::size_t set = part | lowest;
        for (std::size_t k = 0; k < costs_.size(); ++k) {
          const double loss = best_[k * subsets_ + set];
          if (loss == kInfinity) continue;
          double* to = least_.data() + (done | set) * width;
          const std::vector<std::size_t>& before = before_[k];
          for (std::size_t c = 0; c < width; ++c) {
            if (before[c] == kNone) continue;
            to[c] = std::min(to[c], from[before[c]] + loss);
          }
        }
        if (part == 0) break;
        part = (part - 1) & rest;
      }
    }
  }

  /// Finds the step that led to least[set][c], and undoes it.
  bool step_back(std::size_t& set, std::size_t& c, std::vector<std::size_t>& serves) const {
    const double wanted = least_[set * sums_.size() + c];
    for (std::size_t part = set; part != 0; part = (part - 1) & set) {
      const std::size_t done = set ^ part;
      const std::size_t missing = (subsets_ - 1) & ~done;
      if ((part & missing & (0 - missing)) == 0) continue;  // lacks the lowest missing task
      for (std::size_t k = 0; k < costs_.size(); ++k) {
        const std::size_t before = before_[k][c];
        if (before == kNone || best_[k * subsets_ + part] == kInfinity) continue;
        if (least_[done * sums_.size() + before] + best_[k * subsets_ + part] != wanted) continue;
        for (std::size_t t = 0; t < tasks_; ++t) {
          if ((part >> t & 1U) != 0) serves[t] = by_[k * subsets_ + part];
        }
        set = done;
        c = before;
        return true;
      }
    }
    return false;
  }

  std::size_t tasks_;
  std::size_t subsets_;
  std::vector<double> costs_;                      ///< different ones
  std::vector<double> sums_;
  std::vector<double> best_;                       ///< costs x subsets: least loss of the set by one network of that cost
  std::vector<std::size_t> by_;                    ///< that network
  std::vector<std::vector<std::size_t>> before_;   ///< per cost and sum: the largest sum left when that cost is paid
  std::vector<double> least_;                      ///< subsets x sums
};

/// Networks are sources, tasks are targets, and every (network, task) an edge of order 1: the taxonomy solver's problem.
Problem as_problem(const NetworkTable& table, const std::vector<std::vector<double>>& losses, double budget, std::vector<double>& worst) {
  Problem problem;
  problem.budget = budget;
  problem.max_order = 1;
  problem.targets = table.tasks;
  problem.importances.assign(table.tasks.size(), 1.0);
  worst.assign(table.tasks.size(), -kInfinity);
  for (std::size_t n = 0; n < table.networks.size(); ++n) {
    problem.sources.push_back(fmt::format("{:06}", n));  // two networks may share a name, and sources are sorted by theirs
    problem.costs.push_back(table.networks[n].cost);
    for (std::size_t i = 0; i < losses[n].size(); ++i) {
      if (!std::isnan(losses[n][i])) worst[table.networks[n].tasks[i]] = std::max(worst[table.networks[n].tasks[i]], losses[n][i]);
    }
  }
  for (std::size_t n = 0; n < table.networks.size(); ++n) {
    for (std::size_t i = 0; i < losses[n].size(); ++i) {
      if (std::isnan(losses[n][i])) continue;
      Edge edge;
      edge.target = table.networks[n].tasks[i];
      edge.sources = {n};
      edge.value = worst[edge.target] - losses[n][i];
      problem.edges.push_back(std::move(edge));
    }
  }
  std::stable_sort(problem.edges.begin(), problem.edges.end(), [](const Edge& a, const Edge& b) { return a.target < b.target; });
  return problem;
}

void branch_and_bound(const NetworkTable& table, const std::vector<std::vector<double>>& losses, double time_limit, Grouping& grouping) {
  std::vector<double> worst;
  const Problem problem = as_problem(table, losses, grouping.budget, worst);
  const double offset = std::accumulate(worst.begin(), worst.end(), 0.0);
  Solution solution;
  try {
    solution = solve(problem, {.time_limit = time_limit});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kData) throw;
    grouping.infeasible = "the budget is not enough to solve every task";
    return;
  }
  for (const std::size_t choice : solution.choices) grouping.serves.push_back(problem.edges[choice].sources.front());
  grouping.selection_loss = offset - solution.value;
  grouping.bound = solution.proven ? grouping.selection_loss : offset - solution.bound;
  grouping.proven = solution.proven;
}

/// Once the chosen networks are trained, their losses are known, and every task takes the best of them.
void complete(const NetworkTable& table, Grouping& grouping) {
  const std::set<std::size_t> used(grouping.serves.begin(), grouping.serves.end());
  grouping.networks.assign(used.begin(), used.end());
  for (std::size_t t = 0; t < grouping.serves.size(); ++t) {
    std::size_t& serving = grouping.serves[t];
    double validation = std::numeric_limits<double>::quiet_NaN();
    double test = std::numeric_limits<double>::quiet_NaN();
    for (const std::size_t n : grouping.networks) {
      const CandidateNetwork& network = table.networks[n];
      const auto found = std::lower_bound(network.tasks.begin(), network.tasks.end(), t);
      if (found == network.tasks.end() || *found != t) continue;
      const auto at = static_cast<std::size_t>(found - network.tasks.begin());
      if (!(network.validation[at] >= validation)) {
        if (!std::isnan(network.validation[at])) serving = n;
        validation = std::fmin(validation, network.validation[at]);
      }
      test = std::fmin(test, network.test[at]);
    }
    grouping.validation_loss += validation;
    grouping.test_loss += test;
  }
}

}  // namespace

std::vector<Grouping> solve_grouping(const NetworkTable& table, const std::vector<std::vector<double>>& losses,
                                     const std::vector<double>& budgets, const GroupingOptions& options) {
  AFFINIS_ASSERT(losses.size() == table.networks.size());
  AFFINIS_CHECK(!budgets.empty(), ErrorCode::kUsage, "there is no budget");
  for (const double budget : budgets) {
    AFFINIS_CHECK(budget >= 0 && std::isfinite(budget), ErrorCode::kUsage, "the budget is {}, but must be a number of at least 0", budget);
  }
  std::vector<char> solved(table.tasks.size(), 0);
  for (std::size_t n = 0; n < losses.size(); ++n) {
    for (std::size_t i = 0; i < losses[n].size(); ++i) {
      if (!std::isnan(losses[n][i])) solved[table.networks[n].tasks[i]] = 1;
    }
  }
  for (std::size_t t = 0; t < solved.size(); ++t) {
    AFFINIS_CHECK(solved[t] != 0, ErrorCode::kData, "{}: no network solves the task '{}'", table.name, table.tasks[t]);
  }

  auto begin = std::chrono::steady_clock::now();
  std::optional<SubsetProgramme> programme;
  if (table.tasks.size() <= options.most_exact_tasks) {
    programme.emplace(table, losses, *std::max_element(budgets.begin(), budgets.end()));
    if (!programme->fits()) programme.reset();
  }
  std::vector<Grouping> result;
  for (const double budget : budgets) {
    Grouping grouping;
    grouping.budget = budget;
    if (programme) {
      grouping.selection_loss = grouping.bound = programme->solve(budget, grouping.serves);
      grouping.proven = true;
      if (grouping.selection_loss == kInfinity) grouping.infeasible = "the budget is not enough to solve every task";
    } else {
      branch_and_bound(table, losses, options.time_limit, grouping);
    }
    if (grouping.infeasible) {
      grouping.serves.clear();
      grouping.proven = false;
      grouping.selection_loss = grouping.bound = grouping.validation_loss = grouping.test_loss = std::numeric_limits<double>::quiet_NaN();
    } else {
      complete(table, grouping);
    }
    // The programme's time is that of all budgets together: the first one carries it.
    grouping.seconds = seconds_since(begin);
    begin = std::chrono::steady_clock::now();
    result.push_back(std::move(grouping));
  }
  return result;
}

}  // namespace affinis::taxonomy
