#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "experiments/study/study_graph.h"
#include "framework/core/log.h"
#include "framework/run/coordinator.h"

namespace CLI {
class App;
}

namespace affinis::experiments {

/// What every command that trains takes (DESIGN section 9).
struct TrainArguments {
  std::string data;
  std::string out;
  std::optional<std::int64_t> steps;
  std::optional<std::int64_t> epochs;
  std::optional<std::int64_t> seed;
  std::string scale = "desk";
  std::vector<std::string> set;
  std::vector<std::string> plugins;
  bool json = false;
};

void add_train_arguments(CLI::App& command, TrainArguments& arguments);

/// The settings that the arguments ask for, --set applied; every training section has their steps, epochs and seed. Throws Error as data sets
/// and overrides do.
StudyOptions study_options(const TrainArguments& arguments);

/// Runs what the graph holds in the folder and returns its results; throws when a job failed.
run::RunSummary run_here(const StudyGraph& study, const std::string& out, Logger& logger);

/// A network's result.json, with "folder" and perhaps gain and quality, on stdout.
void print_network(const nlohmann::json& result, bool json);

}  // namespace affinis::experiments
