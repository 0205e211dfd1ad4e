#include "framework/run/coordinator.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include <poll.h>
#include <unistd.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/run/index.h"
#include "framework/run/journal.h"
#include "framework/run/messages.h"
#include "framework/run/result.h"
#include "framework/run/run_lock.h"
#include "framework/run/schedule.h"
#include "framework/run/stop_signals.h"
#include "framework/run/worker_process.h"

namespace affinis::run {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPollInterval{50};
constexpr std::chrono::milliseconds kPublishInterval{400};
constexpr std::chrono::seconds kStopPatience{8};
constexpr std::chrono::seconds kEndPatience{2};
constexpr int kStartAttempts = 3;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string log_name(const std::string& device) {
  std::string name = device;
  for (char& letter : name) {
    if (letter == ':' || letter == '/') letter = '.';
  }
  return "workers/" + name + ".log";
}

/// A device's place: its worker process, when there is one, and the job that it has.
struct Slot {
  std::string device;
  std::unique_ptr<WorkerProcess> worker = nullptr;
  bool ready = false;  ///< the worker has said so
  std::optional<RunningJob> running = std::nullopt;
  int failed_starts = 0;

  bool is_idle() const { return worker && ready && !running; }
  bool is_starting() const { return worker && !ready; }
  bool is_given_up() const { return failed_starts >= kStartAttempts; }
};

/// Whether the same job may well succeed when it is done once more.
bool may_pass_later(const std::string& code, bool foreign) {
  return foreign || code == error_code_name(ErrorCode::kIo) ||
         code == error_code_name(ErrorCode::kDevice);
}

/// Events go to the caller's logger and to the run's log.jsonl.
class RunLog {
 public:
  RunLog(const fs::path& folder, Logger& logger) : logger_(logger) {
    file_.add_sink(make_jsonl_sink(folder / "log.jsonl"));
  }
  void event(LogLevel level, const std::string& message, const nlohmann::json& fields = nullptr) {
    logger_.event(level, message, fields);
    file_.event(level, message, fields);
  }

 private:
  Logger& logger_;
  Logger file_;
};

class Coordinator {
 public:
  Coordinator(const JobGraph& graph, const JobKinds& kinds, const fs::path& folder,
              const RunOptions& options, const std::vector<std::string>& worker_command,
              Logger& logger)
      : graph_(graph),
        folder_(folder),
        options_(options),
        command_(worker_command),
        logger_(logger),
        identities_(graph.identities(kinds)),
        lock_(folder),
        log_(folder, logger) {
    name_folders();
    make_folder(folder_ / "jobs");
    make_folder(folder_ / "workers");
    index_ = std::make_unique<Index>(folder_, logger_);
    find_finished();
    schedule_ = std::make_unique<Schedule>(graph_, finished_);
    for (const std::string& device : options_.devices) slots_.push_back({.device = device});
    write_plan(folder_, plan());
    publish(true);
  }

  RunSummary run() {
    log_.event(LogLevel::kInfo, fmt::format("{} jobs, {} of them done before", graph_.jobs().size(),
                                            finished_.size()));
    Progress progress(logger_, "run", total_weight(), done_weight());
    try {
      while (!schedule_->is_over()) {
        if (signals_.count() > 0) {
          fail(ErrorCode::kCancelled,
               "the run in {} was stopped ({}): the same command goes on from there",
               folder_.string(), tally());
        }
        dispatch();
        listen(kPollInterval);
        publish(false);
        progress.set(done_weight(), note());
      }
    } catch (...) {
      stop_workers();
      throw;
    }
    end_workers();
    publish(true);
    log_.event(summary_.complete() ? LogLevel::kInfo : LogLevel::kWarning,
               "the run has ended: " + tally());
    summary_.seconds = seconds_since(start_);
    return std::move(summary_);
  }

 private:
  // Before the first job.

