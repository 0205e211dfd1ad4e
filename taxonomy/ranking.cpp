#include "taxonomy/ranking.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "framework/core/error.h"
#include "taxonomy/instance.h"
#include "taxonomy/search.h"

namespace affinis::taxonomy {
namespace {

/// The best `most` taxonomies worth more than `floor`, `best` among them.
Ranking collect(const Problem& problem, const Solution& best, std::size_t most, double floor,
                const SolveOptions& options) {
  const Instance instance = make_instance(problem, problem.budget, stand_in_penalty(problem));
  std::vector<char> first(instance.sources, 0);
  for (const std::size_t source : best.sources) first[source] = 1;
  Search search(instance, Deadline(options.time_limit));
  search.collect(most, floor, first);
  Ranking ranking;
  ranking.complete = search.proven() && best.proven;
  for (const auto& [selected, value] : search.pool()) {
    Solution solution = solution_of(problem, instance, selected);
    if (solution.sources == best.sources) continue;
    solution.proven = ranking.complete;
    solution.bound = ranking.complete ? solution.value : std::max(solution.value, best.bound);
    solution.nodes = search.nodes();
    ranking.taxonomies.push_back(std::move(solution));
  }
  std::stable_sort(ranking.taxonomies.begin(), ranking.taxonomies.end(),
                   [](const Solution& a, const Solution& b) {
                     return a.value != b.value ? a.value > b.value : a.sources < b.sources;
                   });
  ranking.taxonomies.insert(ranking.taxonomies.begin(), best);
  if (ranking.taxonomies.size() > most) ranking.taxonomies.resize(most);
  return ranking;
}

}  // namespace

Ranking rank(const Problem& problem, const Solution& best, std::size_t count,
             const SolveOptions& options) {
  AFFINIS_CHECK(count >= 1, ErrorCode::kUsage,
                "the number of taxonomies to rank is 0, but must be at least 1");
  return collect(problem, best, count, -std::numeric_limits<double>::infinity(), options);
}

Ranking tied_optima(const Problem& problem, const Solution& best, std::size_t most,
                    const SolveOptions& options) {
  AFFINIS_CHECK(most >= 1, ErrorCode::kUsage,
                "the number of tied optima is 0, but must be at least 1");
  double largest = 0;
  for (const Edge& edge : problem.edges) largest = std::max(largest, std::abs(edge.value));
  const double floor = best.value - 1e-9 * (std::abs(best.value) + largest);
  Ranking ranking = collect(problem, best, most + 1, floor, options);
  if (ranking.taxonomies.size() <= most) return ranking;
  ranking.taxonomies.resize(most);
  ranking.complete = false;
  return ranking;
}

std::vector<TargetAlternatives> alternatives(const Problem& problem, const Solution& solution,
                                             std::size_t most) {
  std::vector<TargetAlternatives> result(problem.targets.size());
  for (std::size_t e = 0; e < problem.edges.size(); ++e) {
    const Edge& edge = problem.edges[e];
    const std::size_t choice = solution.choices[edge.target];
    if (e == choice) continue;
    Alternative alternative{e, edge.value - problem.edges[choice].value, {}};
    std::set_difference(edge.sources.begin(), edge.sources.end(), solution.sources.begin(),
                        solution.sources.end(), std::back_inserter(alternative.missing));
    TargetAlternatives& target = result[edge.target];
    if (alternative.missing.empty()) {
      target.allowed.push_back(std::move(alternative));
    } else if (!target.other || alternative.difference > target.other->difference) {
      target.other = std::move(alternative);
    }
  }
  for (TargetAlternatives& target : result) {
    std::stable_sort(target.allowed.begin(), target.allowed.end(),
                     [](const Alternative& a, const Alternative& b) {
                       return a.difference > b.difference;
                     });
    if (target.allowed.size() > most) target.allowed.resize(most);
  }
  return result;
}

}  // namespace affinis::taxonomy
