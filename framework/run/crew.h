#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "framework/run/run_lock.h"
#include "framework/run/worker_process.h"

namespace affinis::run {

/// Idle workers of a folder, and the lock that they hold, kept from one call of run_graph to the next: the stages of an adaptive search
/// follow each other in seconds, and starting a worker takes most of one. The workers end with it. All calls must give the same folder,
/// worker command and number of threads, and come from the thread that the crew lives in.
class Crew {
 public:
  Crew() = default;
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// The folder's lock, taken at the first call. Throws as RunLock does.
  std::shared_ptr<const RunLock> lock(const std::filesystem::path& folder);
  /// A worker that waits for jobs on the device; null when there is none.
  std::unique_ptr<WorkerProcess> take(const std::string& device);
  /// The workers may end, which takes them a while; the destructor waits for it.
  void dismiss();
  /// An idle worker to keep.
  void keep(const std::string& device, std::unique_ptr<WorkerProcess> worker);

  /// Which of a call's devices, by number, had a job of each group last (Schedule::owners): its worker still has what these jobs share.
  std::map<std::string, std::size_t> owners;

 private:
  // Declared before the workers: let go after they are gone.
  std::shared_ptr<const RunLock> lock_;
  std::multimap<std::string, std::unique_ptr<WorkerProcess>> idle_;  ///< by device
};

}  // namespace affinis::run
