#include "experiments/study/expected.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "experiments/commands/taxonomy_json.h"
#include "experiments/study/taxonomies.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {
namespace {

constexpr double kSignal = 0.6;
constexpr double kClip = 0.001;  // as win rates are kept from infinite odds in affinities
// Readouts and early rungs misjudge the odds of two transfers by about as much (on the demo's eight tasks, where it mattered, by 1.3 and 1.7).
constexpr double kHope = 2;
constexpr double kMatters = 5e-3;  // of a taxonomy's worth
constexpr const char* kConstantNetwork = "constant";

double odds(double win_rate) {
  const double clipped = std::clamp(win_rate, kClip, 1 - kClip);
  return clipped / (1 - clipped);
}

/// The win rate that multiplies the odds of another one.
double with_odds(double win_rate, double factor) {
  if (std::isnan(win_rate)) return win_rate;
  const double product = odds(win_rate) * factor;
  return product / (1 + product);
}

/// Drops what is no first-order transfer from a forecast; the target's own readout is the transfer from itself.
taxonomy::LossTable transfers_of(const taxonomy::LossTable& forecast) {
  taxonomy::LossTable result;
  result.target = forecast.target;
  result.images = forecast.images;
  for (std::size_t n = 0; n < forecast.networks.size(); ++n) {
    const std::string& network = forecast.networks[n];
    if (network == kConstantNetwork) continue;
    result.networks.push_back(network == transfer::kSelfRole ? forecast.target : network);
    for (std::size_t i = 0; i < forecast.images.size(); ++i) result.losses.push_back(forecast.loss(n, i));
  }
  return result;
}

/// The measured row that a dropped transfer's values are reckoned from, and the odds that lie between them.
struct Link {
  const taxonomy::TransferRow* row = nullptr;
  double factor = 1;
};

Link link_to_measured(const std::string& sources, const std::vector<DroppedTransfer>& dropped, const taxonomy::TargetAffinity& measured) {
  Link link;
  std::string at = sources;
  // Each leader was dropped at a later rung than who lost against it, so that this ends.
  for (std::size_t steps = 0; steps <= dropped.size(); ++steps) {
    const auto row = std::find_if(measured.rows.begin(), measured.rows.end(), [&](const taxonomy::TransferRow& each) { return join(each.sources, "+") == at; });
    if (row != measured.rows.end()) {
      link.row = &*row;
      return link;
    }
    const auto it = std::find_if(dropped.begin(), dropped.end(), [&](const DroppedTransfer& each) {
      return each.candidate.target == measured.tournament.target && join(each.candidate.sources, "+") == at;
    });
    if (it == dropped.end() || std::isnan(it->per_image)) return {};
    link.factor *= odds(it->per_image);
    at = it->leader;
  }
  return {};
}

/// A dropped transfer as a row of the table, with what is expected of it.
std::map<std::string, taxonomy::TransferRow> expected_rows(const std::vector<DroppedTransfer>& dropped, const taxonomy::TargetAffinity& measured) {
  std::map<std::string, taxonomy::TransferRow> result;
  for (const DroppedTransfer& each : dropped) {
    if (each.candidate.target != measured.tournament.target) continue;
    const std::string sources = join(each.candidate.sources, "+");
    const Link link = link_to_measured(sources, dropped, measured);
    if (link.row == nullptr) continue;
    taxonomy::TransferRow row;
    row.sources = each.candidate.sources;
    row.target = each.candidate.target;
    row.order = static_cast<std::int64_t>(row.sources.size());
    row.affinity = link.row->affinity * link.factor;
    row.gain = with_odds(link.row->gain, link.factor);
    row.quality = with_odds(link.row->quality, link.factor);
    result.emplace(sources, std::move(row));
  }
  return result;
}

/// Share of the affinities that is measured.
double measured_share(const std::vector<DroppedTransfer>& dropped, const taxonomy::TargetAffinity& measured) {
  double expected = 0;
  for (const auto& [sources, affinity] : expected_affinities(dropped, measured)) expected += affinity;
  return 1 / (1 + expected);
}

/// What a transfer would be worth if its odds were better by kHope; an affinity is in proportion to its odds.
double hoped_value(const taxonomy::Edge& edge, taxonomy::Objective objective) {
  return objective == taxonomy::Objective::kAffinity ? edge.value * kHope : with_odds(edge.value, kHope);
}

}  // namespace

