#include "experiments/study/sweep.h"

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>
#include <variant>

#include <fmt/core.h>
#include <toml++/toml.h>

#include "experiments/study/data_size.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json.h"
#include "framework/core/text.h"
#include "framework/run/run_lock.h"

namespace affinis::experiments {
namespace {

namespace fs = std::filesystem;

/// One swept setting.
struct Axis {
  std::string key;
  std::vector<std::string> values;
};

/// The field that a key of --set means; none when there is no such or more than one.
const OptionField* field_of(const std::vector<OptionSection>& sections, const std::string& key) {
  const std::size_t dot = key.rfind('.');
  const std::string name = dot == std::string::npos ? key : key.substr(dot + 1);
  const OptionField* found = nullptr;
  for (const OptionSection& section : sections) {
    if (dot != std::string::npos && section.name != key.substr(0, dot)) continue;
    for (const OptionField& field : *section.fields) {
      if (field.name != name) continue;
      if (found != nullptr) return nullptr;
      found = &field;
    }
  }
  return found;
}

bool is_list(const OptionField& field) {
  StudyOptions ignored;
  for (const OptionSection& section : ignored.sections()) {
    if (std::none_of(section.fields->begin(), section.fields->end(), [&](const OptionField& each) { return &each == &field; })) continue;
    const OptionValue value = field.get(section.options);
    return std::holds_alternative<std::vector<std::string>>(value) || std::holds_alternative<std::vector<std::int64_t>>(value) ||
           std::holds_alternative<std::vector<double>>(value);
  }
  return false;
}

/// "[a, [b, c], "d,e"]" -> a; [b, c]; d,e. Nothing when the brackets do not fit.
std::optional<std::vector<std::string>> elements(std::string_view list) {
  std::vector<std::string> parts;
  std::string part;
  int depth = 0;
  bool quoted = false;
  const auto end_part = [&] {
    std::string text = trim(part);
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
    if (!text.empty()) parts.push_back(text);
    part.clear();
  };
  for (const char letter : list) {
    if (letter == '"') quoted = !quoted;
    if (!quoted && letter == '[' && depth++ == 0) continue;
    if (!quoted && letter == ']' && --depth == 0) break;
    if (!quoted && letter == ',' && depth == 1) {
      end_part();
    } else {
      part += letter;
    }
  }
  if (depth != 0 || quoted) return std::nullopt;
  end_part();
  return parts;
}

/// The axis that an override means, when it gives several values to a setting.
std::optional<Axis> axis_of(const std::string& override) {
  const std::size_t equals = override.find('=');
  if (equals == std::string::npos) return std::nullopt;
  const std::string key = trim(override.substr(0, equals));
  const std::string text = trim(override.substr(equals + 1));
  StudyOptions options;
  const OptionField* field = field_of(options.sections(), key);
  if (field == nullptr || !text.starts_with('[') || !text.ends_with(']')) return std::nullopt;
  const auto values = elements(text);
  if (!values) return std::nullopt;
  // A list of values for a setting that is a list itself is a list of lists.
  const bool lists = !values->empty() && std::all_of(values->begin(), values->end(), [](const std::string& each) { return each.starts_with('['); });
  if (is_list(*field) && !lists) return std::nullopt;
  return Axis{key, *values};
}

std::string value_text(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  // The shortest that reads back: toml++ writes 3e-3 with seventeen digits.
  if (const auto real = node.value_exact<double>()) return format_option(*real);
  if (const toml::array* list = node.as_array()) {
    std::vector<std::string> parts;
    for (const toml::node& each : *list) parts.push_back(value_text(each));
    return "[" + join(parts, ", ") + "]";
  }
  std::ostringstream stream;
  node.visit([&](const auto& each) { stream << each; });
  return stream.str();
}

void collect_axes(const toml::table& table, const std::string& prefix, const std::string& name, std::vector<Axis>& axes,
                  std::set<std::size_t>& lines) {
  for (const auto& [key, node] : table) {
    const std::string path = prefix.empty() ? std::string(key.str()) : prefix + "." + std::string(key.str());
    lines.insert(node.source().begin.line);
    lines.insert(node.source().end.line);
    if (const toml::table* inner = node.as_table()) {
      collect_axes(*inner, path, name, axes, lines);
      continue;
    }
    const toml::array* values = node.as_array();
    AFFINIS_CHECK(values != nullptr, ErrorCode::kConfig, "{} line {}: [sweep] gives '{}' no list; write the values to try as [a, b]", name,
                  node.source().begin.line, path);
    Axis axis{path, {}};
    for (const toml::node& value : *values) axis.values.push_back(value_text(value));
    axes.push_back(std::move(axis));
  }
}

/// The axes of the table [sweep], which is taken out of `text`; its lines stay, empty, so that places in sentences stay right.
std::vector<Axis> take_sweep(std::string& text, const std::string& name) {
  std::vector<Axis> axes;
  std::set<std::size_t> lines;
  try {
    const toml::table file = toml::parse(std::string_view(text), name);
    const toml::node* node = file.get("sweep");
    if (node == nullptr) return {};
    const toml::table* sweep = node->as_table();
    AFFINIS_CHECK(sweep != nullptr, ErrorCode::kConfig, "{} line {}: sweep must be a table: [sweep], then lines like \"network.steps\" = [100, 200]",
                  name, node->source().begin.line);
    lines.insert(sweep->source().begin.line);
    collect_axes(*sweep, "", name, axes, lines);
  } catch (const toml::parse_error&) {
    // Told by whoever reads the rest.
    return {};
  }
  std::string rest;
  std::size_t line = 1;
  for (const char letter : text) {
    if (letter == '\n') {
      ++line;
      rest += letter;
    } else if (line < *lines.begin() || line > *lines.rbegin()) {
      rest += letter;
    }
  }
  text = rest;
  return axes;
}

void check_axes(const std::vector<Axis>& axes) {
  std::set<std::string> keys;
  std::size_t combinations = 1;
  for (const Axis& axis : axes) {
    AFFINIS_CHECK(keys.insert(axis.key).second, ErrorCode::kUsage, "'{}' is swept twice; give its values once", axis.key);
    AFFINIS_CHECK(!axis.values.empty(), ErrorCode::kUsage, "the sweep over '{}' has no values; write [a, b]", axis.key);
    const std::set<std::string> distinct(axis.values.begin(), axis.values.end());
    AFFINIS_CHECK(distinct.size() == axis.values.size(), ErrorCode::kUsage, "the sweep over '{}' has a value twice", axis.key);
    combinations *= axis.values.size();
    constexpr std::size_t kMost = 1000;
    AFFINIS_CHECK(combinations <= kMost, ErrorCode::kUsage, "the sweep has more than {} combinations; sweep over fewer values", kMost);
  }
}

std::string folder_name(const std::vector<std::pair<std::string, std::string>>& values, const std::vector<Axis>& axes) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : values) {
    const std::string last = key.substr(key.rfind('.') == std::string::npos ? 0 : key.rfind('.') + 1);
    const auto alike = std::count_if(axes.begin(), axes.end(), [&](const Axis& axis) { return axis.key == last || axis.key.ends_with("." + last); });
    std::string part = (alike > 1 ? key : last) + "=";
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-=@";
    constexpr std::string_view kOfLists = "[]\" ";
    for (const char letter : value) {
      if (kOfLists.find(letter) != std::string_view::npos) continue;
      part += letter == ',' ? '+' : kPlain.find(letter) != std::string_view::npos ? letter : '_';
    }
    parts.push_back(part);
  }
  constexpr std::size_t kLongest = 200;
  return join(parts, ",").substr(0, kLongest);
}

