// taxonomy forecast RUN: which transfers will be worth most, before any is trained.
#include "experiments/study/forecast_command.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/commands/table_text.h"
#include "experiments/report/forecast_quality.h"
#include "experiments/study/forecast.h"
#include "experiments/study/study.h"
#include "framework/core/error.h"
#include "taxonomy/affinity.h"

namespace affinis::experiments {
namespace {

double value_of(const nlohmann::json& json) { return json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN(); }

std::string quality_text(const nlohmann::json& quality) {
  std::vector<std::vector<std::string>> rows = {{"target", "sources", "Spearman", "Kendall", "best by forecast", "its gain", "best measured", "its gain"}};
  for (const nlohmann::json& each : quality.at("targets")) {
    rows.push_back({each.at("target"), each.at("sources").dump(), fixed(value_of(each.at("spearman")), 3), fixed(value_of(each.at("kendall")), 3),
                    each.at("best_forecast"), fixed(value_of(each.at("gain_of_forecast")), 3), each.at("best_measured"),
                    fixed(value_of(each.at("gain_of_best")), 3)});
  }
  rows.push_back({"mean", "", fixed(value_of(quality.at("mean_spearman")), 3), fixed(value_of(quality.at("mean_kendall")), 3), "",
                  fixed(value_of(quality.at("mean_gain_of_forecast")), 3), "", fixed(value_of(quality.at("mean_gain_of_best")), 3)});
  return padded(rows);
}

std::string best_text(const taxonomy::TransferTable& forecast) {
  std::vector<std::vector<std::string>> rows = {{"target", "best sources by forecast"}};
  for (const std::string& target : forecast.targets()) {
    std::vector<const taxonomy::TransferRow*> ranking;
    for (const taxonomy::TransferRow& row : forecast.rows) {
      if (row.target == target && !row.is_self()) ranking.push_back(&row);
    }
    std::stable_sort(ranking.begin(), ranking.end(),
                     [](const taxonomy::TransferRow* a, const taxonomy::TransferRow* b) { return a->affinity > b->affinity; });
    std::string best;
    for (std::size_t i = 0; i < std::min<std::size_t>(5, ranking.size()); ++i) best += (i == 0 ? "" : ", ") + ranking[i]->sources.front();
    rows.push_back({target, best});
  }
  return padded(rows);
}

}  // namespace

void add_forecast_command(CLI::App& taxonomy, CommandContext& context) {
  CLI::App* command = taxonomy.add_subcommand(
      "forecast",
      "Forecasts a run's first-order transfers from its encoded images alone, by linear readouts in closed form; writes RUN/forecast.csv and, "
      "where transfers were measured, says how well it ranks them");
  struct Flags {
    std::string run;
    std::string out;
    transfer::ForecastOptions options;
    std::int64_t threads = 1;
    bool json = false;
  };
  const auto flags = std::make_shared<Flags>();
  command->add_option("RUN", flags->run, "a run's folder whose encodings are finished")->required();
  command->add_option("--out", flags->out, "transfer table to write (default: RUN/forecast.csv)");
  command->add_option("--pixels", flags->options.pixels, "pixels of each dense label that are read out")->check(CLI::Range(1, 4096))->capture_default_str();
  command->add_option("--seed", flags->options.seed, "where these pixels lie")->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--threads", flags->threads, "threads that share the targets")->check(CLI::Range(1, 1024))->capture_default_str();
  command->add_flag("--json", flags->json, "print the result as one JSON object");
  command->callback([flags, &context] {
    const auto begin = std::chrono::steady_clock::now();
    const std::filesystem::path folder = flags->run;
    const StudyOptions options = read_study(folder / kExperimentFile, {});
    StudyGraph study(options, load_tasks(options.tasks.plugins));
    study.add_networks();
    const std::vector<taxonomy::LossTable> tables = forecast_losses(study, folder, flags->options, flags->threads, context.logger);
    taxonomy::AffinityOptions affinity;
    affinity.gain_against = "constant";
    const taxonomy::TransferTable forecast = taxonomy::make_transfer_table(tables, affinity);
    const std::filesystem::path out = flags->out.empty() ? folder / kForecastFile : std::filesystem::path(flags->out);
    taxonomy::write_transfer_table(out, forecast);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();

    nlohmann::json json = {{"table", out.string()}, {"transfers", forecast.rows.size()}, {"seconds", seconds}, {"measured", nullptr}};
    std::string text = best_text(forecast);
    if (std::filesystem::exists(folder / kTransfersFile)) {
      const taxonomy::TransferTable measured = taxonomy::read_transfer_table(folder / kTransfersFile);
      json["measured"] = forecast_quality(measured, forecast);
      text += "\n" + quality_text(json["measured"]);
    }
    if (flags->json) {
      print_json(json);
      return;
    }
    write_result(text + fmt::format("\nforecast table: {} ({:.1f} s)\n", out.string(), seconds));
  });
}

}  // namespace affinis::experiments
