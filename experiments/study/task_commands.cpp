#include "experiments/study/task_commands.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "experiments/data_set/render_data_set.h"
#include "experiments/study/study.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json.h"
#include "framework/core/text.h"
#include "framework/data/data_set.h"
#include "framework/task/check.h"

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

/// A small data set that needs no download: what a task is checked on when the user names none.
std::filesystem::path render_check_rooms(const std::filesystem::path& folder, Logger& logger) {
  RenderDataSetOptions options;
  options.train_buildings = options.transfer_buildings = options.test_buildings = 1;
  options.views_per_room = 2;
  options.furniture = "parametric";
  render_data_set(options, folder, logger, [](double, double) {});
  return folder;
}

struct CheckArguments {
  std::string task;
  std::string data;
  std::int64_t samples = 8;
  std::int64_t width = 16;
  std::vector<std::string> plugins;
  bool json = false;
};

std::vector<task::CheckResult> check_task(const CheckArguments& arguments, CommandContext& context) {
  const auto type = load_tasks(arguments.plugins)->get(arguments.task);
  const TemporaryFolder rooms;
  const data::DataSet data(arguments.data.empty() ? render_check_rooms(rooms.path(), context.logger)
                                                  : std::filesystem::path(arguments.data));
  const data::Store& store = data.split(data::kTrainSplit);
  const std::int64_t count = std::min(arguments.samples, store.size());
  std::vector<data::Sample> samples;
  for (std::int64_t i = 0; i < count; ++i) samples.push_back(store.read(i * store.size() / count, type->info.fields));
  const auto task = type->make({data.image_side(), data.vocabularies(), false});
  task::CheckOptions options;
  options.head.side = data.image_side() / 16;
  options.head.width = arguments.width;
  return task::check_task(*task, samples, options);
}

void print_checks(const std::vector<task::CheckResult>& results, const CheckArguments& arguments) {
  std::size_t failed = 0;
  nlohmann::json list = nlohmann::json::array();
  for (const task::CheckResult& result : results) {
    failed += result.passed ? 0 : 1;
    list.push_back({{"name", result.name}, {"passed", result.passed}, {"sentence", result.sentence}});
    if (!arguments.json) fmt::print("{:<6} {:<24} {}\n", result.passed ? "ok" : "FAILED", result.name, result.sentence);
  }
  if (arguments.json) print_json({{"task", arguments.task}, {"checks", list}});
  AFFINIS_CHECK(failed == 0, ErrorCode::kData, "task {} fails {} of {} checks; each line above says what to mend", arguments.task, failed,
                results.size());
}

void add_check_command(CLI::App& tasks, CommandContext& context) {
  CLI::App* command = tasks.add_subcommand("check", "Put one task through shape, determinism, gradient, mask and overfitting checks");
  const auto arguments = std::make_shared<CheckArguments>();
  command->add_option("NAME", arguments->task, "name or alias")->required();
  command->add_option("--data", arguments->data, "data set whose samples are used (default: a few rooms rendered on the spot)");
  command->add_option("--samples", arguments->samples, "how many samples")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--width", arguments->width, "network width of the head under test")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--plugin", arguments->plugins, "shared library with further tasks; may be given again")->allow_extra_args(false);
  command->add_flag("--json", arguments->json, "print one JSON object");
  command->callback([arguments, &context] { print_checks(check_task(*arguments, context), *arguments); });
}

}  // namespace

void add_task_commands(CLI::App& app, CommandContext& context) {
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

  add_check_command(*tasks, context);
}

}  // namespace affinis::experiments
