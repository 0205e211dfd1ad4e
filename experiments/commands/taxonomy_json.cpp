#include "experiments/commands/taxonomy_json.h"
#include "framework/core/json_number.h"

#include <cmath>

namespace affinis::experiments {
namespace {

nlohmann::json edge_json(const taxonomy::Problem& problem, const taxonomy::Edge& edge) {
  return {{"sources", choice_sources(problem, edge)},
          {"order", edge.sources.size()},
          {"affinity", number(edge.affinity)},
          {"gain", number(edge.gain)},
          {"quality", number(edge.quality)}};
}

nlohmann::json alternative_json(const taxonomy::Problem& problem, const taxonomy::Alternative& alternative) {
  nlohmann::json json = edge_json(problem, problem.edges[alternative.edge]);
  json["difference"] = alternative.difference;
  return json;
}

nlohmann::json cell_json(const taxonomy::SweepCell& cell) {
  nlohmann::json result;
  if (cell.infeasible) {
    result = {{"objective", taxonomy::objective_text(cell.problem)},
              {"value", nullptr},
              {"bound", nullptr},
              {"proven", false},
              {"sources", nlohmann::json::array()},
              {"choices", nlohmann::json::array()},
              {"mean_gain", nullptr},
              {"mean_quality", nullptr},
              {"nodes", 0},
              {"seconds", 0.0},
              {"infeasible", *cell.infeasible}};
  } else {
    result = solution_json(cell.problem, cell.solution);
  }
  result["budget"] = cell.budget;
  result["max_order"] = cell.max_order;
  result["marginal"] = cell.marginal ? nlohmann::json(*cell.marginal) : nlohmann::json(nullptr);
  return result;
}

}  // namespace

std::vector<std::string> choice_sources(const taxonomy::Problem& problem, const taxonomy::Edge& edge) {
  if (edge.self) return {std::string(taxonomy::kSelf)};
  std::vector<std::string> names;
  for (const std::size_t source : edge.sources) names.push_back(problem.sources[source]);
  return names;
}

std::vector<std::string> selected_sources(const taxonomy::Problem& problem, const taxonomy::Solution& solution) {
  std::vector<std::string> names;
  for (const std::size_t source : solution.sources) names.push_back(problem.sources[source]);
  return names;
}

nlohmann::json solution_json(const taxonomy::Problem& problem, const taxonomy::Solution& solution) {
  nlohmann::json choices = nlohmann::json::array();
  for (const std::size_t choice : solution.choices) {
    const taxonomy::Edge& edge = problem.edges[choice];
    nlohmann::json json = edge_json(problem, edge);
    json["target"] = problem.targets[edge.target];
    choices.push_back(std::move(json));
  }
  return {{"objective", taxonomy::objective_text(problem)},
          {"value", number(solution.value)},
          {"bound", number(solution.bound)},
          {"proven", solution.proven},
          {"sources", selected_sources(problem, solution)},
          {"choices", choices},
          {"mean_gain", number(solution.mean_gain(problem))},
          {"mean_quality", number(solution.mean_quality(problem))},
          {"nodes", solution.nodes},
          {"seconds", solution.seconds}};
}

nlohmann::json ranking_json(const taxonomy::Problem& problem, const taxonomy::Ranking& ranking) {
  nlohmann::json list = nlohmann::json::array();
  for (const taxonomy::Solution& solution : ranking.taxonomies) list.push_back(solution_json(problem, solution));
  return {{"complete", ranking.complete}, {"taxonomies", list}};
}

void add_alternatives(const taxonomy::Problem& problem, std::span<const taxonomy::TargetAlternatives> targets, nlohmann::json& solution) {
  for (std::size_t t = 0; t < targets.size(); ++t) {
    nlohmann::json& choice = solution.at("choices").at(t);
    choice["alternatives"] = nlohmann::json::array();
    for (const taxonomy::Alternative& alternative : targets[t].allowed) {
      choice["alternatives"].push_back(alternative_json(problem, alternative));
    }
    choice["needs_more"] = nullptr;
    if (!targets[t].other) continue;
    nlohmann::json other = alternative_json(problem, *targets[t].other);
    other["missing"] = nlohmann::json::array();
    for (const std::size_t source : targets[t].other->missing) other["missing"].push_back(problem.sources[source]);
    choice["needs_more"] = std::move(other);
  }
}

nlohmann::json sweep_json(std::span<const taxonomy::SweepCell> cells) {
  nlohmann::json list = nlohmann::json::array();
  double seconds = 0;
  for (const taxonomy::SweepCell& cell : cells) {
    list.push_back(cell_json(cell));
    seconds += cell.solution.seconds;
  }
  return {{"cells", list}, {"seconds", seconds}};
}

}  // namespace affinis::experiments
