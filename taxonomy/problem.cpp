#include "taxonomy/problem.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "taxonomy/csv.h"

namespace affinis::taxonomy {
namespace {

constexpr std::array<const char*, 3> kObjectiveNames = {"affinity", "gain", "quality"};

double objective_value(const TransferRow& row, const ProblemOptions& options) {
  if (options.mix) {
    const auto part = [](double weight, double value) { return weight == 0 ? 0.0 : weight * value; };
    return part(options.mix->affinity, row.affinity) + part(options.mix->gain, row.gain) + part(options.mix->quality, row.quality);
  }
  switch (options.objective) {
    case Objective::kAffinity: return row.affinity;
    case Objective::kGain: return row.gain;
    case Objective::kQuality: return row.quality;
  }
  fail(ErrorCode::kInternal, "unknown objective");
}

void require_known(const std::vector<std::string>& names, const char* what, const TransferTable& table,
                   const std::vector<std::string>& tasks) {
  for (const std::string& name : names) {
    if (std::binary_search(tasks.begin(), tasks.end(), name)) continue;
    const std::string hint = did_you_mean(name, tasks);
    fail(ErrorCode::kUsage, "{}: there is no task '{}' in {}{}", what, name, table.name,
         hint.empty() ? "; its tasks are " + join(tasks, ", ") : hint);
  }
}

void require_values(const std::map<std::string, double>& values, const char* what, const TransferTable& table,
                    const std::vector<std::string>& tasks) {
  for (const auto& [task, value] : values) {
    require_known({task}, what, table, tasks);
    AFFINIS_CHECK(std::isfinite(value) && value >= 0, ErrorCode::kUsage, "the {} of '{}' is {}, but must be a finite number of at least 0",
                  what, task, value);
  }
}

double value_or_one(const std::map<std::string, double>& values, const std::string& task) {
  const auto found = values.find(task);
  return found == values.end() ? 1.0 : found->second;
}

std::string mix_text(const ObjectiveMix& mix) {
  std::vector<std::string> parts;
  const std::array<double, 3> weights = {mix.affinity, mix.gain, mix.quality};
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] != 0) parts.push_back(fmt::format("{}:{}", kObjectiveNames[i], weights[i]));
  }
  return join(parts, ",");
}

/// Why the rows of one target were left out, for the sentence that says so.
struct LeftOut {
  std::int64_t without_value = 0;
  std::int64_t without_source = 0;
  std::set<std::string> barred;  ///< tasks that those would need
  std::int64_t lowest_order = std::numeric_limits<std::int64_t>::max();
};

[[noreturn]] void fail_unservable(const std::string& target, const LeftOut& reasons, const ProblemOptions& options,
                                  const TransferTable& table) {
  std::vector<std::string> parts;
  if (reasons.lowest_order != std::numeric_limits<std::int64_t>::max()) {
    parts.push_back(fmt::format("its transfers start at order {} (raise the maximum order, now {})", reasons.lowest_order,
                                options.max_order));
  }
  if (reasons.without_source > 0) {
    parts.push_back(fmt::format("{} row(s) need a task that is excluded, forbidden or target-only (allow {})", reasons.without_source,
                                join(std::vector<std::string>(reasons.barred.begin(), reasons.barred.end()), " or ")));
  }
  if (reasons.without_value > 0) {
    parts.push_back(fmt::format("{} row(s) have no {} (choose another objective or measure it)", reasons.without_value,
                                options.mix ? mix_text(*options.mix) : objective_name(options.objective)));
  }
  fail(ErrorCode::kData, "{}: nothing can serve the target '{}': {}; or make it source-only", table.name, target, join(parts, ", "));
}

std::string lp_number(double value) { return fmt::format("{:.17g}", value); }

/// Adds "+ number name" and breaks the line when it grows long (readers of LP files have limits on line length).
void lp_term(std::string& text, std::size_t& line_start, double coefficient, const std::string& name) {
  text += fmt::format(" {} {} {}", coefficient < 0 ? "-" : "+", lp_number(std::abs(coefficient)), name);
  if (text.size() - line_start > 200) {
    text += "\n ";
    line_start = text.size();
  }
}

}  // namespace

const char* objective_name(Objective objective) { return kObjectiveNames[static_cast<std::size_t>(objective)]; }

Objective parse_objective(std::string_view name) {
  for (std::size_t i = 0; i < kObjectiveNames.size(); ++i) {
    if (name == kObjectiveNames[i]) return static_cast<Objective>(i);
  }
  fail(ErrorCode::kUsage, "there is no objective '{}'; it is one of affinity, gain, quality, or a mix such as affinity:0.5,gain:0.5", name);
}

