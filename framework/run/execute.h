#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "framework/run/job.h"
#include "framework/run/result.h"

namespace affinis::run {

/// All that running one job in this process takes.
struct Execution {
  const Job& job;
  std::string identity;
  std::filesystem::path folder;                         ///< the final one
  std::map<std::string, std::filesystem::path> inputs;  ///< finished result folders by job name
  std::string device;
  int threads = 1;
  WorkerMemory& memory;
  std::function<void(double done, double total, const std::string& note)> progress;  ///< may throw Error(kCancelled)
  std::function<void(LogLevel level, const std::string& message)> event;             ///< beside the job's own log.jsonl
};

/// Runs the job in partial_folder(folder), which keeps what an interrupted attempt left, and makes it the final folder.
/// Whatever the job throws arrives unchanged; the partial folder with its log.jsonl stays then.
JobResult execute(const Execution& execution, const JobKind& kind);

/// The sentence for what a job threw, on one line.
std::string error_sentence(const std::exception& error);

}  // namespace affinis::run
