#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
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
/// One JSON object a line, appended: {"time", "seconds", "level", "message", ...fields}. Throws Error(kIo).
std::unique_ptr<LogSink> make_jsonl_sink(const std::filesystem::path& path);

/// Library code never prints: it is handed a Logger. Thread-safe.
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
  std::mutex mutex_;
  std::vector<std::unique_ptr<LogSink>> sinks_;
};

/// A piece of work with a known size; ends itself.
///
///     Progress progress(logger, "rendering", rooms);
///     for (...) progress.advance();
class Progress {
 public:
  Progress(Logger& logger, std::string what, double total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Thread-safe; `note` is shown behind the bar ("loss 0.12").
  void advance(double units = 1, const std::string& note = {});
  void set(double done, const std::string& note = {});

 private:
  Logger& logger_;
  std::string what_;
  double total_;
  double done_ = 0;
};

}  // namespace affinis
