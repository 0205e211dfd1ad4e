#include "framework/run/execute.h"

#include <cerrno>
#include <chrono>
#include <fstream>
#include <optional>

#include <fcntl.h>
#include <sys/file.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"
#include "framework/run/pipes.h"

namespace affinis::run {
namespace fs = std::filesystem;
namespace {

/// Seconds that a job has worked in earlier sittings, kept beside its checkpoints; not exact, since a kill loses the last moments.
class WorkClock {
 public:
  explicit WorkClock(const fs::path& partial) : file_(partial / ".seconds") {
    std::ifstream stream(file_);
    std::string text;
    if (std::getline(stream, text)) earlier_ = parse_real(text).value_or(0);
    if (!(earlier_ >= 0)) earlier_ = 0;
  }

  double seconds() const {
    return earlier_ + std::chrono::duration<double>(Clock::now() - start_).count();
  }

  /// Cheap enough for every progress call.
  void keep_now_and_then() {
    constexpr std::chrono::seconds kInterval{2};
    if (Clock::now() - kept_ < kInterval) return;
    kept_ = Clock::now();
    keep();
  }

  void keep() const {
    // Only a statistic: a failure to write it must not fail the job.
    std::ofstream(file_) << seconds() << "\n";
  }

  void forget() const {
    std::error_code ignored;
    fs::remove(file_, ignored);
  }

 private:
  using Clock = std::chrono::steady_clock;
  fs::path file_;
  double earlier_ = 0;
  Clock::time_point start_ = Clock::now();
  Clock::time_point kept_ = start_;
};

/// Hands a job's events and progress on to whoever watches the run.
class ForwardSink : public LogSink {
 public:
  explicit ForwardSink(const Execution& execution) : execution_(execution) {}
  void event(LogLevel level, const std::string& message, const nlohmann::json&) override {
    if (execution_.event) execution_.event(level, message);
  }
  void progress(const std::string& what, double done, double total,
                const std::string& note) override {
    if (!execution_.progress) return;
    try {
      execution_.progress(done, total, note.empty() ? what : what + ", " + note);
    } catch (const Error&) {
      // A logger's progress must not throw: the job hears of the stop from context.progress, or runs to its end.
      return;
    }
  }
  void progress_end(const std::string&) override {}

 private:
  const Execution& execution_;
};

/// The result of a job that is done but not yet safe on the disk: trusted only until the machine starts anew.
fs::path unsynced_result(const fs::path& partial) {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  return partial / (".done-" + (boot.empty() ? "unknown" : boot) + ".json");
}

void sync_files(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && !entry.is_symlink()) sync_path(entry.path());
  }
}

/// Syncs everything, then gives the result its name, then the folder its own: a done.json in a partial folder is the truth already.
void publish(AtomicFolder& folder) {
  const fs::path unsynced = unsynced_result(folder.temporary());
  if (fs::exists(unsynced)) {
    sync_files(folder.temporary());
    fs::rename(unsynced, folder.temporary() / "done.json");
  }
  folder.commit();
}

/// What an earlier attempt finished and could not publish before it was killed.
std::optional<JobResult> unpublished(const fs::path& partial, const std::string& identity) {
  const fs::path unsynced = unsynced_result(partial);
  for (const fs::path& file : {partial / "done.json", unsynced}) {
    const std::optional<JobResult> result = read_result_file(file);
    if (result && result->identity == identity) return result;
  }
  return std::nullopt;
}

/// What an attempt that was killed left half-written: temporary files of write_file_atomically, and a result that is not whole.
void remove_leftovers(const fs::path& partial) {
  std::error_code error;
  fs::remove(partial / "done.json", error);
  std::vector<fs::path> leftovers;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(partial, error)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file(error) && name.starts_with('.') &&
        (name.find(".tmp-") != std::string::npos || name.starts_with(".done-"))) {
      leftovers.push_back(entry.path());
    }
  }
  for (const fs::path& leftover : leftovers) fs::remove(leftover, error);
}

/// Keeps two processes out of one job's folder (run_job_here beside a coordinator, two tasks of a cluster). Let go by close or death;
/// the rename takes it along.
Descriptor lock_folder(const fs::path& partial, const std::string& job) {
  Descriptor folder(::open(partial.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // File systems that cannot lock a folder go without.
  const bool taken =
      folder.is_open() && ::flock(folder.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  AFFINIS_CHECK(
      !taken, ErrorCode::kIo,
      "another process is at work on job '{}' in {}: wait for it, or end it and start again", job,
      partial.string());
  return folder;
}

void write_plainly(const fs::path& path, const std::string& text) {
  std::ofstream stream(path, std::ios::binary);
  stream << text;
  stream.close();
  AFFINIS_CHECK(!stream.fail(), ErrorCode::kIo,
                "{} cannot be written: is the disk full or read-only?", path.string());
}

}  // namespace

JobResult execute(const Execution& execution, const JobKind& kind) {
  const Job& job = execution.job;
  AtomicFolder folder(execution.folder);
  const fs::path& partial = folder.temporary();
  const Descriptor lock = lock_folder(partial, job.name);
  if (const std::optional<JobResult> result = unpublished(partial, execution.identity)) {
    publish(folder);
    return *result;
  }
  remove_leftovers(partial);
  WorkClock clock(partial);

  Logger logger;
  logger.add_sink(make_jsonl_sink(partial / "log.jsonl"));
  logger.event(LogLevel::kInfo, "job " + job.name,
               {{"device", execution.device},
                {"threads", execution.threads},
                {"identity", execution.identity}});
  logger.add_sink(std::make_unique<ForwardSink>(execution));

  JobContext context{.job = job,
                     .folder = partial,
                     .inputs = execution.inputs,
                     .device = execution.device,
                     .threads = execution.threads,
                     .logger = logger,
                     .memory = execution.memory,
                     .progress =
                         [&](double done, double total, const std::string& note) {
                           clock.keep_now_and_then();
                           if (execution.progress) execution.progress(done, total, note);
                         },
                     .metrics = {}};
  try {
    kind.run(context);
  } catch (const std::exception& error) {
    logger.event(LogLevel::kDebug, "stopped: " + error_sentence(error));
    clock.keep();
    throw;
  }
  clock.forget();

  JobResult result{execution.identity, job.kind,        job.name,
                   job.spec,           context.metrics, clock.seconds()};
  write_plainly(unsynced_result(partial), to_json(result).dump(2) + "\n");
  publish(folder);
  return result;
}

std::string error_sentence(const std::exception& error) {
  const std::string text = error.what();
  // LibTorch's exceptions carry a stack trace below their first line.
  const std::string sentence = trim(text.substr(0, text.find('\n')));
  return sentence.empty() ? "an exception without a message" : sentence;
}

}  // namespace affinis::run
