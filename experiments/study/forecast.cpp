#include "experiments/study/forecast.h"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "experiments/study/study.h"
#include "framework/core/error.h"
#include "framework/run/job.h"
#include "framework/run/journal.h"
#include "transfer/job_kinds.h"
#include "transfer/representation.h"

namespace affinis::experiments {
namespace {

constexpr std::size_t kMemoryBytes = std::size_t{1} << 30;
constexpr const char* kEncodeStage = "encode/";

/// A source's representations of both splits.
struct Encoded {
  transfer::Representations training;
  transfer::Representations test;
  /// For targets on single images: one decomposition serves them all.
  std::optional<transfer::RidgeReadout> readout;
};

/// Result folders of what is done, by job name.
std::map<std::string, std::filesystem::path> finished_jobs(const std::filesystem::path& folder) {
  std::map<std::string, std::filesystem::path> result;
  for (const run::JournalJob& job : run::read_plan(folder).jobs) {
    if (std::filesystem::exists(folder / job.folder / "done.json")) result[job.name] = folder / job.folder;
  }
  return result;
}

std::map<std::string, Encoded> read_encodings(const std::map<std::string, std::filesystem::path>& jobs) {
  std::map<std::string, Encoded> result;
  for (const auto& [name, folder] : jobs) {
    // Chains are of no task's own encoder.
    if (!name.starts_with(kEncodeStage) || name.starts_with(transfer::encode_job_name(transfer::kChainPrefix))) continue;
    Encoded& encoded = result[name.substr(std::string(kEncodeStage).size())];
    encoded.training = transfer::read_representations(folder / transfer::kTransferRepresentationsFile);
    encoded.test = transfer::read_representations(folder / transfer::kTestRepresentationsFile);
  }
  return result;
}

/// Errors of all networks on one target.
class TargetForecast {
 public:
  TargetForecast(const task::Task& task, const train::TensorSet& training, const train::TensorSet& test, const transfer::ForecastOptions& options)
      : training_(training), test_(test), labels_(transfer::readout_labels(task, training, test, options)) {
    table_.target = task.info().name;
    table_.images = test.indices;
  }

  void add(const std::string& network, std::vector<double> errors) {
    table_.networks.push_back(network);
    table_.losses.insert(table_.losses.end(), errors.begin(), errors.end());
  }
  void add_constant() { add("constant", transfer::constant_errors(labels_)); }
  void add(const std::string& network, Encoded& encoded) {
    AFFINIS_CHECK(encoded.training.indices == training_.indices && encoded.test.indices == test_.indices, ErrorCode::kData,
                  "the representations of {} are of other images than the labels of {}; remove its job folder and run again", encoded.training.source,
                  table_.target);
    if (training_.sample_indices.empty()) {
      if (!encoded.readout) encoded.readout.emplace(encoded.training.values, encoded.test.values);
      add(network, transfer::readout_errors(labels_, encoded.readout->predict(labels_.training)));
    } else {
      const transfer::RidgeReadout readout(of_examples(encoded.training, training_), of_examples(encoded.test, test_));
      add(network, transfer::readout_errors(labels_, readout.predict(labels_.training)));
    }
  }
  taxonomy::LossTable table() && { return std::move(table_); }

 private:
  const train::TensorSet& training_;
  const train::TensorSet& test_;
  transfer::ReadoutLabels labels_;
  taxonomy::LossTable table_;
};

}  // namespace

std::vector<taxonomy::LossTable> forecast_losses(const StudyGraph& study, const std::filesystem::path& folder,
                                                 const transfer::ForecastOptions& options, Logger& logger) {
  const std::map<std::string, std::filesystem::path> jobs = finished_jobs(folder);
  std::map<std::string, Encoded> sources = read_encodings(jobs);
  AFFINIS_CHECK(!sources.empty(), ErrorCode::kData,
                "the run in {} has encoded nothing yet; let it go on until 'affinis status' shows finished encodings", folder.string());

  const run::Job encode = study.graph().job(transfer::encode_job_name(sources.begin()->first));
  const transfer::StudySpec spec = transfer::encode_spec_from_json(encode.spec).study;
  const transfer::StudyEnvironment environment{load_tasks(study.options().tasks.plugins), study.options().data.folder};
  run::WorkerMemory memory(kMemoryBytes);
  run::Job job;
  job.name = "forecast";
  run::JobContext context{.job = job,
                          .folder = folder,
                          .inputs = jobs,
                          .device = "cpu:0",
                          .threads = 1,
                          .logger = logger,
                          .memory = memory,
                          .progress = [](double, double, const std::string&) {},
                          .metrics = {}};
  std::vector<taxonomy::LossTable> tables;
  Progress progress(logger, "forecast", static_cast<double>(study.targets().size()));
  for (const std::string& target : study.targets()) {
    const auto data = transfer::open_data(context, environment, spec);
    const auto task = transfer::make_task(environment, target, *data, spec);
    const train::TensorSet training = transfer::load_examples(context, environment, spec, spec.transfer, target, false);
    const train::TensorSet test = transfer::load_examples(context, environment, spec, spec.test, target, false);
    TargetForecast forecast(*task, training, test, options);
    if (const auto own = sources.find(target); own != sources.end()) forecast.add(transfer::kSelfRole, own->second);
    forecast.add_constant();
    for (const std::string& source : study.sources()) {
      const auto it = sources.find(source);
      if (it != sources.end() && source != target) forecast.add(source, it->second);
    }
    tables.push_back(std::move(forecast).table());
    progress.set(static_cast<double>(tables.size()), target);
  }
  return tables;
}

}  // namespace affinis::experiments
