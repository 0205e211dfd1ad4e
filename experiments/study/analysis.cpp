#include "experiments/study/analysis.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/data_set.h"
#include "transfer/job_kinds.h"
#include "transfer/loss_file.h"

namespace affinis::experiments {
namespace {

void add_losses(taxonomy::LossTable& table, const std::string& network, const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / transfer::kLossFile;
  const transfer::LossFile losses = transfer::read_loss_file(path);
  if (table.networks.empty()) table.images = losses.indices;
  AFFINIS_CHECK(losses.indices == table.images, ErrorCode::kData,
                "{} compares other images than the other networks of {}; remove its job folder and run again", path.string(),
                table.target);
  table.networks.push_back(network);
  table.losses.insert(table.losses.end(), losses.losses.begin(), losses.losses.end());
}

/// Every set of `size` of the items, in lexicographic order of positions.
std::vector<std::vector<std::string>> subsets(const std::vector<std::string>& items, std::size_t size) {
  std::vector<std::vector<std::string>> result;
  std::vector<char> chosen(items.size(), 0);
  if (size > items.size()) return result;
  std::fill(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(size), 1);
  do {
    std::vector<std::string> subset;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (chosen[i] != 0) subset.push_back(items[i]);
    }
    std::sort(subset.begin(), subset.end());
    result.push_back(std::move(subset));
  } while (std::prev_permutation(chosen.begin(), chosen.end()));
  return result;
}

taxonomy::AffinityOptions affinity_options(const StudyGraph& study) {
  taxonomy::AffinityOptions options;
  options.gain_against = study.options().taxonomy.gain_against;
  return options;
}

}  // namespace

taxonomy::LossTable losses_of(const std::string& target, const std::vector<NetworkJobs>& networks, const Results& results) {
  std::size_t count = 1;
  for (const NetworkJobs& each : networks) count = std::max(count, each.jobs.size());
  std::vector<taxonomy::LossTable> seeds(count);
  for (std::size_t seed = 0; seed < count; ++seed) {
    taxonomy::LossTable& table = seeds[seed];
    table.target = target;
    table.images = seeds.front().images;
    for (const NetworkJobs& each : networks) {
      if (!results.contains(each.jobs.front())) continue;
      const auto it = results.find(each.jobs[each.jobs.size() == 1 ? 0 : seed]);
      if (it != results.end()) {
        add_losses(table, each.network, it->second);
        continue;
      }
      table.networks.push_back(each.network);
      table.losses.insert(table.losses.end(), table.images.size(), std::numeric_limits<double>::quiet_NaN());
    }
  }
  return taxonomy::join_seeds(seeds);
}

std::vector<NetworkJobs> own_jobs(const StudyGraph& study, const std::string& task) {
  std::vector<NetworkJobs> jobs = {{transfer::kSelfRole, {StudyGraph::network_job(task)}}};
  for (const char* role : kBaselineRoles) jobs.push_back({role, study.baseline_jobs(role, task)});
  return jobs;
}

Results results_of(const run::RunSummary& summary) {
  Results results;
  for (const auto& [name, outcome] : summary.jobs) {
    const bool done = outcome.state == run::JobOutcome::State::kDone || outcome.state == run::JobOutcome::State::kReused;
    if (done) results[name] = outcome.folder;
  }
  return results;
}

std::vector<taxonomy::LossTable> collect_losses(const StudyGraph& study, const Results& results, Logger& logger) {
  std::vector<taxonomy::LossTable> tables;
  for (const std::string& target : study.targets()) {
    std::vector<NetworkJobs> networks = own_jobs(study, target);
    std::size_t transfers = 0;
    for (const run::Job& job : study.graph().jobs()) {
      if (!is_whole_transfer(job) || job.spec.at("target") != target) continue;
      const Candidate candidate{job.spec.at("sources").get<std::vector<std::string>>(), target};
      networks.push_back({join(candidate.sources, "+"), study.transfer_jobs(candidate)});
      transfers += results.contains(job.name) ? 1 : 0;
    }
    if (transfers == 0 || !results.contains(networks.front().jobs.front())) {
      logger.warning("target {} is left out of the taxonomy: {}", target,
                     transfers == 0 ? "none of its transfers finished" : "its own network did not finish");
      continue;
    }
    tables.push_back(losses_of(target, networks, results));
  }
  return tables;
}

taxonomy::LossTable own_losses(const StudyGraph& study, const std::string& task, const Results& results) {
  return losses_of(task, own_jobs(study, task), results);
}

std::vector<taxonomy::TargetAffinity> affinities(const StudyGraph& study, const std::vector<taxonomy::LossTable>& tables) {
  const taxonomy::AffinityOptions options = affinity_options(study);
  std::vector<taxonomy::TargetAffinity> result;
  for (const taxonomy::LossTable& table : tables) result.push_back(taxonomy::target_affinity(table, options));
  return result;
}

void add_buildings(const StudyGraph& study, const Results& results, taxonomy::LossTable& table) {
  const auto rendered = results.find(transfer::kDataJob);
  const data::DataSet data(rendered != results.end() ? rendered->second : std::filesystem::path(study.options().data.folder));
  const data::Store& store = data.split(data::kTestSplit);
  for (const std::int64_t image : table.images) table.buildings.push_back(store.key(image).building);
}

Intervals intervals(const StudyGraph& study, const Results& results, std::vector<taxonomy::LossTable> tables,
                    const std::vector<taxonomy::TargetAffinity>& affinities, Logger& logger) {
  Intervals result;
  for (std::size_t t = 0; t < tables.size() && study.options().search.seeds > 1; ++t) {
    result.seeds.push_back(taxonomy::seed_intervals(tables[t], affinities[t], affinity_options(study), result.options.level));
  }
  result.options.draws = study.options().taxonomy.draws;
  if (result.options.draws == 0 || tables.empty()) return result;
  for (taxonomy::LossTable& table : tables) add_buildings(study, results, table);
  try {
    result.units = taxonomy::test_units(tables);
    if (result.units.count < 2) return result;
    result.targets = taxonomy::bootstrap(tables, affinities, result.units, affinity_options(study), result.options);
  } catch (const Error& error) {
    logger.warning("the results have no intervals: {}", error.what());
    result.targets.clear();
  }
  return result;
}

std::vector<Candidate> next_order(const StudyGraph& study, const std::vector<taxonomy::LossTable>& tables, std::int64_t order) {
  std::vector<Candidate> result;
  for (const taxonomy::TargetAffinity& affinity : affinities(study, tables)) {
    std::vector<const taxonomy::TransferRow*> ranking;
    for (const taxonomy::TransferRow& row : affinity.rows) {
      if (row.order == 1 && !row.is_self() && row.sources.front() != row.target) ranking.push_back(&row);
    }
    std::sort(ranking.begin(), ranking.end(), [](const taxonomy::TransferRow* a, const taxonomy::TransferRow* b) {
      return a->affinity != b->affinity ? a->affinity > b->affinity : a->sources < b->sources;
    });
    std::vector<std::string> best;
    for (std::size_t i = 0; i < std::min(ranking.size(), static_cast<std::size_t>(study.top(order))); ++i) {
      best.push_back(ranking[i]->sources.front());
    }
    for (std::vector<std::string>& sources : subsets(best, static_cast<std::size_t>(order))) {
      result.push_back({std::move(sources), affinity.tournament.target});
    }
  }
  return result;
}

}  // namespace affinis::experiments
