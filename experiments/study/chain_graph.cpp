// The part of StudyGraph that is about chains of transfers.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "experiments/study/chains.h"
#include "experiments/study/study_graph.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {
namespace {

bool is_in(const std::vector<std::string>& names, const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); }

}  // namespace

std::string Chain::job_name() const { return "chain/" + first + ">" + through + "--" + target; }

Chain StudyGraph::parse_chain(const std::string& text) const {
  const std::vector<std::string> parts = split(text, '>');
  AFFINIS_CHECK(parts.size() == 3, ErrorCode::kConfig, "search.chains has '{}'; write first>through>target, for example edge2d>rgb2depth>reshade, or all, or best",
                text);
  const auto resolved = [&](const std::string& name) { return is_in(sources_, name) ? name : registry_->get(name)->info.name; };
  const Chain chain{resolved(parts[0]), resolved(parts[1]), resolved(parts[2])};
  AFFINIS_CHECK(chain.first != chain.through && chain.through != chain.target && chain.first != chain.target, ErrorCode::kConfig,
                "search.chains has '{}', in which a task stands twice; name three different ones", text);
  for (const std::string& name : {chain.first, chain.through}) {
    AFFINIS_CHECK(is_in(sources_, name), ErrorCode::kConfig, "search.chains has '{}', but {} is no source of this study; add it to tasks.sources", text, name);
  }
  for (const std::string& name : {chain.through, chain.target}) {
    AFFINIS_CHECK(is_in(targets_, name), ErrorCode::kConfig, "search.chains has '{}', but {} is no target of this study; add it to tasks.targets", text, name);
  }
  return chain;
}

void StudyGraph::find_possible_chains() {
  std::set<Chain> chains;
  for (const std::string& text : options_.search.chains) {
    if (text != kAllChains && text != kBestChains) {
      chains.insert(parse_chain(text));
      continue;
    }
    for (const std::string& first : sources_) {
      for (const std::string& through : sources_) {
        for (const std::string& target : targets_) {
          if (is_in(targets_, through) && first != through && through != target && first != target) chains.insert({first, through, target});
        }
      }
    }
    AFFINIS_CHECK(!chains.empty(), ErrorCode::kConfig, "search.chains asks for chains, but the study has no three tasks to make one of: two sources, one of them a target too, and another target");
  }
  possible_chains_.assign(chains.begin(), chains.end());
}

std::vector<std::string> StudyGraph::chain_jobs(const Chain& chain) const { return seeded_jobs(chain.job_name(), "transfer", chain.target); }

void StudyGraph::add_chains(const std::vector<Chain>& chains) {
  for (const Chain& chain : chains) {
    const std::string source = transfer::chain_source_name(chain.first, chain.through);
    const std::string encoding = transfer::encode_job_name(source);
    if (!graph_.contains(encoding)) {
      graph_.add(transfer::make_chain_job({spec_, chain.first, chain.through, Candidate{{chain.first}, chain.through}.job_name()}));
    }
    transfer::TransferSpec spec = transfer_spec({{source}, chain.target});
    spec.keep_function = false;
    for (const std::string& job : chain_jobs(chain)) {
      graph_.add(by_head(transfer::make_transfer_job(spec, job, {encoding}, data_inputs())));
      ++spec.trainer.seed;
    }
  }
}

}  // namespace affinis::experiments
