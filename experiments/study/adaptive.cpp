#include "experiments/study/adaptive.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <optional>

#include "experiments/study/expected.h"
#include "experiments/study/forecast.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "taxonomy/halving.h"
#include "transfer/loss_file.h"

namespace affinis::experiments {
namespace {

using Prospects = std::map<std::string, Prospect>;

/// Losses of the same batches of one target's candidates; candidates whose rung did not finish are left out.
taxonomy::LossTable rung_losses(const std::vector<Candidate>& candidates, std::int64_t until, const Results& results) {
  taxonomy::LossTable table;
  table.target = candidates.front().target;
  for (const Candidate& candidate : candidates) {
    const auto it = results.find(transfer::rung_job_name(candidate.sources, candidate.target, until));
    if (it == results.end()) continue;
    const transfer::LossFile losses = transfer::read_loss_file(it->second / transfer::kLossFile);
    if (table.networks.empty()) table.images = losses.indices;
    table.networks.push_back(join(candidate.sources, "+"));
    table.losses.insert(table.losses.end(), losses.losses.begin(), losses.losses.end());
  }
  return table;
}

std::map<std::string, std::vector<Candidate>> by_target(const std::vector<Candidate>& candidates) {
  std::map<std::string, std::vector<Candidate>> result;
  for (const Candidate& candidate : candidates) result[candidate.target].push_back(candidate);
  return result;
}

bool is_own(const Candidate& candidate) { return candidate.sources == std::vector<std::string>{candidate.target}; }

DroppedTransfer dropped_transfer(const taxonomy::LossTable& table, const taxonomy::Loser& loser, std::int64_t until) {
  return {{split(table.networks[loser.network], '+'), table.target}, until,     table.networks[loser.leader], loser.win_rate,
          loser.low,                                                 loser.high, loser.per_image};
}

/// Notes the losers of one comparison; the candidates without them.
std::vector<Candidate> without(StudyGraph& study, const std::vector<Candidate>& candidates, const std::vector<DroppedTransfer>& dropped) {
  study.note_dropped(dropped);
  std::vector<Candidate> left;
  std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(left), [&](const Candidate& candidate) {
    return std::none_of(dropped.begin(), dropped.end(), [&](const DroppedTransfer& each) { return each.candidate == candidate; });
  });
  return left;
}

/// Those rows of a table that belong to candidates.
taxonomy::LossTable rows_of(const taxonomy::LossTable& table, const std::vector<Candidate>& candidates) {
  taxonomy::LossTable result;
  result.target = table.target;
  result.images = table.images;
  for (const Candidate& candidate : candidates) {
    const std::size_t network = table.find(join(candidate.sources, "+"));
    if (network == table.networks.size()) continue;
    result.networks.push_back(table.networks[network]);
    for (std::size_t i = 0; i < table.images.size(); ++i) result.losses.push_back(table.loss(network, i));
  }
  return result;
}

/// What the forecast says of the target's own encoder, so that its share of the affinities can be reckoned with.
DroppedTransfer own_transfer(const Candidate& candidate, const Prospect* prospect, const std::string& leader) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  DroppedTransfer own{candidate, 0, leader, kUnknown, 0, 1, kUnknown};
  if (prospect == nullptr) return own;
  const std::size_t network = prospect->errors.find(candidate.target);
  const std::size_t rival = prospect->errors.find(leader);
  const std::size_t none = prospect->errors.networks.size();
  return network == none || rival == none ? own : dropped_transfer(prospect->errors, taxonomy::loser_against(prospect->errors, network, rival), 0);
}

/// One target's candidates that are worth a first step.
std::vector<Candidate> by_forecast(StudyGraph& study, std::vector<Candidate> candidates, std::size_t least, const Prospect* prospect) {
  const auto own = std::find_if(candidates.begin(), candidates.end(), is_own);
  std::optional<Candidate> own_candidate;
  if (own != candidates.end() && candidates.size() > 1) {
    own_candidate = *own;
    candidates.erase(own);
  }
  std::string leader = join(candidates.front().sources, "+");
  if (prospect != nullptr) {
    const taxonomy::LossTable table = rows_of(prospect->errors, candidates);
    std::vector<double> affinity;
    for (const std::string& network : table.networks) affinity.push_back(prospect->affinity.at(network));
    const taxonomy::HalvingResult halved = taxonomy::halve(table, {.least = least, .prior = affinity});
    if (!affinity.empty()) leader = table.networks[static_cast<std::size_t>(std::max_element(affinity.begin(), affinity.end()) - affinity.begin())];
    if (prospect->decides) {
      std::vector<DroppedTransfer> dropped;
      for (const taxonomy::Loser& loser : halved.losers) dropped.push_back(dropped_transfer(table, loser, 0));
      candidates = without(study, candidates, dropped);
    }
  }
  if (own_candidate) study.note_dropped({own_transfer(*own_candidate, prospect, leader)});
  return candidates;
}

