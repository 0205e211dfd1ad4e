#include "experiments/study/wanted.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "experiments/commands/taxonomy_json.h"
#include "experiments/study/analysis.h"
#include "experiments/study/expected.h"
#include "experiments/study/taxonomies.h"
#include "framework/core/text.h"
#include "taxonomy/world_shares.h"

namespace affinis::experiments {
namespace {

constexpr std::size_t kWorlds = 256;
constexpr double kWorthwhile = 0.6;  // of what begins a round: few are left for a short one after it
constexpr double kClearly = 0.2;  // of the logarithm of an affinity: about what another test set changes

using Values = std::vector<std::vector<double>>;  ///< by target and transfer

double logit(double share) { return std::log(share / (1 - share)); }
double logistic(double value) { return 1 / (1 + std::exp(-value)); }

/// Mean over measured transfers of what the logit of a win rate exceeds the transfer's value by: the opponent's own value.
double opponent(const std::vector<Expectations::Transfer>& transfers, const std::vector<double>& values, double taxonomy::TransferRow::* rate) {
  double sum = 0;
  double count = 0;
  for (std::size_t i = 0; i < transfers.size(); ++i) {
    if (transfers[i].row == nullptr || std::isnan(transfers[i].row->*rate)) continue;
    sum += logit(std::clamp(transfers[i].row->*rate, 0.001, 0.999)) - values[i];
    ++count;
  }
  return sum / count;
}

/// One target's rows in one world, `self` first, then its transfers.
std::vector<taxonomy::TransferRow> rows_of(const taxonomy::TargetAffinity& measured, const Expectations& expectations, std::size_t target,
                                           const std::vector<double>& values) {
  const std::vector<Expectations::Transfer>& transfers = expectations.transfers()[target];
  const std::vector<double> affinity = expectations.affinities(target, values);
  std::vector<taxonomy::TransferRow> rows = measured.rows;
  const double gain = opponent(transfers, values, &taxonomy::TransferRow::gain);
  const double quality = opponent(transfers, values, &taxonomy::TransferRow::quality);
  for (std::size_t i = measured.rows.size() - 1; i < transfers.size(); ++i) {
    taxonomy::TransferRow row;
    row.sources = transfers[i].candidate.sources;
    row.target = transfers[i].candidate.target;
    row.order = static_cast<std::int64_t>(row.sources.size());
    row.gain = logistic(values[i] + gain);
    row.quality = logistic(values[i] + quality);
    rows.push_back(std::move(row));
  }
  for (std::size_t n = 0; n < rows.size(); ++n) rows[n].affinity = affinity[n];
  const auto self = std::find_if(rows.begin(), rows.end(), [](const taxonomy::TransferRow& row) { return row.is_self(); });
  std::rotate(rows.begin(), self, self + 1);
  return rows;
}

double worth(const taxonomy::TransferRow& row, taxonomy::Objective objective) {
  return objective == taxonomy::Objective::kAffinity ? row.affinity : objective == taxonomy::Objective::kGain ? row.gain : row.quality;
}

/// How often each transfer matters, by target.
class Scores {
 public:
  Scores(const std::vector<taxonomy::TargetAffinity>& measured, const Expectations& expectations) : measured_(measured), expectations_(expectations) {
    for (const auto& transfers : expectations.transfers()) shares_.emplace_back(transfers.size(), 0.0);
    RandomStream stream(kSeed, "adaptive/worlds");
    for (std::size_t w = 0; w < kWorlds; ++w) worlds_.push_back(expectations.outlook().draw(stream));
  }

  void add_taxonomies(const StudyGraph& study) {
    const taxonomy::Objective objective = taxonomy::parse_objective(study.options().taxonomy.objective);
    std::vector<Values> worths;  // of rows, as rows_of() has them
    for (const Values& values : worlds_) {
      Values& world = worths.emplace_back();
      for (std::size_t t = 0; t < measured_.size(); ++t) {
        std::vector<double>& target = world.emplace_back();
        for (const taxonomy::TransferRow& row : rows_of(measured_[t], expectations_, t, values[t])) target.push_back(worth(row, objective));
      }
    }
    const taxonomy::TransferTable table = table_of(worlds_.front());
    for (const std::int64_t order : taxonomy_orders(study)) {
      const taxonomy::Problem problem = taxonomy_problem(study, table, order);
      const std::vector<std::pair<std::size_t, std::size_t>> places = places_of(problem);
      std::vector<taxonomy::World> worlds;
      for (const Values& values : worths) {
        taxonomy::World& world = worlds.emplace_back();
        for (const auto& [t, row] : places) world.push_back(values[t][row]);
      }
      const std::vector<double> shares = taxonomy::world_shares(problem, taxonomy_budgets(study), worlds);
      for (std::size_t e = 0; e < shares.size(); ++e) {
        const auto [t, row] = places[e];
        if (row > 0) shares_[t][row - 1] = std::max(shares_[t][row - 1], shares[e]);
      }
    }
  }

