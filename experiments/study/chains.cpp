#include "experiments/study/chains.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json_number.h"
#include "framework/core/text.h"
#include "taxonomy/csv.h"
#include "taxonomy/ranks.h"
#include "taxonomy/seeds.h"
#include "taxonomy/tournament.h"

namespace affinis::experiments {
namespace {

constexpr std::size_t kBest = 3;
constexpr const char* kChainNetwork = "chain";
const std::vector<std::string> kNumbers = {"loss_direct",    "loss_through",    "loss_chain",    "gain_direct",    "gain_through",
                                           "gain_chain",     "quality_direct",  "quality_through", "quality_chain", "win_over_direct",
                                           "win_over_direct_low", "win_over_direct_high", "win_over_through", "win_over_through_low",
                                           "win_over_through_high"};

/// By target, its first-order sources, best first.
using Rankings = std::map<std::string, std::vector<std::string>>;

Rankings rankings(const StudyGraph& study, const std::vector<taxonomy::LossTable>& tables) {
  Rankings result;
  if (tables.empty()) {
    for (const std::string& target : study.targets()) result[target] = study.sources();
    return result;
  }
  for (const taxonomy::TargetAffinity& affinity : affinities(study, tables)) {
    std::vector<const taxonomy::TransferRow*> rows;
    for (const taxonomy::TransferRow& row : affinity.rows) {
      if (row.order == 1 && !row.is_self()) rows.push_back(&row);
    }
    std::stable_sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) { return a->affinity > b->affinity; });
    for (const taxonomy::TransferRow* row : rows) result[affinity.tournament.target].push_back(row->sources.front());
  }
  return result;
}

/// The best few of a target's sources that `fits`.
template <typename Fits>
std::vector<std::string> best_sources(const Rankings& rankings, const std::string& target, const Fits& fits) {
  std::vector<std::string> result;
  const auto ranking = rankings.find(target);
  if (ranking == rankings.end()) return result;
  for (const std::string& source : ranking->second) {
    if (result.size() < kBest && fits(source)) result.push_back(source);
  }
  return result;
}

/// Over the images with a label.
double mean_loss(const taxonomy::LossTable& table, const std::string& network) {
  const std::size_t images = table.images.size();
  return taxonomy::mean_of_known(std::span(table.losses).subspan(table.find(network) * images, images));
}

double win(const taxonomy::LossTable& table, const std::string& network, const std::string& opponent) {
  const std::size_t a = table.find(network);
  const std::size_t b = table.find(opponent);
  return std::max(a, b) == table.networks.size() ? std::nan("") : taxonomy::win_rate(table, a, b);
}

/// Win rate of the chain over another network of the table, with its interval: gain, with the other as the baseline.
taxonomy::Interval win_interval(const StudyGraph& study, const taxonomy::LossTable& table, const std::string& opponent) {
  taxonomy::AffinityOptions options;
  options.gain_against = opponent;
  const taxonomy::TargetAffinity point = taxonomy::target_affinity(table, options);
  const auto place = static_cast<std::size_t>(
      std::find(point.tournament.networks.begin(), point.tournament.networks.end(), kChainNetwork) - point.tournament.networks.begin());
  if (table.seeds > 1) return taxonomy::seed_intervals(table, point, options).gain.at(place);
  const taxonomy::TestUnits units = taxonomy::test_units({&table, 1});
  taxonomy::BootstrapOptions draws;
  draws.draws = study.options().taxonomy.draws;
  if (draws.draws == 0 || units.count < 2) return {point.rows.at(place).gain, std::nan(""), std::nan(""), std::nan("")};
  return taxonomy::bootstrap({&table, 1}, {&point, 1}, units, options, draws).front().gain.at(place);
}

