#include "experiments/report/report_data.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "experiments/commands/taxonomy_json.h"
#include "experiments/report/assets.h"
#include "experiments/report/picture.h"
#include "experiments/report/report_statistics.h"
#include "experiments/report/forecast_quality.h"
#include "experiments/report/shape.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/hash.h"
#include "framework/core/json.h"
#include "framework/core/json_number.h"
#include "taxonomy/problem.h"
#include "taxonomy/solver.h"
#include "taxonomy/transfer_table.h"

namespace affinis::experiments {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFormat = 1;
constexpr double kMostBudgets = 40;
constexpr double kSolveSeconds = 5;
constexpr std::size_t kFingerprintDigits = 16;

/// What joint trainings gave, as `multi_task` in experiments/study writes it.
Shape multi_task_shape() {
  const Shape numbers = Shape::list(Shape::number());
  const Shape matrix = Shape::list(numbers.required());
  const Shape interval = Shape::object({{"value", Shape::number()}, {"low", Shape::number()}, {"high", Shape::number()}});
  const Shape images = Shape::object({{"value", Shape::number()}, {"low", Shape::number()}, {"high", Shape::number()}, {"unit", Shape::text()}});
  const Shape metric = Shape::object({{"name", Shape::text().required()}, {"unit", Shape::text()}, {"joint", Shape::number()}, {"single", Shape::number()}});
  const Shape task = Shape::object({{"task", Shape::text().required()},
                                    {"loss", Shape::number()},
                                    {"single_loss", Shape::number()},
                                    {"change", interval},
                                    {"loss_change", interval},
                                    {"win_rate", Shape::number()},
                                    {"metrics", Shape::list(metric)}});
  const Shape series = Shape::map(numbers);
  const Shape telemetry = Shape::object({{"steps", numbers},
                                         {"weight", series},
                                         {"loss", series},
                                         {"gradient_norm", series},
                                         {"conflict", Shape::object({{"steps", numbers.required()}, {"mean_cosine", numbers.required()}, {"conflicting", numbers.required()}})},
                                         {"cosine", matrix}});
  const Shape training = Shape::object(
      {{"tasks", Shape::list(Shape::text()).required()},
       {"balancer", Shape::text().required()},
       {"missing_labels", Shape::number()},
       {"seeds", numbers},
       {"parameters", Shape::number()},
       {"seconds", Shape::number()},
       {"delta_m", Shape::object({{"metrics", interval.required()}, {"tasks", interval.required()}, {"losses", interval.required()}, {"images", images}})},
       {"per_task", Shape::list(task).required()},
       {"telemetry", telemetry}});
  const Shape point = Shape::object({{"balancer", Shape::text().required()}, {"losses", numbers.required()}, {"seeds", matrix}});
  const Shape plane = Shape::object(
      {{"tasks", Shape::list(Shape::text()).required()}, {"points", Shape::list(point).required()}, {"front", numbers}, {"single", numbers}});
  const Shape partners = Shape::object({{"balancer", Shape::text()},
                                        {"tasks", Shape::list(Shape::text()).required()},
                                        {"change", matrix.required()},
                                        {"low", matrix.required()},
                                        {"high", matrix.required()},
                                        {"seed_low", matrix.required()},
                                        {"seed_high", matrix.required()}});
  return Shape::object({{"trainings", Shape::list(training).required()}, {"pareto", Shape::list(plane)}, {"partners", partners}});
}

/// How chains of transfers compare with direct ones, as `chains` in experiments/study writes it.
Shape chains_shape() {
  std::vector<std::pair<std::string, Shape>> row = {{"first", Shape::text().required()}, {"through", Shape::text().required()}, {"target", Shape::text().required()}};
  for (const char* measure : {"loss", "gain", "quality"}) {
    for (const char* way : {"_direct", "_through", "_chain"}) row.emplace_back(std::string(measure) + way, Shape::number());
  }
  for (const char* win : {"win_over_direct", "win_over_through"}) {
    for (const char* end : {"", "_low", "_high"}) row.emplace_back(std::string(win) + end, Shape::number());
  }
  return Shape::object({{"asked", Shape::text()}, {"rows", Shape::list(Shape::object(row)).required()}});
}

/// What a sweep over the number of transfer images gave, as `data_size` in experiments/study writes it.
Shape data_size_shape() {
  std::vector<std::pair<std::string, Shape>> row = {{"setting", Shape::text()},           {"images", Shape::number()}, {"target", Shape::text().required()},
                                                    {"sources", Shape::text().required()}, {"order", Shape::number()},  {"kind", Shape::text().required()}};
  for (const char* measure : {"affinity", "gain", "quality", "loss"}) {
    for (const char* end : {"", "_low", "_high"}) row.emplace_back(std::string(measure) + end, Shape::number());
  }
  const Shape best = Shape::object({{"setting", Shape::text()}, {"target", Shape::text().required()}, {"images", Shape::number()}, {"sources", Shape::text().required()},
                                    {"gain", Shape::number()}, {"quality", Shape::number()}, {"intervals", Shape::flag()}, {"tied", Shape::number()}});
  const Shape study = Shape::object({{"folder", Shape::text().required()}, {"setting", Shape::text()}, {"images", Shape::number()}, {"finished", Shape::flag()}});
  return Shape::object({{"rows", Shape::list(Shape::object(row)).required()},
                        {"seeds", Shape::number()},
                        {"best", Shape::list(best).required()},
                        {"combinations", Shape::list(study).required()}});
}

Shape summary_shape() {
  const Shape metric = Shape::object({{"name", Shape::text().required()}, {"unit", Shape::text()}, {"value", Shape::number()}, {"higher_is_better", Shape::flag()}});
  const Shape point = Shape::object({{"step", Shape::number().required()}, {"train_loss", Shape::number()}, {"validation_loss", Shape::number()}});
  const Shape network = Shape::object({{"mean_loss", Shape::number()},
                                       {"metrics", Shape::list(metric)},
                                       {"parameters", Shape::number()},
                                       {"seconds", Shape::number()},
                                       {"images", Shape::number()},
                                       {"steps", Shape::number()},
                                       {"curve", Shape::list(point)},
                                       {"seed_losses", Shape::object({{"values", Shape::list(Shape::number())}, {"low", Shape::number()}, {"high", Shape::number()}})}});
  const Shape paths = Shape::list(Shape::text());
  const Shape task = Shape::object({{"name", Shape::text().required()},
                                    {"display_name", Shape::text()},
                                    {"family", Shape::text()},
                                    {"doc", Shape::text()},
                                    {"loss", Shape::text()},
                                    {"source", Shape::flag()},
                                    {"target", Shape::flag()},
                                    {"beats_constant", Shape::number()},
                                    {"beats_random_encoder", Shape::number()},
                                    {"beats_scratch", Shape::number()},
                                    {"networks", Shape::map(network)},
                                    {"transfers", Shape::map(network)},
                                    {"pictures", Shape::object({{"inputs", paths}, {"targets", paths}, {"predictions", Shape::map(paths)}})}});
  const Shape tournament = Shape::object({{"target", Shape::text().required()},
                                          {"images", Shape::number()},
                                          {"networks", Shape::list(Shape::text()).required()},
                                          {"wins", Shape::list(Shape::list(Shape::number())).required()},
                                          {"intervals", Shape::object({{"unit", Shape::text()},
                                                                       {"units", Shape::number()},
                                                                       {"draws", Shape::number()},
                                                                       {"level", Shape::number()},
                                                                       {"noise", Shape::flag()}})},
                                          {"seeds", Shape::object({{"seeds", Shape::number()}, {"level", Shape::number()}})}});
  const Shape tuned = Shape::object({{"task", Shape::text().required()},
                                     {"policy", Shape::text().required()},
                                     {"images", Shape::number().required()},
                                     {"used_images", Shape::number()},
                                     {"losses", Shape::list(Shape::number())},
                                     {"mean", Shape::number()},
                                     {"low", Shape::number()},
                                     {"high", Shape::number()},
                                     {"metrics", Shape::list(Shape::object({{"name", Shape::text().required()}, {"unit", Shape::text()}, {"mean", Shape::number()}}))},
                                     {"seconds", Shape::number()},
                                     {"frozen_phases", Shape::number()},
                                     {"proved", Shape::flag()},
                                     {"proofs", Shape::list(Shape::object({{"seed", Shape::number()}, {"phase", Shape::text()}, {"first_step", Shape::number()}, {"last_step", Shape::number()},
                                                                           {"tensors", Shape::number()}, {"hash_before", Shape::text()}, {"hash_after", Shape::text()}}))}});
  const Shape split = Shape::object({{"images", Shape::number()}, {"buildings", Shape::number()}});
  return Shape::object(
      {{"format", Shape::number()},
       {"name", Shape::text()},
       {"description", Shape::text()},
       {"version", Shape::text()},
       {"finished", Shape::flag()},
       {"paper_compatible", Shape::flag()},
       {"gain_against", Shape::text()},
       {"scale", Shape::object({{"image_side", Shape::number()}, {"width", Shape::number()}})},
       {"data", Shape::object({{"attribution", Shape::text()}, {"contact_sheet", Shape::text()}, {"splits", Shape::map(split)}})},
       {"tasks", Shape::list(task)},
       {"tournaments", Shape::list(tournament)},
       {"multi_task", multi_task_shape()},
       {"data_size", data_size_shape()},
       {"chains", chains_shape()},
       {"baselines", Shape::map(Shape::object({{"gain_against", Shape::text()}, {"shallow_gain", Shape::map(Shape::number())}}))},
       {"costs", Shape::list(Shape::object({{"stage", Shape::text().required()}, {"jobs", Shape::number()}, {"seconds", Shape::number()}}))},
       {"seconds", Shape::number()},
       {"seeds", Shape::number()},
       {"dropped", Shape::list(Shape::object({{"target", Shape::text().required()}, {"sources", Shape::text().required()}, {"steps", Shape::number()}, {"leader", Shape::text()}, {"win_rate", Shape::number()}, {"low", Shape::number()}, {"high", Shape::number()}, {"expected_affinity", Shape::number()}}))},
       {"not_tried", Shape::list(Shape::object({{"order", Shape::number().required()}, {"possible", Shape::number()}, {"tried", Shape::number()}}))},
       {"finetune", Shape::object({{"source", Shape::text()}, {"rows", Shape::list(tuned)}, {"networks", Shape::map(Shape::number())}})},
       {"failures", Shape::list(Shape::object({{"job", Shape::text()}, {"error", Shape::text()}}))}});
}

Shape taxonomy_shape() {
  const Shape choice = Shape::object({{"target", Shape::text().required()},
                                      {"sources", Shape::list(Shape::text()).required()},
                                      {"affinity", Shape::number()},
                                      {"gain", Shape::number()},
                                      {"quality", Shape::number()}});
  const Shape cell = Shape::object({{"budget", Shape::number().required()},
                                    {"max_order", Shape::number().required()},
                                    {"objective", Shape::text()},
                                    {"value", Shape::number()},
                                    {"bound", Shape::number()},
                                    {"marginal", Shape::number()},
                                    {"proven", Shape::flag()},
                                    {"sources", Shape::list(Shape::text()).required()},
                                    {"choices", Shape::list(choice).required()},
                                    {"mean_gain", Shape::number()},
                                    {"mean_quality", Shape::number()},
                                    {"infeasible", Shape::text()}});
  return Shape::object({{"cells", Shape::list(cell).required()}});
}

nlohmann::json read_summary(const fs::path& path) {
  nlohmann::json summary = read_json(path);
  check_shape(summary, summary_shape(), path.string(), "");
  const auto format = summary.find("format");
  AFFINIS_CHECK(format == summary.end() || format->is_null() || *format == kFormat, ErrorCode::kFormat,
                "'{}' has format {}, but this Affinis reads format {}; use the Affinis that wrote it", path.string(), format->dump(), kFormat);
  for (const nlohmann::json& tournament : summary.value("tournaments", nlohmann::json::array())) {
    const std::size_t networks = tournament.at("networks").size();
    const nlohmann::json& wins = tournament.at("wins");
    const bool square = wins.size() == networks &&
                        std::all_of(wins.begin(), wins.end(), [&](const nlohmann::json& row) { return row.size() == networks; });
    AFFINIS_CHECK(square, ErrorCode::kFormat, "'{}': the tournament of '{}' has {} network(s) but its wins are not {} x {}; write the file anew "
                  "with `affinis run`", path.string(), tournament.at("target").get<std::string>(), networks, networks, networks);
  }
  return summary;
}

nlohmann::json read_cells(const fs::path& path) {
  nlohmann::json taxonomy = read_json(path);
  check_shape(taxonomy, taxonomy_shape(), path.string(), "");
  for (const nlohmann::json& cell : taxonomy.at("cells")) {
    for (const nlohmann::json& choice : cell.at("choices")) {
      AFFINIS_CHECK(!choice.at("sources").empty(), ErrorCode::kFormat, "'{}': '{}' has no source at budget {} and order {}; write the file anew "
                    "with `affinis taxonomy sweep --json`", path.string(), choice.at("target").get<std::string>(), cell.at("budget").dump(), cell.at("max_order").dump());
    }
  }
  return std::move(taxonomy.at("cells"));
}

/// A further column's cell as a number; NaN for anything else.
double further_number(const std::string& cell) {
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return error == std::errc() && end == cell.data() + cell.size() && std::isfinite(value) ? value : std::numeric_limits<double>::quiet_NaN();
}

/// Rows with what bootstrapping adds, where the table has it: <measure>_low, <measure>_high and tied_with_best (`taxonomy affinity --bootstrap`).
nlohmann::json transfers_json(const taxonomy::TransferTable& table) {
  const std::set<std::string> numbers = {"affinity_low", "affinity_high", "gain_low", "gain_high", "quality_low", "quality_high"};
  nlohmann::json rows = nlohmann::json::array();
  for (const taxonomy::TransferRow& row : table.rows) {
    nlohmann::json json = {{"sources", row.sources},
                           {"target", row.target},
                           {"order", row.order},
                           {"affinity", number(row.affinity)},
                           {"gain", number(row.gain)},
                           {"quality", number(row.quality)}};
    for (std::size_t i = 0; i < table.extra_columns.size(); ++i) {
      const std::string& column = table.extra_columns[i];
      if (numbers.contains(column) && std::isfinite(further_number(row.extra[i]))) json[column] = further_number(row.extra[i]);
      if (column == "tied_with_best" && row.extra[i] == "yes") json[column] = true;
    }
    rows.push_back(std::move(json));
  }
  return rows;
}

taxonomy::Objective best_known_objective(const taxonomy::TransferTable& table) {
  const auto has = [&](double taxonomy::TransferRow::*value) {
    return std::any_of(table.rows.begin(), table.rows.end(), [&](const auto& row) { return std::isfinite(row.*value); });
  };
  if (has(&taxonomy::TransferRow::affinity)) return taxonomy::Objective::kAffinity;
  return has(&taxonomy::TransferRow::gain) ? taxonomy::Objective::kGain : taxonomy::Objective::kQuality;
}

/// Budgets from 1 to the number of tasks, evenly spaced when there are many, and every order of the table.
nlohmann::json computed_cells(const taxonomy::TransferTable& table) {
  std::set<std::int64_t> orders;
  for (const taxonomy::TransferRow& row : table.rows) orders.insert(row.order);
  const auto tasks = static_cast<double>(table.tasks().size());
  const double step = std::ceil(tasks / kMostBudgets);
  std::vector<double> budgets;
  for (double budget = 1; budget < tasks; budget += step) budgets.push_back(budget);
  budgets.push_back(tasks);
  taxonomy::ProblemOptions options;
  options.objective = best_known_objective(table);
  nlohmann::json cells = sweep_json(taxonomy::sweep(table, options, budgets, {orders.begin(), orders.end()}, {kSolveSeconds})).at("cells");
  // The time that solving took would make every report differ from the last.
  for (nlohmann::json& cell : cells) cell["seconds"] = nullptr;
  return cells;
}

/// Every text below a "pictures" object, and the contact sheet: the paths that the page shows.
void collect_paths(const nlohmann::json& json, std::set<std::string>& paths) {
  if (json.is_string()) paths.insert(json.get<std::string>());
  if (json.is_structured()) {
    for (const nlohmann::json& item : json) collect_paths(item, paths);
  }
}

void embed_pictures(nlohmann::json& data, const fs::path& folder, Logger& logger) {
  const nlohmann::json& summary = data.at("summary");
  std::set<std::string> paths;
  for (const nlohmann::json& task : summary.value("tasks", nlohmann::json::array())) {
    if (task.contains("pictures")) collect_paths(task.at("pictures"), paths);
  }
  if (summary.contains("data") && summary.at("data").is_object() && summary.at("data").contains("contact_sheet")) {
    collect_paths(summary.at("data").at("contact_sheet"), paths);
  }
  std::map<std::string, std::size_t> images;
  std::vector<std::string> missing;
  data["images"] = nlohmann::json::array();
  data["pictures"] = nlohmann::json::object();
  for (const std::string& path : paths) {
    try {
      std::string uri = picture_data_uri(folder / path);
      const auto [it, fresh] = images.emplace(std::move(uri), images.size());
      if (fresh) data["images"].push_back(it->first);
      data["pictures"][path] = it->second;
    } catch (const Error&) {
      missing.push_back(path);
    }
  }
  if (!missing.empty()) {
    logger.warning("{} of {} picture(s) cannot be read and are left out, '{}' first; the report's numbers are complete", missing.size(),
                   paths.size(), missing.front());
  }
}

/// Each task's family, from the summary; where that has none, the published ones.
nlohmann::json families_of(const nlohmann::json& data, const taxonomy::TransferTable& table) {
  nlohmann::json families = nlohmann::json::object();
  if (!data.contains("summary")) return published_families(table);
  for (const nlohmann::json& task : data.at("summary").value("tasks", nlohmann::json::array())) {
    const auto family = task.find("family");
    if (family != task.end() && family->is_string()) families[task.at("name").get<std::string>()] = *family;
  }
  return families.empty() ? published_families(table) : families;
}

/// The table's rows, its taxonomies (solved here where there is no taxonomy.json), and what follows from both.
void add_table(nlohmann::json& data, const fs::path& transfers, const fs::path& taxonomy, Logger& logger) {
  const taxonomy::TransferTable table = taxonomy::read_transfer_table(transfers);
  data["transfers"] = transfers_json(table);
  data["fingerprint"] = hash128_hex(read_file(transfers)).substr(0, kFingerprintDigits);
  std::vector<std::string> left_out;
  if (fs::exists(taxonomy)) {
    data["cells"] = read_cells(taxonomy);
  } else {
    try {
      data["cells"] = computed_cells(table);
      data["computed"] = true;
    } catch (const Error& error) {
      data["no_taxonomy"] = error.what();
      logger.warning("the report shows no taxonomy: {}", error.what());
    }
  }
  if (data.contains("cells")) data["random"] = random_taxonomies(table, data.at("cells"), !data.contains("computed"), left_out);
  const nlohmann::json families = families_of(data, table);
  data["families"] = families;
  data["tree"] = task_tree_json(table, best_known_objective(table), families, left_out);
  data["left_out"] = left_out;
}

}  // namespace

