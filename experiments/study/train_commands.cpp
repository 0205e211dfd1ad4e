#include "experiments/study/train_commands.h"

#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "experiments/study/analysis.h"
#include "experiments/study/joint_training.h"
#include "experiments/study/study.h"
#include "framework/core/error.h"
#include "framework/core/json.h"
#include "framework/core/text.h"
#include "framework/data/data_set.h"
#include "framework/nn/networks.h"
#include "framework/train/ranks.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {
namespace {

/// What every command that trains takes (DESIGN section 9).
struct TrainArguments {
  std::string data;
  std::string out;
  std::optional<std::int64_t> steps;
  std::optional<std::int64_t> epochs;
  std::optional<std::int64_t> seed;
  std::string scale = "desk";
  std::vector<std::string> set;
  std::vector<std::string> plugins;
  bool json = false;
};

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
  for (train::TrainerOptions* trainer : {&options.network, &options.scratch, &options.transfer}) {
    if (arguments.steps) trainer->steps = *arguments.steps;
    if (arguments.epochs) trainer->epochs = *arguments.epochs;
    if (arguments.seed) trainer->seed = *arguments.seed;
  }
  for (const std::string& assignment : arguments.set) apply_override(options.sections(), assignment);
  return options;
}

/// Runs what the graph holds and returns its results; throws when a job failed.
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

nlohmann::json win_rate(const std::vector<taxonomy::LossTable>& tables, const std::string& row, const std::string& column) {
  if (tables.empty()) return nullptr;
  const taxonomy::LossTable& table = tables.front();
  const std::size_t i = table.find(row);
  const std::size_t j = table.find(column);
  if (std::max(i, j) >= table.networks.size()) return nullptr;
  const double rate = taxonomy::win_rate(table, i, j);
  return std::isfinite(rate) ? nlohmann::json(rate) : nlohmann::json(nullptr);
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

void add_train_command(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("train", "Train and test one task-specific network");
  const auto arguments = std::make_shared<TrainArguments>();
  const auto task = std::make_shared<std::string>();
  struct RankFlags {
    std::string collective = "auto";
    bool local_norms = false;
  };
  const auto ranks = std::make_shared<RankFlags>();
  command->add_option("TASK", *task, "name or alias of the task (see 'affinis tasks list')")->required();
  add_train_arguments(*command, *arguments);
  command
      ->add_option("--collective", ranks->collective,
                   "how processes started by mpirun, torchrun --no-python or srun train together, each on its share of every batch: auto, none, "
                   "tcp, mpi, nccl")
      ->check(CLI::IsMember({"auto", "none", "tcp", "mpi", "nccl"}))
      ->capture_default_str();
  command->add_flag("--local-norms", ranks->local_norms,
                    "with several processes: BatchNorm by each one's share of a batch instead of the whole batch");
  command->callback([arguments, task, ranks, &context] {
    StudyOptions options = study_options(*arguments);
    options.tasks.names = {*task};
    options.search.max_order = 0;
    const auto registry = load_tasks(options.tasks.plugins);
    StudyGraph study(options, registry);
    study.add_network(study.tasks().front());
    const std::string job = StudyGraph::network_job(study.tasks().front());
    const bool on_gpu = options.run.devices.front().starts_with("cuda");
    const std::shared_ptr<nn::Collective> collective = train::join_ranks(ranks->collective, on_gpu);
    const std::filesystem::path folder = collective ? train_together(study, job, arguments->out, collective, ranks->local_norms, context.logger)
                                                    : run_here(study, arguments->out, context.logger).jobs.at(job).folder;
    if (collective && collective->rank() > 0) return;
    nlohmann::json result = read_json(folder / transfer::kResultFile);
    result["folder"] = folder.string();
    result["weights"] = (folder / transfer::kNetworkFile).string();
    print_network(result, arguments->json);
  });
}

void add_transfer_command(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("transfer", "One transfer: train its networks, encode, train the transfer, compare");
  const auto arguments = std::make_shared<TrainArguments>();
  const auto sources = std::make_shared<std::vector<std::string>>();
  const auto target = std::make_shared<std::string>();
  command->add_option("--sources", *sources, "tasks whose encoders are used, separated by commas")->required()->delimiter(',');
  command->add_option("--target", *target, "task to be learnt")->required();
  add_train_arguments(*command, *arguments);
  command->callback([arguments, sources, target, &context] {
    StudyOptions options = study_options(*arguments);
    options.tasks.sources = *sources;
    options.tasks.targets = {*target};
    options.search.random_encoder = false;
    StudyGraph study(options, load_tasks(options.tasks.plugins));
    study.add_networks();
    const Candidate candidate{study.sources(), study.targets().front()};
    study.add_transfers({candidate});
    const run::RunSummary run = run_here(study, arguments->out, context.logger);
    const std::filesystem::path folder = run.jobs.at(candidate.job_name()).folder;
    nlohmann::json result = read_json(folder / transfer::kResultFile);
    const auto tables = collect_losses(study, results_of(run), context.logger);
    const std::string name = join(candidate.sources, "+");
    result["gain"] = win_rate(tables, name, options.taxonomy.gain_against);
    result["quality"] = win_rate(tables, name, transfer::kSelfRole);
    result["beats_constant"] = win_rate(tables, name, "constant");
    result["folder"] = folder.string();
    print_network(result, arguments->json);
  });
}

}  // namespace

void add_train_commands(CLI::App& app, CommandContext& context) {
  add_train_command(app, context);
  add_transfer_command(app, context);
}

}  // namespace affinis::experiments
