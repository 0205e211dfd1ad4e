#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "framework/core/log.h"
#include "framework/run/coordinator.h"
#include "framework/run/graph.h"
#include "framework/run/index.h"
#include "framework/run/journal.h"
#include "framework/run/result.h"
#include "framework/run/crew.h"
#include "framework/run/run_lock.h"

namespace affinis::run {

/// Events go to the caller's logger and to a log.jsonl.
class RunLog {
 public:
  RunLog(const std::filesystem::path& folder, Logger& logger);
  void event(LogLevel level, const std::string& message, const nlohmann::json& fields = nullptr);

 private:
  Logger& logger_;
  Logger file_;
};

/// What every way of carrying out a graph knows and keeps: identities, where results lie, which jobs are finished, failed or blocked;
/// the folder's lock, log.jsonl, graph.json, state.json and index.sqlite. An array task's ledger is kept in its own folder, and has
/// neither graph.json nor an index: those belong to the run.
class Ledger {
 public:
  /// Takes the lock (the crew's, when there is one) and looks for finished results, setting damaged ones aside. `batch`: just its jobs, in
  /// its folder.
  /// Throws as run_graph does.
  Ledger(const JobGraph& graph, const JobKinds& kinds, const std::filesystem::path& folder, const RunOptions& options, Logger& logger,
         const Batch* batch = nullptr, Crew* crew = nullptr);

  const JobGraph& graph() const { return graph_; }
  const std::filesystem::path& folder() const { return folder_; }
  const std::filesystem::path& books() const { return books_; }
  const std::string& identity(const std::string& job) const { return identities_.at(job); }
  /// Of the job's result, below the run's folder.
  const std::string& place(const std::string& job) const { return places_.at(job); }
  std::filesystem::path path(const std::string& job) const { return folder_ / place(job); }
  const RunLock& lock() const { return *lock_; }

  const std::set<std::string>& finished() const { return finished_; }
  const std::vector<FailureNote>& failures() const { return failures_; }
  RunSummary& summary() { return summary_; }
  void event(LogLevel level, const std::string& message, const nlohmann::json& fields = nullptr) { log_.event(level, message, fields); }

  /// The job's result when it is whole and its own, without touching anything.
  std::optional<JobResult> result(const std::string& job) const;
  void complete(const JobResult& result);
  /// `blocked`: what can now never run. An empty `log` is the job's own.
  void fail(const std::string& job, const std::string& error, const std::vector<std::string>& blocked, std::string log = {});
  void block(const std::string& job, const std::string& reason);

  /// Makes what happened visible to others: the index and state.json.
  void publish(const std::vector<RunningJob>& running, const std::string& stopped = {});

  /// Work in the graph and later, in costs, or in jobs when nobody gave any cost.
  double total_weight() const;
  double weight(const std::string& job) const { return counts_only_ ? 1 : graph_.job(job).cost; }
  double done_weight(const std::vector<RunningJob>& running) const;
  /// "3 of 7 jobs done, 1 failed, 2 blocked by them".
  std::string tally() const;
  /// The tally and what runs now.
  std::string note(const std::vector<RunningJob>& running) const;

  /// Throws Error(kIo) when the disk is full or cannot be written any more: every job that is left would fail.
  void require_room() const;

 private:
  void name_places(const std::filesystem::path& jobs_in);
  void find_finished(const std::set<std::string>* own);
  RunPlan plan() const;

  const JobGraph& graph_;
  const std::filesystem::path folder_;
  const std::filesystem::path books_;
  const RunOptions& options_;
  std::map<std::string, std::string> identities_;
  std::shared_ptr<const RunLock> lock_;
  RunLog log_;
  std::map<std::string, std::string> places_;
  std::unique_ptr<Index> index_;
  std::set<std::string> finished_;
  std::vector<FailureNote> failures_;
  RunSummary summary_;
  bool counts_only_ = false;
};

}  // namespace affinis::run
