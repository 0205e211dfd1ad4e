#include "taxonomy/robustness.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include <tbb/parallel_for.h>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "taxonomy/known_values.h"
#include "taxonomy/ranks.h"

namespace affinis::taxonomy {
namespace {

double or_missing(double sum, std::size_t count) {
  return count == 0 ? kMissing : sum / static_cast<double>(count);
}

std::string choice_text(const Problem& problem, const Edge& edge) {
  if (edge.self) return std::string(kSelf);
  std::vector<std::string> names;
  for (const std::size_t source : edge.sources) names.push_back(problem.sources[source]);
  return join(names, "+");
}

/// A taxonomy by names, so that those of different problems can be compared.
struct Taxonomy {
  std::set<std::string> sources;
  std::map<std::string, std::string> choices;  ///< by target
  double value = 0;
};

Taxonomy by_name(const Problem& problem, const Solution& solution) {
  Taxonomy result;
  for (const std::size_t source : solution.sources) result.sources.insert(problem.sources[source]);
  for (const std::size_t choice : solution.choices) {
    const Edge& edge = problem.edges[choice];
    result.choices[problem.targets[edge.target]] = choice_text(problem, edge);
  }
  result.value = solution.value;
  return result;
}

/// What the choices of `other` are worth in `problem`; NaN when one of them is not in it.
double worth(const Problem& problem, const Taxonomy& other) {
  double sum = 0;
  std::size_t found = 0;
  for (const Edge& edge : problem.edges) {
    const auto choice = other.choices.find(problem.targets[edge.target]);
    if (choice == other.choices.end() || choice->second != choice_text(problem, edge)) continue;
    sum += edge.value;
    ++found;
  }
  return found == problem.targets.size() ? sum : kMissing;
}

double share_kept(double worth, double best) { return best > 0 ? worth / best : kMissing; }

double jaccard(const std::set<std::string>& a, const std::set<std::string>& b) {
  std::size_t shared = 0;
  for (const std::string& name : a) shared += b.contains(name);
  const std::size_t either = a.size() + b.size() - shared;
  return either == 0 ? 1 : static_cast<double>(shared) / static_cast<double>(either);
}

/// The transfer table of one weighting: the rows of the whole test set with other numbers.
TransferTable reweighed_table(std::span<const TargetAffinity> points,
                              std::span<const ReweighedTarget> targets, std::size_t weighting) {
  TransferTable table;
  table.name = "drawn affinities";
  for (std::size_t t = 0; t < points.size(); ++t) {
    const std::size_t count = points[t].rows.size();
    for (std::size_t i = 0; i < count; ++i) {
      TransferRow row = points[t].rows[i];
      const std::size_t at = weighting * count + i;
      row.affinity = targets[t].affinity[at];
      row.gain = targets[t].gain[at];
      row.quality = targets[t].quality[at];
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

struct Solved {
  Problem problem;
  Taxonomy taxonomy;
};

/// Nothing where the weighting leaves a target without a usable transfer.
std::optional<Solved> solve_weighting(std::span<const TargetAffinity> points,
                                      std::span<const ReweighedTarget> targets,
                                      std::size_t weighting, const RobustnessOptions& options) {
  try {
    Solved result;
    result.problem = make_problem(reweighed_table(points, targets, weighting), options.problem);
    result.taxonomy = by_name(result.problem, solve(result.problem, options.solve));
    return result;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kData) throw;
    return std::nullopt;
  }
}

std::vector<ReweighedTarget> reweigh_all(std::span<const LossTable> tables, const TestUnits& units,
                                         std::span<const UnitWeights> weightings,
                                         const AffinityOptions& options) {
  std::vector<ReweighedTarget> result;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    result.push_back(reweigh(tables[t], units.unit_of[t], weightings, options));
    // Only its sums are needed; those of all targets would take much memory.
    result.back().wins = {};
  }
  return result;
}

void solve_draws(std::span<const TargetAffinity> points, std::span<const ReweighedTarget> drawn,
                 const RobustnessOptions& options, const std::function<void()>& advance,
                 Robustness& result) {
  const Taxonomy whole = by_name(result.problem, result.solution);
  struct Draw {
    std::optional<Taxonomy> taxonomy;
    double kept = kMissing;
  };
  std::vector<Draw> draws(static_cast<std::size_t>(options.bootstrap.draws));
  tbb::parallel_for(std::size_t{0}, draws.size(), [&](std::size_t d) {
    if (std::optional<Solved> solved = solve_weighting(points, drawn, d, options)) {
      draws[d].kept = share_kept(worth(solved->problem, whole), solved->taxonomy.value);
      draws[d].taxonomy = std::move(solved->taxonomy);
    }
    if (advance) advance();
  });

  std::map<std::string, double> chosen;
  std::map<std::string, std::map<std::string, double>> choices;
  std::vector<double> values;
  MeanOfKnown kept;
  double same = 0;
  for (const Draw& draw : draws) {
    kept.add(draw.kept);
    if (!draw.taxonomy) continue;
    for (const std::string& source : draw.taxonomy->sources) ++chosen[source];
    for (const auto& [target, choice] : draw.taxonomy->choices) ++choices[target][choice];
    values.push_back(draw.taxonomy->value);
    same += draw.taxonomy->sources == whole.sources;
  }
  result.draws = options.bootstrap.draws;
  result.unsolved = result.draws - static_cast<std::int64_t>(values.size());
  result.kept = kept.value();
  result.same_sources = or_missing(same, values.size());
  for (const std::string& source : result.problem.sources) {
    result.sources.push_back(
        {source, whole.sources.contains(source), or_missing(chosen[source], values.size())});
  }
  std::stable_sort(result.sources.begin(), result.sources.end(),
                   [](const auto& a, const auto& b) { return a.share > b.share; });
  for (const std::string& target : result.problem.targets) {
    TargetSupport support;
    support.target = target;
    support.choice = whole.choices.at(target);
    support.share = or_missing(choices[target][support.choice], values.size());
    for (const auto& [choice, count] : choices[target]) {
      if (count > 0) support.choices.emplace_back(choice, or_missing(count, values.size()));
    }
    std::stable_sort(support.choices.begin(), support.choices.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    result.targets.push_back(std::move(support));
  }
  result.value =
      percentile_interval(result.solution.value, std::move(values), options.bootstrap.level);
}

/// Spearman's rho between the affinities of a target's transfers under two weightings.
double half_correlation(const ReweighedTarget& target, std::size_t a, std::size_t b) {
  std::vector<double> first;
  std::vector<double> second;
  const std::size_t count = target.networks.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (target.networks[i] == kSelf) continue;
    first.push_back(target.affinity[a * count + i]);
    second.push_back(target.affinity[b * count + i]);
    if (std::isnan(first.back()) || std::isnan(second.back())) return kMissing;
  }
  return spearman(first, second);
}

void solve_halves(std::span<const TargetAffinity> points, std::span<const ReweighedTarget> drawn,
                  const RobustnessOptions& options, const std::function<void()>& advance,
                  Robustness& result) {
  struct Split {
    bool solved = false;
    double overlap = kMissing;
    double same_choice = kMissing;
    std::vector<double> kept;
    std::vector<double> correlations;  ///< one a target
  };
  std::vector<Split> splits(static_cast<std::size_t>(options.splits));
  tbb::parallel_for(std::size_t{0}, splits.size(), [&](std::size_t s) {
    Split& split = splits[s];
    for (const ReweighedTarget& target : drawn) {
      split.correlations.push_back(half_correlation(target, 2 * s, 2 * s + 1));
    }
    const std::optional<Solved> a = solve_weighting(points, drawn, 2 * s, options);
    const std::optional<Solved> b = solve_weighting(points, drawn, 2 * s + 1, options);
    if (a && b) {
      split.solved = true;
      split.overlap = jaccard(a->taxonomy.sources, b->taxonomy.sources);
      double same = 0;
      for (const auto& [target, choice] : a->taxonomy.choices) {
        const auto other = b->taxonomy.choices.find(target);
        same += other != b->taxonomy.choices.end() && other->second == choice;
      }
      split.same_choice = or_missing(same, a->taxonomy.choices.size());
      split.kept = {share_kept(worth(b->problem, a->taxonomy), b->taxonomy.value),
                    share_kept(worth(a->problem, b->taxonomy), a->taxonomy.value)};
    }
    if (advance) advance();
  });

  HalvesAgreement& halves = result.halves;
  halves.splits = options.splits;
  std::vector<double> overlaps;
  MeanOfKnown overlap;
  MeanOfKnown same_choice;
  MeanOfKnown kept;
  std::map<std::string, MeanOfKnown> correlations;
  for (const Split& split : splits) {
    for (std::size_t t = 0; t < drawn.size(); ++t) {
      correlations[points[t].tournament.target].add(split.correlations[t]);
    }
    halves.unsolved += split.solved ? 0 : 1;
    overlap.add(split.overlap);
    overlaps.push_back(split.overlap);
    same_choice.add(split.same_choice);
    for (const double share : split.kept) kept.add(share);
  }
  halves.overlap = percentile_interval(overlap.value(), std::move(overlaps), options.bootstrap.level);
  halves.same_choice = same_choice.value();
  halves.kept = kept.value();
  MeanOfKnown correlation;
  for (TargetSupport& target : result.targets) {
    target.rank_correlation = correlations[target.target].value();
    correlation.add(target.rank_correlation);
  }
  halves.rank_correlation = correlation.value();
}

}  // namespace

Robustness robustness(std::span<const LossTable> tables, const TestUnits& units,
                      const RobustnessOptions& options, const std::function<void()>& advance) {
  AFFINIS_ASSERT(units.unit_of.size() == tables.size());
  std::vector<TargetAffinity> points;
  TransferTable table;
  table.name = "affinities";
  for (const LossTable& losses : tables) {
    points.push_back(target_affinity(losses, options.affinity));
    table.rows.insert(table.rows.end(), points.back().rows.begin(), points.back().rows.end());
  }
  Robustness result;
  result.problem = make_problem(table, options.problem);
  result.solution = solve(result.problem, options.solve);
  const std::vector<UnitWeights> draws =
      bootstrap_draws(units.count, options.bootstrap.draws, options.bootstrap.seed);
  std::vector<UnitWeights> halves;
  if (options.splits != 0) {
    halves = random_halves(units.count, options.splits, options.bootstrap.seed);
  }
  solve_draws(points, reweigh_all(tables, units, draws, options.affinity), options, advance,
              result);
  if (halves.empty()) return result;
  solve_halves(points, reweigh_all(tables, units, halves, options.affinity), options, advance,
               result);
  return result;
}

}  // namespace affinis::taxonomy
