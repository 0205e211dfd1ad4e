#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "experiments/study/study.h"
#include "experiments/study/task_commands.h"
#include "experiments/study/task_examples.h"
#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/data/image.h"

namespace affinis::experiments {
namespace {

struct SheetArguments {
  std::vector<std::string> tasks;
  std::string out = "tasks.png";
  std::string data;
  std::int64_t count = 5;
  std::vector<std::string> plugins;
};

constexpr std::uint8_t kPaper = 255;
constexpr std::uint8_t kInk = 30;
constexpr std::uint8_t kFaintInk = 110;
constexpr int kMargin = 16;
constexpr int kGap = 6;
constexpr int kCell = 128;
constexpr int kHeading = 34;

/// One task: its examples side by side, what the network sees beside what it should say.
struct Row {
  std::string title;
  std::string note;
  std::vector<std::pair<data::Image, data::Image>> examples;
  int width = 0;
  int height = 0;
};

/// Small pictures grow by a whole factor, large ones (several views, tables) stay as they are.
data::Image at_cell_size(const data::Image& image) { return data::enlarge(image, std::max(1, kCell / std::max(1, image.height))); }

Row make_row(const TaskExamples& examples) {
  const task::TaskInfo& info = examples.task->info();
  Row row;
  row.title = fmt::format("{} ({})", info.display_name, info.name);
  row.note = info.doc;
  for (std::size_t i = 0; i < examples.groups.size(); ++i) {
    RandomStream stream(1, "example", {i});
    const task::Example example = examples.task->example(examples.groups[i], stream);
    auto& [input, target] = row.examples.emplace_back(at_cell_size(examples.task->picture_of_input(example.input)),
                                                      at_cell_size(examples.task->picture_of_target(example.target, example.mask)));
    row.width += input.width + target.width + kGap + kMargin;
    row.height = std::max({row.height, input.height, target.height});
  }
  return row;
}

data::Image draw(const std::vector<Row>& rows) {
  int width = 0;
  int height = kMargin;
  for (const Row& row : rows) {
    width = std::max(width, row.width + 2 * kMargin);
    height += row.height + kHeading + kMargin;
  }
  data::Image page(width, height, kPaper);
  int y = kMargin;
  for (const Row& row : rows) {
    constexpr double kTitle = 11;
    constexpr double kNote = 8;
    data::draw_text(page, row.title, kMargin, y + 12, kTitle, kInk);
    data::draw_text(page, row.note, kMargin, y + 28, kNote, kFaintInk);
    int x = kMargin;
    for (const auto& [input, target] : row.examples) {
      data::paste(page, input, x, y + kHeading);
      data::paste(page, target, x + input.width + kGap, y + kHeading);
      x += input.width + target.width + kGap + kMargin;
    }
    y += row.height + kHeading + kMargin;
  }
  return page;
}

void draw_sheet(const SheetArguments& arguments, CommandContext& context) {
  const auto registry = load_tasks(arguments.plugins);
  const ExampleRooms rooms(arguments.data, context.logger);
  std::vector<Row> rows;
  for (const std::string& name : arguments.tasks.empty() ? registry->names() : arguments.tasks) {
    rows.push_back(make_row(make_task_examples(*registry->get(name), rooms, arguments.count)));
  }
  data::write_png(arguments.out, draw(rows));
  fmt::print("sheet: {} ({} tasks, {} examples each: what the network sees, what it should say)\n", arguments.out, rows.size(),
             arguments.count);
}

}  // namespace

void add_task_sheet_command(CLI::App& tasks, CommandContext& context) {
  CLI::App* command = tasks.add_subcommand("sheet", "A picture with examples of every task: what the network sees and what it should say");
  const auto arguments = std::make_shared<SheetArguments>();
  command->add_option("NAME", arguments->tasks, "tasks to draw (default: all)");
  command->add_option("--out", arguments->out, "picture to write (PNG)")->capture_default_str();
  command->add_option("--data", arguments->data, "data set that the examples come from (default: a few rooms rendered on the spot)");
  command->add_option("--count", arguments->count, "examples of each task, spread over the training split")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--plugin", arguments->plugins, "shared library with further tasks; may be given again")->allow_extra_args(false);
  command->callback([arguments, &context] { draw_sheet(*arguments, context); });
}

}  // namespace affinis::experiments
