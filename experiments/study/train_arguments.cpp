#include "experiments/study/train_arguments.h"

#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "experiments/commands/commands.h"
#include "experiments/study/study.h"
#include "framework/core/error.h"
#include "framework/data/data_set.h"
#include "framework/nn/networks.h"

namespace affinis::experiments {

void add_train_arguments(CLI::App& command, TrainArguments& arguments) {
  command.add_option("--data", arguments.data, "data set folder (see 'affinis data render')")->required();
  command.add_option("--out", arguments.out, "folder for the result; the same command again goes on where it stopped")->required();
  command.add_option("--steps", arguments.steps, "training steps, instead of epochs")->check(CLI::PositiveNumber);
  command.add_option("--epochs", arguments.epochs, "passes over the training images")->check(CLI::PositiveNumber);
  command.add_option("--seed", arguments.seed, "of initialisation and data order")->check(CLI::NonNegativeNumber);
  command.add_option("--scale", arguments.scale, "network width: desk (16) or paper (64); the image side is the data set's")
      ->check(CLI::IsMember({"desk", "paper"}))
      ->capture_default_str();
  command.add_option("--set", arguments.set, "change one setting: section.key=value; may be given again")->allow_extra_args(false);
  command.add_option("--plugin", arguments.plugins, "shared library with further tasks; may be given again")->allow_extra_args(false);
  command.add_flag("--json", arguments.json, "print the result as one JSON object");
}

StudyOptions study_options(const TrainArguments& arguments) {
  StudyOptions options;
  options.data.folder = arguments.data;
  options.scale.image_side = data::DataSet(arguments.data).image_side();
  options.scale.width = nn::scale_by_name(arguments.scale).width;
  options.tasks.plugins = arguments.plugins;
  for (train::TrainerOptions* trainer : {&options.network, &options.scratch, &options.transfer, &options.finetune_training}) {
    if (arguments.steps) trainer->steps = *arguments.steps;
    if (arguments.epochs) trainer->epochs = *arguments.epochs;
    if (arguments.seed) trainer->seed = *arguments.seed;
  }
  if (arguments.steps) options.mtl.trainer.steps = *arguments.steps;
  if (arguments.epochs) options.mtl.trainer.epochs = *arguments.epochs;
  for (const std::string& assignment : arguments.set) apply_override(options.sections(), assignment);
  return options;
}

run::RunSummary run_here(const StudyGraph& study, const std::string& out, Logger& logger) {
  const std::filesystem::path folder = out;
  const StudyOptions& options = study.options();
  write_settings(options, folder);
  const run::JobKinds kinds = study_job_kinds(options, load_tasks(options.tasks.plugins));
  run::RunSummary run = run::run_graph(study.graph(), kinds, folder, options.run, worker_command(folder), logger);
  for (const auto& [name, outcome] : run.jobs) {
    if (outcome.state == run::JobOutcome::State::kFailed) throw Error(ErrorCode::kData, outcome.error).within("job " + name);
  }
  return run;
}

void print_network(const nlohmann::json& result, bool json) {
  if (json) {
    print_json(result);
    return;
  }
  fmt::print("test loss {}\n", result.at("mean_loss").dump());
  for (const nlohmann::json& metric : result.at("metrics")) {
    fmt::print("{} {} {}\n", metric.at("name").get<std::string>(), metric.at("value").dump(), metric.at("unit").get<std::string>());
  }
  for (const char* key : {"gain", "quality", "beats_constant"}) {
    if (result.contains(key) && !result.at(key).is_null()) fmt::print("{} {}\n", key, result.at(key).dump());
  }
  fmt::print("result: {}\n", result.at("folder").get<std::string>());
}

}  // namespace affinis::experiments
