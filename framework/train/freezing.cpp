#include "framework/train/freezing.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include <ATen/ATen.h>

#include "framework/core/error.h"
#include "framework/core/hash.h"
#include "framework/core/text.h"
#include "framework/train/trunk_parts.h"

namespace affinis::train {
namespace {

/// Whether `name` is `pattern` with anything in the place of each *.
bool matches(std::string_view name, std::string_view pattern) {
  std::size_t n = 0;
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

/// Weight and bias of every BatchNorm: parameters beside a running mean.
std::set<std::string> norm_parameters(const Network& network) {
  constexpr std::string_view kMean = "running_mean";
  std::set<std::string> result;
  for (const nn::NamedTensor& each : network.state()) {
    if (!each.name.ends_with(kMean)) continue;
    const std::string prefix = each.name.substr(0, each.name.size() - kMean.size());
    result.insert(prefix + "weight");
    result.insert(prefix + "bias");
  }
  return result;
}

/// How many parts of the trunk, from the input up, are frozen in the step after a share of the training, and where that changes.
struct Ladder {
  std::vector<TrunkPart> parts;
  std::vector<std::pair<double, std::size_t>> rungs;  ///< from this share on so many parts
};

Ladder ladder_of(const Network& network, const TrainerOptions& options) {
  const AdaptationOptions& adaptation = options.adaptation;
  const double alone = std::max(adaptation.probe, options.balance.heads_first);
  Ladder ladder{adaptation.freeze == "blocks" ? trunk_blocks(network) : trunk_stages(network), {}};
  const std::size_t all = ladder.parts.size();
  AFFINIS_CHECK(all > 0 || (adaptation.freeze == "none" && alone == 0), ErrorCode::kUsage,
                "{} is set, but this network has no trunk that learns; leave it out",
                adaptation.freeze != "none" ? "freeze" : adaptation.probe > 0 ? "probe" : "heads_first");
  if (alone > 0) ladder.rungs.push_back({0, all});
  if (adaptation.freeze == "gradual") {
    for (std::size_t open = 0; open <= all; ++open) {
      ladder.rungs.push_back({alone + static_cast<double>(open) * adaptation.unfreeze_every, all - open});
    }
    return ladder;
  }
  std::size_t frozen = adaptation.freeze == "all" ? all : static_cast<std::size_t>(adaptation.freeze_count);
  if (frozen > all) {
    std::vector<std::string> names;
    for (const TrunkPart& part : ladder.parts) names.push_back(part.name);
    fail(ErrorCode::kUsage, "freeze_count is {}, but the trunk has {} {}: {}; it is a count from the input up", frozen, all, adaptation.freeze,
         join(names, ", "));
  }
  ladder.rungs.push_back({alone, frozen});
  return ladder;
}

/// `norms`: parameters that may learn in a part that counts as frozen all the same.
std::string in_words(const Network& network, const std::set<std::string>& frozen, const std::set<std::string>& norms) {
  std::vector<std::string> parts;
  std::size_t told = 0;
  const std::vector<TrunkPart> all = trunk_blocks(network);
  std::size_t parameters = 0;
  for (const TrunkPart& part : all) {
    std::size_t here = 0;
    bool whole = true;
    for (const std::string& name : part.parameters) {
      here += frozen.contains(name) ? 1 : 0;
      whole = whole && (frozen.contains(name) || norms.contains(name));
    }
    parameters += part.parameters.size();
    if (!whole || here == 0) continue;
    parts.push_back(part.name);
    told += here;
  }
  const bool trunk = !all.empty() && parts.size() == all.size();
  std::string text = trunk ? "the trunk" : parts.size() > 2 ? parts.front() + " to " + parts.back() : join(parts, " and ");
  if (parts.size() > 2 && !trunk) {
    // A gap would make "a to b" wrong.
    const auto first = std::find_if(all.begin(), all.end(), [&](const TrunkPart& part) { return part.name == parts.front(); });
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if ((first + static_cast<std::ptrdiff_t>(i))->name == parts[i]) continue;
      text = join(parts, ", ");
      break;
    }
  }
  if (frozen.size() > told) text += fmt::format("{}{} further parameters", text.empty() ? "" : " and ", frozen.size() - told);
  return text.empty() ? "nothing is frozen" : "frozen: " + text;
}

std::string hash_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().cpu().contiguous();
  return hash128_hex({static_cast<const std::byte*>(flat.const_data_ptr()), flat.nbytes()});
}

}  // namespace

