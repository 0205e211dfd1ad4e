#include "experiments/study/task_commands.h"

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "experiments/study/study.h"
#include "framework/core/json.h"
#include "framework/core/text.h"

namespace affinis::experiments {
namespace {

nlohmann::json info_json(const task::TaskInfo& info) {
  nlohmann::json metrics = nlohmann::json::array();
  for (const task::MetricInfo& metric : info.metrics) metrics.push_back(metric.name);
  return {{"name", info.name},     {"aliases", info.aliases}, {"family", info.family}, {"arity", info.arity}, {"source", info.source},
          {"target", info.target}, {"fields", info.fields},   {"head", info.head},     {"loss", info.loss},   {"metrics", metrics}};
}

std::string role(const task::TaskInfo& info) {
  if (info.source && info.target) return "source, target";
  return info.source ? "source" : "target";
}

void list_tasks(const task::TaskRegistry& registry, bool json) {
  if (json) {
    nlohmann::json list = nlohmann::json::array();
    for (const std::string& name : registry.names()) list.push_back(info_json(registry.get(name)->info));
    print_json({{"tasks", list}});
    return;
  }
  fmt::print("{:<20} {:<10} {:<15} {:<7} {:<28} {}\n", "task", "family", "role", "head", "loss", "also called");
  for (const std::string& name : registry.names()) {
    const task::TaskInfo& info = registry.get(name)->info;
    fmt::print("{:<20} {:<10} {:<15} {:<7} {:<28} {}\n", info.name, info.family, role(info), info.head, info.loss,
               join(info.aliases, ", "));
  }
}

void show_task(const task::TaskInfo& info, bool json) {
  if (json) {
    print_json(info_json(info));
    return;
  }
  fmt::print("{} ({})\n{}\n\n", info.display_name, info.name, info.doc);
  fmt::print("also called  {}\nfamily       {}\nrole         {}\nimages       {} an example\nreads        {}\nhead         {}\nloss         {}\n",
             join(info.aliases, ", "), info.family, role(info), info.arity, join(info.fields, ", "), info.head, info.loss);
  for (const task::MetricInfo& metric : info.metrics) {
    fmt::print("metric       {}{} ({} is better): {}\n", metric.name, metric.unit.empty() ? "" : " [" + metric.unit + "]",
               metric.higher_is_better ? "higher" : "lower", metric.doc);
  }
}

}  // namespace

void add_task_commands(CLI::App& app, CommandContext&) {
  CLI::App* tasks = app.add_subcommand("tasks", "The bank of tasks and the plug-in tool kit");
  tasks->require_subcommand(1);
  const auto plugins = std::make_shared<std::vector<std::string>>();
  const auto json = std::make_shared<bool>(false);
  const auto name = std::make_shared<std::string>();
  const auto add_common = [&](CLI::App* command) {
    command->add_option("--plugin", *plugins, "shared library with further tasks; may be given again")->allow_extra_args(false);
    command->add_flag("--json", *json, "print one JSON object");
  };

  CLI::App* list = tasks->add_subcommand("list", "Every task: name, aliases, family, role, head, loss");
  add_common(list);
  list->callback([=] { list_tasks(*load_tasks(*plugins), *json); });

  CLI::App* show = tasks->add_subcommand("show", "One task: what it predicts, from which fields, measured how");
  show->add_option("NAME", *name, "name or alias")->required();
  add_common(show);
  show->callback([=] { show_task(load_tasks(*plugins)->get(*name)->info, *json); });
}

}  // namespace affinis::experiments
