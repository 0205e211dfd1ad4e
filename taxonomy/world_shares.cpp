#include "taxonomy/world_shares.h"

#include <algorithm>
#include <cstdint>

#include <tbb/parallel_for.h>

#include "framework/core/error.h"
#include "taxonomy/session.h"

namespace affinis::taxonomy {
namespace {

/// Choices of the best taxonomy at each budget, empty where there is none.
std::vector<std::vector<std::size_t>> choices_in(Problem problem, std::span<const double> budgets, const World& world) {
  for (std::size_t e = 0; e < problem.edges.size(); ++e) problem.edges[e].value = world[e];
  problem.budget = *std::max_element(budgets.begin(), budgets.end());
  Session session(problem);
  std::vector<std::vector<std::size_t>> choices(budgets.size());
  for (std::size_t b = 0; b < budgets.size(); ++b) {
    try {
      choices[b] = session.solve(budgets[b], {}).choices;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kData) throw;
    }
  }
  return choices;
}

}  // namespace

std::vector<double> world_shares(const Problem& problem, std::span<const double> budgets, std::span<const World> worlds) {
  std::vector<double> shares(problem.edges.size(), 0);
  if (budgets.empty() || worlds.empty()) return shares;
  std::vector<std::vector<std::vector<std::size_t>>> choices(worlds.size());
  tbb::parallel_for(std::size_t{0}, worlds.size(), [&](std::size_t w) { choices[w] = choices_in(problem, budgets, worlds[w]); });
  for (std::size_t b = 0; b < budgets.size(); ++b) {
    std::vector<std::int64_t> counts(problem.edges.size(), 0);
    for (const auto& world : choices) {
      for (const std::size_t edge : world[b]) ++counts[edge];
    }
    for (std::size_t e = 0; e < counts.size(); ++e) shares[e] = std::max(shares[e], static_cast<double>(counts[e]) / static_cast<double>(worlds.size()));
  }
  return shares;
}

}  // namespace affinis::taxonomy
