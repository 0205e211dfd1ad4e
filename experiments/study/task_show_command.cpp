#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "experiments/study/study.h"
#include "experiments/study/task_commands.h"
#include "experiments/study/task_examples.h"
#include "experiments/study/task_info.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json.h"
#include "framework/core/random.h"
#include "framework/core/text.h"
#include "framework/data/image.h"

namespace affinis::experiments {
namespace {

struct ShowArguments {
  std::string task;
  std::string picture;
  std::string data;
  std::vector<std::string> plugins;
  bool json = false;
};

/// What a page says and a line of `tasks list --json` does not.
nlohmann::json page_json(const task::TaskInfo& info) {
  nlohmann::json page = info_json(info);
  page["display_name"] = info.display_name;
  page["doc"] = info.doc;
  page["units"] = nlohmann::json::object();
  for (const task::MetricInfo& metric : info.metrics) page["units"][metric.name] = metric.unit;
  return page;
}

const char* partners_text(task::Partners partners) {
  switch (partners) {
    case task::Partners::kScene: return "of one scene";
    case task::Partners::kFixated: return "that look at the same point";
    case task::Partners::kOverlapping: return "that look at different points, but share some";
    case task::Partners::kMatchOrNot: return "that look at the same point or, as often, at another one";
  }
  return "";
}

void print_page(const task::TaskInfo& info) {
  fmt::print("{} ({})\n{}\n\n", info.display_name, info.name, info.doc);
  const std::string samples =
      info.sample_count() > 1 ? fmt::format(", from {} views {}", info.sample_count(), partners_text(info.partners)) : "";
  const auto line = [](const char* name, const std::string& text) { fmt::print("{:<12} {}\n", name, text.empty() ? "-" : text); };
  line("also called", join(info.aliases, ", "));
  line("family", info.family);
  line("role", role_of(info));
  line("images", fmt::format("{} an example, {} channels each{}", info.arity, info.input_channels, samples));
  line("encoder", info.encoder_learns ? "learns" : "stays as it was drawn");
  line("reads", join(info.fields, ", "));
  line("head", info.head);
  line("loss", info.loss);
  for (const task::MetricInfo& metric : info.metrics) {
    line("metric", fmt::format("{}{} ({} is better): {}", metric.name, metric.unit.empty() ? "" : " [" + metric.unit + "]",
                               metric.higher_is_better ? "higher" : "lower", metric.doc));
  }
}

/// One row an example: what the network sees, and what it should say.
data::Image example_picture(const TaskExamples& examples) {
  constexpr int kMargin = 12;
  constexpr int kHeader = 56;
  constexpr int kLeastCell = 128;
  constexpr double kTitle = 12;
  constexpr double kLabel = 8;
  std::vector<data::Image> inputs;
  std::vector<data::Image> targets;
  int input_width = 0;
  int target_width = 0;
  int height = kHeader;
  for (std::size_t i = 0; i < examples.groups.size(); ++i) {
    RandomStream stream(1, "example", {i});
    const task::Example example = examples.task->example(examples.groups[i], stream);
    const auto enlarged = [](const data::Image& image) { return data::enlarge(image, std::max(1, kLeastCell / std::max(1, image.height))); };
    inputs.push_back(enlarged(examples.task->picture_of_input(example.input)));
    targets.push_back(enlarged(examples.task->picture_of_target(example.target, example.mask)));
    input_width = std::max(input_width, inputs.back().width);
    target_width = std::max(target_width, targets.back().width);
    height += std::max(inputs.back().height, targets.back().height) + kMargin;
  }
  const task::TaskInfo& info = examples.task->info();
  const std::string title = fmt::format("{} ({})", info.display_name, info.name);
  const int width = std::max(input_width + target_width + 3 * kMargin, data::text_width(title, kTitle) + 2 * kMargin);
  constexpr std::uint8_t kPaper = 255;
  constexpr std::uint8_t kInk = 30;
  data::Image page(width, height, kPaper);
  data::draw_text(page, title, kMargin, kMargin + static_cast<int>(kTitle), kTitle, kInk);
  data::draw_text(page, "input", kMargin, kHeader - 8, kLabel, kInk);
  data::draw_text(page, "target", 2 * kMargin + input_width, kHeader - 8, kLabel, kInk);
  int y = kHeader;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    data::paste(page, inputs[i], kMargin, y);
    data::paste(page, targets[i], 2 * kMargin + input_width, y);
    y += std::max(inputs[i].height, targets[i].height) + kMargin;
  }
  return page;
}

void show_task(const ShowArguments& arguments, CommandContext& context) {
  const auto type = load_tasks(arguments.plugins)->get(arguments.task);
  if (!arguments.picture.empty()) {
    constexpr std::int64_t kExamples = 4;
    const TaskExamples examples = make_task_examples(*type, ExampleRooms(arguments.data, context.logger), kExamples);
    data::write_png(arguments.picture, example_picture(examples));
  }
  if (arguments.json) {
    print_json(page_json(type->info));
  } else {
    print_page(type->info);
    if (!arguments.picture.empty()) fmt::print("{:<12} {}\n", "picture", arguments.picture);
  }
}

}  // namespace

void add_show_task_command(CLI::App& tasks, CommandContext& context) {
  CLI::App* command = tasks.add_subcommand("show", "One task: what it predicts, from which fields, measured how, examples as a picture");
  const auto arguments = std::make_shared<ShowArguments>();
  command->add_option("NAME", arguments->task, "name or alias")->required();
  CLI::Option* picture = command->add_option("--picture", arguments->picture, "draw inputs and targets of four examples into this PNG file");
  command->add_option("--data", arguments->data, "data set that the examples come from (default: a few rooms rendered on the spot)")
      ->needs(picture);
  command->add_option("--plugin", arguments->plugins, "shared library with further tasks; may be given again")->allow_extra_args(false);
  command->add_flag("--json", arguments->json, "print one JSON object: that of 'tasks list', with \"display_name\", \"doc\" and \"units\" of the metrics");
  command->callback([arguments, &context] { show_task(*arguments, context); });
}

}  // namespace affinis::experiments