/// One target's candidates that go on after a rung.
std::vector<Candidate> after_rung(StudyGraph& study, const std::vector<Candidate>& candidates, std::int64_t until, std::size_t least,
                                  const Results& results, const Prospect* prospect) {
  const taxonomy::LossTable table = rung_losses(candidates, until, results);
  taxonomy::HalvingOptions options{.least = least};
  options.images_per_loss = static_cast<double>(study.options().trainer("transfer", table.target).batch_size);
  if (prospect != nullptr && prospect->decides) {
    for (const std::string& network : table.networks) {
      const auto it = prospect->affinity.find(network);
      options.prior.push_back(it == prospect->affinity.end() ? 0 : it->second);
    }
  }
  std::vector<DroppedTransfer> dropped;
  for (const taxonomy::Loser& loser : taxonomy::halve(table, options).losers) dropped.push_back(dropped_transfer(table, loser, until));
  return without(study, candidates, dropped);
}

/// What each target's readouts say; nothing where they cannot be had.
Prospects forecast(const StudyGraph& study, const std::filesystem::path& folder, Logger& logger) {
  try {
    return prospects(forecast_losses(study, folder, {}, logger));
  } catch (const Error& error) {
    logger.warning("the search goes without a forecast: {}", error.what());
    return {};
  }
}

/// Rungs' checkpoints are of no use once the search is done, and large; their losses stay.
void forget_checkpoints(const run::JobGraph& graph, const Results& results) {
  for (const run::Job& job : graph.jobs()) {
    const auto it = results.find(job.name);
    if (!job.name.starts_with(transfer::kRungPrefix) || it == results.end()) continue;
    for (const char* file : transfer::kCheckpointFiles) {
      std::error_code ignored;
      std::filesystem::remove(it->second / file, ignored);
    }
  }
}

void require_equal_steps(const StudyGraph& study, const std::vector<Candidate>& candidates) {
  const std::int64_t steps = study.options().transfer.steps;
  for (const Candidate& candidate : candidates) {
    const std::int64_t own = study.options().trainer("transfer", candidate.target).steps;
    AFFINIS_CHECK(steps > 0 && own == steps, ErrorCode::kConfig,
                  "search.adaptive counts its rungs in steps: set transfer.steps, the same for every target (it is {} for {})", own,
                  candidate.target);
  }
}

}  // namespace

run::RunSummary search_adaptively(StudyGraph& study, std::vector<Candidate> candidates, std::int64_t order, const std::filesystem::path& folder,
                                  const RunStage& run_stage, Logger& logger) {
  const SearchOptions& search = study.options().search;
  require_equal_steps(study, candidates);
  // The next order is made of this one's best.
  const std::size_t least = order < search.max_order ? static_cast<std::size_t>(study.top(order + 1)) : 1;
  Prospects known;
  const auto prospect_of = [&](const std::string& target) {
    const auto it = known.find(target);
    return it == known.end() ? nullptr : &it->second;
  };
  const auto narrow = [&](const auto& one_target) {
    std::vector<Candidate> left;
    for (const auto& [target, own] : by_target(candidates)) {
      const std::vector<Candidate> survivors = one_target(own, prospect_of(target));
      left.insert(left.end(), survivors.begin(), survivors.end());
    }
    std::swap(candidates, left);
    return left.size();
  };

  if (order == 1) {
    if (search.forecast) {
      run_stage();
      known = forecast(study, folder, logger);
    }
    const std::size_t before = narrow([&](const auto& own, const Prospect* prospect) { return by_forecast(study, own, least, prospect); });
    logger.info("order 1: {} of {} transfers are begun", candidates.size(), before);
  }
  std::int64_t from = 0;
  for (const std::int64_t until : taxonomy::rung_steps(search.rungs, study.options().transfer.steps)) {
    study.add_rungs(candidates, until, from);
    const Results results = results_of(run_stage());
    const std::size_t before =
        narrow([&](const auto& own, const Prospect* prospect) { return after_rung(study, own, until, least, results, prospect); });
    from = until;
    logger.info("order {}: {} of {} transfers go on after step {}", order, candidates.size(), before, until);
  }
  study.add_transfers(candidates, from);
  return run_stage();
}

run::RunSummary train_what_taxonomies_want(StudyGraph& study, run::RunSummary run, const RunStage& run_stage, Logger& logger) {
  for (;;) {
    const std::vector<DroppedTransfer> wanted = wanted_by_taxonomies(study, collect_losses(study, results_of(run), logger));
    if (wanted.empty()) break;
    logger.info("{} dropped transfers might have a place in a taxonomy and are trained after all", wanted.size());
    for (const DroppedTransfer& dropped : wanted) study.take_up_again(dropped);
    run = run_stage();
  }
  if (run.complete()) forget_checkpoints(study.graph(), results_of(run));
  return run;
}

}  // namespace affinis::experiments
