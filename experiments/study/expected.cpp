#include "experiments/study/expected.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "taxonomy/ahp.h"

namespace affinis::experiments {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kTolerance = 1e-8;  // of affinities that are guesses
constexpr double kClip = 0.001;  // as win rates are kept from infinite odds in affinities

double odds(double win_rate) {
  const double clipped = std::clamp(win_rate, kClip, 1 - kClip);
  return clipped / (1 - clipped);
}

double self_affinity(const taxonomy::TargetAffinity& target) {
  const auto self = std::find_if(target.rows.begin(), target.rows.end(), [](const taxonomy::TransferRow& row) { return row.is_self(); });
  AFFINIS_CHECK(self != target.rows.end(), ErrorCode::kInternal, "the tournament of {} lacks its own network", target.tournament.target);
  return self->affinity;
}

/// The logarithm of a dropped transfer's affinity if its last comparison held: in the analytic hierarchy process two consistent weights stand
/// to each other as the odds of a win, so that it is its leader's times these odds, and the leader's, where that was dropped later, is found in the
/// same way. NaN for those that were never compared, or whose leader has no affinity.
double by_comparison(const DroppedTransfer& transfer, const std::vector<DroppedTransfer>& dropped, const taxonomy::TargetAffinity& measured) {
  double factor = 1;
  const DroppedTransfer* at = &transfer;
  // Each leader was dropped at a later rung than who lost against it, so that this ends.
  for (std::size_t steps = 0; steps <= dropped.size(); ++steps) {
    if (std::isnan(at->per_image)) return kUnknown;
    factor *= odds(at->per_image);
    const auto row = std::find_if(measured.rows.begin(), measured.rows.end(), [&](const taxonomy::TransferRow& each) { return join(each.sources, "+") == at->leader; });
    if (row != measured.rows.end()) return std::log(row->affinity * factor);
    const auto leader = std::find_if(dropped.begin(), dropped.end(), [&](const DroppedTransfer& each) {
      return each.candidate.target == transfer.candidate.target && join(each.candidate.sources, "+") == at->leader;
    });
    if (leader == dropped.end()) return kUnknown;
    at = &*leader;
  }
  return kUnknown;
}

double forecast_of(const StudyGraph& study, const Candidate& candidate) {
  const auto target = study.forecasts().find(candidate.target);
  if (target == study.forecasts().end()) return kUnknown;
  const auto sources = target->second.find(join(candidate.sources, "+"));
  return sources == target->second.end() ? kUnknown : sources->second;
}

taxonomy::Evidence evidence_of(const StudyGraph& study, const Expectations::Transfer& transfer, const taxonomy::TargetAffinity& target) {
  const double self = std::log(self_affinity(target));
  taxonomy::Evidence evidence;
  evidence.forecast = forecast_of(study, transfer.candidate);
  if (transfer.row != nullptr) evidence.measured = std::log(transfer.row->affinity) - self;
  // What was trained for some steps is judged by these.
  const bool compared = transfer.dropped != nullptr && (transfer.dropped->steps > 0 || std::isnan(evidence.forecast));
  if (compared) evidence.compared = by_comparison(*transfer.dropped, study.dropped(), target) - self;
  return evidence;
}

}  // namespace

std::vector<std::vector<Expectations::Transfer>> Expectations::collect(const StudyGraph& study, const std::vector<taxonomy::TargetAffinity>& measured) {
  std::vector<std::vector<Transfer>> result;
  for (const taxonomy::TargetAffinity& target : measured) {
    std::vector<Transfer>& transfers = result.emplace_back();
    for (const taxonomy::TransferRow& row : target.rows) {
      if (!row.is_self()) transfers.push_back({{row.sources, row.target}, &row, nullptr});
    }
    for (const DroppedTransfer& dropped : study.dropped()) {
      if (dropped.candidate.target == target.tournament.target) transfers.push_back({dropped.candidate, nullptr, &dropped});
    }
    // A forecast alone has no scale: it takes a measured transfer that has one too.
    const bool scaled = std::any_of(transfers.begin(), transfers.end(), [&](const Transfer& each) {
      return each.row != nullptr && !std::isnan(forecast_of(study, each.candidate));
    });
    std::erase_if(transfers, [&](const Transfer& each) {
      const taxonomy::Evidence evidence = evidence_of(study, each, target);
      return std::isnan(evidence.measured) && std::isnan(evidence.compared) && (!scaled || std::isnan(evidence.forecast));
    });
  }
  return result;
}

std::vector<std::vector<taxonomy::Evidence>> Expectations::evidence(const StudyGraph& study, const std::vector<taxonomy::TargetAffinity>& measured) const {
  std::vector<std::vector<taxonomy::Evidence>> result;
  for (std::size_t t = 0; t < measured.size(); ++t) {
    std::vector<taxonomy::Evidence>& target = result.emplace_back();
    for (const Transfer& transfer : transfers_[t]) target.push_back(evidence_of(study, transfer, measured[t]));
  }
  return result;
}

Expectations::Expectations(const StudyGraph& study, const std::vector<taxonomy::TargetAffinity>& measured)
    : measured_(measured), transfers_(collect(study, measured)), outlook_(evidence(study, measured)) {}

std::vector<double> Expectations::affinities(std::size_t target, const std::vector<double>& values) const {
  std::vector<double> strengths;
  std::size_t next = 0;
  for (const taxonomy::TransferRow& row : measured_[target].rows) strengths.push_back(row.is_self() ? 0 : values[next++]);
  std::vector<std::string> names;
  const std::vector<double> further(values.begin() + static_cast<std::ptrdiff_t>(next), values.end());
  for (; next < values.size(); ++next) names.push_back(join(transfers_[target][next].candidate.sources, "+"));
  return taxonomy::ahp_affinity(taxonomy::with_further(measured_[target].tournament, strengths, names, further), {.tolerance = kTolerance}).affinity;
}

std::vector<double> Expectations::expected_affinities(std::size_t target) const {
  std::vector<double> values;
  for (std::size_t i = 0; i < transfers_[target].size(); ++i) values.push_back(outlook_.expected(target, i));
  return affinities(target, values);
}

AffinityMap complete_affinities(const StudyGraph& study, std::vector<taxonomy::TargetAffinity>& affinities, Intervals& intervals) {
  AffinityMap expected;
  if (study.dropped().empty()) return expected;
  std::vector<std::vector<double>> completed;
  {
    const Expectations expectations(study, affinities);
    for (std::size_t t = 0; t < affinities.size(); ++t) {
      completed.push_back(expectations.expected_affinities(t));
      std::size_t next = affinities[t].rows.size();
      for (const Expectations::Transfer& transfer : expectations.transfers()[t]) {
        if (transfer.dropped != nullptr) expected[transfer.candidate.target][join(transfer.candidate.sources, "+")] = completed[t][next++];
      }
    }
  }
  for (std::size_t t = 0; t < affinities.size(); ++t) {
    for (std::size_t n = 0; n < affinities[t].rows.size(); ++n) {
      const double share = completed[t][n] / affinities[t].ahp.affinity[n];
      affinities[t].rows[n].affinity = affinities[t].ahp.affinity[n] = completed[t][n];
      if (intervals.targets.empty()) continue;
      taxonomy::Interval& interval = intervals.targets[t].affinity[n];
      for (double* number : {&interval.value, &interval.low, &interval.high, &interval.deviation}) *number *= share;
    }
  }
  return expected;
}

}  // namespace affinis::experiments