nlohmann::json or_null(const nlohmann::json& object, const char* key) { return object.contains(key) ? object.at(key) : nlohmann::json(nullptr); }

nlohmann::json read_if_there(const fs::path& path) { return fs::exists(path) ? read_json(path) : nlohmann::json(nullptr); }

std::string csv_cell(const nlohmann::json& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return value.dump();
  const std::string& text = value.get_ref<const std::string&>();
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
  return quoted + "\"";
}

/// Header and rows of the table, each cell a JSON value.
std::vector<std::vector<nlohmann::json>> table_of(const nlohmann::json& rows) {
  std::vector<std::string> keys;
  std::vector<std::string> tasks;
  const auto note = [](std::vector<std::string>& names, const nlohmann::json& object) {
    for (const auto& [name, value] : object.items()) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  };
  for (const nlohmann::json& row : rows) {
    note(keys, row.at("values"));
    note(tasks, row.at("losses"));
  }
  std::vector<std::vector<nlohmann::json>> table(1, {"folder"});
  for (const std::string& key : keys) table[0].push_back(key);
  for (const char* column : {"finished", "seconds", "mean_gain", "mean_quality"}) table[0].push_back(column);
  for (const std::string& task : tasks) table[0].push_back("loss_" + task);
  for (const nlohmann::json& row : rows) {
    std::vector<nlohmann::json> cells = {row.at("folder")};
    for (const std::string& key : keys) cells.push_back(or_null(row.at("values"), key.c_str()));
    for (const char* column : {"finished", "seconds", "mean_gain", "mean_quality"}) cells.push_back(row.at(column));
    for (const std::string& task : tasks) cells.push_back(or_null(row.at("losses"), task.c_str()));
    table.push_back(std::move(cells));
  }
  return table;
}

