#include "experiments/commands/data_commands.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/contact_sheet.h"
#include "framework/data/data_set.h"
#include "framework/data/image.h"
#include "framework/data/store.h"

namespace affinis::experiments {
namespace {

constexpr std::array kSplits = {data::kTrainSplit, data::kTransferSplit, data::kTestSplit};
constexpr std::int64_t kMostRows = 200;

void print_line(const std::string& line) {
  const std::string text = line + "\n";
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  AFFINIS_CHECK(written, ErrorCode::kIo, "cannot write the result to standard output; is the disk or pipe behind it full or closed?");
}

std::string counted(std::int64_t count, const char* what) { return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s"); }

/// What `data check` found out about one store.
struct Finding {
  std::filesystem::path path;
  std::int64_t samples = 0;
  std::vector<data::StoreProblem> problems;
};

Finding check_store(const std::filesystem::path& path, Logger& logger) {
  Finding finding{path, 0, {}};
  try {
    const data::Store store(path);
    finding.samples = store.size();
    finding.problems = store.check(logger);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal || error.code() == ErrorCode::kCancelled) throw;
    finding.problems.push_back({"", "", error.what()});
  }
  return finding;
}

/// What is wrong between stores that are sound by themselves.
std::vector<data::StoreProblem> check_together(const std::filesystem::path& folder) {
  try {
    const data::DataSet set(folder);
    return {};
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) throw;
    return {{"", "", error.what()}};
  }
}

nlohmann::json problems_json(const std::vector<data::StoreProblem>& problems) {
  nlohmann::json list = nlohmann::json::array();
  for (const data::StoreProblem& problem : problems) list.push_back({{"sample", problem.sample}, {"field", problem.field}, {"problem", problem.what}});
  return list;
}

void print_problems(const std::filesystem::path& path, const std::vector<data::StoreProblem>& problems) {
  for (const data::StoreProblem& problem : problems) {
    std::string line;
    // Most sentences about files name the file themselves.
    if (problem.what.find(path.string()) == std::string::npos) line += path.string() + ": ";
    if (!problem.sample.empty() && problem.what.find(problem.sample) == std::string::npos) line += "sample " + problem.sample + ": ";
    if (!problem.field.empty() && problem.what.find("'" + problem.field + "'") == std::string::npos) line += "field '" + problem.field + "': ";
    print_line(line + problem.what);
  }
}

void check_data(const std::filesystem::path& place, bool json, Logger& logger) {
  std::error_code ignored;
  AFFINIS_CHECK(std::filesystem::exists(place, ignored), ErrorCode::kIo, "{} does not exist; name a data folder or a store", place.string());
  std::vector<std::filesystem::path> paths;
  if (std::filesystem::is_directory(place, ignored)) {
    for (const char* split : kSplits) {
      const std::filesystem::path path = place / (std::string(split) + ".h5");
      if (std::filesystem::exists(path, ignored)) paths.push_back(path);
    }
    AFFINIS_CHECK(!paths.empty(), ErrorCode::kData, "{} holds no train.h5, transfer.h5 or test.h5; make them with 'affinis data render'",
                  place.string());
  } else {
    paths.push_back(place);
  }

  std::vector<Finding> findings;
  std::size_t problem_count = 0;
  for (const std::filesystem::path& path : paths) {
    findings.push_back(check_store(path, logger));
    problem_count += findings.back().problems.size();
  }
  std::vector<data::StoreProblem> together;
  if (problem_count == 0 && std::filesystem::is_directory(place, ignored)) together = check_together(place);
  problem_count += together.size();

  if (json) {
    nlohmann::json stores = nlohmann::json::array();
    for (const Finding& finding : findings) {
      stores.push_back({{"path", finding.path.string()}, {"samples", finding.samples}, {"problems", problems_json(finding.problems)}});
    }
    print_json({{"stores", stores}, {"problems", problems_json(together)}});
  } else {
    for (const Finding& finding : findings) {
      print_problems(finding.path, finding.problems);
      if (finding.problems.empty()) print_line(fmt::format("{}: {}, all sound", finding.path.string(), counted(finding.samples, "sample")));
    }
    print_problems(place, together);
  }
  AFFINIS_CHECK(problem_count == 0, ErrorCode::kData, "{} in {}; make what is damaged anew", counted(static_cast<std::int64_t>(problem_count), "problem"),
                place.string());
}

struct ShowOptions {
  std::string folder;
  std::string split;
  std::string fields;
  std::string out = "sheet.png";
  std::int64_t count = 6;
  bool json = false;
};

/// `count` positions spread evenly over the store.
std::vector<std::int64_t> spread(std::int64_t size, std::int64_t count) {
  std::vector<std::int64_t> positions;
  for (std::int64_t i = 0; i < std::min(count, size); ++i) positions.push_back(i * size / std::min(count, size));
  return positions;
}

nlohmann::json store_summary(const data::Store& store) {
  std::set<std::string> buildings;
  std::set<std::string> scenes;
  for (std::int64_t i = 0; i < store.size(); ++i) {
    buildings.insert(store.key(i).building);
    scenes.insert(store.key(i).building + "/" + store.key(i).scene);
  }
  return {{"split", store.info().split}, {"samples", store.size()}, {"buildings", buildings.size()}, {"scenes", scenes.size()}};
}

void show_data(const ShowOptions& options) {
  AFFINIS_CHECK(options.count >= 1 && options.count <= kMostRows, ErrorCode::kUsage, "--count {} is not between 1 and {}", options.count, kMostRows);
  const data::DataSet set(options.folder);
  nlohmann::json splits = nlohmann::json::array();
  std::string shown = options.split;
  for (const char* split : kSplits) {
    if (!set.has_split(split)) continue;
    splits.push_back(store_summary(set.split(split)));
    if (options.split.empty()) shown = split;  // the last one: test where there is one
  }
  const data::Store& store = set.split(shown);
  const std::vector<std::int64_t> positions = spread(store.size(), options.count);
  const std::filesystem::path folder(options.folder);
  const std::string name = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
  const std::vector<std::string> fields = split(options.fields, ',');
  write_png(options.out, data::contact_sheet(store, positions, fields, {.title = name}));

  if (options.json) {
    nlohmann::json names = nlohmann::json::array();
    for (const std::int64_t position : positions) names.push_back(store.key(position).name());
    print_json({{"folder", options.folder},
                {"image_side", set.image_side()},
                {"fields", store.info().fields},
                {"vocabularies", set.vocabularies()},
                {"splits", splits},
                {"sheet", options.out},
                {"shown", {{"split", shown}, {"samples", names}}}});
    return;
  }
  print_line(fmt::format("{}: {} x {} pixels", options.folder, set.image_side(), set.image_side()));
  for (const nlohmann::json& each : splits) {
    print_line(fmt::format("  {:<9} {}, {}, {}", each.at("split").get<std::string>(), counted(each.at("samples"), "sample"),
                           counted(each.at("scenes"), "scene"), counted(each.at("buildings"), "building")));
  }
  print_line("fields:");
  for (const std::string& field : store.info().fields) {
    const data::FieldSpec& spec = data::field_spec(field);
    print_line(fmt::format("  {:<19} {:<4} {}{}", field, data::element_type_name(spec.type), spec.doc, spec.unit.empty() ? "" : " [" + spec.unit + "]"));
  }
  for (const auto& [vocabulary, labels] : set.vocabularies()) {
    print_line(fmt::format("vocabulary {}: {} ({})", vocabulary, counted(static_cast<std::int64_t>(labels.size()), "label"), join(labels, ", ")));
  }
  print_line(fmt::format("sheet: {} ({} of split {})", options.out, counted(static_cast<std::int64_t>(positions.size()), "sample"), shown));
}

}  // namespace

