#include <filesystem>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "experiments/commands/commands.h"
#include "experiments/report/report.h"
#include "framework/core/json.h"

namespace affinis::experiments {

void add_report_command(CLI::App& app, CommandContext& context) {
  CLI::App* command = app.add_subcommand("report", "Write a run's report anew (also from a folder with nothing but transfers.csv)");
  const auto folder = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  command->add_option("DIR", *folder, "the run's folder")->required();
  command->add_flag("--json", *json, "print the report's place as one JSON object");
  command->callback([folder, json, &context] {
    write_report(*folder, context.logger);
    const std::string report = (std::filesystem::path(*folder) / "report.html").string();
    if (*json) {
      print_json({{"report", report}});
    } else {
      fmt::print("report: {}\n", report);
    }
  });
}

}  // namespace affinis::experiments
