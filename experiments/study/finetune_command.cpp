#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "experiments/study/study.h"
#include "experiments/study/train_arguments.h"
#include "experiments/study/train_commands.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json.h"
#include "framework/core/text.h"
#include "framework/run/journal.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {
namespace {

/// The weight file that --from names: itself, the network in a job's folder, or "RUN:task", the task's network in a run's folder.
std::string weights_named(const std::string& from) {
  namespace fs = std::filesystem;
  if (fs::is_directory(from)) {
    const fs::path file = fs::path(from) / transfer::kNetworkFile;
    AFFINIS_CHECK(fs::exists(file), ErrorCode::kUsage,
                  "--from names the folder {}, which holds no {}; give a job's folder with weights, RUN:task or a weight file", from,
                  transfer::kNetworkFile);
    return file.string();
  }
  if (fs::exists(from)) {
    AFFINIS_CHECK(is_weight_file(from), ErrorCode::kUsage, "--from names {}, which ends in none of .safetensors, .pt, .pth and .bin", from);
    return from;
  }
  const std::size_t colon = from.rfind(':');
  AFFINIS_CHECK(colon != std::string::npos && fs::is_directory(from.substr(0, colon)), ErrorCode::kUsage,
                "--from names {}, which is not there; give a weight file, a job's folder or RUN:task", from);
  const fs::path folder = from.substr(0, colon);
  const std::string name = StudyGraph::network_job(from.substr(colon + 1));
  std::vector<std::string> tasks;
  for (const run::JournalJob& job : run::read_plan(folder).jobs) {
    if (job.name == name) {
      const fs::path file = folder / job.folder / transfer::kNetworkFile;
      AFFINIS_CHECK(fs::exists(file), ErrorCode::kData, "the run in {} has not finished {} yet", folder.string(), name);
      return file.string();
    }
    const std::string prefix = StudyGraph::network_job("");
    if (job.name.starts_with(prefix)) tasks.push_back(job.name.substr(prefix.size()));
  }
  fail(ErrorCode::kUsage, "the run in {} has no network of the task '{}'{}; its networks are {}", folder.string(), from.substr(colon + 1),
       did_you_mean(from.substr(colon + 1), tasks), tasks.empty() ? "none" : join(tasks, ", "));
}

struct FinetuneArguments {
  TrainArguments train;
  std::string from;
  std::string task;
  std::string policy = "none";
  std::int64_t images = 0;
  std::optional<double> backbone_rate;
  std::optional<double> layer_decay;
};

void print_proof(const nlohmann::json& result) {
  for (const nlohmann::json& proof : result.value("freeze_proof", nlohmann::json::array())) {
    fmt::print("steps {} to {}, {}: {} tensors did not change, hash {} before, {} after\n", proof.at("first_step").get<std::int64_t>(),
               proof.at("last_step").get<std::int64_t>(), proof.at("phase").get<std::string>(), proof.at("tensors").get<std::int64_t>(),
               proof.at("hash_before").get<std::string>(), proof.at("hash_after").get<std::string>());
  }
}

}  // namespace

void add_finetune_command(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("finetune", "Train one task from another network's weights");
  const auto arguments = std::make_shared<FinetuneArguments>();
  command
      ->add_option("--from", arguments->from,
                   "what to begin from: a weight file (.safetensors of a run or with torchvision's names, or a PyTorch state_dict .pt, .pth, .bin), a "
                   "job's folder, or RUN:task for a task's network in a run's folder")
      ->required();
  command->add_option("--task", arguments->task, "task to be learnt")->required();
  command
      ->add_option("--policy", arguments->policy,
                   "what is frozen: none, all (linear probe), stages:K, blocks:K, gradual, lp-ft (the head first, then everything)")
      ->capture_default_str();
  command->add_option("--images", arguments->images, "so many images of the transfer split, drawn by the seed; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--backbone-rate", arguments->backbone_rate, "step size of the trunk as a share of the head's (default 0.1)")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--layer-decay", arguments->layer_decay, "step size of a stage as a share of that of the stage above it (default 1)")
      ->check(CLI::Range(0.0, 1.0));
  add_train_arguments(*command, arguments->train);
  command->callback([arguments, &context] {
    StudyOptions options = study_options(arguments->train);
    const std::int64_t seed = options.finetune_training.seed;
    options.tasks.names = {arguments->task};
    options.search.max_order = 0;
    options.finetune = {std::filesystem::absolute(weights_named(arguments->from)).lexically_normal().string(), {arguments->task}, {arguments->policy},
                        {arguments->images}, {seed}, true};
    if (arguments->backbone_rate) options.finetune_adaptation.backbone_rate = *arguments->backbone_rate;
    if (arguments->layer_decay) options.finetune_adaptation.layer_decay = *arguments->layer_decay;
    train::validate(options.finetune_trainer(arguments->policy, arguments->task, seed));
    StudyGraph study(options, load_tasks(options.tasks.plugins));
    study.add_finetunes();
    const std::string job = StudyGraph::finetune_job(study.finetuned_tasks().front(), arguments->policy, arguments->images, seed);
    const std::filesystem::path folder = run_here(study, arguments->train.out, context.logger).jobs.at(job).folder;
    nlohmann::json result = read_json(folder / transfer::kResultFile);
    result["folder"] = folder.string();
    result["weights"] = (folder / transfer::kNetworkFile).string();
    const std::filesystem::path table = folder / "parameters.txt";  // not there when nothing is treated in a way of its own
    result["parameter_table"] = std::filesystem::exists(table) ? read_file(table) : "";
    if (!arguments->train.json) {
      fmt::print("{}\n", result.at("parameter_table").get<std::string>());
      print_proof(result);
    }
    print_network(result, arguments->train.json);
  });
}

}  // namespace affinis::experiments