void add_data_commands(CLI::App& app, CommandContext& context) {
  CLI::App* data = app.add_subcommand("data", "Make, check and look at data sets");
  data->require_subcommand(1);
  add_render_command(*data, context);
  add_annotate_command(*data, context);

  CLI::App* check = data->add_subcommand("check", "Re-read every checksum and value range of a data set and say what is wrong, where");
  const auto place = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  check->add_option("DIR", *place, "data folder, or one store (.h5)")->required();
  check->add_flag("--json", *json, "print one JSON object: {\"stores\": [{\"path\", \"samples\", \"problems\"}], \"problems\"}");
  check->callback([place, json, &context] { check_data(*place, *json, context.logger); });

  CLI::App* show = data->add_subcommand("show", "Say what a data set holds and draw a contact sheet of it");
  const auto options = std::make_shared<ShowOptions>();
  show->add_option("DIR", options->folder, "data folder")->required();
  show->add_option("--split", options->split, "split to draw: train, transfer or test (default: the last of these that is there)");
  show->add_option("--count", options->count, "samples to draw, spread over the split")->capture_default_str();
  show->add_option("--fields", options->fields, "fields to draw, joined by commas (default: all that are images)");
  show->add_option("--out", options->out, "picture to write (PNG)")->capture_default_str();
  show->add_flag("--json", options->json, "print what the data set holds as one JSON object");
  show->callback([options] { show_data(*options); });
}

}  // namespace affinis::experiments
