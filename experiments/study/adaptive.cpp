#include "experiments/study/adaptive.h"

#include <algorithm>
#include <map>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "taxonomy/halving.h"
#include "transfer/loss_file.h"

namespace affinis::experiments {
namespace {

/// Rung losses of one target's candidates; candidates whose rung did not finish are left out.
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

/// Who goes on after a rung.
std::vector<Candidate> survivors(StudyGraph& study, const std::vector<Candidate>& candidates, std::int64_t until, std::size_t least,
                                 const Results& results) {
  std::vector<Candidate> all;
  for (const auto& [target, own] : by_target(candidates)) {
    const taxonomy::LossTable table = rung_losses(own, until, results);
    const taxonomy::HalvingResult halved = taxonomy::halve(table, least);
    std::vector<DroppedTransfer> dropped;
    for (const taxonomy::Loser& loser : halved.losers) {
      dropped.push_back({{split(table.networks[loser.network], '+'), target},
                         until,
                         table.networks[loser.leader],
                         loser.win_rate,
                         loser.low,
                         loser.high});
    }
    study.note_dropped(dropped);
    for (const Candidate& candidate : own) {
      const bool lost = std::any_of(dropped.begin(), dropped.end(),
                                    [&](const DroppedTransfer& each) { return each.candidate.sources == candidate.sources; });
      if (!lost) all.push_back(candidate);
    }
  }
  return all;
}

/// Rungs' checkpoints are of no use once the order is done, and large; their losses stay.
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

}  // namespace

run::RunSummary run_order(StudyGraph& study, std::vector<Candidate> candidates, std::int64_t order, const RunStage& run_stage, Logger& logger) {
  const SearchOptions& search = study.options().search;
  std::int64_t from = 0;
  if (search.adaptive) {
    // The next order is made of this one's best.
    const std::size_t least = order < search.max_order ? static_cast<std::size_t>(study.top(order + 1)) : 1;
    const std::int64_t steps = study.options().transfer.steps;
    for (const auto& [target, own] : by_target(candidates)) {
      AFFINIS_CHECK(steps > 0 && study.options().trainer("transfer", target).steps == steps, ErrorCode::kConfig,
                    "search.adaptive counts its rungs in steps: set transfer.steps, the same for every target (it is {} for {})",
                    study.options().trainer("transfer", target).steps, target);
    }
    for (const std::int64_t until : taxonomy::rung_steps(search.rungs, steps)) {
      const std::size_t before = candidates.size();
      study.add_rungs(candidates, until, from);
      candidates = survivors(study, candidates, until, least, results_of(run_stage()));
      from = until;
      logger.info("order {}: {} of {} transfers go on after step {}", order, candidates.size(), before, until);
    }
  }
  study.add_transfers(candidates, from);
  run::RunSummary run = run_stage();
  if (search.adaptive && run.complete()) forget_checkpoints(study.graph(), results_of(run));
  return run;
}

}  // namespace affinis::experiments