  void name_folders() {
    std::map<std::string, std::string> owner;
    for (const Job& job : graph_.jobs()) {
      const std::string name = job_folder_name(job, identities_.at(job.name));
      const auto [other, fresh] = owner.emplace(name, job.name);
      AFFINIS_CHECK(
          fresh, ErrorCode::kConfig,
          "the jobs '{}' and '{}' would write to the same folder {}: give one another name",
          other->second, job.name, name);
      folders_[job.name] = name;
    }
  }

  void find_finished() {
    for (const Job& job : graph_.jobs()) {
      std::string set_aside;
      if (const auto result = finished_result(folder_ / folders_.at(job.name),
                                              identities_.at(job.name), &set_aside)) {
        finished_.insert(job.name);
        summary_.jobs[job.name] = {
            JobOutcome::State::kReused, folder_ / folders_.at(job.name), result->seconds, {}};
        index_->done(*result, folders_.at(job.name), job.cost);
      }
      if (!set_aside.empty()) log_.event(LogLevel::kWarning, set_aside);
    }
    index_->commit();
  }

  RunPlan plan() const {
    RunPlan plan;
    for (const Job& job : graph_.jobs()) {
      plan.jobs.push_back({job.name, job.stage(), folders_.at(job.name), job.cost, job.inputs});
    }
    plan.expected = options_.expected_later;
    plan.workers = static_cast<std::int64_t>(options_.devices.size());
    return plan;
  }

  // Jobs to workers.

  void dispatch() {
    std::vector<std::size_t> idle;
    for (std::size_t at = 0; at < slots_.size(); ++at) {
      if (slots_[at].is_idle()) idle.push_back(at);
    }
    while (!idle.empty()) {
      const auto next = schedule_->next(idle);
      if (!next) break;
      std::erase(idle, next->worker);
      hand_over(slots_[next->worker], graph_.job(next->job));
    }
    start_workers();
  }

  void hand_over(Slot& slot, const Job& job) {
    RunMessage message{
        job, identities_.at(job.name), folders_.at(job.name), {}, options_.worker_memory_gib};
    for (const std::string& input : job.inputs) message.inputs[input] = folders_.at(input);
    slot.running = RunningJob{.name = job.name, .device = slot.device, .note = {}};
    changed_ = true;
    log_.event(LogLevel::kDebug, "starts " + job.name,
               {{"job", job.name}, {"device", slot.device}});
    // A worker that died meanwhile is noticed by listen(), with how it ended.
    slot.worker->send(to_json(message));
  }

  void start_workers() {
    auto starting = static_cast<std::size_t>(std::count_if(
        slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.is_starting(); }));
    bool all_given_up = true;
    for (Slot& slot : slots_) {
      if (!slot.worker && !slot.is_given_up() && starting < schedule_->ready()) {
        slot.worker =
            std::make_unique<WorkerProcess>(WorkerStart{.command = command_,
                                                        .device = slot.device,
                                                        .threads = options_.threads_per_worker,
                                                        .log = folder_ / log_name(slot.device),
                                                        .lock_descriptor = lock_.descriptor()});
        slot.ready = false;
        ++starting;
      }
      all_given_up = all_given_up && slot.is_given_up();
    }
    AFFINIS_CHECK(!all_given_up, ErrorCode::kDevice,
                  "no worker starts: the last one, for {}, {}; see {}", slots_.back().device,
                  last_failed_start_, (folder_ / log_name(slots_.back().device)).string());
  }

  // Workers to us.

  void listen(std::chrono::milliseconds timeout) {
    std::vector<pollfd> polled;
    for (const Slot& slot : slots_) {
      if (slot.worker) polled.push_back({slot.worker->output(), POLLIN, 0});
    }
    ::poll(polled.data(), polled.size(), static_cast<int>(timeout.count()));
    for (Slot& slot : slots_) {
      if (slot.worker) hear(slot);
    }
  }

