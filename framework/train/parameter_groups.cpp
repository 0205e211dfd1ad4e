#include "framework/train/parameter_groups.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <ATen/ATen.h>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/train/freezing.h"
#include "framework/train/trunk_parts.h"

namespace affinis::train {
namespace {

/// Enough steps that rounding does not close a phase.
constexpr std::int64_t kManySteps = 1'000'000'000;

std::map<std::string, double> head_rates(const Network& network, const std::vector<std::string>& rates) {
  std::map<std::string, double> result;
  std::vector<std::string> tasks;
  for (const Head& head : network.heads()) {
    tasks.push_back(head.task->info().name);
    result[tasks.back()] = 1;
  }
  for (const std::string& each : rates) {
    const std::size_t equals = each.find('=');
    const std::string task = trim(each.substr(0, equals));
    AFFINIS_CHECK(result.contains(task), ErrorCode::kUsage, "rates has '{}', but there is no head '{}'{}; write task=number", each, task,
                  did_you_mean(task, tasks));
    const std::optional<double> rate = equals == std::string::npos ? std::nullopt : parse_real(each.substr(equals + 1));
    AFFINIS_CHECK(rate && *rate >= 0, ErrorCode::kUsage, "rates has '{}', which gives no number from 0 on; write task=number", each);
    result[task] = *rate;
  }
  return result;
}

std::string shape_text(const at::Tensor& tensor) {
  std::vector<std::string> sides;
  for (const std::int64_t side : tensor.sizes()) sides.push_back(std::to_string(side));
  return "[" + join(sides, ", ") + "]";
}

std::int64_t values_of(const ParameterGroup& group) {
  std::int64_t count = 0;
  for (const nn::NamedTensor& each : group.parameters) count += each.tensor.numel();
  return count;
}

double learning_rate(const ParameterGroup& group, const TrainerOptions& options) {
  return group.frozen ? 0 : group.rate * options.learning_rate;
}

/// Columns as wide as their widest cell; numbers to the right.
std::string aligned(const std::vector<std::vector<std::string>>& rows, std::size_t first_number) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      line += i >= first_number ? fmt::format("{:>{}}", row[i], widths[i]) : fmt::format("{:<{}}", row[i], widths[i]);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace

std::vector<ParameterGroup> parameter_groups(const Network& network, const TrainerOptions& options) {
  const AdaptationOptions& adaptation = options.adaptation;
  const std::vector<FreezePhase> phases = freeze_phases(network, options, kManySteps);
  // Phases only ever set free.
  const std::set<std::string> frozen(phases.back().frozen.begin(), phases.back().frozen.end());

  struct Part {
    std::string name;
    double rate = 1;
    double weight_decay = 0;
  };
  std::map<std::string, Part> part_of;
  const std::vector<TrunkPart> stages = trunk_stages(network);
  double rate = adaptation.backbone_rate;
  for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage) {
    const Part part{"trunk." + stage->name, rate, adaptation.l2_sp > 0 ? 0 : options.weight_decay};
    for (const std::string& name : stage->parameters) part_of[name] = part;
    rate *= adaptation.layer_decay;
  }
  const std::map<std::string, double> rates = head_rates(network, options.balance.rates);
  for (const auto& [task, head_rate] : rates) {
    const std::string prefix = "heads." + task;
    const Part part{prefix, head_rate, adaptation.l2_new > 0 ? 0 : options.weight_decay};
    for (const nn::NamedTensor& each : network.parameters()) {
      if (each.name.starts_with(prefix + ".")) part_of[each.name] = part;
    }
  }

  std::vector<ParameterGroup> groups;
  for (const nn::NamedTensor& each : network.parameters()) {
    const Part& part = part_of.at(each.name);
    ParameterGroup group{part.name, {}, part.rate, part.weight_decay, frozen.contains(each.name) || !each.tensor.requires_grad()};
    if (!adaptation.decay_norms && group.weight_decay > 0 && each.tensor.dim() <= 1) {
      group.name += ", without decay";
      group.weight_decay = 0;
    }
    if (group.frozen) group.name += ", frozen";
    auto place = std::find_if(groups.begin(), groups.end(), [&](const ParameterGroup& other) { return other.name == group.name; });
    if (place == groups.end()) place = groups.insert(groups.end(), std::move(group));
    place->parameters.push_back(each);
  }
  return groups;
}

nlohmann::json group_table(const std::vector<ParameterGroup>& groups, const TrainerOptions& options) {
  nlohmann::json table = nlohmann::json::array();
  for (const ParameterGroup& group : groups) {
    table.push_back({{"name", group.name},
                     {"tensors", group.parameters.size()},
                     {"values", values_of(group)},
                     {"learning_rate", learning_rate(group, options)},
                     {"weight_decay", group.frozen ? 0 : group.weight_decay},
                     {"frozen", group.frozen}});
  }
  return table;
}

std::string parameter_table(const std::vector<ParameterGroup>& groups, const TrainerOptions& options) {
  const auto number = [](double value) { return fmt::format("{:.6g}", value); };
  std::vector<std::vector<std::string>> rows = {{"parameter", "shape", "group", "", "rate", "decay"}};
  std::vector<std::vector<std::string>> summary = {{"group", "", "tensors", "values", "rate", "decay"}};
  std::size_t tensors = 0;
  std::int64_t values = 0;
  std::int64_t learning = 0;
  for (const ParameterGroup& group : groups) {
    const std::string state = group.frozen ? "frozen" : "";
    const std::string absolute_rate = number(learning_rate(group, options));
    const std::string decay = number(group.frozen ? 0 : group.weight_decay);
    for (const nn::NamedTensor& each : group.parameters) {
      rows.push_back({each.name, shape_text(each.tensor), group.name.substr(0, group.name.find(',')), state, absolute_rate, decay});
    }
    const std::int64_t here = values_of(group);
    summary.push_back({group.name.substr(0, group.name.find(", frozen")), state, std::to_string(group.parameters.size()), std::to_string(here),
                       absolute_rate, decay});
    tensors += group.parameters.size();
    values += here;
    if (!group.frozen) learning += here;
  }
  summary.push_back({"all", "", std::to_string(tensors), std::to_string(values), "", ""});
  return aligned(rows, 4) + "\n" + aligned(summary, 2) + fmt::format("{} of {} values learn\n", learning, values);
}

}  // namespace affinis::train
