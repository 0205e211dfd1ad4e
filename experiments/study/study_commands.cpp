#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "experiments/commands/commands.h"
#include "experiments/study/demo_file.h"
#include "experiments/study/study.h"
#include "experiments/study/task_commands.h"
#include "experiments/study/train_commands.h"
#include "framework/core/error.h"
#include "framework/core/json.h"
#include "framework/core/text.h"
#include "framework/run/status.h"

namespace affinis::experiments {
namespace {

/// What every command that runs an experiment takes.
struct RunArguments {
  std::string file;
  std::string out;
  std::vector<std::string> devices;
  std::vector<std::string> set;
  std::vector<std::string> plugins;
  std::string on = "local";
  bool json = false;
};

void add_run_arguments(CLI::App& command, RunArguments& arguments) {
  command.add_option("--devices", arguments.devices, "one worker process each, separated by commas (default: what [run] says)")
      ->delimiter(',');
  command.add_option("--on", arguments.on, "where jobs run")->check(CLI::IsMember({"local"}))->capture_default_str();
  command.add_option("--set", arguments.set, "change one setting: section.key=value; may be given again (see experiments/OPTIONS.md)")
      ->allow_extra_args(false);
  command.add_option("--plugin", arguments.plugins, "shared library with further tasks, beside those of [tasks] plugins; may be given again")
      ->allow_extra_args(false);
  command.add_flag("--json", arguments.json, "print the result's places as one JSON object");
}

StudyOptions with_plugins(StudyOptions options, const std::vector<std::string>& plugins) {
  for (const std::string& plugin : plugins) options.tasks.plugins.push_back(std::filesystem::absolute(plugin).string());
  return options;
}

std::vector<std::string> overrides_of(const RunArguments& arguments) {
  std::vector<std::string> overrides = arguments.set;
  if (!arguments.devices.empty()) overrides.push_back("run.devices=" + join(arguments.devices, ","));
  return overrides;
}

void run_and_tell(const StudyOptions& options, const RunArguments& arguments, CommandContext& context) {
  const std::filesystem::path folder = arguments.out;
  run_study(with_plugins(options, arguments.plugins), folder, context.logger);
  // A run of networks alone has no transfers to tell of.
  const auto place = [&](const char* file) {
    return std::filesystem::exists(folder / file) ? nlohmann::json((folder / file).string()) : nlohmann::json(nullptr);
  };
  const std::string report = std::filesystem::absolute(folder / "report.html").lexically_normal().string();
  if (arguments.json) {
    print_json({{"folder", folder.string()},
                {"report", report},
                {"transfers", place(kTransfersFile)},
                {"taxonomy", place(kTaxonomyFile)}});
  } else {
    fmt::print("report: {}\n", report);
  }
}

void add_run_command(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("run", "Run an experiment file; the same command again goes on where it stopped");
  const auto arguments = std::make_shared<RunArguments>();
  command->add_option("FILE", arguments->file, "experiment file (TOML)")->required();
  command->add_option("--out", arguments->out, "the run's folder (default: runs/<name of the experiment>)");
  add_run_arguments(*command, *arguments);
  command->callback([arguments, &context] {
    const StudyOptions options = read_study(arguments->file, overrides_of(*arguments));
    if (arguments->out.empty()) arguments->out = "runs/" + options.name.name;
    run_and_tell(options, *arguments, context);
  });
}

void add_demo_command(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand(
      "demo", "The whole story at desk scale: rooms, eight networks, transfers, taxonomies, report (experiments/demo.toml)");
  const auto arguments = std::make_shared<RunArguments>();
  arguments->out = "affinis-demo";
  command->add_option("--out", arguments->out, "the run's folder")->capture_default_str();
  add_run_arguments(*command, *arguments);
  command->callback([arguments, &context] {
    run_and_tell(parse_study(kDemoFile, "experiments/demo.toml", overrides_of(*arguments)), *arguments, context);
  });
}

void print_status(const run::RunStatus& status) {
  fmt::print("{}\n", status.finished            ? "finished"
                     : status.coordinator_alive ? "running"
                                                : "stopped; the same command goes on where it stopped");
  fmt::print("{:<12} {:>6} {:>6} {:>8} {:>7} {:>8} {:>10} {:>10}\n", "stage", "done", "total", "running", "failed", "blocked", "spent",
             "left");
  for (const run::StageStatus& stage : status.stages) {
    fmt::print("{:<12} {:>6} {:>6} {:>8} {:>7} {:>8} {:>10} {:>10}\n", stage.stage, stage.done, stage.total, stage.running, stage.failed,
               stage.blocked, format_duration(stage.seconds_spent), format_duration(stage.seconds_left));
  }
  for (const run::FailedJob& failure : status.failures) {
    fmt::print("failed: {}: {} (log: {})\n", failure.name, failure.error, failure.log.string());
  }
}

void add_status_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("status", "Where a run stands, what failed and why, time left");
  const auto folder = std::make_shared<std::string>();
  const auto watch = std::make_shared<bool>(false);
  const auto json = std::make_shared<bool>(false);
  command->add_option("DIR", *folder, "the run's folder")->required();
  command->add_flag("--watch", *watch, "print again every two seconds until the run ends");
  command->add_flag("--json", *json, "print one JSON object (with --watch one a line)");
  command->callback([folder, watch, json] {
    for (;;) {
      const run::RunStatus status = run::read_status(*folder);
      if (*json) {
        print_json(run::to_json(status));
      } else {
        print_status(status);
      }
      if (!*watch || status.finished || !status.coordinator_alive) return;
      constexpr std::chrono::seconds kInterval{2};
      std::this_thread::sleep_for(kInterval);
    }
  });
}

/// The hidden side of a run: one process a device slot, started by the coordinator.
void add_worker_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("worker", "");
  command->group("");
  struct WorkerArguments {
    std::string folder;
    std::string device = "cpu:0";
    int threads = 1;
  };
  const auto arguments = std::make_shared<WorkerArguments>();
  command->add_option("--run", arguments->folder)->required();
  command->add_option("--device", arguments->device);
  command->add_option("--threads", arguments->threads);
  command->callback([arguments] {
    const StudyOptions options = read_study(std::filesystem::path(arguments->folder) / kExperimentFile, {});
    const run::JobKinds kinds = study_job_kinds(options, load_tasks(options.tasks.plugins));
    Logger silent;
    const int code = run::worker_main(kinds, arguments->folder, arguments->device, arguments->threads, options.run.worker_memory_gib,
                                      silent, train::set_threads);
    if (code != 0) throw Error(ErrorCode::kDevice, fmt::format("worker {} ended with code {}", arguments->device, code));
  });
}

void add_options_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("options", "Print the reference of all settings of an experiment file (Markdown)");
  command->callback([] { fmt::print("{}", study_options_markdown()); });
}

}  // namespace

void add_study_commands(CLI::App& app, CommandContext& context) {
  add_demo_command(app, context);
  add_run_command(app, context);
  add_status_command(app);
  add_task_commands(app, context);
  add_train_commands(app, context);
  add_options_command(app);
  add_worker_command(app);
}

}  // namespace affinis::experiments
