#include "framework/run/ledger.h"

#include <algorithm>

#include <unistd.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"

namespace affinis::run {
namespace fs = std::filesystem;
namespace {

const fs::path& made(const fs::path& folder) {
  make_folder(folder);
  return folder;
}

}  // namespace

RunLog::RunLog(const fs::path& folder, Logger& logger) : logger_(logger) {
  file_.add_sink(make_jsonl_sink(folder / "log.jsonl"));
}

void RunLog::event(LogLevel level, const std::string& message, const nlohmann::json& fields) {
  logger_.event(level, message, fields);
  file_.event(level, message, fields);
}

Ledger::Ledger(const JobGraph& graph, const JobKinds& kinds, const fs::path& folder,
               const RunOptions& options, Logger& logger, const Batch* batch, Crew* crew)
    : graph_(graph),
      folder_(folder),
      books_(batch ? folder / batch->books : folder),
      options_(options),
      identities_(graph.identities(kinds)),
      lock_(crew ? crew->lock(made(books_)) : std::make_shared<const RunLock>(made(books_))),
      log_(books_, logger) {
  name_places(options.jobs_in);
  make_folder(folder_ / options.jobs_in / "jobs");
  make_folder(books_ / "workers");
  if (batch) {
    const std::set<std::string> own(batch->jobs.begin(), batch->jobs.end());
    find_finished(&own);
  } else {
    // Runs that share their results would find those of others too.
    index_ = std::make_unique<Index>(
        folder_, options.jobs_in == "." ? folder_ / "jobs" : fs::path(), logger);
    find_finished(nullptr);
    write_plan(folder_, plan());
  }
  double total = 0;
  for (const Job& job : graph_.jobs()) total += job.cost;
  for (const ExpectedJobs& expected : options_.expected_later) total += expected.cost;
  counts_only_ = total <= 0;
}

void Ledger::name_places(const fs::path& jobs_in) {
  std::map<std::string, std::string> owner;
  for (const Job& job : graph_.jobs()) {
    const std::string name = job_folder_name(job, identities_.at(job.name));
    const auto [other, fresh] = owner.emplace(name, job.name);
    AFFINIS_CHECK(
        fresh, ErrorCode::kConfig,
        "the jobs '{}' and '{}' would write to the same folder {}: give one another name",
        other->second, job.name, name);
    places_[job.name] = jobs_in == "." ? name : (jobs_in / name).generic_string();
  }
}

void Ledger::find_finished(const std::set<std::string>* own) {
  for (const Job& job : graph_.jobs()) {
    std::string set_aside;
    const bool ours = !own || own->contains(job.name);
    const std::optional<JobResult> found =
        ours ? finished_result(path(job.name), identities_.at(job.name), &set_aside)
             : result(job.name);
    if (found) {
      finished_.insert(job.name);
      summary_.jobs[job.name] = {
          JobOutcome::State::kReused, path(job.name), found->seconds, {}};
      if (index_) index_->done(*found, place(job.name), job.cost);
    }
    if (!set_aside.empty()) log_.event(LogLevel::kWarning, set_aside);
  }
  if (index_) index_->commit();
}

RunPlan Ledger::plan() const {
  RunPlan plan;
  for (const Job& job : graph_.jobs())
    plan.jobs.push_back({job.name, job.stage(), place(job.name), job.cost, job.inputs});
  plan.expected = options_.expected_later;
  plan.workers = static_cast<std::int64_t>(options_.devices.size());
  return plan;
}

std::optional<JobResult> Ledger::result(const std::string& job) const {
  std::optional<JobResult> result = read_result(path(job));
  if (!result || result->identity != identity(job)) return std::nullopt;
  return result;
}

void Ledger::complete(const JobResult& result) {
  finished_.insert(result.name);
  summary_.jobs[result.name] = {
      JobOutcome::State::kDone, path(result.name), result.seconds, {}};
  if (index_) index_->done(result, place(result.name), graph_.job(result.name).cost);
  log_.event(LogLevel::kDebug, fmt::format("done {} in {:.2f} s", result.name, result.seconds),
             {{"job", result.name}, {"job_seconds", result.seconds}});
}

void Ledger::fail(const std::string& job, const std::string& error,
                  const std::vector<std::string>& blocked, std::string log) {
  if (log.empty()) log = partial_folder(place(job)).string() + "/log.jsonl";
  failures_.push_back({job, error, log});
  summary_.jobs[job] = {JobOutcome::State::kFailed, {}, 0, error};
  if (index_) index_->not_done(graph_.job(job), identity(job), place(job), "failed", error);
  log_.event(LogLevel::kError, fmt::format("{} failed: {}", job, error),
             {{"job", job}, {"log", log}});
  for (const std::string& each : blocked)
    block(each, fmt::format("blocked by '{}', which failed", job));
}

void Ledger::block(const std::string& job, const std::string& reason) {
  summary_.jobs[job] = {JobOutcome::State::kBlocked, {}, 0, reason};
  if (index_) index_->not_done(graph_.job(job), identity(job), place(job), "blocked", reason);
}

void Ledger::publish(const std::vector<RunningJob>& running, const std::string& stopped) {
  if (index_) index_->commit();
  write_state(books_, {.process = ::getpid(), .running = running, .failures = failures_, .stopped = stopped});
}

double Ledger::total_weight() const {
  double total = 0;
  for (const Job& job : graph_.jobs()) total += weight(job.name);
  for (const ExpectedJobs& expected : options_.expected_later)
    total += counts_only_ ? static_cast<double>(expected.jobs) : expected.cost;
  return total;
}

double Ledger::done_weight(const std::vector<RunningJob>& running) const {
  double done = 0;
  for (const std::string& name : finished_) done += weight(name);
  for (const RunningJob& job : running) {
    if (!finished_.contains(job.name)) done += job.share() * weight(job.name);
  }
  return done;
}

std::string Ledger::tally() const {
  std::string text =
      fmt::format("{} of {} jobs done", finished_.size(), graph_.jobs().size());
  const auto blocked = std::count_if(
      summary_.jobs.begin(), summary_.jobs.end(),
      [](const auto& job) { return job.second.state == JobOutcome::State::kBlocked; });
  std::int64_t later = 0;
  for (const ExpectedJobs& expected : options_.expected_later) later += expected.jobs;
  if (later > 0) text += fmt::format(" and {} still to come", later);
  if (!failures_.empty()) text += fmt::format(", {} failed", failures_.size());
  if (blocked > 0) text += fmt::format(", {} blocked by them", blocked);
  return text;
}

std::string Ledger::note(const std::vector<RunningJob>& running) const {
  constexpr std::size_t kMost = 4;
  std::vector<std::string> parts;
  for (const RunningJob& job : running) {
    if (parts.size() == kMost) {
      parts.push_back(fmt::format("{} more", running.size() - kMost));
      break;
    }
    parts.push_back(job.note.empty() ? job.name : fmt::format("{} ({})", job.name, job.note));
  }
  return tally() + (parts.empty() ? "" : ": " + join(parts, ", "));
}

void Ledger::require_room() const {
  std::error_code ignored;
  const fs::space_info space = fs::space(folder_, ignored);
  constexpr std::uintmax_t kLeastRoom = std::uintmax_t{64} << 20;
  std::string trouble;
  if (!ignored && space.available < kLeastRoom) {
    trouble = fmt::format("its disk is full but for {}; free some space there",
                          format_bytes(static_cast<double>(space.available)));
  }
  try {
    // Quotas and file systems that turned read-only.
    constexpr std::size_t kProbeBytes = 65536;
    const fs::path probe = books_ / ".room";
    write_file_atomically(probe, std::string(kProbeBytes, 'x'));
    fs::remove(probe, ignored);
  } catch (const Error& error) {
    trouble = error.sentence();
  }
  AFFINIS_CHECK(trouble.empty(), ErrorCode::kIo,
                "the run in {} has stopped ({}): {}; the same command then goes on from there",
                folder_.string(), tally(), trouble);
}

}  // namespace affinis::run
