#include "experiments/study/joint_training.h"

#include <optional>

#include <ATen/ops/full.h>

#include "experiments/study/study.h"
#include "framework/run/execute.h"
#include "framework/run/graph.h"
#include "framework/run/run_lock.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {
namespace {

constexpr std::size_t kMemoryBytes = std::size_t{1} << 30;

/// Rank 0's answer, for all.
bool agreed(nn::Collective& collective, bool own) {
  at::Tensor answer = at::full({1}, own ? 1.0 : 0.0, at::kDouble);
  collective.broadcast(answer);
  return answer.const_data_ptr<double>()[0] != 0;
}

std::string device_name(const nn::Collective& collective, const StudyOptions& options) {
  if (collective.name() != "nccl") return "cpu:0";
  const std::vector<std::string>& devices = options.run.devices;
  return devices.at(static_cast<std::size_t>(collective.rank()) % devices.size());
}

}  // namespace

std::filesystem::path train_together(const StudyGraph& study, const std::string& name, const std::filesystem::path& out,
                                     const std::shared_ptr<nn::Collective>& collective, bool local_norms, Logger& logger) {
  const StudyOptions& options = study.options();
  run::Job job = study.graph().job(name);
  if (local_norms) job.spec["local_norms"] = true;
  run::JobGraph graph;
  graph.add(job);
  run::JobKinds kinds("kind of job");
  transfer::register_job_kinds(kinds, {load_tasks(options.tasks.plugins), options.data.folder, collective});
  const std::string identity = graph.identities(kinds).at(name);
  const std::filesystem::path folder = out / run::job_folder_name(job, identity);

  const bool speaks = collective->rank() == 0;
  std::optional<run::RunLock> lock;
  bool done = false;
  if (speaks) {
    write_settings(options, out);
    lock.emplace(out);
    done = run::finished_result(folder, identity).has_value();
    logger.info("{} ranks train {} together ({})", collective->size(), name, collective->name());
  }
  if (agreed(*collective, done)) return folder;

  run::WorkerMemory memory(kMemoryBytes);
  const auto kind = kinds.get(job.kind);
  const auto threads = static_cast<int>(options.run.threads_per_worker);
  train::set_threads(threads);
  if (speaks) {
    std::optional<Progress> shown;
    const auto progress = [&](double steps, double all, const std::string& note) {
      if (!shown) shown.emplace(logger, name, all, steps);
      shown->set(steps, note);
    };
    run::execute({.job = job,
                  .identity = identity,
                  .folder = folder,
                  .inputs = {},
                  .device = device_name(*collective, options),
                  .threads = threads,
                  .memory = memory,
                  .progress = progress,
                  .event = [&](LogLevel level, const std::string& message) { logger.event(level, message); }},
                 *kind);
  } else {
    Logger silent;
    run::JobContext context{.job = job,
                            .folder = run::partial_folder(folder),
                            .inputs = {},
                            .device = device_name(*collective, options),
                            .threads = threads,
                            .logger = silent,
                            .memory = memory,
                            .progress = [](double, double, const std::string&) {},
                            .metrics = {}};
    kind->run(context);
  }
  collective->wait_for_all();
  return folder;
}

}  // namespace affinis::experiments
