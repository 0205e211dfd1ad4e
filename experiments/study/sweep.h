#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "experiments/study/study.h"
#include "experiments/study/study_options.h"
#include "framework/core/log.h"

namespace affinis::experiments {

/// One study of a sweep.
struct Combination {
  std::string folder;                                       ///< below the sweep's: "learning_rate=0.001,steps=100"
  std::vector<std::pair<std::string, std::string>> values;  ///< swept setting ("network.learning_rate") and its value
  StudyOptions options;
};

/// The studies of an experiment file: every combination of the values in its [sweep] table ("network.learning_rate" = [1e-3, 3e-3]) and of
/// overrides that give a list where one value belongs (--set network.learning_rate=[1e-3,3e-3]), the last one varying fastest. One
/// combination without folder and values when nothing is swept. All are read and checked. Throws as read_study does, and Error(kConfig)
/// or Error(kUsage) for a list that is empty or has a value twice.
std::vector<Combination> read_sweep(const std::filesystem::path& path, const std::vector<std::string>& overrides);
/// As above from text; `name` stands for the file in sentences, `base` is what relative paths in it are meant from.
std::vector<Combination> parse_sweep(std::string_view text, const std::string& name, const std::filesystem::path& base,
                                     const std::vector<std::string>& overrides);

/// Runs the combinations one after another, each in its folder below `folder`, with one jobs/ for all of them: a job that several
/// have in common is done once. Writes sweep.json and, after each, sweep.csv: what each combination gave; where numbers of transfer images are among
/// the values, data_size.csv and a report of the whole sweep, too. A combination that fails does
/// not keep the others from running; Error(kData) then says which. Throws Error(kIo) when another process is at work in `folder`.
void run_sweep(const std::vector<Combination>& combinations, const std::filesystem::path& folder, RunPlace place, Logger& logger);

/// Rows of sweep.csv: {"folder", "values": {...}, "finished", "seconds", "mean_gain", "mean_quality", "losses": {task: mean test loss of
/// its own network}}; null for what a combination does not have. Gain and quality are those of the taxonomy with the largest budget and order.
nlohmann::json sweep_rows(const std::filesystem::path& folder);
/// The same for people.
std::string sweep_text(const nlohmann::json& rows);

inline constexpr const char* kSweepFile = "sweep.json";
inline constexpr const char* kSweepTableFile = "sweep.csv";

}  // namespace affinis::experiments
