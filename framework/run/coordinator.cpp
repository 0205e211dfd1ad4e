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
#include "framework/run/crew.h"
#include "framework/run/journal.h"
#include "framework/run/ledger.h"
#include "framework/run/messages.h"
#include "framework/run/result.h"
#include "framework/run/schedule.h"
#include "framework/run/stop_signals.h"
#include "framework/run/worker_process.h"

namespace affinis::run {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPollInterval{50};
constexpr std::chrono::milliseconds kPublishInterval{400};
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

class Coordinator {
 public:
  Coordinator(Ledger& ledger, const RunOptions& options,
              const std::vector<std::string>& worker_command, Logger& logger, const Batch* batch, Crew* crew)
      : ledger_(ledger),
        options_(options),
        command_(worker_command),
        logger_(logger),
        crew_(crew),
        schedule_(ledger.graph(), ledger.finished()) {
    for (const std::string& device : options_.devices) {
      slots_.push_back({.device = device, .worker = crew ? crew->take(device) : nullptr});
      slots_.back().ready = slots_.back().worker != nullptr;
    }
    if (crew) {
      for (const auto& [group, at] : crew->owners) {
        if (at < slots_.size() && slots_[at].ready) schedule_.own(group, at);
      }
    }
    if (batch) withhold_all_but(batch->jobs);
    publish(true);
  }

  RunSummary run() {
    ledger_.event(LogLevel::kInfo,
                  fmt::format("{} jobs, {} of them done before", ledger_.graph().jobs().size(),
                              ledger_.finished().size()));
    Progress progress(logger_, "run", ledger_.total_weight(), done_weight());
    try {
      while (!schedule_.is_over()) {
        if (signals_.count() > 0) {
          fail(ErrorCode::kCancelled,
               "the run in {} was stopped ({}): the same command goes on from there",
               ledger_.folder().string(), ledger_.tally());
        }
        dispatch();
        listen(kPollInterval);
        publish(false);
        progress.set(done_weight(), ledger_.note(running()));
      }
    } catch (...) {
      stop_workers();
      throw;
    }
    if (crew_) keep_workers();
    end_workers();
    publish(true);
    RunSummary& summary = ledger_.summary();
    ledger_.event(summary.complete() ? LogLevel::kInfo : LogLevel::kWarning,
                  "the run has ended: " + ledger_.tally());
    summary.seconds = seconds_since(start_);
    return std::move(summary);
  }

 private:
  /// Results that other array tasks should have made and that are not there will not come any more.
  void withhold_all_but(const std::vector<std::string>& names) {
    const std::set<std::string> ours(names.begin(), names.end());
    for (const Job& job : ledger_.graph().jobs()) {
      if (ours.contains(job.name) || ledger_.finished().contains(job.name)) continue;
      for (const std::string& blocked : schedule_.withhold(job.name)) {
        if (ours.contains(blocked))
          ledger_.block(blocked, fmt::format("blocked by '{}', which has no result", job.name));
      }
    }
  }

  // Jobs to workers.

  void dispatch() {
    std::vector<std::size_t> idle;
    for (std::size_t at = 0; at < slots_.size(); ++at) {
      if (slots_[at].is_idle()) idle.push_back(at);
    }
    while (!idle.empty()) {
      const auto next = schedule_.next(idle);
      if (!next) break;
      std::erase(idle, next->worker);
      hand_over(slots_[next->worker], ledger_.graph().job(next->job));
    }
    start_workers();
  }

  void hand_over(Slot& slot, const Job& job) {
    RunMessage message{
        job, ledger_.identity(job.name), ledger_.place(job.name), {}, options_.worker_memory_gib};
    for (const std::string& input : job.inputs) message.inputs[input] = ledger_.place(input);
    slot.running = RunningJob{.name = job.name, .device = slot.device, .note = {}};
    changed_ = true;
    ledger_.event(LogLevel::kDebug, "starts " + job.name,
               {{"job", job.name}, {"device", slot.device}});
    // A worker that died meanwhile is noticed by listen(), with how it ended.
    slot.worker->send(to_json(message));
  }

  void start_workers() {
    auto starting = static_cast<std::size_t>(std::count_if(
        slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.is_starting(); }));
    bool all_given_up = true;
    for (Slot& slot : slots_) {
      if (!slot.worker && !slot.is_given_up() && starting < schedule_.ready()) {
        slot.worker =
            std::make_unique<WorkerProcess>(WorkerStart{.command = command_,
                                                        .device = slot.device,
                                                        .threads = options_.threads_per_worker,
                                                        .log = ledger_.books() / log_name(slot.device),
                                                        .lock_descriptor = ledger_.lock().descriptor()});
        slot.ready = false;
        ++starting;
      }
      all_given_up = all_given_up && slot.is_given_up();
    }
    AFFINIS_CHECK(!all_given_up, ErrorCode::kDevice,
                  "no worker starts: the last one, for {}, {}; see {}", slots_.back().device,
                  last_failed_start_, (ledger_.books() / log_name(slots_.back().device)).string());
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
      ledger_.event(is_error ? LogLevel::kError : LogLevel::kWarning,
                 name + ": " + message.at("message").get<std::string>(), {{"job", name}});
    } else if (event == "done") {
      AFFINIS_CHECK(message.at("name") == name, ErrorCode::kFormat,
                    "'done' for another job than {}", name);
      const auto result = finished_result(ledger_.path(name), ledger_.identity(name));
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
    schedule_.finish(result.name);
    ledger_.complete(result);
  }

