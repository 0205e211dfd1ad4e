#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "experiments/commands/commands.h"
#include "experiments/commands/data_commands.h"
#include "experiments/data_set/render_data_set.h"
#include "framework/core/options.h"

namespace affinis::experiments {

void add_render_command(CLI::App& data, CommandContext& context) {
  struct Arguments {
    std::string out;
    std::int64_t rooms = 0, seed = 0, image_side = 0, views = 0;
    std::string furniture;
    std::vector<std::string> assignments;
    bool json = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = data.add_subcommand("render", "Render a multi-task data set of furnished rooms: train.h5, transfer.h5, test.h5, ATTRIBUTION.txt");
  command->add_option("--out", arguments->out, "Folder to write to; made when missing")->required()->type_name("DIR");
  CLI::Option* rooms = command->add_option("--rooms", arguments->rooms, "Rooms in all, split by building: three fifths train, one fifth transfer, one fifth test")->type_name("N");
  CLI::Option* seed = command->add_option("--seed", arguments->seed, "Same seed, same bytes")->type_name("S");
  CLI::Option* side = command->add_option("--image-side", arguments->image_side, "Side of the pictures in pixels")->type_name("PIXELS");
  CLI::Option* views = command->add_option("--views", arguments->views, "Pictures of each room")->type_name("N");
  CLI::Option* furniture = command->add_option("--furniture", arguments->furniture, "auto, catalogue or parametric")->type_name("KIND");
  command->add_option("--set", arguments->assignments, "Any setting of the data set as key=value; may be repeated")->type_name("KEY=VALUE");
  command->add_flag("--json", arguments->json, "Print what was rendered as one JSON object");
  command->footer([] {
    RenderDataSetOptions shown;
    return "Settings for --set:\n" + to_toml({option_section("", "", shown)});
  });
  command->callback([=, &context] {
    RenderDataSetOptions options;
    const OptionSection section = option_section("data", "the rendered data set", options);
    if (*rooms) set_room_count(options, arguments->rooms);
    if (*seed) set_option(section, "seed", std::to_string(arguments->seed), "--seed");
    if (*side) set_option(section, "image_side", std::to_string(arguments->image_side), "--image-side");
    if (*views) set_option(section, "views_per_room", std::to_string(arguments->views), "--views");
    if (*furniture) set_option(section, "furniture", arguments->furniture, "--furniture");
    for (const std::string& assignment : arguments->assignments) apply_override({section}, assignment);
    const std::int64_t total = (options.train_buildings + options.transfer_buildings + options.test_buildings) * options.rooms_per_building;
    {
      Progress progress(context.logger, "rendering rooms", static_cast<double>(total));
      render_data_set(options, arguments->out, context.logger, [&](double done, double) { progress.set(done); });
    }
    const auto samples = [&](std::int64_t buildings) { return buildings * options.rooms_per_building * options.views_per_room; };
    const std::int64_t train = samples(options.train_buildings), transfer = samples(options.transfer_buildings), test = samples(options.test_buildings);
    if (arguments->json) {
      print_json({{"folder", arguments->out}, {"rooms", total}, {"train", train}, {"transfer", transfer}, {"test", test}});
    } else {
      context.logger.info("{}: {} rooms; {} pictures to train, {} to transfer, {} to test", arguments->out, total, train, transfer, test);
    }
  });
}

}  // namespace affinis::experiments
