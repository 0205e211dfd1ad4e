#include "experiments/report/report.h"

#include <cmath>
#include <set>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "experiments/report/assets.h"
#include "experiments/report/picture.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json.h"
#include "taxonomy/transfer_table.h"

namespace affinis::experiments {
namespace {

nlohmann::json number(double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr); }

nlohmann::json transfers_json(const taxonomy::TransferTable& table) {
  nlohmann::json rows = nlohmann::json::array();
  for (const taxonomy::TransferRow& row : table.rows) {
    rows.push_back({{"sources", row.sources},
                    {"target", row.target},
                    {"order", row.order},
                    {"affinity", number(row.affinity)},
                    {"gain", number(row.gain)},
                    {"quality", number(row.quality)}});
  }
  return rows;
}

/// Every string below a "pictures" object, and the contact sheet: the paths that the page shows.
void collect_paths(const nlohmann::json& json, std::set<std::string>& paths) {
  if (json.is_string()) paths.insert(json.get<std::string>());
  if (json.is_structured()) {
    for (const nlohmann::json& item : json) collect_paths(item, paths);
  }
}

nlohmann::json embedded_pictures(const nlohmann::json& summary, const std::filesystem::path& folder) {
  std::set<std::string> paths;
  for (const nlohmann::json& task : summary.value("tasks", nlohmann::json::array())) {
    if (task.contains("pictures")) collect_paths(task.at("pictures"), paths);
  }
  if (summary.contains("data") && summary.at("data").is_object() && summary.at("data").contains("contact_sheet")) {
    collect_paths(summary.at("data").at("contact_sheet"), paths);
  }
  nlohmann::json pictures = nlohmann::json::object();
  for (const std::string& path : paths) pictures[path] = picture_data_uri(folder / path);
  return pictures;
}

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
  const std::filesystem::path transfers = folder / "transfers.csv";
  const std::filesystem::path taxonomy = folder / "taxonomy.json";
  const std::filesystem::path summary_path = folder / "summary.json";
  AFFINIS_CHECK(std::filesystem::exists(transfers) || std::filesystem::exists(summary_path), ErrorCode::kIo,
                "{} holds neither transfers.csv nor summary.json; name the folder of a run", folder.string());
  nlohmann::json data = {{"version", kReportVersion}, {"name", folder.filename().string()}, {"pictures", nlohmann::json::object()}};
  if (std::filesystem::exists(transfers)) data["transfers"] = transfers_json(taxonomy::read_transfer_table(transfers));
  if (std::filesystem::exists(taxonomy)) data["taxonomy"] = read_json(taxonomy).value("cells", nlohmann::json::array());
  if (std::filesystem::exists(summary_path)) {
    data["summary"] = read_json(summary_path);
    data["pictures"] = embedded_pictures(data["summary"], folder);
  }
  const std::filesystem::path settings = folder / "experiment.toml";
  if (std::filesystem::exists(settings)) data["settings"] = read_file(settings);

  const std::string name = data.contains("summary") ? data["summary"].value("name", "") : data["name"].get<std::string>();
  const std::string page = fill_template(kReportHtml, {{"title", escape_html("Affinis: " + name)},
                                                       {"css", kReportCss},
                                                       {"js", kReportJs},
                                                       {"data", script_json(data)}});
  write_file_atomically(folder / "report.html", page);
  logger.info("wrote {}", (folder / "report.html").string());
}

}  // namespace affinis::experiments
