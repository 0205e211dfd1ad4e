#include "framework/core/json.h"

#include <cmath>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/text.h"

namespace affinis {
namespace {

// The library's sentence without its own error number, and short: it quotes the last token, which can be the whole file.
std::string place_and_cause(const nlohmann::json::exception& problem) {
  constexpr std::size_t kMost = 200;
  std::string text = problem.what();
  if (const std::size_t end = text.find("] "); text.starts_with('[') && end != std::string::npos)
    text.erase(0, end + 2);
  if (text.size() > kMost) text = text.substr(0, kMost) + "...";
  return text;
}

// The library writes null for these, which no reader would take for a number.
void refuse_non_finite(const nlohmann::json& value, const std::filesystem::path& path,
                       const std::string& place) {
  if (value.is_number_float()) {
    AFFINIS_CHECK(std::isfinite(value.get<double>()), ErrorCode::kNumeric,
                  "cannot write '{}': the number at '{}' is {}, which JSON does not have",
                  path.string(), place.empty() ? "/" : place,
                  std::isnan(value.get<double>()) ? "not a number" : "infinite");
  } else if (value.is_structured()) {
    for (const auto& [key, each] : value.items()) refuse_non_finite(each, path, place + "/" + key);
  }
}

}  // namespace

nlohmann::json read_json(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& problem) {
    fail(ErrorCode::kFormat, "'{}' is not valid JSON: {}", path.string(), place_and_cause(problem));
  }
}

void write_json(const std::filesystem::path& path, const nlohmann::json& value) {
  refuse_non_finite(value, path, "");
  std::string text;
  try {
    text = value.dump(2);
  } catch (const nlohmann::json::exception& problem) {
    fail(ErrorCode::kData, "cannot write '{}': {}", path.string(), place_and_cause(problem));
  }
  write_file_atomically(path, text + "\n");
}

}  // namespace affinis
