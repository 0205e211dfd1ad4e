#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "experiments/study/study.h"
#include "experiments/study/task_commands.h"
#include "experiments/study/task_examples.h"
#include "framework/core/error.h"
#include "framework/core/json.h"
#include "framework/task/check.h"

namespace affinis::experiments {
namespace {

struct CheckArguments {
  std::string task;
  std::string data;
  std::int64_t samples = 8;
  std::int64_t width = 16;
  std::vector<std::string> plugins;
  bool json = false;
};

void check_task(const CheckArguments& arguments, CommandContext& context) {
  const auto type = load_tasks(arguments.plugins)->get(arguments.task);
  const TaskExamples examples = make_task_examples(*type, ExampleRooms(arguments.data, context.logger), arguments.samples);
  task::CheckOptions options;
  options.width = arguments.width;
  const std::vector<task::CheckResult> results = task::check_task(*examples.task, examples.groups, options);

  std::size_t failed = 0;
  nlohmann::json list = nlohmann::json::array();
  for (const task::CheckResult& result : results) {
    failed += result.passed ? 0 : 1;
    list.push_back({{"name", result.name}, {"passed", result.passed}, {"sentence", result.sentence}});
    if (!arguments.json) fmt::print("{:<6} {:<24} {}\n", result.passed ? "ok" : "FAILED", result.name, result.sentence);
  }
  if (arguments.json) print_json({{"task", type->info.name}, {"checks", list}});
  AFFINIS_CHECK(failed == 0, ErrorCode::kData, "task {} fails {} of {} checks; each line above says what to mend", type->info.name, failed,
                results.size());
}

}  // namespace

void add_check_task_command(CLI::App& tasks, CommandContext& context) {
  CLI::App* command = tasks.add_subcommand("check", "Put one task through shape, determinism, gradient, mask and overfitting checks");
  const auto arguments = std::make_shared<CheckArguments>();
  command->add_option("NAME", arguments->task, "name or alias")->required();
  command->add_option("--data", arguments->data, "data set whose samples are used (default: a few rooms rendered on the spot)");
  command->add_option("--samples", arguments->samples, "how many examples")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--width", arguments->width, "network width of the head under test")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--plugin", arguments->plugins, "shared library with further tasks; may be given again")->allow_extra_args(false);
  command->add_flag("--json", arguments->json, "print one JSON object");
  command->callback([arguments, &context] { check_task(*arguments, context); });
}

}  // namespace affinis::experiments