std::map<std::string, Prospect> prospects(const std::vector<taxonomy::LossTable>& forecasts) {
  std::map<std::string, Prospect> result;
  taxonomy::AffinityOptions options;
  options.gain_against = kConstantNetwork;
  for (const taxonomy::LossTable& forecast : forecasts) {
    Prospect prospect;
    prospect.errors = transfers_of(forecast);
    for (const taxonomy::TransferRow& row : taxonomy::target_affinity(forecast, options).rows) {
      prospect.affinity[row.is_self() ? forecast.target : join(row.sources, "+")] = row.affinity;
      prospect.decides = prospect.decides || row.gain >= kSignal;
    }
    result.emplace(forecast.target, std::move(prospect));
  }
  return result;
}

std::map<std::string, double> expected_affinities(const std::vector<DroppedTransfer>& dropped, const taxonomy::TargetAffinity& measured) {
  std::map<std::string, double> result;
  for (const auto& [sources, row] : expected_rows(dropped, measured)) result[sources] = row.affinity;
  return result;
}

void make_room_for_dropped(const StudyGraph& study, std::vector<taxonomy::TargetAffinity>& affinities, Intervals& intervals) {
  for (std::size_t t = 0; t < affinities.size(); ++t) {
    const double share = measured_share(study.dropped(), affinities[t]);
    if (share == 1) continue;
    for (taxonomy::TransferRow& row : affinities[t].rows) row.affinity *= share;
    for (double& weight : affinities[t].ahp.affinity) weight *= share;
    if (intervals.targets.empty()) continue;
    for (taxonomy::Interval& interval : intervals.targets[t].affinity) {
      for (double* number : {&interval.value, &interval.low, &interval.high, &interval.deviation}) *number *= share;
    }
  }
}

std::vector<DroppedTransfer> wanted_by_taxonomies(const StudyGraph& study, const std::vector<taxonomy::LossTable>& tables) {
  taxonomy::TransferTable table;
  for (const taxonomy::TargetAffinity& measured : affinities(study, tables)) {
    const double share = measured_share(study.dropped(), measured);
    std::vector<taxonomy::TransferRow> rows = measured.rows;
    for (const auto& [sources, row] : expected_rows(study.dropped(), measured)) rows.push_back(row);
    for (taxonomy::TransferRow& row : rows) {
      row.affinity *= share;
      table.rows.push_back(std::move(row));
    }
  }
  if (table.rows.empty()) return {};
  std::set<std::pair<std::string, std::string>> transfers;
  for (const taxonomy::SweepCell& cell : solve_taxonomies(study, table)) {
    if (cell.infeasible) continue;
    const std::vector<std::size_t>& labelled = cell.solution.sources;
    for (std::size_t e = 0; e < cell.problem.edges.size(); ++e) {
      const taxonomy::Edge& edge = cell.problem.edges[e];
      const std::size_t choice = cell.solution.choices[edge.target];
      const double hope = hoped_value(edge, cell.problem.objective) - cell.problem.edges[choice].value;
      const bool rivals = std::includes(labelled.begin(), labelled.end(), edge.sources.begin(), edge.sources.end()) &&
                          hope > kMatters * cell.solution.value;
      if (e == choice || rivals) transfers.emplace(join(choice_sources(cell.problem, edge), "+"), cell.problem.targets[edge.target]);
    }
  }
  std::vector<DroppedTransfer> wanted;
  for (const DroppedTransfer& dropped : study.dropped()) {
    if (transfers.contains({join(dropped.candidate.sources, "+"), dropped.candidate.target})) wanted.push_back(dropped);
  }
  return wanted;
}

}  // namespace affinis::experiments
