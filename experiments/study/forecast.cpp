#include "experiments/study/forecast.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "experiments/study/study.h"
#include "framework/core/error.h"
#include "framework/run/job.h"
#include "framework/run/journal.h"
#include "framework/train/trainer.h"
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
  const transfer::RidgeReadout& readout() {
    std::call_once(decomposed_, [this] { readout_.emplace(training.values, test.values); });
    return *readout_;
  }

 private:
  std::once_flag decomposed_;
  std::optional<transfer::RidgeReadout> readout_;
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
      add(network, transfer::readout_errors(labels_, encoded.readout().predict(labels_.training)));
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

/// Calls work(0) to work(count - 1) on so many threads; throws what one of them throws.
template <typename Work>
void share_out(std::size_t count, std::size_t threads, const Work& work) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::exception_ptr> thrown(std::min(count, threads));
  {
    std::vector<std::jthread> crew;
    for (std::exception_ptr& error : thrown) {
      crew.emplace_back([&] {
        // A decomposition's bits depend on how many threads share it.
        train::set_threads(1);
        try {
          for (std::size_t i = next++; i < count; i = next++) work(i);
        } catch (...) {
          error = std::current_exception();
          next = count;
        }
      });
    }
  }
  for (const std::exception_ptr& error : thrown) {
    if (error) std::rethrow_exception(error);
  }
}

/// All networks' errors on one target.
taxonomy::LossTable forecast_of(const StudyGraph& study, const std::string& target, run::JobContext& context, const transfer::StudyEnvironment& environment,
                                const transfer::StudySpec& spec, const transfer::ForecastOptions& options, std::map<std::string, Encoded>& sources) {
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
  return std::move(forecast).table();
}

}  // namespace

std::vector<taxonomy::LossTable> forecast_losses(const StudyGraph& study, const std::filesystem::path& folder,
                                                 const transfer::ForecastOptions& options, std::int64_t threads, Logger& logger) {
  const std::map<std::string, std::filesystem::path> jobs = finished_jobs(folder);
  std::map<std::string, Encoded> sources = read_encodings(jobs);
  AFFINIS_CHECK(!sources.empty(), ErrorCode::kData,
                "the run in {} has encoded nothing yet; let it go on until 'affinis status' shows finished encodings", folder.string());

  const run::Job encode = study.graph().job(transfer::encode_job_name(sources.begin()->first));
  const transfer::StudySpec spec = transfer::encode_spec_from_json(encode.spec).study;
  const transfer::StudyEnvironment environment{load_tasks(study.options().tasks.plugins), study.options().data.folder};
  const std::vector<std::string> targets = study.targets();
  std::vector<taxonomy::LossTable> tables(targets.size());
  Progress progress(logger, "forecast", static_cast<double>(targets.size()));
  std::mutex guard;
  std::size_t done = 0;
  share_out(targets.size(), static_cast<std::size_t>(std::max<std::int64_t>(threads, 1)), [&](std::size_t i) {
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
    tables[i] = forecast_of(study, targets[i], context, environment, spec, options, sources);
    const std::scoped_lock lock(guard);
    progress.set(static_cast<double>(++done), targets[i]);
  });
  return tables;
}

}  // namespace affinis::experiments
