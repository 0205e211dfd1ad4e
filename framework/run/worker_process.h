#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "framework/run/pipes.h"

namespace affinis::run {

/// How a worker is started.
struct WorkerStart {
  std::vector<std::string> command;
  std::string device;
  std::int64_t threads = 1;
  std::filesystem::path log;  ///< its standard error is appended to this file
  int lock_descriptor = -1;   ///< inherited, so that the run's lock outlives a killed coordinator until its workers are gone too
};

/// A child process that speaks the protocol of messages.h. Killed with the thread that started it (PR_SET_PDEATHSIG), in a process
/// group of its own so that ctrl-C reaches only the coordinator, and killed and reaped by the destructor.
class WorkerProcess {
 public:
  /// Throws Error(kDevice) when the program cannot be started.
  explicit WorkerProcess(const WorkerStart& start);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  pid_t process() const { return process_; }
  /// To poll: readable when the worker said something or is gone.
  int output() const { return output_.number(); }
  MessageReader& reader() { return reader_; }

  /// False when the worker does not listen any more.
  bool send(const nlohmann::json& message) { return write_message(input_.number(), message); }
  /// No more jobs: an idle worker ends.
  void close_input() { input_.close(); }
  void kill();
  /// How it ended, as a part of a sentence ("was ended by signal 9 (Killed)"); nothing while it lives.
  std::optional<std::string> ended();

 private:
  pid_t process_ = -1;
  Descriptor input_;
  Descriptor output_;
  MessageReader reader_;
  std::optional<std::string> ended_;
};

}  // namespace affinis::run
