#include "framework/core/log.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <limits>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace affinis {
namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

const char* level_name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

std::string count_text(double done, double total) {
  // Whole units for people, also where the last one is not full.
  const std::string done_text = fmt::format("{:.0f}", std::floor(done));
  return total > 0 ? fmt::format("{} of {:.0f}", done_text, total) : done_text;
}

class StreamSink : public LogSink {
 public:
  StreamSink(std::ostream& stream, StreamSinkOptions options)
      : stream_(stream), options_(std::move(options)) {
    if (!options_.clock) options_.clock = steady_seconds;
  }

  ~StreamSink() override {
    if (bar_is_shown_) write("\r\033[K");
  }

  void event(LogLevel level, const std::string& message, const nlohmann::json&) override {
    if (level < options_.least) return;
    std::string text = bar_is_shown_ ? "\r\033[K" : "";
    if (level != LogLevel::kInfo) text += std::string(level_name(level)) + ": ";
    text += message + "\n";
    bar_is_shown_ = false;
    if (options_.redraw && !works_.empty()) text += bar();
    write(text);
  }

  void progress(const std::string& what, double done, double total,
                const std::string& note) override {
    const double now = options_.clock();
    Work& work = find_or_start(what, done, now);
    work.done = done;
    work.total = total;
    if (!note.empty()) work.note = note;
    if (options_.redraw) {
      const bool finished = total > 0 && done >= total;
      if (now - last_drawn_ < kRedrawSeconds && !finished && bar_is_shown_) return;
      last_drawn_ = now;
      write(bar());
    } else if (now - work.last_shown >= options_.plain_interval_seconds) {
      work.last_shown = now;
      write(fmt::format("{}: {}\n", what, state_text(work, now)));
    }
  }

  void progress_end(const std::string& what) override {
    const auto at = std::find_if(works_.begin(), works_.end(),
                                 [&](const Work& work) { return work.what == what; });
    if (at == works_.end()) return;
    const Work work = *at;
    works_.erase(at);
    const double seconds = options_.clock() - work.started;
    std::string text = bar_is_shown_ ? "\r\033[K" : "";
    bar_is_shown_ = false;
    if (seconds > options_.plain_interval_seconds) {
      const bool complete = work.total <= 0 || work.done >= work.total;
      text += fmt::format("{}: {} {} {}{}\n", what, complete ? "done," : "stopped at",
                          count_text(work.done, work.total), complete ? "in " : "after ",
                          format_duration(seconds));
    }
    if (options_.redraw && !works_.empty()) text += bar();
    if (!text.empty()) write(text);
  }

 private:
  // More often than this only flickers, and the work waits for the terminal.
  static constexpr double kRedrawSeconds = 0.1;

  struct Work {
    std::string what;
    double started = 0;
    double done_at_start = 0;
    double last_shown = 0;
    double done = 0;
    double total = 0;
    std::string note;
  };

  Work& find_or_start(const std::string& what, double done, double now) {
    for (Work& work : works_) {
      if (work.what == what) return work;
    }
    Work work;
    work.what = what;
    work.started = work.last_shown = now;
    work.done_at_start = done;
    works_.push_back(std::move(work));
    // Seen at once, however shortly before another piece of work was drawn.
    last_drawn_ = -std::numeric_limits<double>::infinity();
    return works_.back();
  }

  static std::string state_text(const Work& work, double now) {
    std::string text;
    if (work.total > 0)
      text =
          fmt::format("{:3.0f}% ", std::floor(100 * std::clamp(work.done / work.total, 0.0, 1.0)));
    text = trim(text + "(" + count_text(work.done, work.total) + ")");
    const double gained = work.done - work.done_at_start;
    if (work.total > work.done && gained > 0) {
      text += ", " + format_duration((now - work.started) * (work.total - work.done) / gained) +
              " left";
    }
    if (!work.note.empty()) text += ", " + work.note;
    return text;
  }

  // The innermost piece of work, which is the one that moves.
  std::string bar() {
    constexpr std::size_t kCells = 20;
    const Work& work = works_.back();
    std::string line = work.what + " ";
    if (work.total > 0) {
      const double share = std::clamp(work.done / work.total, 0.0, 1.0);
      const auto full = static_cast<std::size_t>(share * kCells);
      line += "[" + std::string(full, '#') + std::string(kCells - full, '.') + "] ";
    }
    line += state_text(work, options_.clock());
    if (works_.size() > 1) line += fmt::format(" (+{} more)", works_.size() - 1);
    std::replace(line.begin(), line.end(), '\n', ' ');
    // The last column stays empty: a line that fills it wraps on some terminals and is then not redrawn in place.
    const std::size_t most = std::max<std::size_t>(options_.columns, 2) - 1;
    if (line.size() > most) {
      std::size_t cut = most;
      while (cut > 0 && (static_cast<unsigned char>(line[cut]) & 0xC0U) == 0x80U) --cut;
      line.resize(cut);
    }
    bar_is_shown_ = true;
    return "\r\033[K" + line;
  }

