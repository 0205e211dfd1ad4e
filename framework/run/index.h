#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/core/log.h"
#include "framework/run/job.h"
#include "framework/run/result.h"

struct sqlite3;

namespace affinis::run {

/// index.sqlite of a run: tables `jobs` and `metrics`, view `costs` (by stage). For queries only: the done.json files are the truth,
/// and a lost or damaged index is built again from them. A write that fails is a warning, once, and never stops a run.
class Index {
 public:
  /// Opens or makes the index of the run in `folder`; a new one is filled from the results in `jobs` (empty: from nothing).
  Index(const std::filesystem::path& folder, const std::filesystem::path& jobs, Logger& logger);
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  void done(const JobResult& result, const std::string& job_folder, double cost);
  /// `state`: "failed" or "blocked".
  void not_done(const Job& job, const std::string& identity, const std::string& job_folder, const std::string& state,
                const std::string& error);
  /// Makes what was written since the last call visible to readers.
  void commit();

 private:
  class Statement;

  bool open(const std::filesystem::path& path);
  void close();
  bool run(const char* sql);
  bool fill_from(const std::filesystem::path& jobs);
  void check(bool worked);

  Logger& logger_;
  sqlite3* database_ = nullptr;
  bool in_transaction_ = false;
};

/// What a finished job of an earlier run took.
struct MeasuredJob {
  std::string kind;
  nlohmann::json spec;
  double seconds = 0;
};

/// Finished jobs of the run in `folder`, from its index, or from its results when the index is lost or damaged. Nothing when
/// there is no run.
std::vector<MeasuredJob> measured_jobs(const std::filesystem::path& folder);

}  // namespace affinis::run
