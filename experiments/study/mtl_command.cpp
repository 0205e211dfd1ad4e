#include "experiments/study/mtl_command.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "experiments/commands/table_text.h"
#include "experiments/study/multi_task.h"
#include "experiments/study/study.h"
#include "experiments/study/train_arguments.h"
#include "framework/core/error.h"
#include "framework/core/json.h"
#include "framework/core/text.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {
namespace {

struct MtlFlags {
  std::vector<std::string> tasks;
  std::optional<std::string> balancer;
  std::optional<double> missing_labels;
  bool baselines = false;
};

std::string shown(const nlohmann::json& value, const char* unit = "") {
  return value.is_number() ? fmt::format("{:.4g}{}", value.get<double>(), unit) : "-";
}

std::string signed_percent(const nlohmann::json& value) {
  return value.is_number() ? fmt::format("{:+.2f} %", value.get<double>()) : "-";
}

void print_text(const nlohmann::json& result) {
  const bool compared = !result.at("delta_m").is_null();
  std::vector<std::vector<std::string>> rows = {{"task", "test loss"}};
  if (compared) rows.front().insert(rows.front().end(), {"own network", "change"});
  for (const nlohmann::json& task : result.at("tasks")) {
    rows.push_back({task.at("task").get<std::string>(), shown(task.at("loss"))});
    if (compared) rows.back().insert(rows.back().end(), {shown(task.at("single_loss")), signed_percent(task.at("change").at("value"))});
  }
  fmt::print("{}", padded(rows));
  if (compared) {
    const nlohmann::json& delta = result.at("delta_m");
    fmt::print("delta-m (negative is better): {} over all metrics, {} over each task's metrics and then tasks, {} of test losses\n",
               signed_percent(delta.at("metrics").at("value")), signed_percent(delta.at("tasks").at("value")),
               signed_percent(delta.at("losses").at("value")));
  }
  fmt::print("result: {}\n", result.at("folder").get<std::string>());
}

/// The training of the study, with its comparison where its tasks' own networks were trained.
nlohmann::json result_of(const StudyGraph& study, const run::RunSummary& run, Logger& logger) {
  const nlohmann::json compared = multi_task_json(study, results_of(run), logger);
  AFFINIS_CHECK(!compared.is_null(), ErrorCode::kInternal, "the joint training left no result");
  const nlohmann::json& training = compared.at("trainings").front();
  const std::filesystem::path folder = run.jobs.at(study.joint().front().job_name()).folder;
  nlohmann::json tasks = training.at("per_task");
  for (nlohmann::json& task : tasks) task["folder"] = (folder / transfer::head_folder(task.at("task").get<std::string>())).string();
  return {{"tasks", tasks},
          {"balancer", training.at("balancer")},
          {"missing_labels", training.at("missing_labels")},
          {"parameters", training.at("parameters")},
          {"trunk_parameters", training.at("trunk_parameters")},
          {"delta_m", training.at("delta_m")},
          {"convention", compared.at("convention")},
          {"telemetry", training.at("telemetry")},
          {"folder", folder.string()},
          {"weights", (folder / transfer::kNetworkFile).string()}};
}

}  // namespace

void add_mtl_command(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("mtl", "Train and test several tasks that share one encoder, and compare with their own networks");
  const auto arguments = std::make_shared<TrainArguments>();
  const auto flags = std::make_shared<MtlFlags>();
  command->add_option("--tasks", flags->tasks, "two or more tasks, separated by commas (see 'affinis tasks list')")->required()->delimiter(',');
  command->add_option("--balancer", flags->balancer, "how the heads share the encoder: fixed, uncertainty, gradnorm, ... (see [balance] in experiments/OPTIONS.md)");
  command->add_option("--missing-labels", flags->missing_labels, "share of the labels taken away at random while training, for each task by itself");
  command->add_flag("--baselines", flags->baselines, "train each task's own network too, and say how much better or worse it is off alone");
  add_train_arguments(*command, *arguments);
  command->callback([arguments, flags, &context] {
    StudyOptions options = study_options(*arguments);
    options.tasks.names = flags->tasks;
    options.search.max_order = 0;
    if (flags->balancer) apply_override(options.sections(), "balance.balancer=" + *flags->balancer);
    if (flags->missing_labels) apply_override(options.sections(), fmt::format("mtl.missing_labels={}", *flags->missing_labels));
    options.mtl.groups = {join(flags->tasks, "+")};
    options.mtl.baselines = flags->baselines;
    options.finish();
    StudyGraph study(options, load_tasks(options.tasks.plugins));
    study.add_joint();
    const nlohmann::json result = result_of(study, run_here(study, arguments->out, context.logger), context.logger);
    if (arguments->json) {
      print_json(result);
    } else {
      print_text(result);
    }
  });
}

}  // namespace affinis::experiments
