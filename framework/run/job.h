#pragma once

#include <any>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "framework/core/log.h"
#include "framework/core/registry.h"

namespace affinis::run {

/// A piece of work whose result is a folder.
struct Job {
  std::string kind;  ///< names a JobKind: "train", "encode", "transfer", ...
  std::string name;  ///< readable and unique in the graph: "transfer/normal+edge2d--depth"; '/' separates stages
  nlohmann::json spec;              ///< all that the result depends on beside the inputs' results
  std::vector<std::string> inputs;  ///< names of the jobs whose results it reads
  std::string group;                ///< jobs of one group go to the same worker when possible (a target task)
  double cost = 1;                  ///< expected relative duration, for scheduling and time left; never part of the identity
  /// How it is done, as far as the result does not depend on it (seconds between checkpoints); never part of the identity.
  nlohmann::json manner = nlohmann::json::object();

  /// First part of the name: what status and time left are reported by.
  std::string stage() const;
};

/// What a worker keeps from job to job (representations, labels, open stores), bounded by bytes, least recently used out first.
class WorkerMemory {
 public:
  explicit WorkerMemory(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}
  /// The value under `key`, made by `make` (which also says its size) when it is not there.
  std::any get(const std::string& key, const std::function<std::pair<std::any, std::size_t>()>& make);

 private:
  struct Item {
    std::any value;
    std::size_t bytes = 0;
    std::uint64_t used = 0;
  };
  std::size_t limit_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t clock_ = 0;
  std::map<std::string, Item> items_;
};

/// What a running job is handed.
struct JobContext {
  const Job& job;
  std::filesystem::path folder;  ///< to fill; kept from an interrupted attempt (checkpoints), renamed when run() returns
  std::map<std::string, std::filesystem::path> inputs;  ///< finished result folders by job name
  std::string device;                                   ///< "cpu:0", "cuda:1"
  int threads = 1;
  Logger& logger;
  WorkerMemory& memory;
  std::function<void(double done, double total, const std::string& note)> progress;
  /// Numbers to keep beside the result (done.json "metrics" and the index): "mean_loss", "images", "bytes".
  std::map<std::string, double> metrics;
};

/// How one kind of job is done. run() leaves its files in context.folder and throws Error on failure.
class JobKind {
 public:
  virtual ~JobKind() = default;
  /// Raised when the code changes what it computes: part of every identity of this kind.
  virtual int version() const { return 1; }
  virtual void run(JobContext& context) const = 0;
};

using JobKinds = Registry<JobKind>;

}  // namespace affinis::run
