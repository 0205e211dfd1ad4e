#include "experiments/study/telemetry.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <utility>

#include "framework/core/files.h"
#include "framework/core/json_number.h"
#include "taxonomy/csv.h"

namespace affinis::experiments {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostSteps = 60;
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// Rows of a csv file as texts of the named columns; none without the file.
std::vector<std::vector<std::string>> rows_of(const fs::path& path, const std::vector<std::string>& columns) {
  std::vector<std::vector<std::string>> rows;
  if (!fs::exists(path)) return rows;
  const std::string text = read_file(path);
  // A training that was too short for a point has a header alone.
  if (text.find('\n') == std::string::npos || text.find('\n') + 1 == text.size()) return rows;
  std::vector<std::size_t> places;
  taxonomy::for_each_record(text, path.string(), [&](const taxonomy::CsvRecord& record) {
    if (places.empty()) {
      places = taxonomy::find_columns(record, columns, path.string());
      return;
    }
    std::vector<std::string>& row = rows.emplace_back();
    for (const std::size_t place : places) row.push_back(record.fields[place]);
  });
  return rows;
}

double cell(const std::string& text, const char* column, const fs::path& path) {
  return taxonomy::parse_csv_number(text, column, path.string(), 0);
}

/// Every so-manieth of the steps, the last one among them.
std::vector<std::int64_t> thinned(const std::vector<std::int64_t>& steps) {
  if (steps.size() <= kMostSteps) return steps;
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < kMostSteps; ++i) kept.push_back(steps[(i + 1) * steps.size() / kMostSteps - 1]);
  return kept;
}

void add_balance(nlohmann::json& telemetry, const fs::path& path, const std::vector<std::string>& tasks) {
  const std::vector<const char*> values = {"weight", "loss", "gradient_norm"};
  std::map<std::int64_t, std::map<std::string, std::vector<double>>> by_step;
  for (const std::vector<std::string>& row : rows_of(path, {"step", "task", "weight", "loss", "gradient_norm"})) {
    std::vector<double>& numbers = by_step[static_cast<std::int64_t>(cell(row[0], "step", path))][row[1]];
    for (std::size_t v = 0; v < values.size(); ++v) numbers.push_back(cell(row[2 + v], values[v], path));
  }
  if (by_step.empty()) return;
  std::vector<std::int64_t> steps;
  for (const auto& each : by_step) steps.push_back(each.first);
  steps = thinned(steps);
  telemetry["steps"] = steps;
  for (std::size_t v = 0; v < values.size(); ++v) {
    for (const std::string& task : tasks) {
      nlohmann::json series = nlohmann::json::array();
      for (const std::int64_t step : steps) {
        const auto& measured = by_step.at(step);
        const auto own = measured.find(task);
        series.push_back(number(own == measured.end() ? kMissing : own->second[v]));
      }
      telemetry[values[v]][task] = std::move(series);
    }
  }
}

void add_conflicts(nlohmann::json& telemetry, const fs::path& path, const std::vector<std::string>& tasks) {
  struct Moment {
    double sum = 0;
    double count = 0;
    double conflicting = 0;
  };
  std::map<std::int64_t, Moment> moments;
  std::map<std::pair<std::string, std::string>, std::pair<double, double>> pairs;
  for (const std::vector<std::string>& row : rows_of(path, {"step", "task_a", "task_b", "cosine"})) {
    const double cosine = cell(row[3], "cosine", path);
    if (std::isnan(cosine)) continue;
    Moment& moment = moments[static_cast<std::int64_t>(cell(row[0], "step", path))];
    moment.sum += cosine;
    moment.count += 1;
    moment.conflicting += cosine < 0 ? 1 : 0;
    for (const auto& key : {std::pair(row[1], row[2]), std::pair(row[2], row[1])}) {
      auto& [sum, count] = pairs[key];
      sum += cosine;
      count += 1;
    }
  }
  if (moments.empty()) return;
  std::vector<std::int64_t> steps;
  for (const auto& each : moments) steps.push_back(each.first);
  steps = thinned(steps);
  nlohmann::json mean = nlohmann::json::array();
  nlohmann::json conflicting = nlohmann::json::array();
  for (const std::int64_t step : steps) {
    mean.push_back(moments[step].sum / moments[step].count);
    conflicting.push_back(moments[step].conflicting / moments[step].count);
  }
  telemetry["conflict"] = {{"steps", steps}, {"mean_cosine", mean}, {"conflicting", conflicting}};
  nlohmann::json matrix = nlohmann::json::array();
  for (const std::string& a : tasks) {
    nlohmann::json line = nlohmann::json::array();
    for (const std::string& b : tasks) {
      const auto found = pairs.find({a, b});
      line.push_back(number(found == pairs.end() || a == b ? kMissing : found->second.first / found->second.second));
    }
    matrix.push_back(std::move(line));
  }
  telemetry["cosine"] = std::move(matrix);
}

}  // namespace

nlohmann::json telemetry_json(const fs::path& folder, const std::vector<std::string>& tasks) {
  nlohmann::json telemetry;
  add_balance(telemetry, folder / "balance.csv", tasks);
  add_conflicts(telemetry, folder / "conflicts.csv", tasks);
  return telemetry;
}

std::vector<TaskAffinity> read_task_affinities(const fs::path& folder) {
  const fs::path path = folder / "tag.csv";
  std::vector<TaskAffinity> affinities;
  for (const std::vector<std::string>& row : rows_of(path, {"task", "helper", "affinity"})) {
    affinities.push_back({row[0], row[1], cell(row[2], "affinity", path)});
  }
  return affinities;
}

}  // namespace affinis::experiments