  void hear(Slot& slot) {
    // Asked before reading: what a worker wrote before it ended is then read to the end.
    std::optional<std::string> ended = slot.worker->ended();
    const auto state = slot.worker->reader().read_some();
    try {
      while (const std::optional<nlohmann::json> message = slot.worker->reader().next()) {
        handle(slot, *message);
        if (!slot.worker) return;
      }
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kFormat) throw;
      lose(slot, "wrote what is no message (" + error.sentence() + ")");
      return;
    } catch (const nlohmann::json::exception& error) {
      lose(slot, fmt::format("wrote what is no message ({})", error.what()));
      return;
    }
    if (state == MessageReader::State::kClosed && !ended) ended = wait_for_end(slot);
    if (ended) lose(slot, *ended);
  }

  /// A worker that has closed its output is ending, or is of no use.
  static std::string wait_for_end(Slot& slot) {
    constexpr std::chrono::milliseconds kPause{2};
    const auto give_up = Clock::now() + kEndPatience;
    while (Clock::now() < give_up) {
      if (const auto ended = slot.worker->ended()) return *ended;
      std::this_thread::sleep_for(kPause);
    }
    return "closed its output";
  }

  void handle(Slot& slot, const nlohmann::json& message) {
    const std::string event = message.at("event").get<std::string>();
    if (event == "ready") {
      slot.ready = true;
      slot.failed_starts = 0;
      return;
    }
    AFFINIS_CHECK(slot.running, ErrorCode::kFormat, "'{}' without a job", event);
    const std::string name = slot.running->name;
    if (event == "progress") {
      slot.running->done = message.at("done").is_number() ? message.at("done").get<double>() : 0;
      slot.running->total = message.at("total").is_number() ? message.at("total").get<double>() : 0;
      slot.running->note = message.at("note").get<std::string>();
      changed_ = true;
    } else if (event == "log") {
      const bool is_error = message.at("level") == "error";
      log_.event(is_error ? LogLevel::kError : LogLevel::kWarning,
                 name + ": " + message.at("message").get<std::string>(), {{"job", name}});
    } else if (event == "done") {
      AFFINIS_CHECK(message.at("name") == name, ErrorCode::kFormat,
                    "'done' for another job than {}", name);
      const auto result = finished_result(folder_ / folders_.at(name), identities_.at(name));
      AFFINIS_CHECK(result, ErrorCode::kFormat, "'done' without a result of {}", name);
      complete(slot, *result);
    } else if (event == "failed") {
      AFFINIS_CHECK(message.at("name") == name, ErrorCode::kFormat,
                    "'failed' for another job than {}", name);
      const bool foreign = message.at("foreign").get<bool>();
      const std::string code = message.at("code").get<std::string>();
      const std::string error = message.at("error").get<std::string>();
      slot.running.reset();
      // A CUDA error, say, spoils the whole process.
      if (foreign || code == error_code_name(ErrorCode::kDevice)) discard_worker(slot);
      attempt_failed(name, error, may_pass_later(code, foreign),
                     code == error_code_name(ErrorCode::kIo));
    } else {
      fail(ErrorCode::kFormat, "there is no event '{}'", event);
    }
  }

  void complete(Slot& slot, const JobResult& result) {
    slot.running.reset();
    changed_ = true;
    finished_.insert(result.name);
    schedule_->finish(result.name);
    summary_.jobs[result.name] = {
        JobOutcome::State::kDone, folder_ / folders_.at(result.name), result.seconds, {}};
    index_->done(result, folders_.at(result.name), graph_.job(result.name).cost);
    log_.event(LogLevel::kDebug, fmt::format("done {} in {:.2f} s", result.name, result.seconds),
               {{"job", result.name}, {"job_seconds", result.seconds}});
  }

  void discard_worker(Slot& slot) {
    slot.worker.reset();
    slot.ready = false;
    schedule_->forget_groups(static_cast<std::size_t>(&slot - slots_.data()));
  }

  /// The worker is gone or of no use; `how` continues "the worker on cpu:0 ...".
  void lose(Slot& slot, const std::string& how) {
    const bool was_starting = !slot.ready;
    discard_worker(slot);
    changed_ = true;
    if (slot.running) {
      const std::string name = slot.running->name;
      // It may have died between the rename and its message.
      if (const auto result = finished_result(folder_ / folders_.at(name), identities_.at(name))) {
        complete(slot, *result);
        return;
      }
      slot.running.reset();
      attempt_failed(
          name,
          fmt::format("the worker on {} {} while it ran this job; what it printed is in {}",
                      slot.device, how, log_name(slot.device)),
          true, false);
    } else if (was_starting && !stopping_) {
      ++slot.failed_starts;
      last_failed_start_ = how;
      log_.event(LogLevel::kWarning, fmt::format("the worker for {} {} before it was ready; see {}",
                                                 slot.device, how, log_name(slot.device)));
    }
  }

  void attempt_failed(const std::string& name, const std::string& error, bool again,
                      bool check_disk) {
    changed_ = true;
    if (stopping_) {
      schedule_->retry(name);
      return;
    }
    if (check_disk) require_room();
    const std::int64_t attempts = ++attempts_[name];
    if (again && attempts <= options_.retries) {
      schedule_->retry(name);
      log_.event(
          LogLevel::kWarning,
          fmt::format("{}: {}; trying again ({} of {})", name, error, attempts, options_.retries),
          {{"job", name}, {"attempt", attempts}});
      return;
    }
    const std::string log = partial_folder(folders_.at(name)).string() + "/log.jsonl";
    failures_.push_back({name, error, log});
    summary_.jobs[name] = {JobOutcome::State::kFailed, {}, 0, error};
    index_->not_done(graph_.job(name), identities_.at(name), folders_.at(name), "failed", error);
    log_.event(LogLevel::kError, fmt::format("{} failed: {}", name, error),
               {{"job", name}, {"log", log}});
    for (const std::string& blocked : schedule_->give_up(name)) {
      const std::string reason = fmt::format("blocked by '{}', which failed", name);
      summary_.jobs[blocked] = {JobOutcome::State::kBlocked, {}, 0, reason};
      index_->not_done(graph_.job(blocked), identities_.at(blocked), folders_.at(blocked),
                       "blocked", reason);
    }
  }

  /// A full disk would fail every job that is left, one after the other.
  void require_room() const {
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
      const fs::path probe = folder_ / ".room";
      write_file_atomically(probe, std::string(kProbeBytes, 'x'));
      fs::remove(probe, ignored);
    } catch (const Error& error) {
      trouble = error.sentence();
    }
    AFFINIS_CHECK(trouble.empty(), ErrorCode::kIo,
                  "the run in {} has stopped ({}): {}; the same command then goes on from there",
                  folder_.string(), tally(), trouble);
  }

  // The end.

  void wait_until_ended(std::chrono::seconds patience, int signals_before) {
    const auto give_up = Clock::now() + patience;
    const auto any = [&] {
      return std::any_of(slots_.begin(), slots_.end(),
                         [](const Slot& slot) { return slot.worker != nullptr; });
    };
    while (any() && Clock::now() < give_up && signals_.count() <= signals_before)
      listen(kPollInterval);
    for (Slot& slot : slots_) slot.worker.reset();
  }

  void end_workers() {
    stopping_ = true;
    for (Slot& slot : slots_) {
      if (slot.worker) slot.worker->close_input();
    }
    wait_until_ended(kEndPatience, signals_.count());
  }

  void stop_workers() noexcept {
    stopping_ = true;
    try {
      for (Slot& slot : slots_) {
        if (!slot.worker) continue;
        slot.worker->send({{"stop", true}});
        slot.worker->close_input();
      }
      wait_until_ended(kStopPatience, signals_.count());
      for (Slot& slot : slots_) slot.running.reset();
      publish(true);
    } catch (const std::exception&) {
      // The reason for the stop is on its way to the caller; the results' folders are the truth anyway.
      for (Slot& slot : slots_) slot.worker.reset();
    }
  }

  // What others see.

  void publish(bool now) {
    if (!now && (!changed_ || Clock::now() - published_ < kPublishInterval)) return;
    published_ = Clock::now();
    changed_ = false;
    index_->commit();
    RunState state{.process = ::getpid(), .running = {}, .failures = failures_};
    for (const Slot& slot : slots_) {
      if (slot.running) state.running.push_back(*slot.running);
    }
    write_state(folder_, state);
  }

  /// Costs, or plain counts when nobody gave any.
  double weight(const std::string& name) const { return counts_only_ ? 1 : graph_.job(name).cost; }

  double total_weight() {
    double total = 0;
    double later = 0;
    double later_jobs = 0;
    for (const Job& job : graph_.jobs()) total += job.cost;
    for (const ExpectedJobs& expected : options_.expected_later) {
      later += expected.cost;
      later_jobs += static_cast<double>(expected.jobs);
    }
    counts_only_ = total + later <= 0;
    return counts_only_ ? static_cast<double>(graph_.jobs().size()) + later_jobs : total + later;
  }

  double done_weight() const {
    double done = 0;
    for (const std::string& name : finished_) done += weight(name);
    for (const Slot& slot : slots_) {
      if (slot.running) done += slot.running->share() * weight(slot.running->name);
    }
    return done;
  }

  std::string note() const {
    std::vector<std::string> parts;
    for (const Slot& slot : slots_) {
      if (!slot.running) continue;
      parts.push_back(slot.running->note.empty()
                          ? slot.running->name
                          : fmt::format("{} ({})", slot.running->name, slot.running->note));
    }
    return tally() + (parts.empty() ? "" : ": " + join(parts, ", "));
  }

  std::string tally() const {
    std::string text = fmt::format("{} of {} jobs done", finished_.size(), graph_.jobs().size());
    const auto blocked = std::count_if(
        summary_.jobs.begin(), summary_.jobs.end(),
        [](const auto& job) { return job.second.state == JobOutcome::State::kBlocked; });
    if (!failures_.empty()) text += fmt::format(", {} failed", failures_.size());
    if (blocked > 0) text += fmt::format(", {} blocked by them", blocked);
    return text;
  }

  const JobGraph& graph_;
  const fs::path folder_;
  const RunOptions& options_;
  const std::vector<std::string>& command_;
  Logger& logger_;
  const Clock::time_point start_ = Clock::now();
  StopSignals signals_;
  std::map<std::string, std::string> identities_;
  RunLock lock_;
  RunLog log_;
  std::map<std::string, std::string> folders_;  ///< by job name, below folder_
  std::unique_ptr<Index> index_;
  std::set<std::string> finished_;
  std::unique_ptr<Schedule> schedule_;
  std::vector<Slot> slots_;
  std::map<std::string, std::int64_t> attempts_;
  std::vector<FailureNote> failures_;
  RunSummary summary_;
  std::string last_failed_start_;
  bool stopping_ = false;
  bool changed_ = true;
  bool counts_only_ = false;
  Clock::time_point published_;
};

}  // namespace

RunSummary run_graph(const JobGraph& graph, const JobKinds& kinds, const fs::path& folder,
                     const RunOptions& options, const std::vector<std::string>& worker_command,
                     Logger& logger) {
  AFFINIS_CHECK(!options.devices.empty(), ErrorCode::kUsage,
                "a run needs at least one device, such as cpu:0");
  require_writable_folder(folder);
  // Workers and their log files must mean the same folder wherever this process goes.
  return Coordinator(graph, kinds, fs::absolute(folder), options, worker_command, logger).run();
}

}  // namespace affinis::run