ObjectiveMix parse_objective_mix(std::string_view text) {
  ObjectiveMix mix;
  std::set<std::string> seen;
  for (const std::string& part : split(text, ',')) {
    const std::size_t colon = part.find(':');
    const std::string name = trim(part.substr(0, colon));
    const Objective measure = parse_objective(name);
    AFFINIS_CHECK(seen.insert(name).second, ErrorCode::kUsage, "the objective '{}' names {} twice; give it one weight", text, name);
    const std::optional<double> weight = colon == std::string::npos ? std::nullopt : parse_real(trim(part.substr(colon + 1)));
    AFFINIS_CHECK(weight && std::isfinite(*weight) && *weight >= 0, ErrorCode::kUsage,
                  "the objective '{}' needs a finite number of at least 0 behind {}, as in {}:0.5", text, name, name);
    if (measure == Objective::kAffinity) mix.affinity = *weight;
    if (measure == Objective::kGain) mix.gain = *weight;
    if (measure == Objective::kQuality) mix.quality = *weight;
  }
  AFFINIS_CHECK(mix.affinity + mix.gain + mix.quality > 0, ErrorCode::kUsage, "the objective '{}' weighs nothing; give a positive weight", text);
  return mix;
}

std::string objective_text(const Problem& problem) { return problem.mix ? mix_text(*problem.mix) : objective_name(problem.objective); }

void check_budget(double budget) {
  AFFINIS_CHECK(std::isfinite(budget) && budget >= 0, ErrorCode::kUsage, "the budget is {}, but must be a finite number of at least 0",
                budget);
}

Problem make_problem(const TransferTable& table, const ProblemOptions& options) {
  check_transfer_table(table);
  check_budget(options.budget);
  AFFINIS_CHECK(options.max_order >= 1, ErrorCode::kUsage, "the maximum order is {}, but must be at least 1", options.max_order);
  const std::vector<std::string> tasks = table.tasks();
  require_known(options.exclude, "exclude", table, tasks);
  require_known(options.source_only, "source-only", table, tasks);
  require_known(options.target_only, "target-only", table, tasks);
  require_known(options.force, "force", table, tasks);
  require_known(options.forbid, "forbid", table, tasks);
  require_values(options.costs, "cost", table, tasks);
  require_values(options.importances, "importance", table, tasks);
  const std::set<std::string> excluded(options.exclude.begin(), options.exclude.end());
  const std::set<std::string> source_only(options.source_only.begin(), options.source_only.end());
  const std::set<std::string> target_only(options.target_only.begin(), options.target_only.end());
  for (const std::string& task : source_only) {
    AFFINIS_CHECK(!target_only.contains(task), ErrorCode::kUsage, "the task '{}' cannot be both source-only and target-only", task);
  }
  std::set<std::string> barred = excluded;  // from being labelled
  barred.insert(target_only.begin(), target_only.end());
  barred.insert(options.forbid.begin(), options.forbid.end());
  const std::set<std::string> forced(options.force.begin(), options.force.end());
  for (const std::string& task : forced) {
    AFFINIS_CHECK(!barred.contains(task), ErrorCode::kUsage,
                  "the task '{}' is forced, but also excluded, forbidden or target-only; take it out of one of the two", task);
  }

  std::set<std::string> targets;
  std::set<std::string> with_self;
  for (const TransferRow& row : table.rows) {
    if (excluded.contains(row.target) || source_only.contains(row.target)) continue;
    targets.insert(row.target);
    if (row.is_self()) with_self.insert(row.target);
  }
  AFFINIS_CHECK(!targets.empty(), ErrorCode::kData, "{}: no target is left once excluded and source-only tasks are gone", table.name);

  struct Candidate {
    const TransferRow* row;
    std::vector<std::string> needs;
  };
  std::vector<Candidate> candidates;
  std::set<std::string> sources = forced;
  std::map<std::string, LeftOut> left_out;
  std::set<std::string> served;
  for (const TransferRow& row : table.rows) {
    if (!targets.contains(row.target)) continue;
    const bool onto_itself = row.sources.size() == 1 && row.sources.front() == row.target;
    if (onto_itself && with_self.contains(row.target)) continue;
    Candidate candidate{&row, row.is_self() ? std::vector<std::string>{row.target} : row.sources};
    LeftOut& reasons = left_out[row.target];
    std::vector<std::string> missing;
    std::copy_if(candidate.needs.begin(), candidate.needs.end(), std::back_inserter(missing),
                 [&](const std::string& task) { return barred.contains(task); });
    if (!missing.empty()) {
      ++reasons.without_source;
      reasons.barred.insert(join(missing, " and "));
    } else if (std::isnan(objective_value(row, options))) {
      ++reasons.without_value;
    } else if (row.order > options.max_order) {
      reasons.lowest_order = std::min(reasons.lowest_order, row.order);
    } else {
      served.insert(row.target);
      sources.insert(candidate.needs.begin(), candidate.needs.end());
      candidates.push_back(std::move(candidate));
    }
  }
  for (const std::string& target : targets) {
    if (!served.contains(target)) fail_unservable(target, left_out[target], options, table);
  }

  Problem problem;
  problem.objective = options.objective;
  problem.mix = options.mix;
  problem.budget = options.budget;
  problem.max_order = options.max_order;
  problem.sources.assign(sources.begin(), sources.end());
  problem.targets.assign(targets.begin(), targets.end());
  for (const std::string& source : problem.sources) problem.costs.push_back(value_or_one(options.costs, source));
  for (const std::string& target : problem.targets) problem.importances.push_back(value_or_one(options.importances, target));
  const auto position = [](const std::vector<std::string>& names, const std::string& name) {
    return static_cast<std::size_t>(std::lower_bound(names.begin(), names.end(), name) - names.begin());
  };
  for (const std::string& task : forced) problem.forced.push_back(position(problem.sources, task));
  for (const Candidate& candidate : candidates) {
    const TransferRow& row = *candidate.row;
    Edge edge;
    edge.target = position(problem.targets, row.target);
    for (const std::string& source : candidate.needs) edge.sources.push_back(position(problem.sources, source));
    std::sort(edge.sources.begin(), edge.sources.end());
    edge.self = row.is_self();
    edge.affinity = row.affinity;
    edge.gain = row.gain;
    edge.quality = row.quality;
    edge.value = problem.importances[edge.target] * objective_value(row, options);
    AFFINIS_CHECK(std::abs(edge.value) <= 1e100, ErrorCode::kData, "the importance of '{}' times the {} of '{}' is larger than 1e100",
                  row.target, objective_text(problem), row.sources_text());
    problem.edges.push_back(std::move(edge));
  }
  std::sort(problem.edges.begin(), problem.edges.end(), [](const Edge& a, const Edge& b) {
    if (a.target != b.target) return a.target < b.target;
    if (a.sources.size() != b.sources.size()) return a.sources.size() < b.sources.size();
    return a.sources < b.sources;
  });
  return problem;
}