std::vector<FreezePhase> freeze_phases(const Network& network, const TrainerOptions& options, std::int64_t steps) {
  const AdaptationOptions& adaptation = options.adaptation;
  const Ladder ladder = ladder_of(network, options);
  std::vector<std::string> names;
  std::set<std::string> learning;
  for (const nn::NamedTensor& each : network.parameters()) {
    names.push_back(each.name);
    if (each.tensor.requires_grad()) learning.insert(each.name);
  }
  std::set<std::string> always;
  for (const std::string& pattern : adaptation.freeze_names) {
    const std::size_t before = always.size();
    for (const std::string& name : names) {
      if (matches(name, pattern)) always.insert(name);
    }
    AFFINIS_CHECK(always.size() > before || std::any_of(always.begin(), always.end(), [&](const std::string& name) { return matches(name, pattern); }),
                  ErrorCode::kUsage, "freeze_names has '{}', which is the name of no parameter{}; names begin with trunk. or heads.", pattern,
                  did_you_mean(pattern, names));
  }
  const std::set<std::string> norms = adaptation.train_frozen_norms ? norm_parameters(network) : std::set<std::string>();

  std::vector<FreezePhase> phases;
  for (const auto& [share, count] : ladder.rungs) {
    const std::int64_t begin = std::llround(share * static_cast<double>(steps));
    if (begin >= steps && !phases.empty()) break;
    std::set<std::string> frozen = always;
    for (std::size_t i = 0; i < count; ++i) frozen.insert(ladder.parts[i].parameters.begin(), ladder.parts[i].parameters.end());
    for (const std::string& name : norms) frozen.erase(name);
    FreezePhase phase{in_words(network, frozen, norms), begin + 1, steps, {}};
    for (const std::string& name : names) {
      if (frozen.contains(name)) phase.frozen.push_back(name);
    }
    const bool learns = std::any_of(learning.begin(), learning.end(), [&](const std::string& name) { return !frozen.contains(name); });
    AFFINIS_CHECK(learns || learning.empty(), ErrorCode::kUsage, "freeze_names and freeze leave nothing to learn from step {} on; freeze less",
                  begin + 1);
    // A rung without a step of its own, or without a change, is none.
    if (!phases.empty() && phases.back().first_step == phase.first_step) phases.pop_back();
    if (!phases.empty() && phases.back().frozen == phase.frozen) continue;
    if (!phases.empty()) phases.back().last_step = begin;
    phases.push_back(std::move(phase));
  }
  return phases;
}

Freezing::Freezing(Network& network, const TrainerOptions& options, std::int64_t steps)
    : network_(network), phases_(freeze_phases(network, options, steps)) {
  active_ = std::any_of(phases_.begin(), phases_.end(), [](const FreezePhase& phase) { return !phase.frozen.empty(); });
}

Freezing::~Freezing() {
  if (active_) network_.freeze({});
}

const FreezePhase& Freezing::phase_of(std::int64_t step) const {
  const FreezePhase* found = &phases_.front();
  for (const FreezePhase& phase : phases_) {
    if (phase.first_step <= step) found = &phase;
  }
  return *found;
}

bool Freezing::trunk_rests(std::int64_t finished) const {
  const std::vector<std::string>& list = phase_of(finished + 1).frozen;
  const std::set<std::string> frozen(list.begin(), list.end());
  const std::vector<nn::NamedTensor> parameters = network_.parameters();
  return std::all_of(parameters.begin(), parameters.end(),
                     [&](const nn::NamedTensor& each) { return !each.name.starts_with("trunk.") || frozen.contains(each.name); });
}

std::vector<Freezing::Hashed> Freezing::hash_frozen() const {
  std::vector<Hashed> result;
  for (const nn::NamedTensor& each : frozen_state(network_, {current_->frozen.begin(), current_->frozen.end()})) {
    result.push_back({each.name, hash_of(each.tensor)});
  }
  return result;
}

void Freezing::begin(const FreezePhase& phase) {
  current_ = &phase;
  network_.freeze(phase.frozen);
}

void Freezing::before_step(std::int64_t finished, Logger& logger) {
  if (!active_) return;
  const FreezePhase& phase = phase_of(finished + 1);
  if (&phase == current_) return;
  end(finished, logger);
  begin(phase);
  before_ = hash_frozen();
  const auto norms = std::count_if(before_.begin(), before_.end(), [](const Hashed& each) { return each.name.ends_with("running_mean"); });
  logger.event(LogLevel::kInfo,
               fmt::format("steps {} to {}: {} ({} tensors, {} BatchNorms in evaluation mode)", phase.first_step, phase.last_step, phase.name,
                           before_.size(), norms),
               {{"frozen_norms", norms}, {"freeze_phase", phase.name}, {"first_step", phase.first_step}, {"last_step", phase.last_step}, {"frozen_tensors", before_.size()}});
}

