#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "experiments/commands/commands.h"
#include "experiments/study/data_size.h"
#include "experiments/study/demo_file.h"
#include "experiments/study/dry_run.h"
#include "experiments/study/study.h"
#include "experiments/study/sweep.h"
#include "experiments/study/task_commands.h"
#include "experiments/study/train_commands.h"
#include "framework/core/error.h"
#include "framework/core/json.h"
#include "framework/core/text.h"
#include "framework/run/run_lock.h"
#include "framework/run/slurm.h"
#include "framework/run/status.h"
#include "framework/train/tensor_memory.h"

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
  bool dry_run = false;
  std::string measured;
  bool json = false;
};

void add_run_arguments(CLI::App& command, RunArguments& arguments) {
  command.add_option("--devices", arguments.devices, "one worker process each, separated by commas (default: what [run] says)")
      ->delimiter(',');
  command.add_option("--on", arguments.on, "where jobs run: on this machine, or as array tasks of a cluster as [slurm] says")
      ->check(CLI::IsMember({"local", "slurm"}))
      ->capture_default_str();
  command
      .add_option("--set", arguments.set,
                  "change one setting: section.key=value; several values [a,b] are tried one after another (see experiments/OPTIONS.md); may be "
                  "given again")
      ->allow_extra_args(false);
  command.add_option("--plugin", arguments.plugins, "shared library with further tasks, beside those of [tasks] plugins; may be given again")
      ->allow_extra_args(false);
  command.add_flag("--dry-run", arguments.dry_run, "print the jobs, levels, time, disk and memory that the run will take, and start nothing");
  command.add_option("--measured", arguments.measured, "with --dry-run: an earlier run's folder to learn costs from (default: the run's own)");
  command.add_flag("--json", arguments.json, "print the result's places, or with --dry-run the plan, as one JSON object");
}

std::vector<std::string> overrides_of(const RunArguments& arguments) {
  std::vector<std::string> overrides = arguments.set;
  if (!arguments.devices.empty()) overrides.push_back("run.devices=" + join(arguments.devices, ","));
  return overrides;
}

std::string report_of(const std::filesystem::path& folder) {
  return std::filesystem::absolute(folder / "report.html").lexically_normal().string();
}

void run_one(const StudyOptions& options, const RunArguments& arguments, RunPlace place, Logger& logger) {
  const std::filesystem::path folder = arguments.out;
  run_study(options, folder, place, logger);
  if (!arguments.json) {
    fmt::print("report: {}\n", report_of(folder));
    return;
  }
  // A run of networks alone has no transfers to tell of.
  const auto place_of = [&](const char* file) {
    return std::filesystem::exists(folder / file) ? nlohmann::json((folder / file).string()) : nlohmann::json(nullptr);
  };
  print_json({{"folder", folder.string()},
              {"report", report_of(folder)},
              {"transfers", place_of(kTransfersFile)},
              {"taxonomy", place_of(kTaxonomyFile)}});
}

void run_many(const std::vector<Combination>& combinations, const RunArguments& arguments, RunPlace place, Logger& logger) {
  const std::filesystem::path folder = arguments.out;
  run_sweep(combinations, folder, place, logger);
  nlohmann::json rows = sweep_rows(folder);
  const bool by_size = std::filesystem::exists(folder / kDataSizeFile);
  if (!arguments.json) {
    fmt::print("{}table: {}\n", sweep_text(rows), (folder / kSweepTableFile).string());
    if (by_size) fmt::print("curves by data size: {}\nreport: {}\n", (folder / kDataSizeFile).string(), report_of(folder));
    return;
  }
  for (nlohmann::json& row : rows) row["report"] = report_of(folder / row.at("folder").get<std::string>());
  nlohmann::json told = {{"folder", folder.string()}, {"table", (folder / kSweepTableFile).string()}, {"combinations", rows}};
  if (by_size) told.update({{"data_size", (folder / kDataSizeFile).string()}, {"report", report_of(folder)}});
  print_json(told);
}