  void write(const std::string& text) {
    stream_.write(text.data(), static_cast<std::streamsize>(text.size()));
    stream_.flush();
  }

  std::ostream& stream_;
  StreamSinkOptions options_;
  std::vector<Work> works_;
  double last_drawn_ = 0;
  bool bar_is_shown_ = false;
};

class JsonlSink : public LogSink {
 public:
  explicit JsonlSink(const std::filesystem::path& path)
      : path_(path.string()), started_(steady_seconds()) {
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file_ < 0) refuse();
    // A program that was killed may have left half a line; the next event must not continue it.
    char last = '\n';
    const off_t size = ::lseek(file_, 0, SEEK_END);
    if (size > 0 && ::pread(file_, &last, 1, size - 1) == 1 && last != '\n') write("\n");
  }
  ~JsonlSink() override { ::close(file_); }
  JsonlSink(const JsonlSink&) = delete;
  JsonlSink& operator=(const JsonlSink&) = delete;

  void event(LogLevel level, const std::string& message, const nlohmann::json& fields) override {
    nlohmann::json line = nlohmann::json::object();
    if (fields.is_object()) {
      line = fields;
    } else if (!fields.is_null()) {
      line["fields"] = fields;
    }
    const auto now =
        std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    const auto milliseconds = now.time_since_epoch().count() % 1000;
    line["time"] =
        fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                    fmt::gmtime(std::chrono::system_clock::to_time_t(now)), milliseconds);
    line["seconds"] = std::round((steady_seconds() - started_) * 1000) / 1000;
    line["level"] = level_name(level);
    line["message"] = message;
    write(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }

  void progress(const std::string&, double, double, const std::string&) override {}
  void progress_end(const std::string&) override {}

 private:
  // One call a line: with O_APPEND lines of several processes do not mix.
  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::write(file_, text.data(), text.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) refuse();
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  [[noreturn]] void refuse() const {
    const int number = errno;
    fail(ErrorCode::kIo, "cannot write the log '{}': {}", path_,
         std::generic_category().message(number));
  }

  std::string path_;
  double started_;
  int file_ = -1;
};

std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::unique_ptr<LogSink> make_stream_sink(std::ostream& stream, StreamSinkOptions options) {
  return std::make_unique<StreamSink>(stream, std::move(options));
}

std::unique_ptr<LogSink> make_terminal_sink(LogLevel least, double plain_interval_seconds) {
  const char* kind = std::getenv("TERM");
  StreamSinkOptions options;
  options.redraw =
      ::isatty(STDERR_FILENO) == 1 && (kind == nullptr || std::string_view(kind) != "dumb");
  options.least = least;
  options.plain_interval_seconds = plain_interval_seconds;
  options.columns = terminal_columns();
  return make_stream_sink(std::cerr, std::move(options));
}

std::unique_ptr<LogSink> make_jsonl_sink(const std::filesystem::path& path) {
  return std::make_unique<JsonlSink>(path);
}

Logger::Logger() = default;
Logger::~Logger() = default;

template <typename Call>
void Logger::call_sinks(const Call& call) noexcept {
  for (std::size_t i = 0; i < sinks_.size();) {
    try {
      call(*sinks_[i]);
      ++i;
    } catch (const std::exception& problem) {
      drop_sink(i, problem.what());
    }
  }
}

void Logger::drop_sink(std::size_t index, const char* why) noexcept {
  const std::unique_ptr<LogSink> dropped = std::move(sinks_[index]);
  sinks_.erase(sinks_.begin() + static_cast<std::ptrdiff_t>(index));
  for (const std::unique_ptr<LogSink>& sink : sinks_) {
    try {
      sink->event(LogLevel::kWarning, fmt::format("a log has stopped: {}", why), nullptr);
    } catch (const std::exception&) {
      // It will be dropped at its own next event.
      continue;
    }
  }
}

void Logger::add_sink(std::unique_ptr<LogSink> sink) {
  const std::lock_guard lock(mutex_);
  sinks_.push_back(std::move(sink));
}

void Logger::event(LogLevel level, const std::string& message) { event(level, message, nullptr); }

void Logger::event(LogLevel level, const std::string& message, const nlohmann::json& fields) {
  const std::lock_guard lock(mutex_);
  call_sinks([&](LogSink& sink) { sink.event(level, message, fields); });
}

Progress::Progress(Logger& logger, std::string what, double total, double already_done)
    : logger_(logger), what_(std::move(what)), total_(total), done_(already_done) {
  set(already_done);
}

Progress::~Progress() {
  const std::lock_guard lock(logger_.mutex_);
  logger_.call_sinks([&](LogSink& sink) { sink.progress_end(what_); });
}

void Progress::advance(double units, const std::string& note) {
  const std::lock_guard lock(logger_.mutex_);
  done_ += units;
  logger_.call_sinks([&](LogSink& sink) { sink.progress(what_, done_, total_, note); });
}

void Progress::set(double done, const std::string& note) {
  const std::lock_guard lock(logger_.mutex_);
  done_ = done;
  logger_.call_sinks([&](LogSink& sink) { sink.progress(what_, done_, total_, note); });
}

}  // namespace affinis
