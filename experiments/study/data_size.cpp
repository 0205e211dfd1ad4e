#include "experiments/study/data_size.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "experiments/report/report.h"
#include "experiments/study/study.h"
#include "experiments/study/sweep.h"
#include "framework/core/files.h"
#include "framework/core/json.h"
#include "framework/core/json_number.h"
#include "framework/core/text.h"
#include "taxonomy/csv.h"
#include "taxonomy/transfer_table.h"
#include "transfer/job_kinds.h"

namespace affinis::experiments {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAxis = "transfer_images";
const std::vector<std::string> kMeasures = {"affinity", "gain", "quality", "loss"};

/// Whether a swept setting is the number of transfer images, however it was written.
bool is_axis(const std::string& key) { return key == kAxis || key == std::string("data.") + kAxis; }

/// What else a combination sets, as one text.
std::string setting_of(const nlohmann::json& combination) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : combination.at("values").items()) {
    if (!is_axis(key)) parts.push_back(key + "=" + value.get<std::string>());
  }
  return join(parts, ", ");
}

nlohmann::json value_at(const nlohmann::json& json, const std::string& key) {
  const auto it = json.find(key);
  return it == json.end() ? nlohmann::json(nullptr) : *it;
}

/// One network's mean test loss, with its interval where it was trained with several seeds.
void add_loss(nlohmann::json& row, const nlohmann::json& network) {
  row["loss"] = value_at(network, "mean_loss");
  const nlohmann::json seeds = value_at(network, "seed_losses");
  for (const char* end : {"low", "high"}) row[std::string("loss_") + end] = seeds.is_object() ? value_at(seeds, end) : nlohmann::json(nullptr);
}

/// The table's columns of one row that hold an interval.
void add_intervals(nlohmann::json& row, const taxonomy::TransferTable& table, const taxonomy::TransferRow& transfer) {
  for (std::size_t i = 0; i < table.extra_columns.size(); ++i) {
    for (const char* measure : {"affinity", "gain", "quality"}) {
      for (const char* end : {"_low", "_high"}) {
        if (table.extra_columns[i] != std::string(measure) + end) continue;
        const std::optional<double> value = parse_real(transfer.extra[i]);
        row[table.extra_columns[i]] = value ? number(*value) : nlohmann::json(nullptr);
      }
    }
  }
}

/// The images that transfers learnt from in truth; null where there is no transfer.
nlohmann::json images_of(const nlohmann::json& summary) {
  for (const nlohmann::json& task : summary.at("tasks")) {
    for (const auto& [sources, network] : task.at("transfers").items()) return value_at(network, "images");
  }
  return nullptr;
}

/// The rows of one study.
class StudyRows {
 public:
  StudyRows(const fs::path& folder, const nlohmann::json& summary, const std::string& setting)
      : summary_(summary), setting_(setting), images_(images_of(summary)), table_(taxonomy::read_transfer_table(folder / kTransfersFile)) {
    for (const taxonomy::TransferRow& transfer : table_.rows) add_transfer(transfer);
    for (const nlohmann::json& task : summary.at("tasks")) {
      for (const char* role : {"scratch", "shallow"}) add_baseline(task, role);
    }
  }

  const nlohmann::json& images() const { return images_; }
  const std::vector<nlohmann::json>& rows() const { return rows_; }

 private:
  nlohmann::json new_row(const std::string& target, const std::string& sources, const char* kind) const {
    nlohmann::json row = {{"setting", setting_}, {"images", images_}, {"target", target}, {"sources", sources}, {"order", 0}, {"kind", kind}};
    for (const std::string& measure : kMeasures) {
      for (const char* end : {"", "_low", "_high"}) row[measure + end] = nullptr;
    }
    return row;
  }

  void add_transfer(const taxonomy::TransferRow& transfer) {
    const bool self = transfer.is_self();
    nlohmann::json row = new_row(transfer.target, transfer.sources_text(), self ? "self" : "transfer");
    row["order"] = transfer.order;
    row["affinity"] = number(transfer.affinity);
    row["gain"] = number(transfer.gain);
    row["quality"] = number(transfer.quality);
    add_intervals(row, table_, transfer);
    for (const nlohmann::json& task : summary_.at("tasks")) {
      if (task.at("name") != transfer.target) continue;
      const nlohmann::json& networks = task.at(self ? "networks" : "transfers");
      const auto network = networks.find(transfer.sources_text());
      if (network != networks.end()) add_loss(row, *network);
    }
    rows_.push_back(std::move(row));
  }

  void add_baseline(const nlohmann::json& task, const char* role) {
    const auto network = task.at("networks").find(role);
    if (network == task.at("networks").end()) return;
    nlohmann::json row = new_row(task.at("name").get<std::string>(), role, "baseline");
    add_loss(row, *network);
    rows_.push_back(std::move(row));
  }

  const nlohmann::json& summary_;
  std::string setting_;
  nlohmann::json images_;
  taxonomy::TransferTable table_;
  std::vector<nlohmann::json> rows_;
};

