#include "experiments/study/task_commands.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "experiments/study/study.h"
#include "experiments/study/task_info.h"
#include "framework/core/json.h"
#include "framework/core/text.h"

namespace affinis::experiments {
namespace {

void list_tasks(const task::TaskRegistry& registry, bool json) {
  if (json) {
    nlohmann::json list = nlohmann::json::array();
    for (const std::string& name : registry.names()) list.push_back(info_json(registry.get(name)->info));
    print_json({{"tasks", list}});
    return;
  }
  std::vector<std::vector<std::string>> rows = {{"task", "family", "role", "images", "head", "loss", "reads", "metrics", "also called"}};
  for (const std::string& name : registry.names()) {
    const task::TaskInfo& info = registry.get(name)->info;
    std::vector<std::string> metrics;
    for (const task::MetricInfo& metric : info.metrics) metrics.push_back(metric.name);
    rows.push_back({info.name, info.family, role_of(info), std::to_string(info.arity), info.head, info.loss, join(info.fields, ", "),
                    join(metrics, ", "), join(info.aliases, ", ")});
  }
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i + 1 < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    fmt::print("{}\n", line + row.back());
  }
}

}  // namespace

nlohmann::json info_json(const task::TaskInfo& info) {
  nlohmann::json metrics = nlohmann::json::array();
  for (const task::MetricInfo& metric : info.metrics) metrics.push_back(metric.name);
  return {{"name", info.name},     {"aliases", info.aliases}, {"family", info.family}, {"arity", info.arity}, {"source", info.source},
          {"target", info.target}, {"fields", info.fields},   {"head", info.head},     {"loss", info.loss},   {"metrics", metrics}};
}

std::string role_of(const task::TaskInfo& info) {
  if (info.source && info.target) return "source, target";
  return info.source ? "source" : "target";
}

void add_task_commands(CLI::App& app, CommandContext& context) {
  CLI::App* tasks = app.add_subcommand("tasks", "The bank of tasks and the plug-in tool kit");
  tasks->require_subcommand(1);

  CLI::App* list = tasks->add_subcommand("list", "Every task: name, family, role, images an example, head, loss, fields, metrics, aliases");
  const auto plugins = std::make_shared<std::vector<std::string>>();
  const auto json = std::make_shared<bool>(false);
  list->add_option("--plugin", *plugins, "shared library with further tasks; may be given again")->allow_extra_args(false);
  list->add_flag("--json", *json, "print one JSON object");
  list->callback([=] { list_tasks(*load_tasks(*plugins), *json); });

  add_show_task_command(*tasks, context);
  add_task_sheet_command(*tasks, context);
  add_new_task_command(*tasks);
  add_check_task_command(*tasks, context);
}

}  // namespace affinis::experiments