std::map<std::string, double> read_task_values(const std::filesystem::path& path, const std::string& column) {
  const std::string name = path.string();
  const std::array<std::string, 2> names = {"task", column};
  std::vector<std::size_t> columns;
  std::map<std::string, double> values;
  for_each_record(read_file(path), name, [&](const CsvRecord& record) {
    if (columns.empty()) {
      columns = find_columns(record, names, name);
      return;
    }
    const std::string task = trim(record.fields[columns[0]]);
    AFFINIS_CHECK(!task.empty(), ErrorCode::kData, "{} line {}: the task is empty", name, record.line);
    const double value = parse_csv_number(record.fields[columns[1]], column, name, record.line);
    AFFINIS_CHECK(!std::isnan(value), ErrorCode::kData, "{} line {}: the {} of '{}' is empty; give one, or leave the line out for 1", name,
                  record.line, column, task);
    AFFINIS_CHECK(value >= 0, ErrorCode::kData, "{} line {}: the {} of '{}' is {}, but must be at least 0", name, record.line, column, task,
                  value);
    AFFINIS_CHECK(values.emplace(task, value).second, ErrorCode::kData, "{} line {}: the task '{}' stands there twice; remove one line",
                  name, record.line, task);
  });
  return values;
}

std::string to_lp(const Problem& problem) {
  const auto x = [](std::size_t edge) { return fmt::format("x{}", edge); };
  const auto y = [](std::size_t source) { return fmt::format("y{}", source); };
  std::string text = "Maximize\n value:";
  std::size_t line_start = text.size();
  for (std::size_t e = 0; e < problem.edges.size(); ++e) lp_term(text, line_start, problem.edges[e].value, x(e));

  std::vector<std::vector<std::size_t>> by_target(problem.targets.size());
  std::map<std::pair<std::size_t, std::size_t>, std::vector<std::size_t>> by_pair;
  for (std::size_t e = 0; e < problem.edges.size(); ++e) {
    by_target[problem.edges[e].target].push_back(e);
    for (const std::size_t source : problem.edges[e].sources) by_pair[{problem.edges[e].target, source}].push_back(e);
  }
  text += "\nSubject To\n";
  for (std::size_t t = 0; t < by_target.size(); ++t) {
    text += fmt::format(" serve{}:", t);
    line_start = text.size();
    for (const std::size_t e : by_target[t]) lp_term(text, line_start, 1, x(e));
    text += " = 1\n";
  }
  for (const auto& [pair, edges] : by_pair) {
    text += fmt::format(" use{}_{}:", pair.first, pair.second);
    line_start = text.size();
    for (const std::size_t e : edges) lp_term(text, line_start, 1, x(e));
    lp_term(text, line_start, -1, y(pair.second));
    text += " <= 0\n";
  }
  for (const std::size_t s : problem.forced) text += fmt::format(" force{}: {} = 1\n", s, y(s));
  text += " budget:";
  line_start = text.size();
  for (std::size_t s = 0; s < problem.sources.size(); ++s) lp_term(text, line_start, problem.costs[s], y(s));
  text += fmt::format(" <= {}\nBinary\n", lp_number(problem.budget));
  for (std::size_t e = 0; e < problem.edges.size(); ++e) text += " " + x(e) + "\n";
  for (std::size_t s = 0; s < problem.sources.size(); ++s) text += " " + y(s) + "\n";
  return text + "End\n";
}

}  // namespace affinis::taxonomy