/// A sweep's combinations are planned one by one: what they share is counted for each of them.
void tell_plans(const std::vector<Combination>& combinations, const RunArguments& arguments, RunPlace place) {
  nlohmann::json plans = nlohmann::json::array();
  for (const Combination& combination : combinations) {
    StudyOptions options = combination.options;
    if (!combination.folder.empty()) options.run.jobs_in = "..";
    const std::filesystem::path out = arguments.out;
    plans.push_back(dry_run(options, combination.folder.empty() ? out : out / combination.folder, place, arguments.measured));
  }
  if (arguments.json) {
    print_json(plans.size() == 1 ? plans.front() : nlohmann::json{{"combinations", plans}});
    return;
  }
  for (std::size_t i = 0; i < plans.size(); ++i) fmt::print("{}{}", i == 0 ? "" : "\n", dry_run_text(plans[i]));
  if (plans.size() > 1) fmt::print("\n{} combinations; jobs that several of them have in common are done once\n", plans.size());
}

void run_and_tell(std::vector<Combination> combinations, const RunArguments& arguments, CommandContext& context) {
  for (Combination& combination : combinations) {
    std::vector<std::string>& plugins = combination.options.tasks.plugins;
    for (const std::string& plugin : arguments.plugins) plugins.push_back(std::filesystem::absolute(plugin).string());
  }
  AFFINIS_CHECK(arguments.measured.empty() || arguments.dry_run, ErrorCode::kUsage, "--measured says what --dry-run learns from; add --dry-run");
  const RunPlace place = arguments.on == "slurm" ? RunPlace::kSlurm : RunPlace::kLocal;
  if (arguments.dry_run) {
    tell_plans(combinations, arguments, place);
  } else if (combinations.front().folder.empty()) {
    run_one(combinations.front().options, arguments, place, context.logger);
  } else {
    run_many(combinations, arguments, place, context.logger);
  }
}

void add_run_command(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("run", "Run an experiment file; the same command again goes on where it stopped");
  const auto arguments = std::make_shared<RunArguments>();
  command->add_option("FILE", arguments->file, "experiment file (TOML)")->required();
  command->add_option("--out", arguments->out, "the run's folder (default: runs/<name of the experiment>)");
  add_run_arguments(*command, *arguments);
  command->callback([arguments, &context] {
    std::vector<Combination> combinations = read_sweep(arguments->file, overrides_of(*arguments));
    if (arguments->out.empty()) {
      const std::string& name = combinations.front().options.name.name;
      arguments->out = "runs/" + (combinations.front().folder.empty() ? name : name.substr(0, name.rfind(" (")));
    }
    run_and_tell(std::move(combinations), *arguments, context);
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
    run_and_tell(parse_sweep(kDemoFile, "experiments/demo.toml", {}, overrides_of(*arguments)), *arguments, context);
  });
}

std::string standing(const run::RunStatus& status) {
  if (status.finished) return "finished";
  std::string cluster;
  if (status.cluster)
    cluster = fmt::format("{} array tasks run and {} wait in Slurm ({})", status.cluster->running, status.cluster->waiting, status.cluster->name);
  if (status.coordinator_alive) return "running" + (cluster.empty() ? "" : "; " + cluster);
  if (status.cluster) return cluster + "; nobody watches: the same command goes on with them";
  return "stopped; the same command goes on where it stopped";
}

/// The stages, failures with sentence and log, time left.
void print_status(const run::RunStatus& status) {
  std::string left;
  if (!status.finished && std::isfinite(status.seconds_left)) left = fmt::format("; about {} left", format_duration(status.seconds_left));
  fmt::print("{}{}\n", standing(status), left);
  fmt::print("{:<14} {:>6} {:>6} {:>8} {:>7} {:>8} {:>10} {:>10}\n", "stage", "done", "total", "running", "failed", "blocked", "spent",
             "left");
  for (const run::StageStatus& stage : status.stages) {
    fmt::print("{:<14} {:>6} {:>6} {:>8} {:>7} {:>8} {:>10} {:>10}\n", stage.stage, stage.done, stage.total, stage.running, stage.failed,
               stage.blocked, format_duration(stage.seconds_spent),
               std::isfinite(stage.seconds_left) ? format_duration(stage.seconds_left) : "unknown");
  }
  for (const run::FailedJob& failure : status.failures) {
    fmt::print("failed: {}: {} (log: {})\n", failure.name, failure.error, failure.log.string());
  }
}