  void discard_worker(Slot& slot) {
    slot.worker.reset();
    slot.ready = false;
    schedule_.forget_groups(static_cast<std::size_t>(&slot - slots_.data()));
  }

  /// The worker is gone or of no use; `how` continues "the worker on cpu:0 ...".
  void lose(Slot& slot, const std::string& how) {
    const bool was_starting = !slot.ready;
    discard_worker(slot);
    changed_ = true;
    if (slot.running) {
      const std::string name = slot.running->name;
      // It may have died between the rename and its message.
      if (const auto result = finished_result(ledger_.path(name), ledger_.identity(name))) {
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
      ledger_.event(LogLevel::kWarning, fmt::format("the worker for {} {} before it was ready; see {}",
                                                 slot.device, how, log_name(slot.device)));
    }
  }

  void attempt_failed(const std::string& name, const std::string& error, bool again,
                      bool check_disk) {
    changed_ = true;
    if (stopping_) {
      schedule_.retry(name);
      return;
    }
    if (check_disk) ledger_.require_room();
    const std::int64_t attempts = ++attempts_[name];
    if (again && attempts <= options_.retries) {
      schedule_.retry(name);
      ledger_.event(
          LogLevel::kWarning,
          fmt::format("{}: {}; trying again ({} of {})", name, error, attempts, options_.retries),
          {{"job", name}, {"attempt", attempts}});
      return;
    }
    ledger_.fail(name, error, schedule_.give_up(name));
  }

  // The end.

  void wait_until_ended(std::chrono::duration<double> patience, int signals_before) {
    const auto give_up = Clock::now() + std::chrono::duration_cast<Clock::duration>(patience);
    const auto any = [&] {
      return std::any_of(slots_.begin(), slots_.end(),
                         [](const Slot& slot) { return slot.worker != nullptr; });
    };
    while (any() && Clock::now() < give_up && signals_.count() <= signals_before)
      listen(kPollInterval);
    for (Slot& slot : slots_) slot.worker.reset();
  }

  void keep_workers() {
    crew_->owners = schedule_.owners();
    for (Slot& slot : slots_) {
      if (slot.is_idle()) crew_->keep(slot.device, std::move(slot.worker));
    }
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
      wait_until_ended(std::chrono::duration<double>(options_.stop_patience_seconds),
                       signals_.count());
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
    ledger_.publish(running());
  }

  std::vector<RunningJob> running() const {
    std::vector<RunningJob> running;
    for (const Slot& slot : slots_) {
      if (slot.running) running.push_back(*slot.running);
    }
    return running;
  }

  double done_weight() const { return ledger_.done_weight(running()); }

  Ledger& ledger_;
  const RunOptions& options_;
  const std::vector<std::string>& command_;
  Logger& logger_;
  Crew* crew_;
  const Clock::time_point start_ = Clock::now();
  StopSignals signals_;
  Schedule schedule_;
  std::vector<Slot> slots_;
  std::map<std::string, std::int64_t> attempts_;
  std::string last_failed_start_;
  bool stopping_ = false;
  bool changed_ = true;
  Clock::time_point published_;
};

RunSummary carry_out(const JobGraph& graph, const JobKinds& kinds, const fs::path& folder,
                     const RunOptions& options, const std::vector<std::string>& worker_command,
                     Logger& logger, const Batch* batch, Crew* crew) {
  AFFINIS_CHECK(!options.devices.empty(), ErrorCode::kUsage,
                "a run needs at least one device, such as cpu:0");
  require_writable_folder(folder);
  // Workers and their log files must mean the same folder wherever this process goes.
  Ledger ledger(graph, kinds, fs::absolute(folder), options, logger, batch, crew);
  return Coordinator(ledger, options, worker_command, logger, batch, crew).run();
}

}  // namespace

RunSummary run_graph(const JobGraph& graph, const JobKinds& kinds, const fs::path& folder,
                     const RunOptions& options, const std::vector<std::string>& worker_command,
                     Logger& logger, Crew* crew) {
  return carry_out(graph, kinds, folder, options, worker_command, logger, nullptr, crew);
}

RunSummary run_batch(const JobGraph& graph, const JobKinds& kinds, const fs::path& folder,
                     const Batch& batch, const RunOptions& options,
                     const std::vector<std::string>& worker_command, Logger& logger) {
  return carry_out(graph, kinds, folder, options, worker_command, logger, &batch, nullptr);
}

}  // namespace affinis::run