nlohmann::json report_data(const fs::path& folder, Logger& logger) {
  const fs::path transfers = folder / "transfers.csv";
  const fs::path taxonomy = folder / "taxonomy.json";
  const fs::path summary = folder / "summary.json";
  const fs::path settings = folder / "experiment.toml";
  AFFINIS_CHECK(fs::is_directory(folder), ErrorCode::kIo, "'{}' is not a folder; name the folder of a run", folder.string());
  AFFINIS_CHECK(fs::exists(transfers) || fs::exists(summary), ErrorCode::kIo,
                "'{}' holds neither transfers.csv nor summary.json; name the folder of a run", folder.string());
  nlohmann::json data = {{"version", kReportVersion}, {"name", fs::absolute(folder / "").parent_path().filename().string()}};
  if (fs::exists(summary)) {
    data["summary"] = read_summary(summary);
    embed_pictures(data, folder, logger);
  }
  if (fs::exists(transfers)) add_table(data, transfers, taxonomy, logger);
  if (fs::exists(transfers) && fs::exists(folder / kForecastFile)) {
    data["forecast"] = forecast_quality(taxonomy::read_transfer_table(transfers), taxonomy::read_transfer_table(folder / kForecastFile));
  }
  if (!fs::exists(transfers) && fs::exists(taxonomy)) data["cells"] = read_cells(taxonomy);
  if (fs::exists(settings)) data["settings"] = read_file(settings);
  return data;
}

}  // namespace affinis::experiments
