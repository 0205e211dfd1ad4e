#include "framework/run/result.h"

#include <cmath>
#include <limits>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json.h"

namespace affinis::run {
namespace fs = std::filesystem;

nlohmann::json to_json(const JobResult& result) {
  nlohmann::json metrics = nlohmann::json::object();
  for (const auto& [name, value] : result.metrics) {
    metrics[name] = std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
  }
  return {{"identity", result.identity}, {"kind", result.kind}, {"name", result.name},
          {"spec", result.spec},         {"metrics", metrics},  {"seconds", result.seconds}};
}

std::optional<JobResult> read_result(const fs::path& folder, std::string* why) {
  return read_result_file(folder / "done.json", why);
}

std::optional<JobResult> read_result_file(const fs::path& file, std::string* why) {
  std::string ignored;
  std::string& reason = why ? *why : ignored;
  std::error_code error;
  if (!fs::exists(file, error)) {
    reason = "it has no done.json";
    return std::nullopt;
  }
  try {
    const nlohmann::json value = read_json(file);
    JobResult result;
    result.identity = value.at("identity").get<std::string>();
    result.kind = value.at("kind").get<std::string>();
    result.name = value.at("name").get<std::string>();
    result.spec = value.at("spec");
    for (const auto& [name, metric] : value.at("metrics").items()) {
      result.metrics[name] =
          metric.is_null() ? std::numeric_limits<double>::quiet_NaN() : metric.get<double>();
    }
    result.seconds = value.at("seconds").get<double>();
    return result;
  } catch (const Error&) {
    reason = "its done.json is damaged";
  } catch (const nlohmann::json::exception&) {
    reason = "its done.json is damaged";
  }
  return std::nullopt;
}

std::optional<JobResult> finished_result(const fs::path& folder, const std::string& identity,
                                         std::string* set_aside) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(folder, error))) return std::nullopt;
  std::string why;
  std::optional<JobResult> result = read_result(folder, &why);
  if (result && result->identity == identity) return result;
  if (result) why = "its done.json is of another job";

  fs::path aside;
  for (int number = 1;; ++number) {
    aside = folder.string() + ".damaged-" + std::to_string(number);
    if (!fs::exists(fs::symlink_status(aside, error))) break;
  }
  fs::rename(folder, aside, error);
  AFFINIS_CHECK(!error, ErrorCode::kIo, "{} is not a whole result ({}) and cannot be set aside: {}",
                folder.string(), why, error.message());
  if (set_aside) {
    *set_aside =
        fmt::format("{} was not a whole result ({}): set aside as {}, the job is done again",
                    folder.string(), why, aside.filename().string());
  }
  return std::nullopt;
}

fs::path partial_folder(const fs::path& folder) { return folder.string() + ".partial"; }

}  // namespace affinis::run
