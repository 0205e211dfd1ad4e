#include "framework/run/slurm_submission.h"

#include <algorithm>
#include <map>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json.h"
#include "framework/core/text.h"
#include "framework/run/run_lock.h"

namespace affinis::run {
namespace fs = std::filesystem;
namespace {

fs::path submission_path(const fs::path& folder, std::int64_t number) {
  return folder / submission_folder(number) / "submission.json";
}

/// Batches joined to `most`, the costliest first into the least filled.
ArrayBatches joined(const JobGraph& graph, ArrayBatches batches, std::size_t most) {
  if (batches.size() <= most) return batches;
  const auto cost = [&](const std::vector<std::string>& batch) {
    double sum = 0;
    for (const std::string& job : batch) sum += graph.job(job).cost;
    return sum;
  };
  std::stable_sort(batches.begin(), batches.end(),
                   [&](const auto& left, const auto& right) { return cost(left) > cost(right); });
  ArrayBatches bins(most);
  std::vector<double> filled(most, 0);
  for (const std::vector<std::string>& batch : batches) {
    const auto least = std::min_element(filled.begin(), filled.end());
    std::vector<std::string>& bin = bins[static_cast<std::size_t>(least - filled.begin())];
    bin.insert(bin.end(), batch.begin(), batch.end());
    *least += cost(batch);
  }
  std::erase_if(bins, [](const auto& bin) { return bin.empty(); });
  return bins;
}

nlohmann::json to_json(const RunOptions& options) {
  return {{"devices", options.devices},
          {"threads_per_worker", options.threads_per_worker},
          {"retries", options.retries},
          {"worker_memory_gib", options.worker_memory_gib},
          {"jobs_in", options.jobs_in.generic_string()},
          {"stop_patience_seconds", options.stop_patience_seconds}};
}

RunOptions options_from_json(const nlohmann::json& value) {
  RunOptions options;
  options.devices = value.at("devices").get<std::vector<std::string>>();
  options.threads_per_worker = value.at("threads_per_worker").get<std::int64_t>();
  options.retries = value.at("retries").get<std::int64_t>();
  options.worker_memory_gib = value.at("worker_memory_gib").get<double>();
  options.jobs_in = value.at("jobs_in").get<std::string>();
  options.stop_patience_seconds = value.at("stop_patience_seconds").get<double>();
  return options;
}

}  // namespace

std::vector<ArrayBatches> deal_batches(const JobGraph& graph, const std::set<std::string>& pending,
                                       const SlurmOptions& options) {
  std::map<std::string, std::size_t> level;
  std::vector<std::vector<std::string>> jobs;
  for (const std::string& name : graph.order()) {
    if (!pending.contains(name)) continue;
    std::size_t& own = level[name];
    for (const std::string& input : graph.job(name).inputs) {
      if (pending.contains(input)) own = std::max(own, level.at(input) + 1);
    }
    if (own >= jobs.size()) jobs.resize(own + 1);
    jobs[own].push_back(name);
  }
  std::vector<ArrayBatches> levels;
  for (const std::vector<std::string>& names : jobs) {
    ArrayBatches batches;
    std::map<std::string, std::size_t> open;  // the batch that a group's next job goes to
    for (const std::string& name : names) {
      const std::string& group = graph.job(name).group;
      const auto found = open.find(group);
      const bool full =
          found != open.end() && options.jobs_per_task > 0 &&
          static_cast<std::int64_t>(batches[found->second].size()) >= options.jobs_per_task;
      if (group.empty() || found == open.end() || full) {
        open[group] = batches.size();
        batches.emplace_back();
      }
      batches[open[group]].push_back(name);
    }
    levels.push_back(
        joined(graph, std::move(batches), static_cast<std::size_t>(options.max_tasks)));
  }
  return levels;
}

fs::path submission_folder(std::int64_t number) { return fs::path("slurm") / std::to_string(number); }

fs::path task_books(std::int64_t number, std::int64_t level, std::int64_t task) {
  return submission_folder(number) / fmt::format("level-{}.{}", level, task);
}

void write_submission(const fs::path& folder, const Submission& submission) {
  nlohmann::json jobs = nlohmann::json::array();
  for (const Job& job : submission.graph.jobs()) {
    jobs.push_back({{"kind", job.kind},
                    {"name", job.name},
                    {"spec", job.spec},
                    {"inputs", job.inputs},
                    {"group", job.group},
                    {"cost", job.cost},
                    {"manner", job.manner}});
  }
  make_folder(folder / submission_folder(submission.number));
  write_json(submission_path(folder, submission.number), {{"format", 1},
                                                          {"jobs", jobs},
                                                          {"options", to_json(submission.options)},
                                                          {"levels", submission.levels}});
}

Submission read_submission(const fs::path& folder, std::int64_t number) {
  const fs::path path = submission_path(folder, number);
  try {
    const nlohmann::json value = read_json(path);
    Submission submission;
    submission.number = number;
    for (const nlohmann::json& job : value.at("jobs")) {
      submission.graph.add({job.at("kind").get<std::string>(), job.at("name").get<std::string>(),
                            job.at("spec"), job.at("inputs").get<std::vector<std::string>>(),
                            job.at("group").get<std::string>(), job.at("cost").get<double>(),
                            job.value("manner", nlohmann::json::object())});
    }
    submission.options = options_from_json(value.at("options"));
    submission.levels = value.at("levels").get<std::vector<ArrayBatches>>();
    return submission;
  } catch (const nlohmann::json::exception& problem) {
    fail(ErrorCode::kFormat,
         "{} is not what a run on Slurm writes ({}): cancel its arrays and start the run again",
         path.string(), problem.what());
  }
}

std::int64_t last_submission(const fs::path& folder) {
  std::int64_t last = 0;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / "slurm", error))
    last = std::max(last, parse_integer(entry.path().filename().string()).value_or(0));
  return last;
}

RunState submission_state(const fs::path& folder, std::int64_t number) {
  RunState all;
  std::vector<fs::path> books;
  std::error_code error;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(folder / submission_folder(number), error)) {
    if (entry.is_directory(error)) books.push_back(entry.path());
  }
  std::sort(books.begin(), books.end());
  for (const fs::path& each : books) {
    const bool alive = is_locked(each);
    const RunState state = read_state(each);
    if (alive) all.running.insert(all.running.end(), state.running.begin(), state.running.end());
    all.failures.insert(all.failures.end(), state.failures.begin(), state.failures.end());
    if (!alive && all.stopped.empty() && !state.stopped.empty())
      all.stopped = fmt::format("{}: {}", each.filename().string(), state.stopped);
  }
  return all;
}

}  // namespace affinis::run
