#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "framework/run/job.h"

namespace affinis::run {

/// What done.json says of a finished job. Nothing in it depends on where or beside what the job ran, except `seconds`.
struct JobResult {
  std::string identity;
  std::string kind;
  std::string name;
  nlohmann::json spec;
  std::map<std::string, double> metrics;  ///< NaN and infinities are kept, as null
  double seconds = 0;                     ///< of work, over all sittings
};

nlohmann::json to_json(const JobResult& result);

/// The result in `folder`; nothing when the folder has no done.json or one that cannot be read (`why` then says which, if given).
std::optional<JobResult> read_result(const std::filesystem::path& folder, std::string* why = nullptr);

/// As above from a file that need not be named done.json.
std::optional<JobResult> read_result_file(const std::filesystem::path& file, std::string* why = nullptr);

/// The finished result of the job with `identity` in its final `folder`. A folder that is there but is not a whole result of this
/// identity is renamed to "<folder>.damaged-<n>" (`set_aside` then holds a sentence that says so) and counts as none.
std::optional<JobResult> finished_result(const std::filesystem::path& folder, const std::string& identity,
                                         std::string* set_aside = nullptr);

/// Where an unfinished job works: `folder` + ".partial".
std::filesystem::path partial_folder(const std::filesystem::path& folder);

}  // namespace affinis::run
