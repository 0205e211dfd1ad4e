#pragma once

#include <csignal>
#include <string>
#include <vector>

namespace affinis::run {

/// While it lives, SIGINT, SIGTERM, SIGHUP and SIGUSR1 (Slurm's warning before the time limit) are counted instead of ending the process, and SIGPIPE is ignored. What was there before
/// comes back with the destructor; a signal that was ignored before (nohup) stays ignored.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// How often somebody asked to stop so far.
  int count() const;
  /// The last of them, in this process; 0 when there was none.
  static int last();

 private:
  std::vector<std::pair<int, struct sigaction>> earlier_;
  int start_ = 0;
};

}  // namespace affinis::run
