#include "taxonomy/ranking.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "tests/taxonomy/random_problems.h"

namespace affinis::taxonomy {
namespace {

using testing::ElementsAre;

/// A small random problem with costs, some of them 0, and forced sources; nothing where it has no taxonomy.
std::optional<Problem> small_problem(RandomStream& random, int round) {
  const TransferTable table = random_table(random, 3 + random.below(6), 2 + random.below(10), round % 2 == 0);
  ProblemOptions options;
  options.max_order = static_cast<std::int64_t>(1 + random.below(4));
  options.budget = static_cast<double>(2 + random.below(4));
  for (const std::string& task : table.tasks()) {
    if (round % 3 == 0) options.costs[task] = static_cast<double>(random.below(4)) / 2;
    if (round % 4 == 0 && random.uniform() < 0.2) options.force.push_back(task);
  }
  try {
    Problem problem = make_problem(table, options);
    solve(problem);
    return problem;
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// The chosen sources that cost something, as bits: what tells two taxonomies apart.
std::uint64_t paid(const Problem& problem, const Solution& solution) {
  std::uint64_t set = 0;
  for (const std::size_t s : solution.sources) {
    if (problem.costs[s] > 0) set |= std::uint64_t{1} << s;
  }
  return set;
}

std::uint64_t paid(const Problem& problem, std::uint64_t set) {
  for (std::size_t s = 0; s < problem.sources.size(); ++s) {
    if (problem.costs[s] <= 0) set &= ~(std::uint64_t{1} << s);
  }
  return set;
}

TEST(Ranking, AgreesWithTryingEverySetOfSources) {
  RandomStream random(31, "ranking test");
  int ranked = 0;
  int tied = 0;
  int capped = 0;
  for (int round = 0; ranked < 250; ++round) {
    ASSERT_LT(round, 5000);
    const std::optional<Problem> problem = small_problem(random, round);
    if (!problem) continue;
    ++ranked;
    const Solution best = solve(*problem);
    const std::vector<Candidate> expected = distinct_taxonomies(*problem);

    const std::size_t count = 1 + random.below(12);
    const Ranking ranking = rank(*problem, best, count);
    EXPECT_TRUE(ranking.complete);
    ASSERT_EQ(ranking.taxonomies.size(), std::min(count, expected.size())) << "round " << round;
    std::set<std::uint64_t> seen;
    for (std::size_t i = 0; i < ranking.taxonomies.size(); ++i) {
      const Solution& each = ranking.taxonomies[i];
      EXPECT_NEAR(each.value, expected[i].value, 1e-9) << "round " << round << " place " << i;
      EXPECT_TRUE(seen.insert(paid(*problem, each)).second) << "round " << round << ": twice the same sources";
      EXPECT_LE(each.cost(*problem), problem->budget + 1e-9);
      const auto found = std::find_if(expected.begin(), expected.end(), [&](const Candidate& candidate) {
        return paid(*problem, candidate.set) == paid(*problem, each);
      });
      ASSERT_NE(found, expected.end()) << "round " << round << " place " << i << " could do with fewer sources";
      EXPECT_NEAR(found->value, each.value, 1e-9);
    }
    EXPECT_EQ(ranking.taxonomies.front().sources, best.sources);

    std::size_t ties = 0;
    while (ties < expected.size() && expected[ties].value > expected.front().value - 1e-9) ++ties;
    const Ranking all = tied_optima(*problem, best, 1000);
    EXPECT_TRUE(all.complete);
    EXPECT_EQ(all.taxonomies.size(), ties) << "round " << round;
    tied += ties > 1 ? 1 : 0;
    if (ties < 3) continue;
    const Ranking some = tied_optima(*problem, best, 2);
    EXPECT_EQ(some.taxonomies.size(), 2U);
    EXPECT_FALSE(some.complete);
    ++capped;
  }
  EXPECT_GT(tied, 10);
  EXPECT_GT(capped, 3);
}

TEST(Ranking, SourcesThatBringNothingMakeNoFurtherOptimum) {
  const TransferTable table = parse_transfer_table(
      "sources,target,order,affinity,gain,quality\n"
      "a,t,1,.5,,\nb,t,1,.5,,\nc,t,1,.2,,\nd,t,1,.1,,\n",
      "x");
  ProblemOptions options;
  options.budget = 3;
  const Problem problem = make_problem(table, options);
  const Solution best = solve(problem);
  const Ranking ranking = rank(problem, best, 10);
  ASSERT_EQ(ranking.taxonomies.size(), 4U);
  EXPECT_THAT(ranking.taxonomies[0].sources, ElementsAre(0));
  EXPECT_THAT(ranking.taxonomies[1].sources, ElementsAre(1));
  EXPECT_THAT(ranking.taxonomies[2].sources, ElementsAre(2));
  EXPECT_DOUBLE_EQ(ranking.taxonomies[3].value, 0.1);
  EXPECT_EQ(tied_optima(problem, best, 10).taxonomies.size(), 2U);
  EXPECT_THROW(rank(problem, best, 0), Error);
  EXPECT_THROW(tied_optima(problem, best, 0), Error);
}

TEST(Ranking, TimeLimitLeavesItIncomplete) {
  const Problem problem = geometric_problem(3, 26, 1800, 9);
  const Solution best = solve(problem, {0.0});
  const Ranking ranking = rank(problem, best, 5, {0.0});
  EXPECT_FALSE(ranking.complete);
  EXPECT_EQ(ranking.taxonomies.size(), 5U);  // from the neighbours of the best
  EXPECT_FALSE(ranking.taxonomies[1].proven);
}

TEST(Alternatives, AreWhatTheSourcesAllowAndTheBestThatTheyDoNot) {
  const TransferTable table = parse_transfer_table(
      "sources,target,order,affinity,gain,quality\n"
      "a,t,1,.5,,\na+b,t,2,.45,,\nb,t,1,.2,,\nc,t,1,.6,,\nb+c,t,2,.6,,\nb+d,t,2,.1,,\n"
      "b,u,1,.9,,\na,v,1,.9,,\n",
      "x");
  ProblemOptions options;
  options.budget = 2;
  options.max_order = 2;
  const Problem problem = make_problem(table, options);
  const Solution solution = solve(problem);
  ASSERT_THAT(solution.sources, ElementsAre(0, 1));
  const std::vector<TargetAlternatives> found = alternatives(problem, solution, 5);
  ASSERT_EQ(found.size(), 3U);
  ASSERT_EQ(found[0].allowed.size(), 2U);
  EXPECT_THAT(problem.edges[found[0].allowed[0].edge].sources, ElementsAre(0, 1));
  EXPECT_NEAR(found[0].allowed[0].difference, -0.05, 1e-12);
  EXPECT_NEAR(found[0].allowed[1].difference, -0.3, 1e-12);
  EXPECT_TRUE(found[0].allowed[0].missing.empty());
  ASSERT_TRUE(found[0].other);
  EXPECT_NEAR(found[0].other->difference, 0.1, 1e-12);
  EXPECT_THAT(found[0].other->missing, ElementsAre(2));  // c alone: fewer sources than b and c
  EXPECT_TRUE(found[1].allowed.empty());
  EXPECT_FALSE(found[1].other);
  EXPECT_EQ(alternatives(problem, solution, 1)[0].allowed.size(), 1U);
}

}  // namespace
}  // namespace affinis::taxonomy
