#pragma once

#include <string>
#include <vector>

namespace affinis::run {

/// What another program said.
struct CommandResult {
  int code = 0;  ///< its exit code; 128 and the number when a signal ended it
  std::string output;
  std::string errors;
};

/// Runs a program (found in PATH) to its end, its standard input closed. Throws Error(kDevice) when it cannot be started.
CommandResult run_command(const std::vector<std::string>& words);

}  // namespace affinis::run
