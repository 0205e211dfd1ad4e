#include "framework/train/trunk_parts.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace affinis::train {
namespace {

constexpr std::string_view kTrunk = "trunk.";
constexpr std::string_view kStage = "layer";

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::string_view first_component(std::string_view name) { return name.substr(0, name.find('.')); }

/// "layer3" of "layer3.0.conv1.weight"; empty for any other name.
std::string_view stage_of(std::string_view name) {
  const std::string_view first = first_component(name);
  return first.starts_with(kStage) && first.size() < name.size() && is_number(first.substr(kStage.size())) ? first : std::string_view();
}

/// "layer3.0" of "layer3.0.conv1.weight"; the stage where no unit follows.
std::string_view unit_of(std::string_view name) {
  const std::string_view stage = stage_of(name);
  if (stage.empty()) return {};
  const std::string_view unit = first_component(name.substr(stage.size() + 1));
  return is_number(unit) ? name.substr(0, stage.size() + 1 + unit.size()) : stage;
}

std::vector<TrunkPart> parts(const Network& network, bool units) {
  std::vector<std::string> names;
  bool residual = false;
  for (const nn::NamedTensor& each : network.parameters()) {
    if (!each.name.starts_with(kTrunk)) continue;
    names.push_back(each.name);
    residual = residual || !stage_of(std::string_view(each.name).substr(kTrunk.size())).empty();
  }
  std::vector<TrunkPart> result;
  std::string top;
  bool behind_stages = false;
  for (const std::string& name : names) {
    const std::string_view own = std::string_view(name).substr(kTrunk.size());
    const std::string_view stage = stage_of(own);
    std::string part;
    if (!residual) {
      part = first_component(own);
    } else if (!stage.empty()) {
      part = units ? unit_of(own) : stage;
      behind_stages = true;
    } else if (!behind_stages) {
      part = "stem";
    } else {
      if (top.empty()) top = first_component(own);
      part = top;
    }
    if (result.empty() || result.back().name != part) result.push_back({part, {}});
    result.back().parameters.push_back(name);
  }
  return result;
}

}  // namespace

std::vector<TrunkPart> trunk_stages(const Network& network) { return parts(network, false); }

std::vector<TrunkPart> trunk_blocks(const Network& network) { return parts(network, true); }

}  // namespace affinis::train
