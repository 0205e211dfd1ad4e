// taxonomy forecast RUN: which transfers will be worth most, before any is trained.
#include "experiments/study/forecast_command.h"

#include <algorithm>
#include <chrono>
#include <cmath>
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
#include "experiments/study/forecast.h"
#include "experiments/study/study.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json_number.h"
#include "taxonomy/affinity.h"
#include "taxonomy/comparison.h"

namespace affinis::experiments {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// The same numbers that taxonomy::Comparison has, and what following the forecast costs.
struct TargetForecastQuality {
  taxonomy::TargetAgreement agreement;  ///< a: measured, b: forecast
  double best_gain = kNan;              ///< measured, of the measured best source
  double followed_gain = kNan;          ///< measured, of the source that the forecast puts first
};

double gain_of(const taxonomy::TransferTable& table, const std::string& source, const std::string& target) {
  for (const taxonomy::TransferRow& row : table.rows) {
    if (row.order == 1 && row.target == target && row.sources.front() == source) return row.gain;
  }
  return kNan;
}

std::vector<TargetForecastQuality> judge(const taxonomy::TransferTable& measured, const taxonomy::Comparison& comparison) {
  std::vector<TargetForecastQuality> result;
  for (const taxonomy::TargetAgreement& agreement : comparison.agreement) {
    result.push_back({agreement, gain_of(measured, agreement.best_a, agreement.target), gain_of(measured, agreement.best_b, agreement.target)});
  }
  return result;
}

double mean(const std::vector<TargetForecastQuality>& targets, double (*value)(const TargetForecastQuality&)) {
  double sum = 0;
  int count = 0;
  for (const TargetForecastQuality& target : targets) {
    if (std::isnan(value(target))) continue;
    sum += value(target);
    ++count;
  }
  return count > 0 ? sum / count : kNan;
}

nlohmann::json quality_json(const std::vector<TargetForecastQuality>& targets, const taxonomy::Comparison& comparison) {
  nlohmann::json rows = nlohmann::json::array();
  for (const TargetForecastQuality& each : targets) {
    rows.push_back({{"target", each.agreement.target},
                    {"sources", each.agreement.sources},
                    {"spearman", number(each.agreement.spearman)},
                    {"kendall", number(each.agreement.kendall)},
                    {"best_measured", each.agreement.best_a},
                    {"best_forecast", each.agreement.best_b},
                    {"gain_of_best", number(each.best_gain)},
                    {"gain_of_forecast", number(each.followed_gain)}});
  }
  return {{"targets", rows},
          {"mean_spearman", number(comparison.mean_spearman)},
          {"mean_kendall", number(comparison.mean_kendall)},
          {"mean_gain_of_best", number(mean(targets, [](const TargetForecastQuality& t) { return t.best_gain; }))},
          {"mean_gain_of_forecast", number(mean(targets, [](const TargetForecastQuality& t) { return t.followed_gain; }))}};
}

std::string quality_text(const std::vector<TargetForecastQuality>& targets, const taxonomy::Comparison& comparison) {
  std::vector<std::vector<std::string>> rows = {{"target", "sources", "Spearman", "Kendall", "best by forecast", "its gain", "best measured", "its gain"}};
  for (const TargetForecastQuality& each : targets) {
    rows.push_back({each.agreement.target, std::to_string(each.agreement.sources), fixed(each.agreement.spearman, 3), fixed(each.agreement.kendall, 3),
                    each.agreement.best_b, fixed(each.followed_gain, 3), each.agreement.best_a, fixed(each.best_gain, 3)});
  }
  rows.push_back({"mean", "", fixed(comparison.mean_spearman, 3), fixed(comparison.mean_kendall, 3), "",
                  fixed(mean(targets, [](const TargetForecastQuality& t) { return t.followed_gain; }), 3), "",
                  fixed(mean(targets, [](const TargetForecastQuality& t) { return t.best_gain; }), 3)});
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
  command->add_option("--threads", flags->threads, "threads of the linear algebra")->check(CLI::Range(1, 1024))->capture_default_str();
  command->add_flag("--json", flags->json, "print the result as one JSON object");
  command->callback([flags, &context] {
    const auto begin = std::chrono::steady_clock::now();
    const std::filesystem::path folder = flags->run;
    const StudyOptions options = read_study(folder / kExperimentFile, {});
    StudyGraph study(options, load_tasks(options.tasks.plugins));
    study.add_networks();
    train::set_threads(static_cast<int>(flags->threads));
    const std::vector<taxonomy::LossTable> tables = forecast_losses(study, folder, flags->options, context.logger);
    taxonomy::AffinityOptions affinity;
    affinity.gain_against = "constant";
    const taxonomy::TransferTable forecast = taxonomy::make_transfer_table(tables, affinity);
    const std::filesystem::path out = flags->out.empty() ? folder / "forecast.csv" : std::filesystem::path(flags->out);
    taxonomy::write_transfer_table(out, forecast);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();

    nlohmann::json json = {{"table", out.string()}, {"transfers", forecast.rows.size()}, {"seconds", seconds}, {"measured", nullptr}};
    std::string text = best_text(forecast);
    if (std::filesystem::exists(folder / kTransfersFile)) {
      const taxonomy::TransferTable measured = taxonomy::read_transfer_table(folder / kTransfersFile);
      taxonomy::ComparisonOptions no_taxonomies;
      const taxonomy::Comparison comparison = taxonomy::compare_tables(measured, forecast, no_taxonomies);
      const std::vector<TargetForecastQuality> targets = judge(measured, comparison);
      json["measured"] = quality_json(targets, comparison);
      text += "\n" + quality_text(targets, comparison);
    }
    write_file_atomically(std::filesystem::path(out).replace_extension(".json"), json.dump(2) + "\n");
    if (flags->json) {
      print_json(json);
      return;
    }
    write_result(text + fmt::format("\nforecast table: {} ({:.1f} s)\n", out.string(), seconds));
  });
}

}  // namespace affinis::experiments