nlohmann::json row_of(const StudyGraph& study, const Chain& chain, const taxonomy::LossTable& table) {
  nlohmann::json row = {{"first", chain.first}, {"through", chain.through}, {"target", chain.target}};
  for (const auto& [key, network] : {std::pair("direct", chain.first), std::pair("through", chain.through), std::pair("chain", std::string(kChainNetwork))}) {
    const std::string suffix = std::string("_") + key;
    row["loss" + suffix] = number(mean_loss(table, network));
    row["gain" + suffix] = number(win(table, network, study.options().taxonomy.gain_against));
    row["quality" + suffix] = number(win(table, network, transfer::kSelfRole));
  }
  for (const auto& [key, network] : {std::pair("win_over_direct", chain.first), std::pair("win_over_through", chain.through)}) {
    const taxonomy::Interval interval = win_interval(study, table, network);
    row[key] = number(interval.value);
    row[std::string(key) + "_low"] = number(interval.low);
    row[std::string(key) + "_high"] = number(interval.high);
  }
  return row;
}

}  // namespace

std::vector<Chain> choose_chains(const StudyGraph& study, const std::vector<taxonomy::LossTable>& tables) {
  const std::vector<std::string>& asked = study.options().search.chains;
  const std::vector<Chain>& possible = study.possible_chains();
  const bool best = std::find(asked.begin(), asked.end(), kBestChains) != asked.end();
  if (!best || std::find(asked.begin(), asked.end(), kAllChains) != asked.end()) return possible;
  const std::set<Chain> known(possible.begin(), possible.end());
  std::set<Chain> chosen;
  for (const std::string& text : asked) {
    if (text != kBestChains) chosen.insert(study.parse_chain(text));
  }
  const Rankings ranked = rankings(study, tables);
  for (const std::string& target : study.targets()) {
    // A task that nothing leads to cannot stand in the middle.
    const auto leads = [&](const std::string& through) {
      return std::any_of(possible.begin(), possible.end(), [&](const Chain& chain) { return chain.through == through && chain.target == target; });
    };
    for (const std::string& through : best_sources(ranked, target, leads)) {
      const auto fits = [&](const std::string& first) { return known.contains({first, through, target}); };
      for (const std::string& first : best_sources(ranked, through, fits)) chosen.insert({first, through, target});
    }
  }
  return {chosen.begin(), chosen.end()};
}

nlohmann::json chains_json(const StudyGraph& study, const Results& results, Logger& logger) {
  nlohmann::json rows = nlohmann::json::array();
  for (const Chain& chain : study.possible_chains()) {
    if (!results.contains(chain.job_name())) continue;
    std::vector<NetworkJobs> networks = own_jobs(study, chain.target);
    networks.push_back({chain.first, study.transfer_jobs({{chain.first}, chain.target})});
    networks.push_back({chain.through, study.transfer_jobs({{chain.through}, chain.target})});
    networks.push_back({kChainNetwork, study.chain_jobs(chain)});
    taxonomy::LossTable table = losses_of(chain.target, networks, results);
    if (table.find(chain.first) == table.networks.size() || table.find(chain.through) == table.networks.size()) {
      logger.warning("the chain {} > {} > {} is left out: a direct transfer to compare it with did not finish", chain.first, chain.through, chain.target);
      continue;
    }
    add_buildings(study, results, table);
    rows.push_back(row_of(study, chain, table));
  }
  if (rows.empty()) return nullptr;
  return {{"asked", join(study.options().search.chains, ", ")}, {"rows", std::move(rows)}};
}

void write_chain_table(const std::filesystem::path& folder, const nlohmann::json& chains) {
  std::string text = "first,through,target," + join(kNumbers, ",") + "\n";
  for (const nlohmann::json& row : chains.at("rows")) {
    std::vector<std::string> cells;
    for (const char* name : {"first", "through", "target"}) cells.push_back(taxonomy::csv_field(row.at(name).get<std::string>()));
    for (const std::string& key : kNumbers) cells.push_back(row.at(key).is_number() ? taxonomy::csv_number(row.at(key).get<double>()) : "");
    text += join(cells, ",") + "\n";
  }
  write_file_atomically(folder / kChainsFile, text);
}

}  // namespace affinis::experiments
