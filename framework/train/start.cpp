#include "framework/train/start.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "framework/core/error.h"
#include "framework/nn/safetensors.h"
#include "framework/nn/torch_weights.h"
#include "framework/train/trunk_parts.h"

namespace affinis::train {
namespace {

constexpr std::string_view kTrunk = "trunk.";
constexpr std::string_view kHeads = "heads.";
constexpr std::string_view kClassifier = "fc.";

}  // namespace

std::vector<nn::NamedTensor> read_weights(const std::filesystem::path& path) {
  return nn::looks_like_torch_file(path) ? nn::read_torch_weights(path) : nn::read_safetensors(path).tensors;
}

StartedFrom start_from(Network& network, const std::vector<nn::NamedTensor>& weights) {
  AFFINIS_CHECK(network.trunk() != nullptr, ErrorCode::kUsage, "this network has no trunk to begin from other weights with");
  const bool ours = std::any_of(weights.begin(), weights.end(), [](const nn::NamedTensor& each) { return each.name.starts_with(kTrunk); });
  std::vector<std::string> head_prefixes;
  for (const Head& head : network.heads()) head_prefixes.push_back(std::string(kHeads) + head.task->info().name + ".");
  const auto own_head = [&](const std::string& name) {
    return std::any_of(head_prefixes.begin(), head_prefixes.end(), [&](const std::string& prefix) { return name.starts_with(prefix); });
  };

  StartedFrom report;
  std::vector<nn::NamedTensor> state;
  std::set<std::string> given;
  for (const nn::NamedTensor& each : weights) {
    const bool left_out = ours ? each.name.starts_with(kHeads) && !own_head(each.name) : each.name.starts_with(kClassifier);
    if (left_out) {
      report.left_out.push_back(each.name);
      continue;
    }
    const std::string name = ours ? each.name : std::string(kTrunk) + each.name;
    state.push_back({name, each.tensor});
    given.insert(name);
    report.loaded.push_back(name);
  }
  AFFINIS_CHECK(!report.loaded.empty(), ErrorCode::kData, "the weights hold nothing that a trunk begins with; name a file with an encoder");

  // What follows the stages of a foreign encoder, and heads that the file has not, stay as they are.
  std::set<std::string> top;
  if (const std::vector<TrunkPart> stages = trunk_stages(network); !ours && stages.size() > 1) {
    const std::string& first = stages.back().parameters.front();
    for (const nn::NamedTensor& each : network.state()) {
      if (each.name.starts_with(first.substr(0, first.rfind('.')))) top.insert(each.name);
    }
  }
  std::set<std::string> heads_given;
  for (const std::string& prefix : head_prefixes) {
    if (std::any_of(given.begin(), given.end(), [&](const std::string& name) { return name.starts_with(prefix); })) heads_given.insert(prefix);
  }
  for (const nn::NamedTensor& each : network.state()) {
    if (given.contains(each.name)) continue;
    const bool head = each.name.starts_with(kHeads);
    const bool head_is_new =
        head && std::none_of(heads_given.begin(), heads_given.end(), [&](const std::string& prefix) { return each.name.starts_with(prefix); });
    if (!head_is_new && !top.contains(each.name)) continue;
    state.push_back({each.name, each.tensor.detach().clone()});
    if (!head) report.as_drawn.push_back(each.name);
  }
  network.load_state(state);
  return report;
}

AdaptationOptions without_drawn_parts(AdaptationOptions adaptation, const Network& network, const StartedFrom& report) {
  if (report.as_drawn.empty() || adaptation.freeze == "none" || adaptation.freeze == "gradual") return adaptation;
  const std::vector<TrunkPart> parts = adaptation.freeze == "blocks" ? trunk_blocks(network) : trunk_stages(network);
  const auto brought = static_cast<std::int64_t>(parts.size()) - 1;
  if (adaptation.freeze == "all") {
    adaptation.freeze = "stages";
    adaptation.freeze_count = brought;
  } else if (adaptation.freeze_count == brought + 1) {
    adaptation.freeze_count = brought;
  }
  return adaptation;
}

}  // namespace affinis::train
