#include "taxonomy/solver.h"

#include "taxonomy/session.h"

namespace affinis::taxonomy {
namespace {

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
  Session session(problem);
  return session.solve(problem.budget, options);
}

}  // namespace affinis::taxonomy
