#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/run/coordinator.h"
#include "framework/run/execute.h"
#include "framework/run/messages.h"
#include "framework/run/pipes.h"

namespace affinis::run {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

/// What arrives on standard input, read by a thread of its own so that a stop is noticed while a job runs.
class Inbox {
 public:
  /// The next job; nothing when there will be no more.
  std::optional<nlohmann::json> wait() {
    std::unique_lock lock(mutex_);
    busy_ = false;
    changed_.wait(lock, [&] { return !messages_.empty() || closed_; });
    if (messages_.empty() || stop_) return std::nullopt;
    busy_ = true;
    nlohmann::json message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }

  bool stop_asked() const { return stop_; }

  void read_until_closed() {
    MessageReader reader(STDIN_FILENO);
    try {
      for (;;) {
        const MessageReader::State state = reader.read_some();
        while (std::optional<nlohmann::json> message = reader.next()) {
          const std::lock_guard lock(mutex_);
          if (message->contains("stop")) {
            stop_ = true;
            closed_ = true;
            changed_.notify_all();
            return;
          }
          messages_.push_back(std::move(*message));
          changed_.notify_all();
        }
        if (state == MessageReader::State::kClosed) break;
      }
    } catch (const Error&) {
      // A coordinator that no longer speaks the protocol is as good as gone.
    }
    const std::lock_guard lock(mutex_);
    // Without a coordinator a job must not go on: the next coordinator may already run it again in the same folder.
    if (busy_ || !messages_.empty()) std::_Exit(1);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<nlohmann::json> messages_;
  std::atomic<bool> stop_ = false;
  bool closed_ = false;
  bool busy_ = false;
};

/// What goes to the coordinator; usable from any thread of a job.
class Outbox {
 public:
  explicit Outbox(int descriptor) : descriptor_(descriptor) {}
  bool send(const nlohmann::json& message) {
    const std::lock_guard lock(mutex_);
    return write_message(descriptor_, message);
  }