void write_table(const fs::path& folder) {
  std::string text;
  for (const std::vector<nlohmann::json>& row : table_of(sweep_rows(folder))) {
    std::vector<std::string> cells;
    for (const nlohmann::json& cell : row) cells.push_back(csv_cell(cell));
    text += join(cells, ",") + "\n";
  }
  write_file_atomically(folder / kSweepTableFile, text);
}

}  // namespace

std::vector<Combination> read_sweep(const fs::path& path, const std::vector<std::string>& overrides) {
  return parse_sweep(read_file(path), path.string(), path.parent_path(), overrides);
}

std::vector<Combination> parse_sweep(std::string_view text, const std::string& name, const fs::path& base,
                                     const std::vector<std::string>& overrides) {
  std::string rest(text);
  std::vector<Axis> axes = take_sweep(rest, name);
  std::vector<std::string> plain;
  for (const std::string& override : overrides) {
    if (std::optional<Axis> axis = axis_of(override)) {
      axes.push_back(std::move(*axis));
    } else {
      plain.push_back(override);
    }
  }
  check_axes(axes);

  std::vector<Combination> combinations;
  std::set<std::string> folders;
  std::vector<std::size_t> at(axes.size(), 0);
  for (;;) {
    Combination combination;
    std::vector<std::string> all = plain;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      combination.values.emplace_back(axes[i].key, axes[i].values[at[i]]);
      all.push_back(axes[i].key + "=" + axes[i].values[at[i]]);
    }
    combination.options = parse_study(rest, name, all, base);
    const std::string folder = folder_name(combination.values, axes);
    combination.folder = folder;
    for (int number = 2; !folders.insert(combination.folder).second; ++number) combination.folder = fmt::format("{}-{}", folder, number);
    if (!axes.empty()) combination.options.name.name += " (" + combination.folder + ")";
    combinations.push_back(std::move(combination));
    std::size_t axis = axes.size();
    while (axis > 0 && ++at[axis - 1] == axes[axis - 1].values.size()) at[--axis] = 0;
    if (axis == 0) return combinations;
  }
}

