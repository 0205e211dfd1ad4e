#pragma once

#include <functional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "framework/core/log.h"

namespace CLI {
class App;
}

namespace affinis::experiments {

/// What every command is handed. Results go to stdout, all else goes through the logger to stderr.
struct CommandContext {
  Logger& logger;
  std::string program;  ///< path of this executable, for worker processes
};

/// Each adds its commands to `app`; a command's work is its CLI11 callback, which throws affinis::Error on failure. Options carry
/// their description, so that --help is complete.
void add_data_commands(CLI::App& app, CommandContext& context);      ///< data render|annotate|check|show
void add_taxonomy_commands(CLI::App& app, CommandContext& context);  ///< taxonomy affinity|solve|sweep|...
void add_group_commands(CLI::App& app);                              ///< group solve|gains
void add_report_command(CLI::App& app, CommandContext& context);     ///< report DIR
void add_study_commands(CLI::App& app, CommandContext& context);     ///< demo, run, status, tasks, train, transfer (need LibTorch)

/// Prints one JSON object and a line end to stdout.
void print_json(const nlohmann::json& value);

}  // namespace affinis::experiments
