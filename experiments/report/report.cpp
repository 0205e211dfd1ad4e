#include "experiments/report/report.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "experiments/report/assets.h"
#include "experiments/report/graph_files.h"
#include "experiments/report/report_data.h"
#include "framework/core/files.h"

namespace affinis::experiments {
namespace {

/// JSON that is safe within a script element: no tag can open or close in it.
std::string script_json(const nlohmann::json& json) {
  const std::string text = json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '<' || c == '>' || c == '&') {
      constexpr const char* kDigits = "0123456789abcdef";
      safe += "\\u00";
      safe += kDigits[(static_cast<unsigned char>(c) >> 4) & 15U];
      safe += kDigits[static_cast<unsigned char>(c) & 15U];
    } else {
      safe += c;
    }
  }
  return safe;
}

/// The field's text, or nothing where it is missing.
std::string text_of(const nlohmann::json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

std::string escape_html(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '&') {
      escaped += "&amp;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

/// Replaces {{name}} by its text, once each; the texts themselves are not looked through.
std::string fill_template(std::string_view page, const std::vector<std::pair<std::string, std::string>>& texts) {
  std::string result;
  std::size_t at = 0;
  while (at < page.size()) {
    const std::size_t open = page.find("{{", at);
    const std::size_t close = open == std::string_view::npos ? open : page.find("}}", open);
    if (close == std::string_view::npos) break;
    result += page.substr(at, open - at);
    const std::string_view name = page.substr(open + 2, close - open - 2);
    for (const auto& [key, text] : texts) {
      if (key == name) result += text;
    }
    at = close + 2;
  }
  return result += page.substr(at);
}

}  // namespace

void write_report(const std::filesystem::path& folder, Logger& logger) {
  const nlohmann::json data = report_data(folder, logger);
  TaskLabels labels;
  const nlohmann::json summary = data.value("summary", nlohmann::json::object());
  for (const nlohmann::json& task : summary.value("tasks", nlohmann::json::array())) {
    labels[task.at("name")] = {text_of(task, "display_name"), text_of(task, "family")};
  }
  if (data.contains("cells")) write_graph_files(folder / "graphs", data.at("cells"), labels);

  const std::string own_name = text_of(summary, "name");
  const std::string name = own_name.empty() ? data.at("name").get<std::string>() : own_name;
  const std::string page = fill_template(kReportHtml, {{"title", escape_html("Affinis: " + name)},
                                                       {"css", kReportCss},
                                                       {"js", kReportJs},
                                                       {"data", script_json(data)}});
  write_file_atomically(folder / "report.html", page);
  logger.info("wrote {}", (folder / "report.html").string());
}

}  // namespace affinis::experiments