 private:
  std::mutex mutex_;
  int descriptor_;
};

/// Standard output speaks the protocol and nothing else; what libraries print to it goes to standard error.
Descriptor take_standard_output() {
  Descriptor output(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  AFFINIS_CHECK(
      output.is_open(), ErrorCode::kDevice,
      "a worker needs its standard output: it is started by the coordinator of a run, not by hand");
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  return output;
}

/// The inherited run lock lives as long as this process, not as long as what a job may start.
void keep_lock_to_ourselves() {
  const char* text = std::getenv(kLockVariable);
  if (!text) return;
  if (const auto number = parse_integer(text))
    ::fcntl(static_cast<int>(*number), F_SETFD, FD_CLOEXEC);
  ::unsetenv(kLockVariable);
}

class Worker {
 public:
  Worker(const JobKinds& kinds, const fs::path& run_folder, const std::string& device, int threads,
         double memory_gib, Logger& logger, int output)
      : kinds_(kinds),
        run_folder_(run_folder),
        device_(device),
        threads_(threads),
        memory_gib_(memory_gib),
        logger_(logger),
        outbox_(output),
        inbox_(std::make_shared<Inbox>()) {}

  void serve() {
    // Detached, since it may wait for input that never comes; it owns what it uses.
    std::thread([inbox = inbox_] { inbox->read_until_closed(); }).detach();
    outbox_.send({{"event", "ready"}});
    while (const std::optional<nlohmann::json> message = inbox_->wait()) {
      if (!outbox_.send(answer(*message))) return;
    }
  }

 private:
  nlohmann::json answer(const nlohmann::json& message) {
    std::string name;
    try {
      const RunMessage order = run_message_from_json(message);
      name = order.job.name;
      if (!memory_) memory_.emplace(gibibytes(order.memory_gib.value_or(memory_gib_)));
      const JobResult result = run(order);
      return {{"event", "done"}, {"name", name}, {"seconds", result.seconds}};
    } catch (const Error& error) {
      return failure(name, error_code_name(error.code()), error, false);
    } catch (const std::exception& error) {
      return failure(name, error_code_name(ErrorCode::kInternal), error, true);
    } catch (...) {
      return failure(name, error_code_name(ErrorCode::kInternal),
                     std::runtime_error("an exception of unknown type"), true);
    }
  }

  JobResult run(const RunMessage& order) {
    constexpr std::chrono::milliseconds kInterval{100};
    std::map<std::string, fs::path> inputs;
    for (const auto& [input, folder] : order.inputs) inputs[input] = run_folder_ / folder;
    std::mutex mutex;
    Clock::time_point sent = Clock::now();
    const Execution execution{
        .job = order.job,
        .identity = order.identity,
        .folder = run_folder_ / order.folder,
        .inputs = std::move(inputs),
        .device = device_,
        .threads = threads_,
        .memory = *memory_,
        .progress =
            [&](double done, double total, const std::string& note) {
              AFFINIS_CHECK(!inbox_->stop_asked(), ErrorCode::kCancelled,
                            "job {} was asked to stop", order.job.name);
              {
                const std::lock_guard lock(mutex);
                if (Clock::now() - sent < kInterval) return;
                sent = Clock::now();
              }
              outbox_.send(
                  {{"event", "progress"}, {"done", done}, {"total", total}, {"note", note}});
            },
        .event =
            [&](LogLevel level, const std::string& text) {
              logger_.event(level, order.job.name + ": " + text);
              if (level < LogLevel::kWarning) return;
              outbox_.send({{"event", "log"},
                            {"level", level == LogLevel::kError ? "error" : "warning"},
                            {"message", text}});
            }};
    return execute(execution, *kinds_.get(order.job.kind));
  }

  static nlohmann::json failure(const std::string& name, const char* code,
                                const std::exception& error, bool foreign) {
    return {{"event", "failed"},
            {"name", name},
            {"code", code},
            {"error", error_sentence(error)},
            {"foreign", foreign}};
  }

  static std::size_t gibibytes(double count) { return static_cast<std::size_t>(count * (1 << 30)); }

  const JobKinds& kinds_;
  const fs::path& run_folder_;
  const std::string& device_;
  int threads_;
  double memory_gib_;
  Logger& logger_;
  Outbox outbox_;
  std::shared_ptr<Inbox> inbox_;
  std::optional<WorkerMemory> memory_;
};

}  // namespace

int worker_main(const JobKinds& kinds, const fs::path& run_folder, const std::string& device,
                int threads, double memory_gib, Logger& logger,
                const std::function<void(int)>& set_threads) {
  keep_lock_to_ourselves();
  // A coordinator that is gone is noticed by the failed write.
  std::signal(SIGPIPE, SIG_IGN);
  const Descriptor output = take_standard_output();
  if (set_threads) set_threads(threads);
  Worker(kinds, run_folder, device, threads, memory_gib, logger, output.number()).serve();
  return 0;
}

JobOutcome run_job_here(const JobGraph& graph, const std::string& name, const JobKinds& kinds,
                        const fs::path& folder, const std::string& device, int threads,
                        Logger& logger, const std::function<void(int)>& set_threads) {
  const std::map<std::string, std::string> identities = graph.identities(kinds);
  const Job& job = graph.job(name);
  require_writable_folder(folder / "jobs");
  const auto folder_of = [&](const std::string& each) {
    return folder / job_folder_name(graph.job(each), identities.at(each));
  };

  std::string set_aside;
  if (const auto result = finished_result(folder_of(name), identities.at(name), &set_aside)) {
    return {JobOutcome::State::kReused, folder_of(name), result->seconds, {}};
  }
  if (!set_aside.empty()) logger.event(LogLevel::kWarning, set_aside);
  std::map<std::string, fs::path> inputs;
  for (const std::string& input : job.inputs) {
    std::string why = "there is no such folder";
    const auto result = read_result(folder_of(input), &why);
    AFFINIS_CHECK(
        result && result->identity == identities.at(input), ErrorCode::kData,
        "job '{}' needs the result of '{}' in {}, which is not finished ({}): run that job first",
        name, input, folder_of(input).string(), why);
    inputs[input] = folder_of(input);
  }

  if (set_threads) set_threads(threads);
  WorkerMemory memory(std::size_t{1} << 30);
  Progress progress(logger, "job " + name, job.cost > 0 ? job.cost : 1);
  const Execution execution{
      .job = job,
      .identity = identities.at(name),
      .folder = folder_of(name),
      .inputs = std::move(inputs),
      .device = device,
      .threads = threads,
      .memory = memory,
      .progress =
          [&](double done, double total, const std::string& note) {
            progress.set(total > 0 ? done / total * (job.cost > 0 ? job.cost : 1) : 0, note);
          },
      .event = [&](LogLevel level, const std::string& text) { logger.event(level, text); }};
  try {
    const JobResult result = execute(execution, *kinds.get(job.kind));
    return {JobOutcome::State::kDone, folder_of(name), result.seconds, {}};
  } catch (Error& error) {
    error.within("job " + name);
    throw;
  } catch (const std::exception& error) {
    fail(ErrorCode::kInternal, "job {}: {}", name, error_sentence(error));
  }
}

}  // namespace affinis::run
