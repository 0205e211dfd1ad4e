#include "experiments/study/train_commands.h"

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "experiments/study/analysis.h"
#include "experiments/study/joint_training.h"
#include "experiments/study/mtl_command.h"
#include "experiments/study/study.h"
#include "experiments/study/train_arguments.h"
#include "framework/core/error.h"
#include "framework/core/json.h"
#include "framework/core/text.h"
#include "framework/train/ranks.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {
namespace {

nlohmann::json win_rate(const std::vector<taxonomy::LossTable>& tables, const std::string& row, const std::string& column) {
  if (tables.empty()) return nullptr;
  const taxonomy::LossTable& table = tables.front();
  const std::size_t i = table.find(row);
  const std::size_t j = table.find(column);
  if (std::max(i, j) >= table.networks.size()) return nullptr;
  const double rate = taxonomy::win_rate(table, i, j);
  return std::isfinite(rate) ? nlohmann::json(rate) : nlohmann::json(nullptr);
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
  add_finetune_command(app, context);
  add_mtl_command(app, context);
}

}  // namespace affinis::experiments
