#pragma once

#include <filesystem>

#include "framework/run/pipes.h"

namespace affinis::run {

/// Held by the one coordinator of a run's folder, and by its workers as long as they live: when a coordinator is killed, the next one
/// waits until nothing writes into the folder any more. An open-file-description lock on "run.lock", so it also works over NFS and
/// leaves nothing to clean up.
class RunLock {
 public:
  /// Throws Error(kIo), naming the process that holds it. When that process is gone, its workers get a few seconds to end. `brief`: for
  /// moments only, so that whoever comes meanwhile waits.
  explicit RunLock(const std::filesystem::path& folder, bool brief = false);

  /// For workers to inherit.
  int descriptor() const { return file_.number(); }

 private:
  Descriptor file_;
};

/// Whether some process holds the lock; takes nothing, not even for a moment.
bool is_locked(const std::filesystem::path& folder);

}  // namespace affinis::run