void run_sweep(const std::vector<Combination>& combinations, const fs::path& folder, RunPlace place, Logger& logger) {
  require_writable_folder(folder);
  const run::RunLock lock(folder);
  nlohmann::json listed = nlohmann::json::array();
  for (const Combination& combination : combinations) {
    nlohmann::json values = nlohmann::json::object();
    for (const auto& [key, value] : combination.values) values[key] = value;
    listed.push_back({{"folder", combination.folder}, {"values", values}});
  }
  write_json(folder / kSweepFile, {{"format", 1}, {"combinations", listed}});

  std::vector<std::string> failed;
  for (std::size_t i = 0; i < combinations.size(); ++i) {
    const Combination& combination = combinations[i];
    logger.info("{} of {}: {}", i + 1, combinations.size(), combination.folder);
    StudyOptions options = combination.options;
    options.run.jobs_in = "..";
    try {
      run_study(options, folder / combination.folder, place, logger);
    } catch (const Error& error) {
      // What stops one of these stops them all.
      if (error.code() == ErrorCode::kCancelled || error.code() == ErrorCode::kIo) throw;
      failed.push_back(combination.folder + ": " + error.what());
      logger.warning("{}", failed.back());
    }
    write_table(folder);
    if (sweeps_data_size(folder)) write_data_size(folder, logger);
  }
  AFFINIS_CHECK(failed.empty(), ErrorCode::kData, "{} of {} combinations failed, first {}", failed.size(), combinations.size(), failed.front());
}

nlohmann::json sweep_rows(const fs::path& folder) {
  nlohmann::json rows = nlohmann::json::array();
  const nlohmann::json sweep_file = read_json(folder / kSweepFile);
  for (const nlohmann::json& combination : sweep_file.at("combinations")) {
    const fs::path own = folder / combination.at("folder").get<std::string>();
    nlohmann::json row = {{"folder", combination.at("folder")}, {"values", combination.at("values")}, {"finished", false}, {"seconds", nullptr},
                          {"mean_gain", nullptr},               {"mean_quality", nullptr},           {"losses", nlohmann::json::object()}};
    if (const nlohmann::json summary = read_if_there(own / kSummaryFile); !summary.is_null()) {
      row["finished"] = summary.at("finished");
      double seconds = 0;
      for (const nlohmann::json& cost : summary.at("costs")) seconds += cost.at("seconds").get<double>();
      row["seconds"] = seconds;
      for (const nlohmann::json& task : summary.at("tasks")) {
        if (task.at("networks").contains(transfer::kSelfRole))
          row["losses"][task.at("name").get<std::string>()] = or_null(task.at("networks").at(transfer::kSelfRole), "mean_loss");
      }
    }
    if (const nlohmann::json sweep = read_if_there(own / kTaxonomyFile); !sweep.is_null() && !sweep.at("cells").empty()) {
      const nlohmann::json& cell = sweep.at("cells").back();
      row["mean_gain"] = or_null(cell, "mean_gain");
      row["mean_quality"] = or_null(cell, "mean_quality");
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string sweep_text(const nlohmann::json& rows) {
  std::vector<std::vector<std::string>> lines;
  std::vector<std::size_t> widths;
  for (const std::vector<nlohmann::json>& row : table_of(rows)) {
    std::vector<std::string> line;
    for (std::size_t column = 0; column < row.size(); ++column) {
      const nlohmann::json& cell = row[column];
      line.push_back(cell.is_null()           ? "-"
                     : cell.is_number_float() ? fmt::format("{:.4g}", cell.get<double>())
                     : cell.is_boolean()      ? (cell.get<bool>() ? "yes" : "no")
                                              : csv_cell(cell));
      if (column >= widths.size()) widths.push_back(0);
      widths[column] = std::max(widths[column], line.back().size());
    }
    lines.push_back(std::move(line));
  }
  std::string text;
  for (const std::vector<std::string>& line : lines) {
    for (std::size_t column = 0; column < line.size(); ++column)
      text += fmt::format("{}{:<{}}", column == 0 ? "" : "  ", line[column], column + 1 == line.size() ? 0 : widths[column]);
    text += "\n";
  }
  return text;
}

}  // namespace affinis::experiments