/// Of each target the single other source with the highest affinity.
void add_best(nlohmann::json& best, const StudyRows& study, const std::string& setting) {
  std::vector<std::string> targets;
  const auto competes = [](const nlohmann::json& row) {
    return row.at("kind") == "transfer" && row.at("order") == 1 && row.at("sources") != row.at("target") && row.at("affinity").is_number();
  };
  for (const nlohmann::json& row : study.rows()) {
    const std::string target = row.at("target").get<std::string>();
    if (competes(row) && std::find(targets.begin(), targets.end(), target) == targets.end()) targets.push_back(target);
  }
  for (const std::string& target : targets) {
    std::vector<nlohmann::json> rivals;
    for (const nlohmann::json& row : study.rows()) {
      if (competes(row) && row.at("target") == target) rivals.push_back(row);
    }
    const auto winner = std::max_element(rivals.begin(), rivals.end(), [](const nlohmann::json& a, const nlohmann::json& b) { return a.at("affinity") < b.at("affinity"); });
    std::size_t tied = 0;
    for (const nlohmann::json& rival : rivals) {
      const nlohmann::json& high = rival.at("affinity_high");
      const nlohmann::json& low = winner->at("affinity_low");
      if (rival.at("sources") != winner->at("sources") && high.is_number() && low.is_number() && high.get<double>() >= low.get<double>()) ++tied;
    }
    best.push_back({{"setting", setting},
                    {"target", target},
                    {"images", study.images()},
                    {"sources", winner->at("sources")},
                    {"gain", winner->at("gain")},
                    {"quality", winner->at("quality")},
                    {"intervals", winner->at("affinity_low").is_number()},
                    {"tied", tied}});
  }
}

/// What the page needs of a task to name it.
nlohmann::json names_of(const nlohmann::json& tasks) {
  nlohmann::json result = nlohmann::json::array();
  for (const nlohmann::json& task : tasks) {
    nlohmann::json own = nlohmann::json::object();
    for (const char* key : {"name", "display_name", "family", "doc", "loss", "source", "target"}) own[key] = value_at(task, key);
    result.push_back(std::move(own));
  }
  return result;
}

std::string cell_of(const nlohmann::json& value) {
  if (value.is_null()) return "";
  if (value.is_number_float()) return taxonomy::csv_number(value.get<double>());
  return value.is_string() ? taxonomy::csv_field(value.get<std::string>()) : value.dump();
}

void write_csv(const fs::path& path, const nlohmann::json& rows) {
  std::vector<std::string> columns = {"setting", "images", "target", "sources", "order", "kind"};
  for (const std::string& measure : kMeasures) {
    for (const char* end : {"", "_low", "_high"}) columns.push_back(measure + end);
  }
  std::string text = join(columns, ",") + "\n";
  for (const nlohmann::json& row : rows) {
    std::vector<std::string> cells;
    for (const std::string& column : columns) cells.push_back(cell_of(row.at(column)));
    text += join(cells, ",") + "\n";
  }
  write_file_atomically(path, text);
}

}  // namespace

bool sweeps_data_size(const fs::path& folder) {
  const nlohmann::json sweep = read_json(folder / kSweepFile);
  const nlohmann::json& combinations = sweep.at("combinations");
  if (combinations.empty()) return false;
  for (const auto& [key, value] : combinations.front().at("values").items()) {
    if (is_axis(key)) return true;
  }
  return false;
}

nlohmann::json data_size_summary(const fs::path& folder) {
  nlohmann::json result;
  nlohmann::json rows = nlohmann::json::array();
  nlohmann::json best = nlohmann::json::array();
  nlohmann::json told = nlohmann::json::array();
  bool finished = true;
  const nlohmann::json sweep = read_json(folder / kSweepFile);
  for (const nlohmann::json& combination : sweep.at("combinations")) {
    const std::string setting = setting_of(combination);
    const std::string name = combination.at("folder").get<std::string>();
    const fs::path own = folder / name;
    told.push_back({{"folder", name}, {"setting", setting}, {"images", nullptr}, {"finished", false}});
    if (!fs::exists(own / kSummaryFile) || !fs::exists(own / kTransfersFile)) {
      finished = false;
      continue;
    }
    const nlohmann::json summary = read_json(own / kSummaryFile);
    const StudyRows study(own, summary, setting);
    for (const nlohmann::json& row : study.rows()) rows.push_back(row);
    add_best(best, study, setting);
    told.back()["images"] = study.images();
    told.back()["finished"] = summary.at("finished");
    finished = finished && summary.at("finished").get<bool>();
    if (result.is_null()) {
      result = {{"format", 1}, {"tasks", names_of(summary.at("tasks"))}};
      for (const char* key : {"description", "scale", "paper_compatible", "gain_against"}) result[key] = value_at(summary, key);
      // The study's own name says its combination behind the experiment's.
      const std::string long_name = summary.at("name").get<std::string>();
      result["name"] = long_name.substr(0, long_name.rfind(" ("));
      result["data_size"]["seeds"] = summary.value("seeds", std::int64_t{1});
    }
  }
  if (result.is_null()) return nullptr;
  result["finished"] = finished;
  result["data_size"]["rows"] = std::move(rows);
  result["data_size"]["best"] = std::move(best);
  result["data_size"]["combinations"] = std::move(told);
  return result;
}

void write_data_size(const fs::path& folder, Logger& logger) {
  const nlohmann::json summary = data_size_summary(folder);
  if (summary.is_null()) return;
  write_csv(folder / kDataSizeFile, summary.at("data_size").at("rows"));
  write_json(folder / kSummaryFile, summary);
  write_report(folder, logger);
}

}  // namespace affinis::experiments