  void add_best(std::size_t best) {
    for (std::size_t t = 0; t < shares_.size(); ++t) {
      const std::vector<std::size_t> others = others_of(t);
      const std::vector<std::size_t> measured = measured_among(t, others);
      std::vector<double> counts(shares_[t].size(), 0);
      for (const Values& values : worlds_) {
        const double enough = nth_best(values[t], measured, best) + kClearly;
        const double among = nth_best(values[t], others, best);
        for (const std::size_t i : others) {
          if (values[t][i] > enough && values[t][i] >= among) ++counts[i];
        }
      }
      for (std::size_t i = 0; i < counts.size(); ++i) shares_[t][i] = std::max(shares_[t][i], counts[i] / static_cast<double>(kWorlds));
    }
  }

  double share(std::size_t target, std::size_t transfer) const { return shares_[target][transfer]; }

 private:
  static constexpr std::uint64_t kSeed = 1;

  taxonomy::TransferTable table_of(const Values& values) const {
    taxonomy::TransferTable table;
    table.name = "a world";
    for (std::size_t t = 0; t < measured_.size(); ++t) {
      for (taxonomy::TransferRow& row : rows_of(measured_[t], expectations_, t, values[t])) table.rows.push_back(std::move(row));
    }
    return table;
  }

  /// Target and row (0: self) of each edge.
  std::vector<std::pair<std::size_t, std::size_t>> places_of(const taxonomy::Problem& problem) const {
    std::map<std::pair<std::string, std::string>, std::pair<std::size_t, std::size_t>> known;
    for (std::size_t t = 0; t < measured_.size(); ++t) {
      const std::string& target = measured_[t].tournament.target;
      known[{target, std::string(taxonomy::kSelf)}] = {t, 0};
      const auto& transfers = expectations_.transfers()[t];
      for (std::size_t i = 0; i < transfers.size(); ++i) {
        std::vector<std::string> sources = transfers[i].candidate.sources;
        std::sort(sources.begin(), sources.end());
        known[{target, join(sources, "+")}] = {t, i + 1};
      }
    }
    std::vector<std::pair<std::size_t, std::size_t>> places;
    for (const taxonomy::Edge& edge : problem.edges) places.push_back(known.at({problem.targets[edge.target], join(choice_sources(problem, edge), "+")}));
    return places;
  }

  /// Transfers from other tasks' encoders.
  std::vector<std::size_t> others_of(std::size_t target) const {
    std::vector<std::size_t> others;
    const auto& transfers = expectations_.transfers()[target];
    for (std::size_t i = 0; i < transfers.size(); ++i) {
      if (transfers[i].candidate.sources != std::vector<std::string>{transfers[i].candidate.target}) others.push_back(i);
    }
    return others;
  }

  std::vector<std::size_t> measured_among(std::size_t target, std::vector<std::size_t> transfers) const {
    std::erase_if(transfers, [&](std::size_t i) { return expectations_.transfers()[target][i].row == nullptr; });
    return transfers;
  }

  static double nth_best(const std::vector<double>& values, const std::vector<std::size_t>& of, std::size_t n) {
    std::vector<double> chosen;
    for (const std::size_t i : of) chosen.push_back(values[i]);
    if (chosen.size() < n) return -std::numeric_limits<double>::infinity();
    std::nth_element(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(n - 1), chosen.end(), std::greater<>());
    return chosen[n - 1];
  }

  const std::vector<taxonomy::TargetAffinity>& measured_;
  const Expectations& expectations_;
  std::vector<Values> worlds_;
  Values shares_;
};

}  // namespace

std::vector<DroppedTransfer> wanted_transfers(const StudyGraph& study, const std::vector<taxonomy::LossTable>& tables, std::size_t best) {
  if (tables.empty() || study.dropped().empty()) return {};
  const std::vector<taxonomy::TargetAffinity> measured = affinities(study, tables);
  const Expectations expectations(study, measured);
  Scores scores(measured, expectations);
  scores.add_taxonomies(study);
  scores.add_best(best);
  double one_each = 0;
  for (const taxonomy::TargetAffinity& target : measured) one_each += study.transfer_cost(target.tournament.target);
  const double usual = one_each / static_cast<double>(measured.size());
  struct Wanted {
    double urgency;  ///< share of worlds over cost
    double cost;
    const DroppedTransfer* transfer;
  };
  std::vector<Wanted> wanted;
  for (std::size_t t = 0; t < measured.size(); ++t) {
    const double cost = study.transfer_cost(measured[t].tournament.target);
    for (std::size_t i = 0; i < expectations.transfers()[t].size(); ++i) {
      const DroppedTransfer* dropped = expectations.transfers()[t][i].dropped;
      const double urgency = scores.share(t, i) * usual / cost;
      if (dropped != nullptr && urgency >= kWorthwhile * study.options().search.plausible) wanted.push_back({urgency, cost, dropped});
    }
  }
  std::stable_sort(wanted.begin(), wanted.end(), [](const Wanted& a, const Wanted& b) { return a.urgency > b.urgency; });
  if (wanted.empty() || wanted.front().urgency < study.options().search.plausible) return {};
  // Each tells something of the others, but workers wait for one another before anybody asks again.
  std::vector<DroppedTransfer> result;
  double spent = 0;
  for (const Wanted& each : wanted) {
    if (spent >= one_each) break;
    spent += each.cost;
    result.push_back(*each.transfer);
  }
  return result;
}

}  // namespace affinis::experiments
