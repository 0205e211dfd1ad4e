#include "experiments/study/adaptive.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <thread>
#include <utility>

#include "experiments/study/forecast.h"
#include "experiments/study/prospects.h"
#include "experiments/study/wanted.h"
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

/// What the forecast says of a transfer that is not trained for now.
DroppedTransfer unbegun(const Candidate& candidate, const Prospect* prospect, const std::string& leader) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  const DroppedTransfer unknown{candidate, 0, leader, kUnknown, 0, 1, kUnknown};
  if (prospect == nullptr) return unknown;
  const std::size_t network = prospect->errors.find(join(candidate.sources, "+"));
  const std::size_t rival = prospect->errors.find(leader);
  const std::size_t none = prospect->errors.networks.size();
  return network == none || rival == none ? unknown : dropped_transfer(prospect->errors, taxonomy::loser_against(prospect->errors, network, rival), 0);
}

/// One target's candidates to begin with: where a forecast may choose, its `least` best; else all. Never the target's own encoder.
std::vector<Candidate> to_begin_with(StudyGraph& study, std::vector<Candidate> candidates, std::size_t least, const Prospect* prospect) {
  const bool decides = prospect != nullptr && prospect->decides;
  const auto worth = [&](const Candidate& candidate) {
    if (prospect == nullptr) return 0.0;
    const auto it = prospect->affinity.find(join(candidate.sources, "+"));
    return it == prospect->affinity.end() ? 0.0 : it->second;
  };
  // Stable, so that equal ones stand by name.
  std::stable_sort(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
    return is_own(a) != is_own(b) ? is_own(b) : worth(a) > worth(b);
  });
  const std::string leader = join(candidates.front().sources, "+");
  std::vector<Candidate> begun;
  std::vector<DroppedTransfer> dropped;
  for (const Candidate& candidate : candidates) {
    const bool own = is_own(candidate) && candidates.size() > 1;
    if (!own && (!decides || begun.size() < least)) {
      begun.push_back(candidate);
    } else {
      dropped.push_back(unbegun(candidate, prospect, leader));
    }
  }
  study.note_dropped(dropped);
  return begun;
}

/// One target's candidates that go on after a rung.
std::vector<Candidate> after_rung(StudyGraph& study, const std::vector<Candidate>& candidates, std::int64_t until, std::size_t least,
                                  const Results& results) {
  const taxonomy::LossTable table = rung_losses(candidates, until, results);
  taxonomy::HalvingOptions options{.least = least};
  options.images_per_loss = static_cast<double>(study.options().trainer("transfer", table.target).batch_size);
  std::vector<DroppedTransfer> dropped;
  for (const taxonomy::Loser& loser : taxonomy::halve(table, options).losers) dropped.push_back(dropped_transfer(table, loser, until));
  return without(study, candidates, dropped);
}

/// What each target's readouts say; nothing where they cannot be had.
Prospects forecast(StudyGraph& study, const std::filesystem::path& folder, Logger& logger) {
  Prospects known;
  try {
    // The workers wait meanwhile.
    const auto cores = std::min<std::size_t>(study.options().run.devices.size(), std::max(1U, std::thread::hardware_concurrency()));
    known = prospects(forecast_losses(study, folder, {}, static_cast<std::int64_t>(cores), logger));
  } catch (const Error& error) {
    logger.warning("the search goes without a forecast: {}", error.what());
  }
  StudyGraph::Forecasts forecasts;
  for (const auto& [target, prospect] : known) {
    if (!prospect.decides) continue;
    for (const auto& [sources, affinity] : prospect.affinity) forecasts[target][sources] = std::log(affinity);
  }
  study.note_forecasts(std::move(forecasts));
  return known;
}

/// Trains dropped transfers that might matter, and asks again, until none is left.
run::RunSummary train_what_is_wanted(StudyGraph& study, run::RunSummary run, std::size_t best, const RunStage& run_stage, Logger& logger) {
  for (;;) {
    const std::vector<DroppedTransfer> wanted = wanted_transfers(study, collect_losses(study, results_of(run), logger), best);
    if (wanted.empty()) return run;
    logger.info("{} of {} dropped transfers might matter and are trained after all", wanted.size(), study.dropped().size());
    for (const DroppedTransfer& dropped : wanted) study.take_up_again(dropped);
    run = run_stage();
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

  if (order == 1) {
    Prospects known;
    if (search.forecast) {
      run_stage();
      known = forecast(study, folder, logger);
    }
    std::vector<Candidate> halved;
    std::size_t begun = 0;
    for (const auto& [target, own] : by_target(candidates)) {
      const auto prospect = known.find(target);
      const std::vector<Candidate> first = to_begin_with(study, own, least, prospect == known.end() ? nullptr : &prospect->second);
      begun += first.size();
      if (study.forecasts().contains(target)) {
        study.add_transfers(first);
      } else {
        halved.insert(halved.end(), first.begin(), first.end());
      }
    }
    logger.info("order 1: {} of {} transfers are begun, {} of them by rungs", begun, candidates.size(), halved.size());
    candidates = std::move(halved);
  }
  std::int64_t from = 0;
  for (const std::int64_t until : taxonomy::rung_steps(search.rungs, study.options().transfer.steps)) {
    if (candidates.empty()) break;
    study.add_rungs(candidates, until, from);
    const Results results = results_of(run_stage());
    std::vector<Candidate> left;
    for (const auto& [target, own] : by_target(candidates)) {
      const std::vector<Candidate> survivors = after_rung(study, own, until, least, results);
      left.insert(left.end(), survivors.begin(), survivors.end());
    }
    logger.info("order {}: {} of {} transfers go on after step {}", order, left.size(), candidates.size(), until);
    candidates = std::move(left);
    from = until;
  }
  study.add_transfers(candidates, from);
  run::RunSummary run = run_stage();
  return order == 1 ? train_what_is_wanted(study, std::move(run), least, run_stage, logger) : run;
}

run::RunSummary end_search(StudyGraph& study, run::RunSummary run, const RunStage& run_stage, Logger& logger) {
  if (study.options().search.max_order > 1) run = train_what_is_wanted(study, std::move(run), 1, run_stage, logger);
  if (run.complete()) forget_checkpoints(study.graph(), results_of(run));
  return run;
}

}  // namespace affinis::experiments