void Freezing::finish(std::int64_t finished, Logger& logger) {
  if (!active_) return;
  end(finished, logger);
  network_.freeze({});
}

void Freezing::end(std::int64_t last_step, Logger& logger) {
  if (current_ == nullptr) return;
  const std::vector<Hashed> after = hash_frozen();
  const auto digest = [](const std::vector<Hashed>& hashes) {
    std::string text;
    for (const Hashed& each : hashes) text += each.name + each.hash;
    return hash128_hex(text);
  };
  std::string moved;
  for (std::size_t i = 0; i < std::max(before_.size(), after.size()) && moved.empty(); ++i) {
    if (i >= before_.size() || i >= after.size() || before_[i].name != after[i].name || before_[i].hash != after[i].hash) {
      moved = (i < after.size() ? after : before_)[i].name;
    }
  }
  const FreezePhase& phase = *current_;
  current_ = nullptr;
  if (before_.empty()) return;
  const FreezeProof proof{phase.name, phase.first_step, last_step, static_cast<std::int64_t>(before_.size()), digest(before_), digest(after),
                          moved.empty()};
  AFFINIS_CHECK(moved.empty(), ErrorCode::kInternal,
                "'{}' was frozen from step {} to step {} and has changed all the same (hash of all {} frozen tensors {} before, {} after); do not "
                "use this network",
                moved, proof.first_step, proof.last_step, proof.tensors, proof.hash_before, proof.hash_after);
  proofs_.push_back(proof);
  logger.event(LogLevel::kInfo,
               fmt::format("steps {} to {}: {} frozen tensors did not change (hash {} before, {} after)", proof.first_step, proof.last_step,
                           proof.tensors, proof.hash_before, proof.hash_after),
               {{"freeze_proof", to_json(proof)}});
}

nlohmann::json to_json(const FreezeProof& proof) {
  return {{"phase", proof.phase},     {"first_step", proof.first_step},   {"last_step", proof.last_step}, {"tensors", proof.tensors},
          {"hash_before", proof.hash_before}, {"hash_after", proof.hash_after}, {"equal", proof.equal}};
}

FreezeProof freeze_proof_from_json(const nlohmann::json& json) {
  return {json.at("phase").get<std::string>(),        json.at("first_step").get<std::int64_t>(),
          json.at("last_step").get<std::int64_t>(),   json.at("tensors").get<std::int64_t>(),
          json.at("hash_before").get<std::string>(),  json.at("hash_after").get<std::string>(),
          json.at("equal").get<bool>()};
}

nlohmann::json Freezing::state() const {
  if (!active_) return {};
  nlohmann::json before = nlohmann::json::array();
  for (const Hashed& each : before_) before.push_back({each.name, each.hash});
  nlohmann::json proofs = nlohmann::json::array();
  for (const FreezeProof& each : proofs_) proofs.push_back(to_json(each));
  return {{"begun", current_ != nullptr}, {"before", before}, {"proofs", proofs}};
}

void Freezing::load_state(const nlohmann::json& state, std::int64_t finished) {
  if (!active_ || state.is_null()) return;
  proofs_.clear();
  for (const nlohmann::json& each : state.at("proofs")) proofs_.push_back(freeze_proof_from_json(each));
  before_.clear();
  for (const nlohmann::json& each : state.at("before")) before_.push_back({each.at(0).get<std::string>(), each.at(1).get<std::string>()});
  if (!state.at("begun").get<bool>()) return;
  // A phase that ended with the checkpoint's own step is still open in it: its proof is made before the next step.
  begin(phase_of(std::max<std::int64_t>(finished, 1)));
  for (const Hashed& each : hash_frozen()) {
    const auto was = std::find_if(before_.begin(), before_.end(), [&](const Hashed& one) { return one.name == each.name; });
    AFFINIS_CHECK(was != before_.end() && was->hash == each.hash, ErrorCode::kInternal,
                  "'{}' is frozen, but the checkpoint holds another value of it than that from step {}; delete the checkpoint and begin again",
                  each.name, current_->first_step);
  }
}

}  // namespace affinis::train
