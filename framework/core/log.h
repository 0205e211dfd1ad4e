#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <nlohmann/json_fwd.hpp>

namespace affinis {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Where log events go. Sinks are called under the logger's lock.
class LogSink {
 public:
  virtual ~LogSink() = default;
  /// One event: a sentence and, beside it, keys and values for machines (may be null).
  virtual void event(LogLevel level, const std::string& message, const nlohmann::json& fields) = 0;
  /// How far a long piece of work is; `done` of `total` units. Called often; the sink decides what to show.
  virtual void progress(const std::string& what, double done, double total, const std::string& note) = 0;
  /// The piece of work ended.
  virtual void progress_end(const std::string& what) = 0;
};

/// stderr: on a terminal one bar with time left that is redrawn in place; elsewhere plain lines, at most one per piece of work
/// every `plain_interval_seconds`.
std::unique_ptr<LogSink> make_terminal_sink(LogLevel least = LogLevel::kInfo, double plain_interval_seconds = 10.0);
/// How a terminal sink writes to something else than stderr.
struct StreamSinkOptions {
  bool redraw = false;             ///< a bar redrawn in place, as on a terminal; false: plain lines
  LogLevel least = LogLevel::kInfo;
  double plain_interval_seconds = 10.0;
  std::size_t columns = 80;        ///< width of the bar's line
  std::function<double()> clock;   ///< seconds that never go back; empty: the steady clock
};
/// The terminal sink on any stream, which must outlive it.
std::unique_ptr<LogSink> make_stream_sink(std::ostream& stream, StreamSinkOptions options);
/// One JSON object a line, appended: {"time", "seconds", "level", "message", ...fields}. Throws Error(kIo).
std::unique_ptr<LogSink> make_jsonl_sink(const std::filesystem::path& path);

/// Library code never prints: it is handed a Logger. Thread-safe. A sink that throws (its disk is full) is dropped with a warning
/// to the others: work is not lost for the sake of its log.
class Logger {
 public:
  /// Without sinks a logger swallows everything (tests).
  Logger();
  ~Logger();
  void add_sink(std::unique_ptr<LogSink> sink);

  void event(LogLevel level, const std::string& message);
  void event(LogLevel level, const std::string& message, const nlohmann::json& fields);

  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    event(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void warning(fmt::format_string<Args...> format, Args&&... args) {
    event(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  friend class Progress;
  // Both expect mutex_ to be held.
  template <typename Call>
  void call_sinks(const Call& call) noexcept;
  void drop_sink(std::size_t index, const char* why) noexcept;

  std::mutex mutex_;
  std::vector<std::unique_ptr<LogSink>> sinks_;
};

/// A piece of work with a known size; ends itself.
///
///     Progress progress(logger, "rendering", rooms);
///     for (...) progress.advance();
class Progress {
 public:
  /// `already_done` units were done by an earlier attempt: they count for the percentage, not for the time left.
  Progress(Logger& logger, std::string what, double total, double already_done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Thread-safe; `note` is shown behind the bar ("loss 0.12") until another takes its place.
  void advance(double units = 1, const std::string& note = {});
  void set(double done, const std::string& note = {});

 private:
  Logger& logger_;
  std::string what_;
  double total_;
  double done_;
};

}  // namespace affinis