/// Whether it is worth asking again.
bool tell_status(const std::filesystem::path& folder, bool json) {
  const run::RunStatus status = run::read_status(folder);
  if (!status.coordinator_alive && std::filesystem::exists(folder / "slurm")) {
    Logger silent;
    run::update_index(folder, silent);
  }
  if (json) {
    print_json(run::to_json(status));
  } else {
    print_status(status);
  }
  std::fflush(stdout);
  return !status.finished && status.is_alive();
}

/// One line for each combination of a sweep; whether the sweep is at work.
bool tell_sweep(const std::filesystem::path& folder, bool json) {
  nlohmann::json combinations = nlohmann::json::array();
  const bool alive = run::is_locked(folder);
  for (const nlohmann::json& row : sweep_rows(folder)) {
    const std::string name = row.at("folder").get<std::string>();
    const bool begun = std::filesystem::exists(folder / name / "graph.json");
    const run::RunStatus status = begun ? run::read_status(folder / name) : run::RunStatus{};
    if (json) {
      combinations.push_back({{"folder", name}, {"status", begun ? run::to_json(status) : nlohmann::json(nullptr)}});
      continue;
    }
    std::int64_t done = 0;
    std::int64_t total = 0;
    for (const run::StageStatus& stage : status.stages) {
      done += stage.done;
      total += stage.total;
    }
    fmt::print("{}: {}\n", name, begun ? fmt::format("{} of {} jobs done, {}", done, total, standing(status)) : "not begun");
  }
  if (json) print_json({{"coordinator_alive", alive}, {"combinations", combinations}});
  std::fflush(stdout);
  return alive;
}

void add_status_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("status", "Where a run stands, what failed and why, time left");
  const auto folder = std::make_shared<std::string>();
  const auto watch = std::make_shared<bool>(false);
  const auto json = std::make_shared<bool>(false);
  command->add_option("DIR", *folder, "the run's folder (or a sweep's)")->required();
  command->add_flag("--watch", *watch, "print again every two seconds (ten on Slurm) until the run ends");
  command->add_flag("--json", *json, "print one JSON object (with --watch one a line)");
  command->callback([folder, watch, json] {
    for (;;) {
      const std::filesystem::path path = *folder;
      const bool sweep = std::filesystem::exists(path / kSweepFile) && !std::filesystem::exists(path / "graph.json");
      const bool alive = sweep ? tell_sweep(path, *json) : tell_status(path, *json);
      if (!*watch || !alive) return;
      // The cluster's controller serves others too.
      const std::chrono::seconds interval(std::filesystem::exists(path / "slurm") ? 10 : 2);
      std::this_thread::sleep_for(interval);
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
    train::keep_tensor_memory();
    const StudyOptions options = read_study(std::filesystem::path(arguments->folder) / kExperimentFile, {});
    const run::JobKinds kinds = study_job_kinds(options, load_tasks(options.tasks.plugins));
    Logger silent;
    const int code = run::worker_main(kinds, arguments->folder, arguments->device, arguments->threads, options.run.worker_memory_gib,
                                      silent, train::set_threads);
    if (code != 0) throw Error(ErrorCode::kDevice, fmt::format("worker {} ended with code {}", arguments->device, code));
  });
}

/// The side of a run on Slurm that an array task is.
void add_array_task_command(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("array-task", "");
  command->group("");
  struct TaskArguments {
    std::string folder;
    std::int64_t submission = 0;
    std::int64_t level = 0;
  };
  const auto arguments = std::make_shared<TaskArguments>();
  command->add_option("--run", arguments->folder)->required();
  command->add_option("--submission", arguments->submission)->required();
  command->add_option("--level", arguments->level)->required();
  command->callback([arguments, &context] {
    const std::filesystem::path folder = arguments->folder;
    const StudyOptions options = read_study(folder / kExperimentFile, {});
    const run::JobKinds kinds = study_job_kinds(options, load_tasks(options.tasks.plugins));
    const int code =
        run::array_task_main(kinds, folder, arguments->submission, arguments->level, worker_command(folder), context.logger);
    AFFINIS_CHECK(code == 0, ErrorCode::kCancelled, "the array task has stopped; what is left of its batch is done by the next one");
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
  add_array_task_command(app, context);
}

}  // namespace affinis::experiments
