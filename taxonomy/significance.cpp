#include "taxonomy/significance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>

#include "framework/core/error.h"
#include "framework/core/random.h"

namespace affinis::taxonomy {
namespace {

constexpr std::int64_t kMostRejectedInARow = 1000;

struct Draw {
  double value = 0;
  double gain = 0;
  double quality = 0;
};

/// Draws one taxonomy; false when the set of sources serves not every target.
bool draw_taxonomy(const Problem& problem, RandomStream& random, std::vector<std::size_t>& order, Draw& draw) {
  random.shuffle(std::span(order));
  std::vector<char> selected(problem.sources.size(), 0);
  double left = problem.budget + 1e-9 * std::max(1.0, problem.budget);
  for (const std::size_t source : order) {
    if (problem.costs[source] > left) continue;
    selected[source] = 1;
    left -= problem.costs[source];
  }
  draw = {};
  std::vector<std::size_t> usable;
  auto edge = problem.edges.begin();
  for (std::size_t t = 0; t < problem.targets.size(); ++t) {
    usable.clear();
    for (; edge != problem.edges.end() && edge->target == t; ++edge) {
      const bool all = std::all_of(edge->sources.begin(), edge->sources.end(), [&](std::size_t s) { return selected[s] != 0; });
      if (all) usable.push_back(static_cast<std::size_t>(edge - problem.edges.begin()));
    }
    if (usable.empty()) return false;
    const Edge& chosen = problem.edges[usable[static_cast<std::size_t>(random.below(usable.size()))]];
    draw.value += chosen.value;
    draw.gain += chosen.gain;
    draw.quality += chosen.quality;
  }
  draw.gain /= static_cast<double>(problem.targets.size());
  draw.quality /= static_cast<double>(problem.targets.size());
  return true;
}

Significance place(double taxonomy, std::vector<double> random) {
  Significance result;
  result.taxonomy = taxonomy;
  std::erase_if(random, [](double value) { return std::isnan(value); });
  if (random.empty() || std::isnan(taxonomy)) {
    result.random_mean = result.random_low = result.random_high = result.p_value = std::numeric_limits<double>::quiet_NaN();
    return result;
  }
  std::sort(random.begin(), random.end());
  const double count = static_cast<double>(random.size());
  const auto percentile = [&](double share) { return random[static_cast<std::size_t>(share * (count - 1) + 0.5)]; };
  result.random_mean = std::accumulate(random.begin(), random.end(), 0.0) / count;
  result.random_low = percentile(0.05);
  result.random_high = percentile(0.95);
  const auto as_good = random.end() - std::lower_bound(random.begin(), random.end(), taxonomy);
  result.p_value = (1.0 + static_cast<double>(as_good)) / (1.0 + count);
  return result;
}

}  // namespace

SignificanceReport significance(const Problem& problem, const Solution& solution, const SignificanceOptions& options) {
  AFFINIS_CHECK(options.draws > 0, ErrorCode::kUsage, "the number of random taxonomies is {}, but must be at least 1", options.draws);
  RandomStream random(options.seed, "significance");
  std::vector<std::size_t> order(problem.sources.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  SignificanceReport report;
  std::vector<double> values;
  std::vector<double> gains;
  std::vector<double> qualities;
  std::int64_t in_a_row = 0;
  while (report.draws < options.draws) {
    Draw draw;
    if (!draw_taxonomy(problem, random, order, draw)) {
      ++report.rejected;
      AFFINIS_CHECK(++in_a_row < kMostRejectedInARow, ErrorCode::kData,
                    "{} random sets of sources in a row serve not every target; raise the budget ({:g}) to compare with random taxonomies",
                    in_a_row, problem.budget);
      continue;
    }
    in_a_row = 0;
    ++report.draws;
    values.push_back(draw.value);
    gains.push_back(draw.gain);
    qualities.push_back(draw.quality);
  }
  report.value = place(solution.value, std::move(values));
  report.gain = place(solution.mean_gain(problem), std::move(gains));
  report.quality = place(solution.mean_quality(problem), std::move(qualities));
  return report;
}

}  // namespace affinis::taxonomy
